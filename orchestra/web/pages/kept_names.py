"""Files, folders and documents of a project that data gives by their ids: shown by their names."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from markupsafe import Markup, escape

from orchestra.database import reading
from orchestra.domain import files
from orchestra.models import StoredFile
from orchestra.project_files import page_of
from orchestra.web.pages.changes import Change
from orchestra.web.pages.shown import Shown

Named = Mapping[str, StoredFile]
QUOTED_ID = re.compile(r'"([0-9a-f]{32})"')
MOST = 1_000  # ids of a page; further ones are shown as they are
LINK = Markup('"{}" <a href="{}">{}</a>')


def named_in(project_id: int, *values: Any) -> Named:
    """What the values give by id, in one query for all of them."""
    return _named(project_id, (found for one in values for found in _ids(json.dumps(one))))


def with_names(piece: Shown, named: Named) -> Shown:
    """The piece with links in place of the ids."""
    if piece.kind == "text" and piece.value in named:
        row = named[piece.value]
        return replace(piece, kind="link", value=page_of(row), words=row.name)
    return replace(piece, parts=tuple(with_names(part, named) for part in piece.parts))


def changes_with_names(changes: Iterable[Change], named: Named) -> list[Change]:
    return [
        replace(
            change,
            before=change.before and with_names(change.before, named),
            after=change.after and with_names(change.after, named),
            inner=changes_with_names(change.inner, named),
        )
        for change in changes
    ]


def json_with_names(project_id: int, value: Any) -> Markup:
    """The value as JSON, with a link behind each id."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    named = _named(project_id, _ids(text))
    pieces = QUOTED_ID.split(text)
    for index, id_ in enumerate(pieces):
        row = named.get(id_) if index % 2 else None
        quoted = f'"{id_}"' if index % 2 else id_
        pieces[index] = LINK.format(id_, page_of(row), row.name) if row else escape(quoted)
    return Markup().join(pieces)


def _ids(text: str) -> Iterable[str]:
    return (found[1] for found in QUOTED_ID.finditer(text))


def _named(project_id: int, ids: Iterable[str]) -> Named:
    chosen = list(islice(dict.fromkeys(ids), MOST))
    if not chosen:
        return {}
    with reading() as session:
        return files.by_id(session, project_id, chosen)
