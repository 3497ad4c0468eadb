"""Workflow packages on disk: where they are found and how their files are read (D-1 to D-7)."""

import importlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from orchestra.domain.definitions.problems import nearest
from orchestra.domain.definitions.shapes import JSON
from orchestra.errors import InvalidDefinition, NotFound

WORKFLOW_FILE = "workflow.json"
VERSION_FILE = "version.json"
STATIC = "static"


@dataclass(frozen=True)
class Package:
    """A workflow package whose files hold what the specification allows."""

    folder: Path
    workflow: JSON
    versions: dict[str, JSON]
    warnings: list[str] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return str(self.workflow["slug"])


def extend_import_path(folders: Iterable[Path]) -> None:
    """Make the packages in ``folders`` importable; the first folder wins."""
    for folder in reversed([str(folder.absolute()) for folder in folders]):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    importlib.invalidate_caches()  # files may be newer than what the importer remembers


def find_packages(folders: Iterable[Path], names: Iterable[str] = ()) -> list[Path]:
    """Folders of all workflow packages in ``folders``, and of the named ones.

    :raises InvalidDefinition: a named package cannot be found.
    """
    found = [
        package
        for folder in folders
        if folder.is_dir()
        for package in sorted(folder.iterdir())
        if package.is_dir() and (_has_workflow(package) or version_slugs(package))
    ]
    found += [_folder_of(name) for name in names]
    return list(dict.fromkeys(package.absolute() for package in found))


def version_slugs(package: Path) -> list[str]:
    """Names of the version folders of a package (D-4)."""
    return sorted(path.parent.name for path in package.glob(f"*/{VERSION_FILE}"))


def find_slugs(packages: Iterable[Path]) -> tuple[dict[str, Path], list[str]]:
    """Packages by workflow slug, and the problems of those whose slug cannot be told (D-5)."""
    found: dict[str, Path] = {}
    problems: list[str] = []
    for package in packages:
        try:
            slug = _slug_of(package)
        except InvalidDefinition as error:
            problems += error.problems
            continue
        if slug in found:
            problems.append(
                f"{file_name(package, WORKFLOW_FILE)}#/slug: the workflow {slug!r} is in "
                f"{found[slug]} and in {package} [duplicate_slug]"
            )
        found.setdefault(slug, package)
    return found, problems


def find_package(packages: list[Path], slug: str) -> Path:
    """The folder of the workflow with the slug.

    :raises InvalidDefinition: two packages have the slug.
    :raises NotFound: none has it; names the ones there are.
    """
    found, problems = find_slugs(packages)
    doubled = [p for p in problems if f"the workflow {slug!r} is in" in p]
    if doubled:
        raise InvalidDefinition(doubled)
    if slug in found:
        return found[slug]
    if problems:
        raise InvalidDefinition(problems)
    known = ", ".join(sorted(found)) or "none"
    raise NotFound(f"There is no workflow {slug!r}{nearest(slug, found)}. Found: {known}.")


def find_static(package: Path, version: str, path: str) -> Path | None:
    """The static file of a step interface, in the version's folder or the package's (D-7)."""
    for root in (package / version / STATIC, package / STATIC):
        file = (root / path).resolve()
        if file.is_relative_to(root.resolve()) and file.is_file():
            return file
    return None


def read_json(package: Path, name: str) -> Any:
    """The content of one file of a package.

    :raises InvalidDefinition: the file is missing or is not JSON in UTF-8 (D-6).
    """
    shown = file_name(package, name)
    try:
        text = (package / name).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"{package}: {name} is missing [missing_file]"
        raise InvalidDefinition([message]) from error
    except UnicodeDecodeError as error:
        raise InvalidDefinition([f"{shown}:1:1: is not UTF-8: {error} [bad_json]"]) from error
    except OSError as error:
        raise InvalidDefinition([f"{shown}: {error.strerror} [missing_file]"]) from error
    try:
        return _parsed(text)
    except json.JSONDecodeError as error:
        where = f"{shown}:{error.lineno}:{error.colno}"
        raise InvalidDefinition([f"{where}: {error.msg} [bad_json]"]) from error
    except RecursionError as error:
        raise InvalidDefinition([f"{shown}:1:1: is nested too deeply [bad_json]"]) from error


def file_name(package: Path, name: str) -> str:
    return f"{package.name}/{name}"


def _parsed(text: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise json.JSONDecodeError(f"{constant} is not JSON", text, text.find(constant))

    return json.loads(text, parse_constant=refuse)


def _has_workflow(package: Path) -> bool:
    return (package / WORKFLOW_FILE).is_file()


def _slug_of(package: Path) -> str:
    workflow = read_json(package, WORKFLOW_FILE)
    slug = workflow.get("slug") if isinstance(workflow, dict) else None
    if isinstance(slug, str):
        return slug
    shown = file_name(package, WORKFLOW_FILE)
    raise InvalidDefinition([f"{shown}#: the key 'slug' is missing or no text [missing_key]"])


def _folder_of(name: str) -> Path:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError) as error:
        raise _not_a_package(name, str(error)) from error
    if spec is None or not spec.submodule_search_locations:
        raise _not_a_package(name, "there is no such package on the import path")
    return Path(next(iter(spec.submodule_search_locations)))


def _not_a_package(name: str, reason: str) -> InvalidDefinition:
    return InvalidDefinition([f"{name}: ORCHESTRA_WORKFLOWS: {reason} [missing_file]"])
