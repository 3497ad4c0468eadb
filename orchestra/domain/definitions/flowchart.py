"""The steps of a version as a Mermaid flowchart (D-63)."""

from collections.abc import Iterator

from orchestra.domain.graph import Graph, Step


def mermaid(graph: Graph) -> str:
    """One node a step; solid arrows for creation, dotted ones for submission dependencies."""
    return "\n".join(["flowchart TD", *_lines(graph)])


def _lines(graph: Graph) -> Iterator[str]:
    for step in graph.ordered():
        yield f"    {_node(step)}"
    for step in graph.ordered():
        for slug in step.creation_depends_on:
            yield f"    {_id(slug)} --> {_id(step.slug)}"
        for slug in step.submission_depends_on:
            yield f"    {_id(slug)} -.-> {_id(step.slug)}"


def _node(step: Step) -> str:
    """Human steps are round, machine steps six-sided, and a step that ends it has a double ring."""
    label = f'"{_escaped(step.name)}"'
    if step.completion_ends_project:
        return f"{_id(step.slug)}((({label})))"
    opening, closing = ("(", ")") if step.is_human else ("{{", "}}")
    return f"{_id(step.slug)}{opening}{label}{closing}"


def _id(slug: str) -> str:
    return f"step_{slug.replace('-', '__')}"  # a bare slug such as "end" is a word of Mermaid


def _escaped(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;").replace("\n", " ")
