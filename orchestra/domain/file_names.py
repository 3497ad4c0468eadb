"""What files are called (I-27)."""

import unicodedata
from collections.abc import Collection
from pathlib import PurePosixPath

from orchestra.domain.file_types import ENDINGS

LONGEST_NAME = 120  # characters; in bytes still a file name that every system takes
NAMELESS = "file"


def clean_name(name: str, *, nameless: str = NAMELESS) -> str:
    """Without folders and invisible characters, and not too long; the ending is kept."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    visible = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    tidy = " ".join(visible.split())
    if tidy.strip(".") == "":
        return nameless
    ending = PurePosixPath(tidy).suffix[:LONGEST_NAME]
    return tidy if len(tidy) <= LONGEST_NAME else tidy[: LONGEST_NAME - len(ending)] + ending


def with_ending(name: str, content_type: str) -> str:
    """A picture is called like one, so that pages and machine steps know it by its address."""
    endings = ENDINGS.get(content_type, ())
    if not endings or name.lower().endswith(tuple(e for all_ in ENDINGS.values() for e in all_)):
        return name
    return f"{name}{endings[0]}"


def free_name(name: str, taken: Collection[str]) -> str:
    """``plan.pdf``, or ``plan (2).pdf`` if that is taken, and so on."""
    path = PurePosixPath(name)
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{path.stem} ({number}){path.suffix}"
    return free
