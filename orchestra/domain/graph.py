"""The steps of a workflow version as frozen values, and the graph they form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True)
class FunctionReference:
    """A dotted name and the keyword arguments to call it with."""

    path: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> "FunctionReference | None":
        return cls(value["path"], value.get("kwargs", {})) if value else None


@dataclass(frozen=True)
class ReviewPolicy:
    policy: str = "sampled_review"
    rate: float = 1
    max_reviews: int = 1


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a version (specification D-24 to D-26), defaults filled in."""

    slug: str
    name: str
    description: str
    is_human: bool = True
    creation_depends_on: tuple[str, ...] = ()
    creation_policy: FunctionReference | None = None  # None: always_create
    completion_ends_project: bool = False
    required_certifications: tuple[str, ...] = ()
    review_policy: ReviewPolicy = ReviewPolicy()
    assignment_policy: Mapping[str, FunctionReference] = field(default_factory=dict)
    submission_depends_on: tuple[str, ...] = ()
    detailed_description_function: FunctionReference | None = None
    user_interface: Mapping[str, Any] = field(default_factory=dict)
    execution_function: FunctionReference | None = None
    max_attempts: int = 3
    backoff_seconds: float = 10
    time_limit_seconds: int = 600
    queue: str = "machine"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Step":
        """Build a step from a validated entry of ``steps`` in version.json."""
        return cls(
            slug=value["slug"],
            name=value["name"],
            description=value["description"],
            is_human=value.get("is_human", True),
            creation_depends_on=tuple(value.get("creation_depends_on", ())),
            creation_policy=_creation_policy(value.get("creation_policy")),
            completion_ends_project=value.get("completion_ends_project", False),
            required_certifications=tuple(value.get("required_certifications", ())),
            review_policy=ReviewPolicy(**_known(value, "review_policy")),
            assignment_policy=_assignment_policy(value.get("assignment_policy")),
            submission_depends_on=tuple(value.get("submission_depends_on", ())),
            detailed_description_function=FunctionReference.from_json(
                value.get("detailed_description_function")
            ),
            user_interface=value.get("user_interface", {}),
            execution_function=FunctionReference.from_json(value.get("execution_function")),
            **_known(value, "retry_policy"),
            time_limit_seconds=value.get("time_limit_seconds", 600),
            queue=value.get("queue", "machine"),
        )


def _known(step: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object of a definition without the keys that are for tools (D-10)."""
    return {
        name: item for name, item in step.get(key, {}).items() if not name.startswith(("x-", "$"))
    }


def _creation_policy(value: Mapping[str, Any] | None) -> FunctionReference | None:
    reference = FunctionReference.from_json(value["policy_function"]) if value else None
    always = reference and reference.path == "orchestra.creation_policies.always_create"
    return None if always else reference


def _assignment_policy(value: Mapping[str, Any] | None) -> dict[str, FunctionReference]:
    functions = _known(value, "policy_function") if value else {}
    return {
        level: FunctionReference(f["path"], f.get("kwargs", {})) for level, f in functions.items()
    }


@dataclass(frozen=True)
class CheckHandler:
    """What is said when a check finds something, and to the people on which steps (SB-5)."""

    message: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """One check by which a version is looked at (SB-4)."""

    slug: str
    handlers: tuple[CheckHandler, ...]
    repetition_seconds: int | None = None  # None: it is said once

    @classmethod
    def from_json(cls, slug: str, value: Mapping[str, Any]) -> "Check":
        handlers = [CheckHandler(h["message"], tuple(h["steps"])) for h in value["handlers"]]
        return cls(slug, tuple(handlers), value.get("repetition_seconds"))


@dataclass(frozen=True)
class Checks:
    """What is checked in the projects of a version (SB-1)."""

    by_slug: Mapping[str, Check]
    function: FunctionReference | None = None
    built_in: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # slug → its limits

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> "Checks | None":
        if value is None:
            return None
        configured = value["check_configurations"].items()
        return cls(
            by_slug={slug: Check.from_json(slug, check) for slug, check in configured},
            function=FunctionReference.from_json(value.get("sanity_check_function")),
            built_in=_known(value, "built_in"),
        )


@dataclass(frozen=True)
class Graph:
    """All steps of one version, in definition order, and its checks."""

    steps: tuple[Step, ...]
    checks: Checks | None = None

    @classmethod
    def from_json(cls, version: Mapping[str, Any]) -> "Graph":
        steps = tuple(Step.from_json(step) for step in version["steps"])
        return cls(steps, Checks.from_json(version.get("sanity_checks")))

    @cached_property
    def by_slug(self) -> dict[str, Step]:
        return {step.slug: step for step in self.steps}

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {step.slug: index for index, step in enumerate(self.steps)}

    @cached_property
    def _dependents(self) -> dict[str, list[Step]]:
        dependents: dict[str, list[Step]] = {step.slug: [] for step in self.steps}
        for step in self.steps:
            for slug in step.creation_depends_on:
                dependents[slug].append(step)
        return dependents

    def dependents(self, slug: str) -> list[Step]:
        """Steps that name ``slug`` in ``creation_depends_on``, in definition order."""
        return self._dependents[slug]

    def descendants(self, slug: str) -> list[Step]:
        """Steps that depend on ``slug`` directly or through others, in definition order."""
        bit = 1 << self._positions[slug]
        return [step for step in self.steps if self._ancestor_masks[step.slug] & bit]

    def ancestors(self, slug: str) -> list[Step]:
        """Transitive ``creation_depends_on`` of a step, in definition order."""
        mask = self._ancestor_masks[slug]
        return [step for index, step in enumerate(self.steps) if mask >> index & 1]

    @cached_property
    def _ancestor_masks(self) -> dict[str, int]:
        """One bit for each step: a set of sets that stays small with a thousand steps."""
        masks: dict[str, int] = {}
        for step in self._ordered:
            masks[step.slug] = 0
            for slug in step.creation_depends_on:
                masks[step.slug] |= 1 << self._positions[slug] | masks[slug]
        return masks

    @cached_property
    def _ordered(self) -> tuple[Step, ...]:
        sorter = TopologicalSorter({s.slug: s.creation_depends_on for s in self.steps})
        sorter.prepare()
        ordered: list[Step] = []
        while sorter.is_active():
            ready: Iterable[str] = sorted(sorter.get_ready(), key=self._positions.__getitem__)
            for slug in ready:
                ordered.append(self.by_slug[slug])
                sorter.done(slug)
        return tuple(ordered)

    @cached_property
    def asks_policies(self) -> bool:
        """Whether any step has a creation policy of its own."""
        return any(step.creation_policy for step in self.steps)

    @cached_property
    def endings(self) -> tuple[str, ...]:
        """Slugs of the steps that end the project."""
        return tuple(step.slug for step in self.steps if step.completion_ends_project)

    def ordered(self) -> tuple[Step, ...]:
        """Steps in dependency order, ties in definition order."""
        return self._ordered

    def link_after(self, slug: str) -> Step | None:
        """The machine step that follows from this one alone, if nothing else follows from it."""
        dependents = self._dependents[slug]
        is_alone = len(dependents) == 1 and _follows_alone(dependents[0])
        return dependents[0] if is_alone else None

    def run_from(self, slug: str, limit: int) -> list[Step]:
        """The longest linear stretch of machine steps that begins with ``slug``.

        Each later step is the only dependent of the one before, depends on nothing else and has
        no creation policy of its own to ask (specification L-125).
        """
        run = [self.by_slug[slug]]
        while len(run) < limit and (link := self.link_after(run[-1].slug)):
            run.append(link)
        return run


def _follows_alone(step: Step) -> bool:
    return not step.is_human and len(step.creation_depends_on) == 1 and not step.creation_policy
