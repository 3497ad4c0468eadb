"""Several tabs, over real HTTP, save from one revision at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests
import sqlalchemy as sa

from orchestra.database import reading
from orchestra.domain import documents
from orchestra.domain.audit import SYSTEM
from orchestra.domain.folders import Wanted
from orchestra.models import Assignment, FileKind, Iteration, Project, TaskStatus
from tests.builders import own
from tests.serving import serving_app

INTERFACE = "/orchestra/api/interface"
TABS = 8


@pytest.fixture
def address(app):
    with serving_app(app) as url:
        yield f"{url}{INTERFACE}"


@pytest.fixture
def work(make, session):
    work = make.work(TaskStatus.PROCESSING)
    session.commit()
    return work


class Tab:
    """One of several tabs in which the same person is signed in."""

    def __init__(self, address, browser):
        self.address, self.session = address, requests.Session()
        cookie = browser.get_cookie(browser.application.config["SESSION_COOKIE_NAME"])
        self.session.cookies.set(cookie.key, cookie.value)
        self.session.headers["X-CSRF-Token"] = browser.csrf_token

    def call(self, path, body, method="POST"):
        answer = self.session.request(method, f"{self.address}{path}", json=body, timeout=60)
        return answer.status_code, answer.json()


@pytest.fixture
def open_tabs(address, browser):
    """Tabs of one person at some work: ``open_tabs(work, work.writer, 2)``."""
    opened = []

    def tabs_of(work, actor, number):
        signed_in = browser().sign_in(work.workers[actor.name])
        opened.extend(Tab(address, signed_in) for _ in range(number))
        return opened[-number:]

    yield tabs_of
    for tab in opened:
        tab.session.close()


def at_once(*calls):
    """What each call gives; all begin at the same moment."""
    start = threading.Barrier(len(calls))

    def thread(call):
        start.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(thread, calls))


# --- What is saved ----------------------------------------------------------------------------


class Draft:
    """Of a task, saved by its writer."""

    def __init__(self, work):
        self.owner, self.task_id, self.assignment_id = work.writer, work.task.id, work.at(0).id
        work.session.commit()

    def save(self, tab, text, revision):
        body = {"task_id": self.task_id, "task_data": {"text": text}, "revision": revision}
        return tab.call("/save_task_assignment/", body)

    def stored(self, session):
        assignment = session.get_one(Assignment, self.assignment_id)
        return assignment.revision, assignment.data.get("text")

    def told(self, data):
        return data["text"]


class Document:
    """Of a project, saved by somebody on it."""

    def __init__(self, work):
        self.owner = work.writer
        wanted = Wanted(kind=FileKind.DOCUMENT, key="draft", name="Draft")
        document = documents.reserve(work.session, SYSTEM, work.project.id, wanted, "New")
        self.id = document.id
        work.session.commit()

    def save(self, tab, text, revision):
        return tab.call(f"/documents/{self.id}/", {"text": text, "revision": revision}, "PUT")

    def stored(self, session):
        newest = documents.newest_revision(session, self.id)
        return newest.revision, newest.text

    def told(self, data):
        return data["text"]


class ProjectData:
    """Edited by a project admin."""

    def __init__(self, work):
        self.owner, self.project_id = work.admin, work.project.id

    def save(self, tab, text, revision):
        body = {"project_id": self.project_id, "revision": revision, "project_data": {"text": text}}
        return tab.call("/project_management/edit_project/", body)

    def stored(self, session):
        project = session.get_one(Project, self.project_id)
        return project.revision, own(project.project_data).get("text")

    def told(self, data):
        return data["project_data"]["text"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", [Draft, Document, ProjectData])
def test_of_tabs_that_save_at_once_one_succeeds_and_the_others_get_its_work(
    work, open_tabs, kind, many
):
    """R-13: in the end nothing is lost, because who was refused joins theirs to the newer one."""
    thing = kind(work)
    tabs = open_tabs(work, thing.owner, TABS)
    for number in range(5 * many):
        some = tabs[:2] if number % 5 else tabs
        _save_in_all(thing, {f"{number}-{n}": tab for n, tab in enumerate(some)})


def _save_in_all(thing, tabs):
    """One round: tabs by what each of them saves."""
    with reading() as session:
        revision, _ = thing.stored(session)
    answers = at_once(*(partial(thing.save, tab, text, revision) for text, tab in tabs.items()))
    by_text = dict(zip(tabs, answers, strict=True))

    (saved,) = [text for text, (status, _) in by_text.items() if status == 200]
    assert by_text.pop(saved)[1]["revision"] == revision + 1
    for status, refusal in by_text.values():
        assert (status, refusal["error"]) == (409, "stale_revision")
        assert (refusal["revision"], thing.told(refusal["data"])) == (revision + 1, saved)
        assert refusal["saved_by"] == thing.owner.name
    _require_stored(thing, revision + 1, saved)

    joined = " ".join(tabs)
    assert thing.save(tabs[next(iter(by_text))], joined, revision + 1)[0] == 200
    _require_stored(thing, revision + 2, joined)


def _require_stored(thing, revision, text):
    with reading() as session:
        assert thing.stored(session) == (revision, text)


@pytest.mark.timeout(900)
def test_a_tab_that_hands_over_and_one_that_saves_lose_nothing(make, open_tabs, many):
    """R-13: one of both is refused and told why, and what was accepted is kept."""
    for _ in range(5 * many):
        work = make.work(TaskStatus.PROCESSING)
        draft = Draft(work)
        _save_and_hand_over(draft, *open_tabs(work, work.writer, 2))
        of_task = sa.select(Iteration.submitted_data).where(Iteration.task_id == draft.task_id)
        with reading() as opened:
            assert opened.scalars(of_task).one() == {"text": "handed over"}


def _save_and_hand_over(draft, one, other):
    with reading() as session:
        revision, _ = draft.stored(session)
    (saved, refusal), (handed_over, other_refusal) = at_once(
        lambda: draft.save(one, "saved", revision),
        lambda: _hand_over(other, draft.task_id, "handed over", revision),
    )
    assert sorted([saved, handed_over]) == [200, 409]
    if saved == 200:
        assert other_refusal["error"] == "stale_revision"
        assert other_refusal["data"] == {"text": "saved"}
        assert _hand_over(other, draft.task_id, "handed over", revision + 1)[0] == 200
    else:
        assert refusal["error"] == "wrong_status"


def _hand_over(tab, task_id, text, revision):
    body = {"task_id": task_id, "task_data": {"text": text}, "revision": revision}
    return tab.call("/submit_task_assignment/", body | {"command_type": "submit"})
