"""The settings of this process, secrets hidden (specification E-4)."""

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from orchestra.config import showing
from orchestra.web import auth
from orchestra.web.pages.admin import asked

blueprint = Blueprint("admin_settings", __name__, url_prefix="/orchestra/admin/settings")
auth.guard_administrators(blueprint)


@blueprint.get("/")
def show() -> ResponseReturnValue:
    text = asked.text()
    rows = [
        row | {"value": showing.text(row["value"])}
        for row in showing.rows(current_app.config["SETTINGS"])
        if text.lower() in f"{row['name']} {row['meaning']}".lower()
    ]
    return render_template("admin/settings.html", rows=rows, text=text)
