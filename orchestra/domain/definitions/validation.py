"""The rules of a definition that need more than one place, and its complete validation (D-8)."""

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from orchestra.domain.definitions import forms, reading
from orchestra.domain.definitions.functions import PREVIOUSLY_COMPLETED_STEPS
from orchestra.domain.definitions.problems import Findings, Place, nearest
from orchestra.domain.definitions.reading import VERSION_FILE, WORKFLOW_FILE, Package, file_name
from orchestra.domain.definitions.shapes import JSON
from orchestra.domain.definitions.tables import (
    BUILT_IN_CHECKS,
    CHECKS_SHAPE,
    VERSION,
    WORKFLOW,
)
from orchestra.errors import InvalidDefinition

UNREADABLE = object()  # stands for the content of such a file
Entries = list[tuple[Place, JSON]]


def read_package(folder: Path, versions: Sequence[str] | None = None) -> Package:
    """Read and validate a package, or only the named ones of its versions.

    The folder that holds the package must be on the import path.

    :raises InvalidDefinition: with all problems of the files at once.
    """
    findings = Findings()
    found = reading.version_slugs(folder)
    if not found:
        findings.errors.append(
            f"{folder}: no version folder; expected <version>/{VERSION_FILE} [missing_file]"
        )
    workflow = _read(folder, WORKFLOW_FILE, findings)
    if workflow is not UNREADABLE:
        _check_workflow(workflow, Place(file_name(folder, WORKFLOW_FILE), findings))
    contents = {}
    for slug in found if versions is None else versions:
        contents[slug] = _read(folder, f"{slug}/{VERSION_FILE}", findings)
        if contents[slug] is not UNREADABLE:
            _check_version(contents[slug], workflow, folder, slug, findings)
    if findings.errors:
        raise InvalidDefinition(findings.errors, findings.warnings)
    return Package(folder, workflow, contents, findings.warnings)


def _read(folder: Path, name: str, findings: Findings) -> Any:
    try:
        return reading.read_json(folder, name)
    except InvalidDefinition as error:
        findings.errors += error.problems
        return UNREADABLE


def _check_workflow(workflow: Any, place: Place) -> None:
    WORKFLOW.check(workflow, place)
    certifications = _entries(workflow, "certifications", place)
    _check_unique(certifications)
    slugs = _slugs(certifications)
    for where, certification in certifications:
        _check_names(
            certification,
            "required_certifications",
            slugs,
            where,
            "unknown_certification",
        )
    _check_cycle(certifications, ("required_certifications",), place / "certifications")


def _check_version(version: Any, workflow: Any, folder: Path, slug: str, found: Findings) -> None:
    place = Place(file_name(folder, f"{slug}/{VERSION_FILE}"), found)
    VERSION.check(version, place)
    named = version.get("slug") if isinstance(version, dict) else None
    if isinstance(named, str) and named != slug:
        message = f"the slug {named!r} differs from the name of the folder {slug!r}"
        (place / "slug").error("slug_mismatch", message)
    steps = _entries(version, "steps", place)
    _check_unique(steps)
    certifications = _slugs(_entries(workflow, "certifications", place))
    for where, step in steps:
        _check_step(step, steps, where)
        if isinstance(workflow, dict):
            _check_names(
                step, "required_certifications", certifications, where, "unknown_certification"
            )
        _check_interface(step, set(_slugs(steps)), (folder, slug), where)
    _check_cycle(steps, ("creation_depends_on", "submission_depends_on"), place / "steps")
    if isinstance(version, dict) and isinstance(version.get("sanity_checks"), dict):
        where = place / "sanity_checks"
        _check_sanity_checks(version["sanity_checks"], steps, where.under("bad_sanity_check"))


def _check_step(step: JSON, steps: Entries, place: Place) -> None:
    slugs = _slugs(steps)
    for key in ("creation_depends_on", "submission_depends_on"):
        _check_names(step, key, slugs, place, "unknown_step")
    functions = _object(_object(step, "assignment_policy"), "policy_function")
    for level in ("entry_level", "reviewer"):
        reference = _object(functions, level)
        if reference.get("path") == PREVIOUSLY_COMPLETED_STEPS:
            where = place / "assignment_policy" / "policy_function" / level / "kwargs"
            _check_related_steps(_object(reference, "kwargs"), steps, where)


def _check_related_steps(kwargs: JSON, steps: Entries, place: Place) -> None:
    _check_names(kwargs, "related_steps", _slugs(steps), place, "unknown_step")
    machines = [step.get("slug") for _, step in steps if step.get("is_human") is False]
    for where, slug in _texts(kwargs, "related_steps", place):
        if slug in machines:
            where.error("bad_policy", f"{slug!r} is a machine step; allowed: human steps")


def _check_interface(step: JSON, steps: set[str], version: tuple[Path, str], place: Place) -> None:
    where, interface = place / "user_interface", step.get("user_interface")
    if interface is None:
        if step.get("is_human") is not False:
            place.warn("has no user_interface; a form with one optional text field is used")
        return
    form = _object(interface, "form")
    if form and forms.check_form(form, where / "form"):
        forms.check_ui(interface.get("ui"), form, steps, where / "ui")
    schema = _object(interface, "schema")
    if schema:
        forms.check_schema(schema, where / "schema")
    for key in ("javascript_includes", "stylesheet_includes"):
        for entry, path in _texts(interface, key, where):
            if not reading.find_static(*version, path):
                folders = f"{version[1]}/{reading.STATIC}/, {reading.STATIC}/"
                entry.error("missing_static", f"no file {path!r}; looked in {folders}")


def _check_sanity_checks(checks: JSON, steps: Entries, place: Place) -> None:
    slugs = _slugs(steps)
    configurations = _object(checks, "check_configurations")
    for slug, configuration in configurations.items():
        where = place / "check_configurations" / slug
        for entry, handler in _entries(configuration, "handlers", where):
            _check_sanity_steps(handler, slugs, entry)
    machines = [step.get("slug") for _, step in steps if step.get("is_human") is False]
    people = [slug for slug in slugs if slug not in machines]
    for name, limits in _object(checks, "built_in").items():
        where = place / "built_in" / name
        _check_sanity_steps(limits, people, where)
        if name in BUILT_IN_CHECKS.keys and name not in configurations:
            message = f"needs an entry {name!r} in check_configurations, which says what is done"
            where.error("bad_sanity_check", message)
    if "sanity_check_function" not in checks and "built_in" not in checks:
        message = f"the key 'sanity_check_function' is missing; allowed: {CHECKS_SHAPE}"
        place.error("bad_sanity_check", message)


def _check_sanity_steps(parent: Any, known: list[str], place: Place) -> None:
    for entry, step in _texts(parent, "steps", place):
        if step not in known:
            entry.error("bad_sanity_check", f"unknown step {step!r}{nearest(step, known)}")


def _check_unique(entries: Entries) -> None:
    first: dict[str, Place] = {}
    for place, entry in entries:
        slug = entry.get("slug")
        if not isinstance(slug, str):
            continue
        if slug in first:
            message = f"{slug!r} stands already at {first[slug].pointer}/slug"
            (place / "slug").error("duplicate_slug", message)
        first.setdefault(slug, place)


def _check_names(entry: JSON, key: str, known: list[str], place: Place, code: str) -> None:
    """Check a list of slugs that name other entries: known, not the entry itself, each once."""
    kind = code.removeprefix("unknown_")
    seen: set[str] = set()
    for where, slug in _texts(entry, key, place):
        if slug == entry.get("slug"):
            where.error("self_dependency", f"{slug!r} cannot depend on itself")
        elif slug in seen:
            where.error("duplicate_entry", f"{slug!r} is listed twice")
        elif slug not in known:
            where.error(code, f"unknown {kind} {slug!r}{nearest(slug, known)}")
        seen.add(slug)


def _check_cycle(entries: Entries, keys: Iterable[str], place: Place) -> None:
    graph: dict[str, list[str]] = {}
    for where, entry in entries:
        slug = entry.get("slug")
        if isinstance(slug, str):
            named = [name for key in keys for _, name in _texts(entry, key, where)]
            graph.setdefault(slug, []).extend(name for name in named if name != slug)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        members = " → ".join(error.args[1])
        place.error("cycle", f"these depend on each other: {members}")


def _entries(parent: Any, key: str, place: Place) -> Entries:
    """The objects of a list, with their places; nothing where the file holds something else."""
    value = parent.get(key) if isinstance(parent, dict) else None
    found = value if isinstance(value, list) else []
    return [(place / key / i, entry) for i, entry in enumerate(found) if isinstance(entry, dict)]


def _texts(parent: Any, key: str, place: Place) -> list[tuple[Place, str]]:
    value = parent.get(key) if isinstance(parent, dict) else None
    found = value if isinstance(value, list) else []
    return [(place / key / i, text) for i, text in enumerate(found) if isinstance(text, str)]


def _object(parent: Any, key: str) -> JSON:
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}


def _slugs(entries: Entries) -> list[str]:
    return [entry["slug"] for _, entry in entries if isinstance(entry.get("slug"), str)]
