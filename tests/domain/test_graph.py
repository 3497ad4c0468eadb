"""The graph of a version's steps."""

import pytest

from orchestra.domain.graph import Graph
from tests.builders import step


def graph(*steps):
    return Graph.from_json({"steps": list(steps)})


def slugs(steps):
    return [entry.slug for entry in steps]


@pytest.fixture
def diamond():
    return graph(
        step("join", "left", "right"), step("left", "top"), step("right", "top"), step("top")
    )


def test_steps_come_in_dependency_order_with_ties_as_defined(diamond):
    assert slugs(diamond.ordered()) == ["top", "left", "right", "join"]


def test_ancestors_and_descendants_are_transitive(diamond):
    assert slugs(diamond.ancestors("join")) == ["left", "right", "top"]
    assert slugs(diamond.descendants("top")) == ["join", "left", "right"]
    assert slugs(diamond.dependents("top")) == ["left", "right"]


def test_five_hundred_steps_in_a_row_need_no_recursion():
    chain = graph(step("s0"), *(step(f"s{n}", f"s{n - 1}") for n in range(1, 500)))
    assert len(chain.ancestors("s499")) == 499
    assert slugs(chain.ordered())[-1] == "s499"


def machine(slug, *after, **keys):
    return step(slug, *after, human=False, **keys)


def test_a_run_is_the_longest_line_of_machine_steps():
    """L-125"""
    line = graph(machine("a"), machine("b", "a"), machine("c", "b"), step("d", "c"))
    assert slugs(line.run_from("a", 25)) == ["a", "b", "c"]
    assert slugs(line.run_from("a", 2)) == ["a", "b"]
    assert slugs(line.run_from("b", 25)) == ["b", "c"]


def test_a_run_ends_before_a_fork_a_join_and_a_creation_policy():
    """L-125"""
    fork = graph(machine("a"), machine("b", "a"), machine("c", "a"))
    assert slugs(fork.run_from("a", 25)) == ["a"]
    join = graph(machine("a"), machine("b"), machine("c", "a", "b"))
    assert slugs(join.run_from("a", 25)) == ["a"]
    asked = {"creation_policy": {"policy_function": {"path": "tests.steps.want"}}}
    assert slugs(graph(machine("a"), machine("b", "a", **asked)).run_from("a", 25)) == ["a"]


def test_always_create_is_no_policy_to_ask():
    always = {"policy_function": {"path": "orchestra.creation_policies.always_create"}}
    line = graph(machine("a"), machine("b", "a", creation_policy=always))
    assert slugs(line.run_from("a", 25)) == ["a", "b"]


def test_defaults_are_those_of_the_definition():
    """D-24 to D-26"""
    bare = {"slug": "a", "name": "A", "description": ""}
    (entry,) = graph(bare).steps
    assert entry.is_human
    assert (entry.review_policy.policy, entry.review_policy.rate) == ("sampled_review", 1)
    assert (entry.max_attempts, entry.backoff_seconds, entry.time_limit_seconds) == (3, 10, 600)
    assert entry.queue == "machine"


def test_keys_for_tools_are_no_settings():
    """D-10"""
    entry = machine("a", retry_policy={"max_attempts": 5, "x-why": "slow", "$comment": "…"})
    assert graph(entry).by_slug["a"].max_attempts == 5
