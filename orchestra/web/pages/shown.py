"""Data as a person reads it: texts, pictures, links, lists and groups, never form controls."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestra.domain.form_checks import has_format
from orchestra.domain.form_fields import Field, Kind, as_text, in_words, is_shown
from orchestra.web.addresses import is_address, is_ours, picture_source
from orchestra.web.markdown import LAST_HEADING, render_markdown

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp")
DEEPEST = 8  # groups within groups; what lies deeper is printed as JSON
NOTHING = "No value"
OWN_FILE = re.compile(r"/orchestra/files/[0-9a-f]{32}/([^/]+)")  # of project_files.address_of
OWN_PAGE = re.compile(r"/orchestra/(documents|folders)/[0-9a-f]{32}/")
PAGE_WORDS = {"documents": "Open the document", "folders": "Open the folder"}


@dataclass(frozen=True)
class Shown:
    """A piece of data and how to show it: as ``text``, ``markdown``, ``image``, ``link``,
    ``list``, ``group``, or ``figure``: a picture, then a text about it."""

    kind: str
    label: str = ""
    value: Any = ""
    parts: tuple["Shown", ...] = ()
    words: str = ""  # of a link, if they are known

    @property
    def text(self) -> str:
        """What a link says: the name of a file of ours, what a page of ours is, or the address."""
        return self.words or file_name(self.value) or page_words(self.value) or str(self.value)

    @property
    def source(self) -> str:
        """Where the picture is shown from."""
        return picture_source(self.value)


def show_data(value: Any, label: str = "", described: Field | None = None, depth: int = 0) -> Shown:
    """Any JSON value; a field gives it labels, order and meaning."""
    described = described or Field(name="")
    if isinstance(value, Mapping | list) and value and depth >= DEEPEST:
        return Shown("text", label, json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        parts = tuple(_properties(value, described, depth))
        figure = _picture_and_text(parts) if described.children else ()
        return Shown("figure" if figure else "group", label, parts=figure or parts)
    if isinstance(value, list):
        item = described if described.kind is Kind.CHOICES else described.item or described
        parts = tuple(show_data(entry, "", item, depth + 1) for entry in value)
        return Shown("list" if parts else "text", label, NOTHING, parts)
    return _scalar(value, label, described)


def show_form(root: Field, data: Mapping[str, Any], context: Mapping[str, Any]) -> Shown:
    """The data of a form, with the fields nobody filled in."""
    seen = [child for child in root.children if is_shown(child, context)]
    asked = [child for child in seen if child.widget != "hidden" or child.name in data]
    extra = [name for name in data if name not in {child.name for child in root.children}]
    fields = [*asked, *map(root.child, extra)]
    parts = (show_data(data.get(one.name), one.label, one, 1) for one in fields)
    return Shown("group", parts=tuple(parts))


def _picture_and_text(parts: tuple[Shown, ...]) -> tuple[Shown, ...]:
    """The parts, the picture first, if they are one picture and one text; else nothing."""
    ordered = tuple(sorted(parts, key=lambda part: part.kind != "image"))
    kinds = [part.kind for part in ordered]
    return ordered if kinds in (["image", "text"], ["image", "markdown"]) else ()


def _properties(value: Mapping[str, Any], described: Field, depth: int) -> Iterator[Shown]:
    known = [child.name for child in described.children if child.name in value]
    for name in [*known, *(name for name in value if name not in known)]:
        child = described.child(name)
        yield show_data(value[name], child.label or in_words(name) or name, child, depth + 1)


def _scalar(value: Any, label: str, described: Field) -> Shown:
    if value is None or value == "":
        return Shown("text", label, NOTHING)
    if isinstance(value, bool):
        return Shown("text", label, yes_or_no(described, value=value))
    if isinstance(value, str):
        return _text(value, label, described)
    return Shown("text", label, described.label_of(value))


def _text(value: str, label: str, described: Field) -> Shown:
    if described.widget == "markdown":
        return Shown("markdown", label, render_markdown(value, below=LAST_HEADING))
    if is_own_picture(value):
        return Shown("image", label, value)
    if is_address(value):
        return Shown("link", label, value)
    return Shown("text", label, _day_or_time(value, described) or described.label_of(value))


def _day_or_time(value: str, described: Field) -> str | None:
    """A date, or a time as the form asks for it: in UTC. None: something else was typed."""
    kind = described.schema.get("format")
    if kind not in ("date", "date-time") or not has_format(kind, value):
        return None
    moment = datetime.fromisoformat(value.upper())
    if kind == "date":
        return f"{moment.day} {moment:%B %Y}"
    moment = moment.astimezone(UTC)
    seconds = ":%S" if moment.second else ""
    return f"{moment.day} {moment:%B %Y, %H:%M{seconds}} UTC"


def yes_or_no(described: Field, *, value: bool) -> str:
    labels = described.hints.get("labels", {})
    return str(labels.get(as_text(value), "Yes" if value else "No"))


def file_name(address: str) -> str | None:
    """What a file of a project is called, by its address; None for other addresses."""
    found = OWN_FILE.fullmatch(urlsplit(address).path) if is_address(address) else None
    return unquote(found[1]) if found and is_ours(address) else None


def page_words(address: str) -> str | None:
    """What a link to a document or a folder of a project says; None for other addresses."""
    found = OWN_PAGE.fullmatch(urlsplit(address).path) if is_address(address) else None
    return PAGE_WORDS[found[1]] if found and is_ours(address) else None


def is_own_picture(value: str) -> bool:
    """Pictures of other hosts are only linked, but where an author says that there is one."""
    if not is_address(value) or not urlsplit(value).path.lower().endswith(PICTURE_ENDINGS):
        return False
    return is_ours(value)
