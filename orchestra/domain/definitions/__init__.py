"""Workflow definitions: found on disk, validated completely, stored (specification D-1 to D-68)."""

from orchestra.domain.definitions.reading import (
    Package,
    extend_import_path,
    find_package,
    find_packages,
    find_slugs,
    find_static,
    version_slugs,
)
from orchestra.domain.definitions.validation import read_package

__all__ = [
    "Package",
    "extend_import_path",
    "find_package",
    "find_packages",
    "find_slugs",
    "find_static",
    "read_package",
    "version_slugs",
]
