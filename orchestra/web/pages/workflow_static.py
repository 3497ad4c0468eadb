"""Scripts, styles and pictures that come with a workflow's step interfaces (W-47, D-7)."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import cast
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, request, send_file

from orchestra.config import Settings
from orchestra.domain.definitions.reading import (
    find_package,
    find_packages,
    find_static,
    version_slugs,
)
from orchestra.errors import InvalidDefinition, NotFound
from orchestra.web import auth

A_YEAR_SECONDS = 365 * 24 * 3600

blueprint = Blueprint("workflow_static", __name__, url_prefix="/orchestra/workflows")
auth.guard_pages(blueprint)


@blueprint.get("/<workflow>/<version>/static/<path:path>")
def serve(workflow: str, version: str, path: str) -> Response:
    """With the right version of its content in the address, it may be kept for ever."""
    file = _find(workflow, version, path)
    if file is None:
        abort(404)
    response = send_file(file, conditional=True, max_age=0)
    response.cache_control.public = False
    response.cache_control.private = True
    if request.args.get("v") == _version_of(file):
        response.cache_control.no_cache = None
        response.cache_control.max_age = A_YEAR_SECONDS
        response.cache_control.immutable = True
    return response


def folder_address(workflow: str, version: str) -> str:
    return f"/orchestra/workflows/{quote(workflow)}/{quote(version)}/static/"


def addresses(workflow: str, version: str, paths: Iterable[str]) -> list[str]:
    """Where the files are served; a file that is gone by now gets an address that says so."""
    return [_address(workflow, version, path) for path in paths]


def _address(workflow: str, version: str, path: str) -> str:
    address = folder_address(workflow, version) + quote(path)
    file = _find(workflow, version, path)
    return f"{address}?v={_version_of(file)}" if file else address


def _version_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _find(workflow: str, version: str, path: str) -> Path | None:
    settings = cast(Settings, current_app.config["SETTINGS"])
    try:
        package = _package(settings.workflow_dirs, settings.workflows, workflow)
        is_known = version in version_slugs(package)
        return find_static(package, version, path) if is_known else None
    except (NotFound, InvalidDefinition, ValueError, OSError):  # or a path no system could have
        return None


@cache
def _package(folders: tuple[Path, ...], names: tuple[str, ...], workflow: str) -> Path:
    """:raises NotFound: no package has the slug; that is asked for again each time."""
    return find_package(find_packages(folders, names), workflow)
