"""The dashboard (P-45 to P-50, W-15 to W-19)."""

import re

import pytest

from orchestra.domain import projects, versions
from orchestra.domain.audit import Actor
from orchestra.models import Assignment, AssignmentStatus, Role, Task, TaskStatus
from tests.builders import step
from tests.web.conftest import form_step

APP = "/orchestra/app"


@pytest.fixture
def reviewed(make):
    """A version with one step that is always reviewed, and its certification."""
    return make.version(
        form_step("reporting", required_certifications=["reporting"]),
        certifications=["reporting"],
    )


@pytest.fixture
def ana(make, reviewed):
    return certified(make, reviewed, "ana", Role.ENTRY_LEVEL, first_name="Ana")


@pytest.fixture
def ben(make, reviewed):
    return certified(make, reviewed, "ben", Role.REVIEWER, first_name="Ben")


def certified(make, version, username, *roles, **columns):
    worker = make.worker(username, **columns)
    for role in roles:
        make.grant(worker, version.workflow.certifications[0], role)
    return worker


def buckets_of(client):
    page = client.get(APP).text
    return re.findall(r'id="bucket-(\w+)"', page)


def test_somebody_without_tasks_reads_how_to_get_one(client, make, session):
    """W-18"""
    worker = make.worker()
    session.commit()
    page = client.sign_in(worker).get(APP).text
    assert "No tasks yet" in page
    assert "New delivery task" in page


def test_a_task_walks_through_the_buckets_of_both_people(
    browser, session, start, take, hand_over, reviewed, ana, ben
):
    """P-45, P-47"""
    start(reviewed)
    task_id = take(ana)
    session.commit()
    at_ana, at_ben = browser().sign_in(ana), browser().sign_in(ben)
    assert buckets_of(at_ana) == ["in_progress"]
    hand_over(ana, task_id)
    session.commit()
    assert buckets_of(at_ana) == ["in_progress", "pending_review"]
    take(ben, Role.REVIEWER)
    hand_over(ben, task_id, "return", comment="Where?")
    session.commit()
    assert buckets_of(at_ana) == ["returned", "in_progress"]
    assert "Returned by Ben" in at_ana.get(APP).text
    assert buckets_of(at_ben) == ["in_progress", "pending_processing"]
    hand_over(ana, task_id)
    hand_over(ben, task_id, "accept")
    session.commit()
    assert buckets_of(at_ana) == ["in_progress", "complete"]


def test_paused_projects_have_a_bucket_and_aborted_ones_none(
    client, make, session, start, take, reviewed, ana
):
    """P-45"""
    paused, aborted = start(reviewed), start(reviewed)
    take(ana), take(ana)
    admin = Actor.of(make.admin())
    projects.pause(session, admin, paused.id)
    projects.abort(session, admin, aborted.id)
    session.commit()
    client.sign_in(ana)
    assert buckets_of(client) == ["in_progress", "paused"]


def test_urgent_and_old_projects_come_first(client, session, start, take, reviewed, ana):
    """P-46"""
    for priority, name in ((1, "first"), (5, "urgent"), (1, "second")):
        start(reviewed, name, priority=priority)
    for _ in range(3):
        take(ana)
    session.commit()
    page = client.sign_in(ana).get(APP).text
    places = [page.index(f'title="{name}"') for name in ("urgent", "first", "second")]
    assert places == sorted(places)


def test_a_blocked_button_says_why(client, session, start, take, reviewed, ana, change_settings):
    """W-17, P-49"""
    start(reviewed)
    take(ana)
    session.commit()
    change_settings(max_in_progress_tasks=1)
    page = client.sign_in(ana).get(APP).text
    assert 'disabled aria-describedby="blocked"' in page
    assert "You have 1 of at most 1 tasks in progress" in page


def test_the_buttons_can_be_switched_off(client, session, ana, change_settings):
    """P-35, P-36"""
    session.commit()
    change_settings(enable_new_task_buttons=False)
    client.sign_in(ana)
    assert "New delivery task" not in client.get(APP).text
    assert client.post_form(f"{APP}/new_task/entry_level").status_code == 403


def test_the_review_button_is_for_those_who_could_review(browser, session, ana, ben):
    """P-35"""
    session.commit()
    assert "New review task" not in browser().sign_in(ana).get(APP).text
    assert "New review task" in browser().sign_in(ben).get(APP).text


def test_without_javascript_the_button_opens_the_task(client, session, start, reviewed, ana):
    """W-17"""
    start(reviewed)
    session.commit()
    client.sign_in(ana)
    answer = client.post_form(f"{APP}/new_task/entry_level")
    assert re.fullmatch(rf"{APP}/task/\d+", answer.location)
    answer = client.post_form(f"{APP}/new_task/entry_level")
    assert answer.location == APP
    assert "No task is waiting at the moment." in client.get(APP).text


def test_taking_a_task_needs_the_token(client, session, start, reviewed, ana):
    """W-13"""
    start(reviewed)
    session.commit()
    answer = client.sign_in(ana).post_form(f"{APP}/new_task/entry_level", csrf_token="stale")
    assert answer.status_code == 403
    assert session.query(Assignment).count() == 0


def test_an_unchanged_dashboard_is_not_sent_again(client, session, start, take, reviewed, ana):
    """The page asks every few seconds."""
    session.commit()
    client.sign_in(ana)
    tag = client.get(APP).headers["ETag"]
    assert client.get(APP, headers={"If-None-Match": tag}).status_code == 304
    start(reviewed)
    session.commit()
    assert client.get(APP, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("page", ["0", "x", "-1", "1.5", "²"])
def test_a_page_that_is_no_number_is_refused(client, session, ana, page):
    session.commit()
    assert client.sign_in(ana).get(f"{APP}?completed={page}").status_code == 400


@pytest.fixture
def at_many(client, session, make, reviewed, ana):
    """ana at a browser, with 101 tasks in progress."""
    for number in range(101):
        description = f"Number {number:03}"
        session.add(held_by(ana, reviewed, "reporting", description, priority=number % 7))
    session.commit()
    return client.sign_in(ana)


def held_by(worker, version, step_slug, description, *, priority=0, is_complete=False):
    """A row as the rules would leave it."""
    project = projects.Project(
        version=version,
        short_description=description,
        priority=priority,
        task_class="real",
        project_data={},
        created_by="mia",
    )
    status = TaskStatus.COMPLETE if is_complete else TaskStatus.PROCESSING
    task = Task(project=project, step=step_slug, is_human=True, status=status)
    held = AssignmentStatus.SUBMITTED if is_complete else AssignmentStatus.PROCESSING
    return Assignment(task=task, level=0, worker_id=worker.id, status=held, data={})


def shown(page):
    return re.findall(r'title="(Number \d+)"', page)


def test_more_than_a_page_of_open_tasks_is_paged(at_many):
    """W-15"""
    first, second = at_many.get(APP).text, at_many.get(f"{APP}?in_progress=2").text
    assert "Page 1 of 3" in first
    assert "Page 2 of 3" in second
    third = at_many.get(f"{APP}?in_progress=3").text
    assert len(shown(first)) == 50
    assert len({*shown(first), *shown(second), *shown(third)}) == 101


def test_the_search_and_the_order_reach_what_is_not_on_the_page(at_many):
    """W-16"""
    assert shown(at_many.get(f"{APP}?q=number+099").text) == ["Number 099"]
    assert shown(at_many.get(f"{APP}?sort=project").text)[0] == "Number 000"
    assert shown(at_many.get(f"{APP}?sort=-project").text)[0] == "Number 100"
    for words in ("reporting", "delivery", "processing", "workflow"):
        assert len(shown(at_many.get(f"{APP}?q={words}").text)) == 50, words
    page = at_many.get(f"{APP}?q=nowhere").text
    assert "No tasks yet" not in page
    assert re.search(r"data-nothing-found>No task here has these words", page)


@pytest.mark.parametrize("query", ["sort=colour", "sort=--step", "in_progress=0"])
def test_what_cannot_be_asked_for_is_refused(client, session, ana, query):
    session.commit()
    assert client.sign_in(ana).get(f"{APP}?{query}").status_code == 400


@pytest.mark.parametrize("query", ["q=%00", "q=%25_%5C", "q=" + "a+" * 500])
def test_any_words_can_be_searched_for(client, session, ana, query):
    session.commit()
    assert client.sign_in(ana).get(f"{APP}?{query}").status_code == 200


def complete_tasks(session, make, worker, count):
    """Every second one."""
    version = make.version(step("rate"), slug=f"many-{count}")
    for number in range(count):
        is_complete = bool(number % 2)
        session.add(held_by(worker, version, "rate", f"Project {number}", is_complete=is_complete))
    session.commit()


@pytest.mark.parametrize(
    "path", [APP, f"{APP}?q=project&sort=step", "/orchestra/api/interface/dashboard_tasks/"]
)
def test_the_dashboard_costs_twelve_statements_for_ten_or_a_thousand_tasks(
    client, make, session, statements, ana, path
):
    """P-50; with the look-up of the session, and with no definition read before."""
    seen = {}
    client.sign_in(ana)
    for count in (10, 990):
        complete_tasks(session, make, ana, count)
        versions._graphs.clear()
        with statements() as counted:
            answer = client.get(path)
        assert answer.status_code == 200
        seen[count] = len(counted)
    assert seen[10] == seen[990]
    assert seen[990] <= 12
