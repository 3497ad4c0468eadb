"""A project with people around it, and its admin at a browser."""

import pytest
import sqlalchemy as sa

from orchestra.domain import projects
from orchestra.domain.audit import Actor
from orchestra.models import Attempt, TaskClass, TaskStatus, Worker
from tests.browser.management.hands import task_of
from tests.builders import step
from tests.web.conftest import form_step

TRACEBACK = "Traceback (most recent call last):\n  File \"crawl.py\", line 7\nKeyError: 'url'"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory):
    """One database is enough here: a browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture
def version(make):
    """A reviewed step that ana, bea and cem may do, one after it, and a machine step."""
    version = make.version(
        form_step("reporting", name="Reporting", required_certifications=["reporter"]),
        step("photos", "reporting", name="Photos"),
        step("crawl", name="Crawling", human=False),
        certifications=["reporter"],
        slug="journalism",
    )
    for name in ("ana", "bea", "cem"):
        worker = make.worker(name, first_name=name.title())
        make.grant(worker, version.workflow.certifications[0])
    make.worker("dan", first_name="Dan")
    make.admin("mia", first_name="Mia", password="mia")
    return version


@pytest.fixture
def start(session, version):
    """Start and commit a project; gives its id."""

    def started(description="The Pope in New York"):
        mia = session.scalars(sa.select(Worker).where(Worker.username == "mia")).one()
        project = projects.create_project(
            session,
            Actor.of(mia),
            workflow_slug="journalism",
            version_slug="v1",
            short_description=description,
            priority=10,
            task_class=TaskClass.REAL,
            project_data={"url": "https://example.org"},
        )
        session.commit()
        return project.id

    return started


@pytest.fixture
def project_id(start):
    return start()


@pytest.fixture
def at_project(served, visiting, project_id):
    """Mia at the page of the project."""

    def opened(**options):
        visit = visiting(served, **options)
        page = visit.sign_in("mia")
        page.goto(f"{served}/orchestra/app/project/{project_id}")
        return visit, page

    return opened


@pytest.fixture
def failed(session, project_id):
    task = task_of(session, project_id, "crawl")
    task.status, task.last_error, task.attempts = TaskStatus.FAILED, "KeyError: 'url'", 3
    attempt = {"number": 3, "fencing_number": 3, "host": "h", "process": 1, "outcome": "failed"}
    session.add(Attempt(task_id=task.id, error="KeyError: 'url'", traceback=TRACEBACK, **attempt))
    session.commit()
    return task.id
