"""The page of one project (specification W-53 to W-62); its buttons are in the templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from orchestra.database import reading, retry_deadlocks, transaction
from orchestra.domain import (
    files,
    preparing,
    project_page,
    project_staffing,
    staffing_story,
    story,
    team_messages,
    time_reports,
)
from orchestra.domain.channel_view import ChannelView
from orchestra.domain.project_page import ProjectPage
from orchestra.domain.project_rows import Round
from orchestra.domain.staffing_story import RequestStory
from orchestra.domain.story import Story
from orchestra.domain.team_messages import Sent
from orchestra.domain.time_reports import Recorded
from orchestra.errors import Conflict
from orchestra.models import ProjectStatus, StoredFile, Worker
from orchestra.web import auth, requests
from orchestra.web.pages import step_graph
from orchestra.web.pages.checks import SNOOZE_CHOICES
from orchestra.web.pages.conditional import conditional
from orchestra.web.pages.kept_names import json_with_names
from orchestra.web.pages.timeline import passed, timeline
from orchestra.web.pages.wording import zone_of

blueprint = Blueprint("project", __name__, url_prefix="/orchestra/app/project")
auth.guard_pages(blueprint)

TABS = {
    "timeline": "Timeline",
    "team": "Team",
    "files": "Files",
    "data": "Data",
    "messages": "Messages",
    "history": "History",
    "why": "Why",
}
TABS_OF_WORKERS = {name: TABS[name] for name in ("timeline", "team", "files")}  # W-60
CLOSED = {
    ProjectStatus.COMPLETED: "This project is completed. Only a revert can open it again.",
    ProjectStatus.ABORTED: "This project was aborted. Nothing in it can change any more.",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the project the address names."""

    tab: str
    task_id: int | None = None  # of the history, or of why
    person: str | None = None
    before: int | None = None  # of the history and the messages
    iteration_id: int | None = None  # of the timeline
    is_relative: bool = False

    @classmethod
    def from_request(cls, tabs: dict[str, str]) -> "Asked":
        """:raises Malformed: a number is none."""
        tab = request.args.get("tab", "")
        return cls(
            tab=tab if tab in tabs else "timeline",
            task_id=requests.whole_argument("task"),
            person=request.args.get("person", "").replace("\0", "") or None,
            before=requests.whole_argument("before"),
            iteration_id=requests.whole_argument("iteration"),
            is_relative=request.args.get("time") == "relative",
        )


@dataclass(frozen=True)
class Contents:
    """What only the chosen tab needs."""

    story: Story | None = None
    people: Sequence[tuple[str, str]] = ()  # of the history: username and name
    chosen: Round | None = None
    files: Sequence[StoredFile] = ()
    sent: Sent | None = None
    requests: Sequence[RequestStory] = ()  # of why: those of one task
    staffed: Mapping[int, int] = field(default_factory=dict)  # of why: task → its requests
    channel: ChannelView | None = None  # of every tab, for project admins
    recorded: Mapping[int, Sequence[Recorded]] = field(default_factory=dict)  # by task

    @property
    def recorded_minutes(self) -> int:
        return sum(one.minutes for people in self.recorded.values() for one in people)


@blueprint.get("/<int:project_id>")
def show(project_id: int) -> ResponseReturnValue:
    viewer = auth.current_worker()
    tabs = TABS if viewer.is_project_admin else TABS_OF_WORKERS
    asked = Asked.from_request(tabs)
    with reading() as session:
        view = project_page.project_page(session, viewer, project_id)
        contents = _contents(session, viewer, view, asked)
        if not view.is_reduced:
            recorded = time_reports.recorded_on(session, project_id)
            channel = ChannelView.of(session, view.project)
            contents = replace(contents, recorded=recorded, channel=channel)
    return conditional(_page(viewer, view, asked, contents))


@blueprint.post("/<int:project_id>/prepare")
def prepare(project_id: int) -> ResponseReturnValue:
    """Ask again for the folder that could not be made (W-58)."""
    auth.require_form_token()
    try:
        _prepare(project_id)
        flash("The folder of the project is asked for once more.")
    except Conflict as error:
        flash(error.message, "warning")
    return redirect(f"{blueprint.url_prefix}/{project_id}", 303)


@retry_deadlocks
def _prepare(project_id: int) -> None:
    with transaction() as session:
        preparing.try_again(session, auth.current_actor(), project_id)


def _contents(session: Session, viewer: Worker, view: ProjectPage, asked: Asked) -> Contents:
    project_id = view.project.id
    if asked.tab == "history":
        told = story.history(
            session,
            project_id,
            task_id=asked.task_id,
            person=asked.person,
            before=asked.before,
        )
        return Contents(told, story.people(session, project_id))
    if asked.tab == "timeline" and asked.iteration_id:
        chosen = project_page.submitted(session, viewer, project_id, asked.iteration_id)
        return Contents(chosen=chosen)
    if asked.tab == "why":
        return _why(session, view, asked)
    if asked.tab == "messages":
        return Contents(sent=team_messages.sent(session, project_id, before=asked.before))
    if asked.tab == "files":
        return Contents(files=files.files_of(session, project_id))
    return Contents()


def _why(session: Session, view: ProjectPage, asked: Asked) -> Contents:
    """The requests of one task: the one asked for, or that of the newest request."""
    staffed = project_staffing.requests_by_task(session, view.project.id)
    task_id = asked.task_id if asked.task_id in staffed else next(iter(staffed), None)
    requests = staffing_story.why(session, task_id) if task_id else []
    return Contents(requests=requests, staffed=staffed)


def _page(viewer: Worker, view: ProjectPage, asked: Asked, contents: Contents) -> str:
    is_closed = view.project.status.is_closed
    tabs = TABS_OF_WORKERS if view.is_reduced else TABS
    return render_template(
        "projects/project.html",
        view=view,
        project=view.project,
        asked=asked,
        contents=contents,
        tabs=tabs,
        closed=CLOSED.get(view.project.status),
        channel=contents.channel,
        snoozes=SNOOZE_CHOICES,
        graph=step_graph.picture(
            view.graph, view.rows, absent="Not created" if is_closed else "Not yet"
        ),
        row_id=step_graph.row_id,
        timeline=_timeline(viewer, view, asked),
        passed=passed,
        pretty_json=partial(json_with_names, view.project.id),
        address=lambda **more: _address(view, more),
    )


def _timeline(viewer: Worker, view: ProjectPage, asked: Asked) -> Any:
    if asked.tab != "timeline":
        return None
    return timeline(view, zone_of(viewer), is_relative=asked.is_relative)


def _address(view: ProjectPage, more: dict[str, Any]) -> str:
    given = {name: value for name, value in more.items() if value}
    return f"/orchestra/app/project/{view.project.id}?{urlencode(given)}"
