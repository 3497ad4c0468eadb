"""Where administration begins: the sections that one may see (specification W-69, W-70)."""

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from orchestra.database import reading
from orchestra.domain import people_list, records
from orchestra.web import auth

blueprint = Blueprint("admin", __name__, url_prefix="/orchestra/admin")
auth.guard_admin_pages(blueprint)


@dataclass(frozen=True)
class Section:
    path: str  # below /orchestra/admin/
    name: str
    meaning: str


FOR_PROJECT_ADMINS = (
    Section("people/", "People", "Workers, their certifications and their tasks."),
    Section("staffing/", "Staffing", "Whom StaffBot asked for which task, and what they answered."),
    Section("checks/", "Checks", "What the checks of projects found, and what was decided."),
    Section("time/", "Recorded time", "By project, person and week; to be downloaded."),
    Section("workflows/", "Workflows", "Versions, their steps, and the certifications they name."),
)
FOR_ADMINISTRATORS = (
    Section("accounts/new/", "New account", "With a password, or by an invitation."),
    Section("keys/", "API keys", "Which client systems may call, and since when."),
    Section("settings/", "Settings", "Every setting, its value and where it came from."),
)


@blueprint.get("/", strict_slashes=False)
def show() -> ResponseReturnValue:
    worker = auth.current_worker()
    with reading() as session:
        unattended = people_list.held_by_inactive(session)
    return render_template(
        "admin/start.html",
        sections=FOR_PROJECT_ADMINS + (FOR_ADMINISTRATORS if worker.is_administrator else ()),
        kinds=records.kinds_for(worker),
        unattended=unattended,
    )
