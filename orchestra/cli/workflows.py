"""`orchestra workflows`: check, load, draw and list workflow definitions (D-57 to D-65)."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from orchestra.cli import REFUSED
from orchestra.cli.checks import ready_application
from orchestra.config import Settings
from orchestra.database import reading, transaction
from orchestra.domain import certifications, definitions, sample_data
from orchestra.domain.audit import Actor
from orchestra.domain.definitions import flowchart, storing
from orchestra.domain.graph import Graph
from orchestra.errors import InvalidDefinition, Malformed, NotFound, OrchestraError
from orchestra.models import Project, ProjectStatus, Source, Workflow, WorkflowVersion

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
all_option = click.option("--all", "every", is_flag=True, help="Every version of the workflow.")
force_option = click.option(
    "--force", is_flag=True, help="Accept changed content of a version that is loaded already."
)


@click.group()
def workflows() -> None:
    """Check, load, draw and list workflow definitions.

    Example: orchestra workflows load simple_workflow/v1
    """


@workflows.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@as_json_option
def validate(path: Path, as_json: bool) -> None:
    """Check the package or version folder at PATH, without a database.

    Example: orchestra workflows validate workflows/simple_workflow
    """
    package, versions = path.absolute(), None
    if (package / "version.json").is_file():
        package, versions = package.parent, [package.name]
    definitions.extend_import_path([package.parent])
    problems, warnings = [], []
    try:
        warnings = definitions.read_package(package, versions).warnings
    except InvalidDefinition as error:
        problems, warnings = error.problems, error.warnings
    if as_json:
        click.echo(json.dumps({"errors": problems, "warnings": warnings}, indent=2))
    else:
        _tell(problems, warnings)
        counts = (_counted(len(problems), "error"), _counted(len(warnings), "warning"))
        click.echo(", ".join(counts))
    if problems:
        raise click.exceptions.Exit(REFUSED)


@workflows.command()
@click.argument("reference", metavar="WORKFLOW/VERSION")
@all_option
@force_option
@as_json_option
def load(reference: str, every: bool, force: bool, as_json: bool) -> None:
    """Check a version and store it with its workflow.

    Example: orchestra workflows load simple_workflow/v1
    """
    settings = Settings.from_env()
    with _told_problems():
        folder, slug, versions = _found(settings, reference, every=every)
    with ready_application(settings):
        results = [_load_one(folder, slug, version, force=force) for version in versions]
    _finish(results, as_json=as_json)


@workflows.command("load-all")
@force_option
@as_json_option
def load_all(force: bool, as_json: bool) -> None:
    """Check and store every version of every package found; go on after an error.

    Example: orchestra workflows load-all
    """
    settings = Settings.from_env()
    packages = _packages(settings)
    if not packages:
        raise NotFound(f"No workflow package found; {_places(settings)}.")
    slugs, problems = definitions.find_slugs(packages)
    _tell(problems, [])
    with ready_application(settings):
        results = [
            _load_one(folder, slug, version, force=force)
            for slug, folder in slugs.items()
            for version in definitions.version_slugs(folder)
        ]
    _finish(results, as_json=as_json, failed=bool(problems))


@workflows.command("load-sample-data")
@click.argument("reference", metavar="WORKFLOW/VERSION")
def load_sample_data(reference: str) -> None:
    """Create the sample people of a loaded version, or bring them up to date.

    Example: orchestra workflows load-sample-data simple_workflow/v1
    """
    workflow, version = _split(reference)
    settings = Settings.from_env()
    definitions.extend_import_path(settings.workflow_dirs)
    with ready_application(settings), transaction() as session:
        sample_data.load(session, workflow, version, actor=_operator())
    click.echo(f"{workflow}/{version}: sample data loaded")


@workflows.command()
@click.argument("reference", metavar="WORKFLOW/VERSION")
@all_option
@as_json_option
def graph(reference: str, every: bool, as_json: bool) -> None:
    """Print the steps as a Mermaid flowchart, from the files; the database is not needed.

    Example: orchestra workflows graph simple_workflow/v1
    """
    with _told_problems():
        folder, slug, versions = _found(Settings.from_env(), reference, every=every)
        package = definitions.read_package(folder, versions)
    charts = {
        f"{slug}/{version}": flowchart.mermaid(Graph.from_json(definition))
        for version, definition in package.versions.items()
    }
    if as_json:
        click.echo(json.dumps(charts, indent=2))
        return
    for name, chart in charts.items():
        click.echo(f"%% {name}\n{chart}")


@workflows.command("list")
@as_json_option
def list_workflows(as_json: bool) -> None:
    """Print each workflow found or stored, its versions and its active projects.

    Example: orchestra workflows list --json
    """
    settings = Settings.from_env()
    slugs, problems = definitions.find_slugs(_packages(settings))
    _tell(problems, [])
    with ready_application(settings):
        stored = _stored_versions()
    rows = [_row(slug, slugs.get(slug), stored.get(slug, {})) for slug in sorted({*slugs, *stored})]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        for version in row["versions"]:
            state = "loaded" if version["loaded"] else "not loaded"
            projects = _counted(version["active_projects"], "active project")
            click.echo(f"{row['slug']}  {version['slug']}  {state}  {projects}")


@workflows.command("copy-certifications")
@click.argument("from_workflow", metavar="FROM")
@click.argument("to_workflow", metavar="TO")
@click.option("--only", multiple=True, metavar="SLUG", help="Only this certification; repeatable.")
@as_json_option
def copy_certifications(
    from_workflow: str, to_workflow: str, only: tuple[str, ...], as_json: bool
) -> None:
    """Certify workers of one workflow in another, where certifications have the same slug.

    Example: orchestra workflows copy-certifications journalism magazine --only editor
    """
    with ready_application(), transaction() as session:
        copies = certifications.copy(
            session, from_workflow, to_workflow, only=only, actor=_operator()
        )
    if as_json:
        click.echo(json.dumps(vars(copies), indent=2))
        return
    for told, lines in (("copied", copies.copied), ("skipped", copies.skipped)):
        for line in lines:
            click.echo(f"{told}  {line}")
    click.echo(f"{len(copies.copied)} copied, {len(copies.skipped)} skipped")


def _operator() -> Actor:
    """The system, on behalf of whoever typed the command (X-36)."""
    try:
        user = getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        user = f"user {os.getuid()}"
    return Actor(name="system", source=Source.CLI, may_manage=True, note=user)


def _packages(settings: Settings) -> list[Path]:
    definitions.extend_import_path(settings.workflow_dirs)
    with _told_problems():
        return definitions.find_packages(settings.workflow_dirs, settings.workflows)


def _found(settings: Settings, reference: str, *, every: bool) -> tuple[Path, str, list[str]]:
    """Folder, workflow slug and versions that a reference stands for."""
    slug, version = (reference, "") if every else _split(reference)
    try:
        folder = definitions.find_package(_packages(settings), slug)
    except NotFound as error:
        raise NotFound(f"{error} Orchestra {_places(settings)}.") from error
    found = definitions.version_slugs(folder)
    if every:
        return folder, slug, found
    if version not in found:
        known = ", ".join(found) or "none"
        raise NotFound(f"The workflow {slug!r} has no version {version!r}. Found: {known}.")
    return folder, slug, [version]


def _places(settings: Settings) -> str:
    folders = ", ".join(map(str, settings.workflow_dirs)) or "no folder"
    return f"looked in {folders} (ORCHESTRA_WORKFLOW_DIRS)"


def _split(reference: str) -> tuple[str, str]:
    workflow, slash, version = reference.partition("/")
    if not (workflow and slash and version) or "/" in version:
        raise Malformed(f"{reference!r} must be WORKFLOW/VERSION, such as simple_workflow/v1.")
    return workflow, version


def _load_one(folder: Path, slug: str, version: str, *, force: bool) -> dict[str, str]:
    """Load one version in a transaction of its own; an error is told and becomes `failed`."""
    try:
        package = definitions.read_package(folder, [version])
        _tell([], package.warnings)
        with transaction() as session:
            outcome: str = storing.store(session, package, version, force=force, actor=_operator())
    except InvalidDefinition as error:
        _tell(error.problems, error.warnings)
        outcome = "failed"
    except OrchestraError as error:
        _tell([f"{slug}/{version}: {error}"], [])
        outcome = "failed"
    return {"workflow": slug, "version": version, "outcome": outcome}


def _finish(results: Sequence[dict[str, str]], *, as_json: bool, failed: bool = False) -> None:
    if as_json:
        click.echo(json.dumps(results, indent=2))
    else:
        for result in results:
            click.echo(f"{result['workflow']}/{result['version']}: {result['outcome']}")
    if failed or any(result["outcome"] == "failed" for result in results):
        raise click.exceptions.Exit(REFUSED)


def _tell(problems: Sequence[str], warnings: Sequence[str]) -> None:
    for problem in problems:
        click.echo(problem, err=True)
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


@contextmanager
def _told_problems() -> Iterator[None]:
    """Print the problems of a definition, one a line, and stop."""
    try:
        yield
    except InvalidDefinition as error:
        _tell(error.problems, error.warnings)
        raise click.exceptions.Exit(REFUSED) from error


def _stored_versions() -> dict[str, dict[str, int]]:
    """Loaded versions by workflow, each with the number of its active projects."""
    statement = (
        sa.select(Workflow.slug, WorkflowVersion.slug, sa.func.count(Project.id))
        .join(WorkflowVersion, WorkflowVersion.workflow_id == Workflow.id)
        .outerjoin(
            Project,
            sa.and_(
                Project.version_id == WorkflowVersion.id, Project.status == ProjectStatus.ACTIVE
            ),
        )
        .group_by(Workflow.slug, WorkflowVersion.slug, WorkflowVersion.id)
        .order_by(WorkflowVersion.id)
    )
    stored: dict[str, dict[str, int]] = {}
    with reading() as session:
        for workflow, version, active in session.execute(statement):
            stored.setdefault(workflow, {})[version] = active
    return stored


def _row(slug: str, folder: Path | None, stored: dict[str, int]) -> dict[str, Any]:
    found = definitions.version_slugs(folder) if folder else []
    versions = [
        {
            "slug": version,
            "found": version in found,
            "loaded": version in stored,
            "active_projects": stored.get(version, 0),
        }
        for version in sorted({*found, *stored})
    ]
    return {"slug": slug, "versions": versions, "active_projects": sum(stored.values())}
