"""Panels of a step that show a document or a folder of the project (W-35)."""

from sqlalchemy.orm import Session

from orchestra.database import reading
from orchestra.domain.document_view import document_view
from orchestra.domain.folder_view import FolderView, folder_view
from orchestra.domain.forms import Context, Form, Panel
from orchestra.errors import NotFound
from orchestra.models import Worker
from orchestra.project_files import store
from orchestra.web.pages.forms import Kept
from orchestra.web.pages.shown import Shown

KINDS = ("document", "folder")
GONE = "It is not there, or not yours to see."
SAMPLES = {
    "document": "The document is shown here, with a link to edit it.",
    "folder": "What lies in the folder is shown here, with a way to add files.",
}


def kept_panels(form: Form, context: Context, worker: Worker) -> Kept:
    """What the panels show, by their type and the id that earlier data gave them."""
    wanted = list(_wanted(form, context))
    if not wanted:
        return {}
    with reading() as session:
        return {(panel.type, panel.value): _shown(session, worker, panel) for panel in wanted}


def sample_panels(form: Form, context: Context) -> Kept:
    """For a preview, whose data leads to nothing."""
    return {
        (panel.type, panel.value): Shown("text", panel.title, SAMPLES[panel.type])
        for panel in _wanted(form, context)
    }


def folders_among(panels: Kept) -> list[FolderView]:
    """Those that files can be added to."""
    views = [shown.value for shown in panels.values() if shown.kind == "kept_folder"]
    return [view for view in views if view.may_change]


def _wanted(form: Form, context: Context) -> list[Panel]:
    return [
        panel
        for panel in form.panels(context)
        if panel.type in KINDS and isinstance(panel.value, str)
    ]


def _shown(session: Session, worker: Worker, panel: Panel) -> Shown:
    try:
        if panel.type == "folder":
            return Shown("kept_folder", panel.title, folder_view(session, worker, panel.value))
        view = document_view(session, worker, panel.value)
    except NotFound:
        return Shown("text", panel.title, GONE)
    kind = "kept_elsewhere" if store().has_own_pages else "kept_document"
    return Shown(kind, panel.title, view)
