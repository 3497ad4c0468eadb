"""Folders of projects: what lies in them, and a form to add to it."""

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from orchestra.database import reading
from orchestra.domain.folder_view import folder_view, get_folder
from orchestra.domain.folders import FOLDERS
from orchestra.errors import Conflict, Invalid, TooLarge
from orchestra.project_files import ProjectFiles, store
from orchestra.web import auth, uploads

blueprint = Blueprint("folders", __name__, url_prefix=FOLDERS)
blueprint.url_value_preprocessor(uploads.make_room)
auth.guard_pages(blueprint)


@blueprint.get("/<folder_id>/")
def show(folder_id: str) -> ResponseReturnValue:
    with reading() as session:
        view = folder_view(session, auth.current_worker(), folder_id)
    if store().has_own_pages:
        return redirect(ProjectFiles(view.project.id).link(folder_id))
    return render_template("documents/folder.html", view=view)


@blueprint.post("/<folder_id>/")
def add(folder_id: str) -> ResponseReturnValue:
    auth.require_form_token()
    with reading() as session:
        project_id = get_folder(session, auth.current_worker(), folder_id).project_id
    try:
        for file in uploads.chosen_files():
            flash(f"{uploads.take_into(project_id, file, folder_id).name} was added.")
    except (Invalid, TooLarge, Conflict) as error:
        flash(error.message, "warning")
    return redirect(uploads.task_page() if "task_id" in request.form else _address(folder_id))


def _address(folder_id: str) -> str:
    return f"{FOLDERS}/{folder_id}/"
