"""Workflow packages on disk: where they are found and how their files are read (D-1 to D-7)."""

import codecs
import importlib
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from orchestra.domain.definitions.problems import nearest
from orchestra.domain.definitions.shapes import JSON
from orchestra.domain.json_pointers import below
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
    """Names of the version folders of a package (D-4), as people count: v2 before v10."""
    found = (path.parent.name for path in package.glob(f"*/{VERSION_FILE}"))
    return sorted(found, key=_as_counted)


def _as_counted(slug: str) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", slug)
    return [(int(part or 0), "") if n % 2 else (0, part) for n, part in enumerate(parts)]


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
        content = (package / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"{package}: {name} is missing [missing_file]"
        raise InvalidDefinition([message]) from error
    except OSError as error:
        raise InvalidDefinition([f"{shown}: {error.strerror} [missing_file]"]) from error
    try:
        parsed, doubled = _parsed(_text(content))
    except json.JSONDecodeError as error:
        where = f"{shown}:{error.lineno}:{error.colno}"
        raise InvalidDefinition([f"{where}: {error.msg} [bad_json]"]) from error
    except RecursionError as error:
        raise InvalidDefinition([f"{shown}:1:1: is nested too deeply [bad_json]"]) from error
    except ValueError as error:  # a number of thousands of digits
        raise InvalidDefinition([f"{shown}:1:1: {error} [bad_json]"]) from error
    if doubled:
        raise InvalidDefinition(
            [f"{shown}#{at}: the key {key!r} is there twice [bad_json]" for at, key in doubled]
        )
    return parsed


def file_name(package: Path, name: str) -> str:
    return f"{package.name}/{name}"


def _text(content: bytes) -> str:
    """:raises json.JSONDecodeError: the content is not in UTF-8; says where and what to do."""
    if content.startswith(codecs.BOM_UTF8):
        message = "begins with a byte order mark; save the file as UTF-8 without it"
        raise json.JSONDecodeError(message, "", 0)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        readable = content[: error.start].decode()
        message = f"the byte {content[error.start]:#x} is not UTF-8; save the file as UTF-8"
        raise json.JSONDecodeError(message, readable, len(readable)) from error


def _parsed(text: str) -> tuple[Any, list[tuple[str, str]]]:
    """The content, and where an object has which key twice: of two equal keys the last wins."""

    def refuse(constant: str) -> NoReturn:
        raise json.JSONDecodeError(f"{constant} is not JSON", text, text.find(constant))

    doubled: list[tuple[JSON, str]] = []

    def as_object(pairs: list[tuple[str, Any]]) -> JSON:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            doubled.append((found, next(name for name in names if names.count(name) > 1)))
        return found

    parsed = json.loads(text, parse_constant=refuse, object_pairs_hook=as_object)
    return parsed, [(_pointer(parsed, found), name) for found, name in doubled]


def _pointer(parsed: Any, wanted: JSON) -> str:
    """JSON pointer of an object in what was parsed; it may be in an object that was overwritten."""
    waiting = [(parsed, "")]
    while waiting:
        value, pointer = waiting.pop()
        if value is wanted:
            return pointer
        children = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(children, dict):
            waiting += [(item, below(pointer, key)) for key, item in children.items()]
    return ""


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
