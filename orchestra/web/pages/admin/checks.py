"""What the checks of all projects found, and what was decided about it (W-69, SB-16)."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from orchestra.database import reading
from orchestra.domain import sanity_list
from orchestra.domain.sanity_list import Finding
from orchestra.web import auth
from orchestra.web.pages.admin import asked

blueprint = Blueprint("admin_checks", __name__, url_prefix="/orchestra/admin/checks")
auth.guard_admin_pages(blueprint)

WORDS = {
    Finding.FOUND: "Found",
    Finding.MUTED: "Muted",
    Finding.SNOOZED: "Snoozed",
    Finding.RESOLVED: "Resolved",
}


@blueprint.get("/")
def show_all() -> ResponseReturnValue:
    chosen, text, page = asked.choice("finding", Finding), asked.text(), asked.page()
    with reading() as session:
        found = sanity_list.of_all(session, finding=chosen, text=text, page=page)
    return render_template(
        "admin/checks.html", found=found, page=page, chosen=chosen, text=text, words=WORDS
    )
