"""Lists of the rows behind projects: searched and paged, never changed (W-71, W-72)."""

import json
from enum import StrEnum
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading
from orchestra.domain import records
from orchestra.errors import Malformed
from orchestra.web import auth
from orchestra.web.pages.admin import asked

blueprint = Blueprint("admin_records", __name__, url_prefix="/orchestra/admin/records")
auth.guard_admin_pages(blueprint)


# Where a number leads: by the list and the heading of its column.
PROJECT, TASK = "/orchestra/app/project/", "/orchestra/app/task/"
LEADS_TO = {("projects", "No."): PROJECT, ("tasks", "No."): TASK}
LEADS_TO |= {(kind.slug, "Project"): PROJECT for kind in records.KINDS}
LEADS_TO |= {(kind.slug, "Task"): TASK for kind in records.KINDS}


@blueprint.get("/<slug>/")
def show(slug: str) -> ResponseReturnValue:
    kind = records.get_kind(auth.current_worker(), slug)
    statuses = records.statuses(kind)
    text, status = asked.text(), request.args.get("status", "")
    if status and status not in statuses:
        raise Malformed(f"The parameter status must be one of {', '.join(statuses)}.")
    with reading() as session:
        page = records.page(session, kind, text=text, status=status, before=asked.number("before"))
    return render_template(
        "admin/records.html",
        kind=kind,
        page=page,
        text=text,
        status=status,
        statuses={status.value: _shown(status) for status in statuses},
        is_first=not request.args.get("before"),
        shown=_shown,
        leads_to=[LEADS_TO.get((kind.slug, heading)) for heading in page.headings],
    )


def _shown(value: Any) -> Any:
    """A value of a row as a reader takes it; times are left to the page."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, StrEnum):
        return str(getattr(value, "label", value.value.replace("_", " ")))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value
