"""Browsers for tests of pages: each request has an application context of its own."""

import re

import pytest
from flask.testing import FlaskClient

from orchestra.domain import lifecycle, pickup, projects
from orchestra.domain.audit import Actor
from orchestra.domain.task_view import task_view
from orchestra.models import Role, TaskClass
from tests.builders import step
from tests.recording import Recording
from tests.web.asking import Asking


class Browser(FlaskClient):
    """Without a fresh context a request would see who was signed in at the one before."""

    def open(self, *args, **kwargs):
        with self.application.app_context():
            return super().open(*args, **({"buffered": True} | kwargs))  # files are closed

    def token(self, path="/orchestra/app"):
        """The token that the pages of this session carry."""
        page = self.get(path, follow_redirects=True).text
        return re.search(r'<meta name="csrf-token" content="([^"]+)"', page)[1]

    def sign_in(self, worker):
        """Sign in as this worker without asking for the password."""
        with self.session_transaction() as session:
            session["_user_id"] = worker.session_key
            session["_fresh"] = True
        self.csrf_token = self.token()
        return self

    def post_form(self, path, /, **fields):
        return self.post(path, data={"csrf_token": self.csrf_token} | fields)

    def call(self, path, body=None, method="POST"):
        """A changing call of the JSON API of the pages."""
        return self.open(
            f"/orchestra/api/interface/{path}",
            method=method,
            json=body if body is not None else {},
            headers={"X-CSRF-Token": self.csrf_token},
        )


@pytest.fixture
def client(app):
    return new_browser(app)


@pytest.fixture
def browser(app):
    """Make more browsers, for several people at once."""
    return lambda: new_browser(app)


def new_browser(app):
    return Browser(app, app.response_class, use_cookies=True)


@pytest.fixture
def start(session, make):
    """Start a project of a version; a project admin does it."""

    def started(version, description="The Pope in New York", *, priority=0, data=None):
        actor = Actor.of(make.admin())
        return projects.create_project(
            session,
            actor,
            workflow_slug=version.workflow.slug,
            version_slug=version.slug,
            short_description=description,
            priority=priority,
            task_class=TaskClass.REAL,
            project_data=data or {},
        )

    return started


@pytest.fixture
def take(session):
    """Let a worker pick up a task, and return its id."""

    def taken(worker, role=Role.ENTRY_LEVEL):
        task_id = pickup.pick_up(session, Actor.of(worker), role).task_id
        session.flush()
        return task_id

    return taken


@pytest.fixture
def hand_over(session):
    """Let a worker hand over a task with this data."""

    def handed_over(worker, task_id, command="submit", data=None, comment=None, said=()):
        view = task_view(session, worker, task_id)
        task = lifecycle.hand_over(
            session,
            Actor.of(worker),
            task_id,
            command,
            data=data or {"headline": "Rain"},
            revision=view.assignment.revision,
            comment=comment,
            said=said,
        )
        session.flush()
        return task

    return handed_over


@pytest.fixture
def asking(session, make):
    return Asking(session, make)


@pytest.fixture
def ana(work):
    """The writer of ``work``, unless a module knows somebody else by this name."""
    return work.workers[work.writer.name]


@pytest.fixture
def her(client, ana):
    """The browser of ana."""
    return client.sign_in(ana)


@pytest.fixture
def record(session, work):
    """Put entries on the timecard of the writer."""
    return Recording(session, work)


def text_of(page):
    """What is read on a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def form_step(slug, *after, **keys):
    """A human step that asks for a headline, and is always reviewed once unless told otherwise."""
    interface = {
        "form": {
            "type": "object",
            "properties": {
                "headline": {"type": "string", "title": "Headline", "minLength": 3},
                "text": {"type": "string", "title": "Text"},
            },
            "required": ["headline"],
        },
        "ui": {"fields": {"/text": {"widget": "textarea"}}},
    }
    policy = {"policy": "sampled_review", "rate": 1, "max_reviews": 1}
    return step(slug, *after, **({"user_interface": interface, "review_policy": policy} | keys))
