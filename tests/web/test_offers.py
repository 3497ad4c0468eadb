"""The page of one offer: who sees it, what it says, and what an answer does (S-28 to S-43)."""

from datetime import timedelta

import pytest

from orchestra.database import utcnow
from orchestra.domain import lifecycle, projects, staffing
from orchestra.models import Offer, OfferState, RequestState, TaskStatus
from tests.builders import step
from tests.web.asking import ALL
from tests.web.conftest import text_of

LOGIN = "/orchestra/accounts/login/"


@pytest.fixture
def ana(make):
    return make.worker("ana", first_name="Ana")


@pytest.fixture
def task(make):
    project = make.project(step("report", name="Reporting", description="Ask <everybody>."))
    project.short_description = "The Pope in New York"
    make.session.flush()
    return make.task(project, "report")


@pytest.fixture
def offer(asking, task, ana):
    return asking.for_task(task, ana, detail="Bring a *pen* <script>alert(1)</script>")[0]


@pytest.fixture
def path(asking, offer):
    asking.session.commit()
    return asking.path_of(offer)


def state_of(session, offer):
    session.rollback()
    state = session.get(Offer, offer.id, populate_existing=True).state
    session.rollback()
    return state


def test_without_a_login_the_offer_is_shown_after_it(client, make, path, session, ana):
    """S-33"""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{LOGIN}?next={path}")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    ana.password_hash = make.worker(password="correct horse battery").password_hash
    session.commit()
    token = client.token(LOGIN)
    form = {"csrf_token": token, "next": path, "username": "ana"}
    answer = client.post(LOGIN, data=form | {"password": "correct horse battery"})
    assert answer.headers["Location"] == path


def test_looking_changes_nothing_with_or_without_a_login(client, path, session, offer, ana):
    """S-33: what scanners of mails do."""
    for method in ("GET", "HEAD"):
        for _ in range(3):
            client.open(path, method=method)
    client.sign_in(ana)
    for method in ("GET", "HEAD"):
        assert client.open(path, method=method).status_code == 200
    for verb in ("accept", "decline"):
        for method in ("GET", "HEAD"):
            assert client.open(path + verb, method=method).status_code == 405
    assert state_of(session, offer) is OfferState.SENT


@pytest.mark.parametrize("verb", ["", "accept", "decline"])
def test_the_offer_of_somebody_else_does_not_exist(client, make, session, path, offer, verb):
    """S-33, S-35"""
    foreign = make.worker()
    session.commit()
    client.sign_in(foreign)
    method = client.post_form if verb else client.get
    for address in (path, path.replace("/offers/", "/offers/9"), f"{path[:-3]}xx/"):
        assert method(address + verb).status_code == 404, address
    assert state_of(session, offer) is OfferState.SENT


def test_the_page_says_what_is_asked(client, path, ana, task):
    """S-28, S-30"""
    answer = client.sign_in(ana).get(path)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    read = text_of(answer.text)
    for part in (
        "Hello Ana",
        "The Pope in New York",
        "Ask &lt;everybody&gt;.",
        task.project.version.workflow.description,
        f"Task {task.id}",
        "Stop such messages",
        "All tasks available to you",
        "Accept Decline",
    ):
        assert part in read, part
    assert "Bring a <em>pen</em> &lt;script&gt;" in answer.text
    assert "Review" not in read


def test_a_review_is_called_one(client, asking, make, session, ana):
    """S-28"""
    work = make.work(TaskStatus.PENDING_REVIEW)
    [offer] = asking.for_task(work.task, ana)
    session.commit()
    assert "<h1>Review of Write</h1>" in client.sign_in(ana).get(asking.path_of(offer)).text


def test_who_accepts_gets_the_task_and_may_press_again(client, path, session, offer, ana, task):
    """S-35, S-36, S-43"""
    client.sign_in(ana)
    for _ in range(2):
        answer = client.post_form(f"{path}accept")
        assert (answer.status_code, answer.headers["Location"]) == (303, path)
        answer = client.get(path)
        assert "The task is yours." in answer.text
        assert f'href="/orchestra/app/task/{task.id}"' in answer.text
        assert "Decline" not in answer.text
    assert state_of(session, offer) is OfferState.ACCEPTED
    session.expire_all()
    assert session.get(Offer, offer.id).request.state is RequestState.FILLED
    session.rollback()
    assert client.get(f"/orchestra/app/task/{task.id}").status_code == 200


def test_who_is_late_is_told_so_with_the_time(client, browser, asking, make, session, ana, task):
    """S-38: who got it is not told."""
    ben = make.worker("ben", first_name="Ben")
    first, second = asking.for_task(task, ana, ben)
    session.commit()
    client.sign_in(ana).post_form(f"{asking.path_of(first)}accept")
    late = browser().sign_in(ben)
    for answer in (
        late.post_form(f"{asking.path_of(second)}accept"),
        late.post_form(f"{asking.path_of(second)}decline"),
        late.get(asking.path_of(second)),
    ):
        read = text_of(answer.text)
        assert answer.status_code == 409
        assert "This task was already taken" in read
        assert "just now" in read
        assert "Ana" not in read
        assert f'href="{ALL}"' in answer.text
    assert state_of(session, second) is OfferState.LOST


def test_a_declined_offer_can_be_declined_again_and_accepted_after_all(
    client, path, session, offer, ana
):
    """S-40, S-41"""
    client.sign_in(ana)
    for _ in range(2):
        assert client.post_form(f"{path}decline").headers["Location"] == path
        read = text_of(client.get(path).text)
        assert "You declined" in read
        assert "Accept after all" in read
    assert state_of(session, offer) is OfferState.DECLINED
    client.post_form(f"{path}accept")
    assert "The task is yours." in client.get(path).text


def test_what_was_accepted_cannot_be_declined(client, path, session, offer, ana):
    """S-40"""
    client.sign_in(ana).post_form(f"{path}accept")
    answer = client.post_form(f"{path}decline")
    assert answer.status_code == 409
    assert "Ask a project admin to give the task back." in answer.text
    assert state_of(session, offer) is OfferState.ACCEPTED


def test_an_offer_that_ran_out_is_over(client, path, session, offer, ana):
    """S-32, S-35"""
    offer.expires_at = utcnow() - timedelta(minutes=5)
    session.commit()
    client.sign_in(ana)
    for answer in (client.get(path), client.post_form(f"{path}accept")):
        assert answer.status_code == 409
        assert "This offer has expired" in answer.text
        assert "5 min ago" in answer.text
        assert "Accept" not in answer.text


def test_nobody_accepts_while_the_project_is_paused(client, asking, path, session, ana, task):
    """S-35, R-10"""
    projects.pause(session, asking.mia, task.project_id)
    session.commit()
    client.sign_in(ana)
    read = text_of(client.get(path).text)
    assert "The project is paused. You can accept when it goes on" in read
    answer = client.post_form(f"{path}accept")
    assert answer.status_code == 409
    assert "That was not possible" in answer.text


def test_an_offer_that_was_taken_back_says_so(client, asking, path, session, offer, ana):
    """S-12"""
    staffing.cancel(session, asking.mia, offer.request_id)
    session.commit()
    answer = client.sign_in(ana).post_form(f"{path}accept")
    assert answer.status_code == 409
    assert "This offer was withdrawn" in answer.text


def test_a_refusal_gives_its_reason_and_leaves_the_offer(
    client, asking, path, session, offer, ana, make, change_settings
):
    """S-37: the limit of tasks in progress is a reason that passes."""
    change_settings(max_in_progress_tasks=1)
    other = make.project(step("other"))
    lifecycle.assign_task(session, asking.mia, make.task(other, "other").id, ana)
    session.commit()
    answer = client.sign_in(ana).post_form(f"{path}accept")
    assert answer.status_code == 409
    assert "That was not possible" in answer.text
    assert "Accept</button>" in answer.text
    assert state_of(session, offer) is OfferState.SENT


@pytest.mark.parametrize(
    ("wanted", "followed"),
    [
        (ALL, True),
        ("/orchestra/app", True),
        ("https://example.org/orchestra/", False),
        ("//example.org/orchestra/", False),
        ("/orchestra/../elsewhere", False),
        ("/orchestra/%2e%2e/elsewhere", False),
        ("/elsewhere", False),
    ],
)
def test_after_an_answer_only_paths_of_ours_are_followed(client, path, ana, wanted, followed):
    """S-43"""
    answer = client.sign_in(ana).post_form(f"{path}decline", next=wanted)
    assert answer.headers["Location"] == (wanted if followed else path)


def test_with_an_outdated_token_the_offer_is_shown_again(client, path, session, offer, ana):
    """W-13"""
    client.sign_in(ana)
    answer = client.post(f"{path}accept", data={"csrf_token": "of another session"})
    assert answer.status_code == 400
    assert "Accept</button>" in answer.text
    assert client.post(f"{path[:-3]}xx/accept").status_code == 403
    assert state_of(session, offer) is OfferState.SENT


def test_a_holder_keeps_the_task_until_somebody_accepts(client, asking, make, session, ana):
    """S-8, S-9, S-45"""
    work = make.work(TaskStatus.PROCESSING)
    holder = work.workers[work.writer.name]
    [offer] = asking.instead_of(holder, work.task, ana)
    path, holder_id, ana_id = asking.path_of(offer), holder.id, ana.id
    session.commit()
    client.sign_in(ana)
    assert "Hello Ana" in client.get(path).text
    assert holder_of(session, work) == holder_id
    client.post_form(f"{path}accept")
    assert "The task is yours." in client.get(path).text
    assert holder_of(session, work) == ana_id


def holder_of(session, work):
    session.rollback()
    session.expire_all()
    worker_id = work.at(0).worker_id
    session.rollback()
    return worker_id
