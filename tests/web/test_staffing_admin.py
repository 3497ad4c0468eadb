"""Staffing on the pages of project admins: requests under administration, and why (W-69, S-18)."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from orchestra.domain import lifecycle, versions
from orchestra.models import (
    OfferState,
    Project,
    ProjectStatus,
    RequestState,
    StaffingRequest,
    TaskStatus,
    Worker,
)
from tests.builders import step
from tests.web.conftest import text_of

LIST = "/orchestra/admin/staffing/"
PROJECT = "/orchestra/app/project"


@pytest.fixture
def mia(client, asking, session):
    """The browser of a project admin, who sees what the test has made until then."""

    def signed_in():
        session.commit()
        worker = session.scalars(sa.select(Worker).where(Worker.username == "mia")).one()
        client.sign_in(worker)
        session.rollback()
        return client

    return signed_in


@pytest.fixture
def task(make):
    project = make.project(step("report", name="Reporting"), step("photos", name="Photos"))
    project.short_description = "The Pope in New York"
    make.session.flush()
    return make.task(project, "report")


def read(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    return text_of(answer.text)


def states(session):
    session.rollback()
    found = session.scalars(sa.select(StaffingRequest.state).order_by(StaffingRequest.id)).all()
    session.rollback()
    return found


# --- Requests ---------------------------------------------------------------------------------


def test_requests_are_listed_with_what_became_of_them(mia, asking, make, task):
    """W-69"""
    first, _second = asking.for_task(task, make.worker(), make.worker())
    first.state = OfferState.DECLINED
    page = read(mia(), LIST)
    assert "1 request, the newest first" in page
    assert f"Reporting task {task.id} The Pope in New York Asking Delivery by hand 2 1" in page


def test_an_empty_list_says_how_to_begin(mia):
    """W-8"""
    assert "StaffBot was not asked yet" in read(mia(), LIST)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("?state=live", 1),
        ("?state=cancelled", 1),
        ("?state=filled", 0),
        ("?q=pope", 2),
        ("?q=POPE+report", 2),
        ("?q=emperor", 0),
        ("?q=%25", 0),
        ("?state=open&q=pope", 1),
    ],
)
def test_requests_are_filtered_and_searched(mia, asking, task, query, found):
    """W-72"""
    asking.request(task)
    asking.request(task)
    page = mia().get(LIST + query).text
    assert page.count('<tr id="request-') == found
    if not found:
        assert "No request fits" in page


def test_a_request_is_found_by_the_id_of_its_task(mia, asking, task):
    asking.request(task)
    task_id = task.id
    client = mia()
    assert '<tr id="request-' in client.get(f"{LIST}?q=%23{task_id}").text
    assert "No request fits" in client.get(f"{LIST}?q={task_id + 1000}").text
    assert client.get(f"{LIST}?state=unknown").status_code == 400


def test_the_list_is_paged_at_a_constant_cost(mia, asking, make, task, statements):
    """W-72"""
    client, costs = mia(), []
    for number in (1, 51):
        for _ in range(number):
            asking.request(task)
        make.session.commit()
        versions._graphs.clear()
        with statements() as seen:
            page = client.get(LIST).text
        costs.append(len(seen))
    assert costs[0] == costs[1]
    assert page.count('<tr id="request-') == 50
    assert client.get(f"{LIST}?page=2").text.count('<tr id="request-') == 2
    assert "There is no page 9" in client.get(f"{LIST}?page=9").text


def test_the_page_of_a_request_says_who_was_asked_and_who_was_not(mia, asking, make, task):
    """S-13, S-18"""
    ana, ben = make.worker("ana", first_name="Ana"), make.worker("ben", first_name="Ben")
    request = asking.request(task)
    [offer] = asking.by_request(request, ana, verdicts={"limit_reached": [ben.id]})
    offer.state = OfferState.DECLINED
    path, client = f"{LIST}{request.id}", mia()
    page = read(client, path)
    assert "Ana ana Declined" in page
    assert "Has as many tasks in progress as allowed 1 Ben" in page
    assert "by mia, by hand" in page
    assert client.get(f"{LIST}999").status_code == 404


def test_a_request_is_cancelled_and_asked_again(mia, asking, make, session, task):
    """S-6, S-7, S-12"""
    [offer] = asking.for_task(task, make.worker())
    first = offer.request_id
    client = mia()
    answer = client.post_form(f"{LIST}{first}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{LIST}{first}")
    assert "StaffBot has stopped asking" in read(client, f"{LIST}{first}")
    assert states(session) == [RequestState.CANCELLED]
    assert "is cancelled already" in _pressed(client, f"{LIST}{first}/cancel")
    second = client.post_form(f"{LIST}{first}/again").headers["Location"]
    page = read(client, second)
    assert "StaffBot asks everybody anew." in page
    assert f"Request {first} Cancelled" in page
    assert states(session) == [RequestState.CANCELLED, RequestState.OPEN]


def _pressed(client, path):
    return read(client, client.post_form(path).headers["Location"])


def test_a_replacement_is_asked_for_again(mia, asking, make, session):
    """S-8"""
    work = make.work(TaskStatus.PROCESSING)
    holder = work.workers[work.writer.name]
    [offer] = asking.instead_of(holder, work.task, make.worker())
    request_id, name = offer.request_id, holder.name
    client = mia()
    assert f"instead of {name}" in read(client, f"{LIST}{request_id}")
    assert f"instead of {name}" in _pressed(client, f"{LIST}{request_id}/again")
    assert states(session) == [RequestState.CANCELLED, RequestState.OPEN]


def test_what_cannot_be_asked_again_is_refused_in_words(mia, asking, make, session, task):
    """S-5"""
    [offer] = asking.for_task(task, make.worker())
    lifecycle.assign_task(session, asking.mia, task.id, make.worker("ben"))
    path = f"{LIST}{offer.request_id}/again"
    page = _pressed(mia(), path)
    assert "use restaff" in page
    assert states(session) == [RequestState.FILLED]


def test_the_page_of_a_worker_lists_what_they_were_asked(mia, asking, make, task, statements):
    """P-63"""
    ana = make.worker("ana", first_name="Ana")
    [offer] = asking.for_task(task, ana)
    offer.state = OfferState.DECLINED
    path, costs = f"/orchestra/admin/people/{ana.id}", []
    client = mia()
    assert "Offers 1 Reporting Declined · The Pope in New York" in read(client, path)
    for _ in range(2):
        versions._graphs.clear()
        with statements() as seen:
            client.get(path)
        costs.append(len(seen))
        for _ in range(3):
            asking.for_task(task, ana)
        make.session.commit()
    assert "Offers 7" in read(client, path)
    assert costs[0] == costs[1]


def test_workers_do_not_see_the_requests(client, make, session):
    """P-19, P-20"""
    worker = make.worker()
    session.commit()
    client.sign_in(worker)
    assert client.get(LIST).status_code == 403
    assert client.post_form(f"{LIST}1/cancel").status_code == 403


# --- The page of the project ------------------------------------------------------------------


def test_the_project_says_for_whom_staffbot_is_looking(mia, asking, make, task):
    """W-55"""
    first, _second = asking.for_task(task, make.worker(), make.worker())
    first.state = OfferState.DECLINED
    path = f"{PROJECT}/{task.project_id}"
    page = mia().get(path).text
    assert "Asked 2 people, 1 declined" in text_of(page)
    assert 'data-act="cancel_request"' in page


def test_a_request_says_when_the_next_people_are_asked(mia, asking, task, session):
    """S-20, W-59"""
    request = asking.request(task)
    request.last_batch_at = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
    client, path = mia(), f"{LIST}{request.id}"
    why = f"{PROJECT}/{task.project_id}?tab=why"
    for address in (path, why):
        assert 'Next batch due <time datetime="2026-05-03T12:02:00' in client.get(address).text
    session.get_one(Project, task.project_id).status = ProjectStatus.PAUSED
    session.commit()
    assert "Next batch when the project is resumed" in read(client, path)
    session.get_one(StaffingRequest, request.id).state = RequestState.EXHAUSTED
    session.commit()
    assert "Next batch" not in read(client, path)


def test_a_search_that_found_nobody_to_ask_says_so(mia, asking, task):
    """S-2, W-55: not that everybody was asked, when nobody was."""
    request = asking.request(task)
    request.state = RequestState.EXHAUSTED
    client = mia()
    assert "Nobody can be asked" in read(client, f"{PROJECT}/{task.project_id}")
    assert "Nobody left to ask" in read(client, LIST)


def test_a_description_that_failed_is_shown_at_the_task(mia, asking, task):
    """S-29"""
    request = asking.request(task)
    request.detail_problem = "KeyError: 'deadline'"
    path = f"{PROJECT}/{task.project_id}"
    client = mia()
    page = read(client, path)
    assert "Offers of Reporting go out without their detailed description" in page
    assert "KeyError: &#39;deadline&#39;" in page
    assert "The detailed description is missing" in read(client, f"{path}?tab=why")


def test_the_tab_why_tells_of_one_task_at_a_time(mia, asking, make, task):
    """S-18, W-59"""
    path = f"{PROJECT}/{task.project_id}?tab=why"
    assert "StaffBot was not asked to look for anybody" in read(mia(), path)
    asking.for_task(task, make.worker("ana", first_name="Ana"))
    photos = make.task(task.project, "photos")
    asking.for_task(photos, make.worker("ben", first_name="Ben"))
    ids = task.id, photos.id
    client = mia()
    newest = read(client, path)
    assert "Ben ben No answer yet" in newest
    assert "Ana ana" not in newest
    assert "Ana ana No answer yet" in read(client, f"{path}&task={ids[0]}")
    assert "Ben ben No answer yet" in read(client, f"{path}&task={max(ids) + 1000}")


def test_why_costs_the_same_for_one_and_for_many(mia, asking, make, task, statements):
    path, costs = f"{PROJECT}/{task.project_id}?tab=why", []
    client = mia()
    for number in (1, 9):
        for _ in range(number):
            asking.for_task(task, *(make.worker() for _ in range(number)))
        make.session.commit()
        versions._graphs.clear()
        with statements() as seen:
            assert client.get(path).status_code == 200
        costs.append(len(seen))
    assert costs[0] == costs[1] <= 24


def test_workers_on_the_project_are_not_told_why(client, asking, make, session, task):
    """W-60"""
    ana = make.worker("ana")
    lifecycle.assign_task(session, asking.mia, task.id, ana)
    asking.instead_of(ana, task, make.worker())
    path = f"{PROJECT}/{task.project_id}"
    session.commit()
    page = client.sign_in(ana).get(f"{path}?tab=why").text
    assert ">Why</a>" not in page
    assert "asked 1" not in page.lower()
