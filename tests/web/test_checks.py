"""Checks on the page of a project and under administration, and what is decided there (SB-16)."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.domain import projects, sanity
from orchestra.domain.audit import SYSTEM
from orchestra.models import CheckProblem, ProjectCheck
from tests.builders import step
from tests.check_functions import checks, project
from tests.web.conftest import text_of

PAGE = "/orchestra/app/project"
LIST = "/orchestra/admin/checks/"


@pytest.fixture
def mia(client, make, session):
    """The browser of a project admin."""
    worker = make.admin("mia")
    session.commit()
    return client.sign_in(worker)


@pytest.fixture
def checked(session, make):
    """A project in which one of two checks found something."""
    made = project(make, checks("late", configured=["late", "lost"]))
    session.commit()
    sanity.handle(session, sanity.Result(made.id, ["late"]))
    session.commit()
    return made


def section(client, of):
    """What the section says, and the decisions that it offers."""
    page = client.get(f"{PAGE}/{of.id}").text
    found = re.search(r'<section class="project-section" id="checks".*?</section>', page, re.S)
    if found is None:
        return None
    offered = re.findall(r'name="decision" value="([^"]+)"', found[0])
    return text_of(found[0]), offered


def row(session, slug="late"):
    session.commit()
    found = session.execute(sa.select(ProjectCheck.__table__).filter_by(slug=slug)).one_or_none()
    session.commit()
    return found


def post(client, of, decision, slug="late"):
    return client.post_form(f"{PAGE}/{of.id}/checks/{slug}", decision=decision)


# --- The page of the project ------------------------------------------------------------------


def test_the_page_lists_the_checks_of_the_project(mia, checked):
    """SB-16: slug, when it was said last, and how often."""
    said, offered = section(mia, checked)

    assert "Checks 2" in said
    assert "late please look at it Found just now 1" in said
    assert "lost please look at it In order Never 0" in said
    snoozes = ["snooze:3600", "snooze:86400", "snooze:604800"]
    assert offered == ["resolve", *snoozes, "mute", *snoozes, "mute"]


def test_projects_of_versions_without_checks_have_no_such_section(mia, make, session):
    of = make.project(step("write"))
    session.commit()

    assert section(mia, of) is None


def test_workers_see_nothing_of_it_and_decide_nothing(client, make, session, checked):
    """W-60, P-19"""
    ana = make.worker("ana")
    make.hold(checked, "write", ana)
    session.add(CheckProblem(project_id=checked.id, error="ValueError: secret"))
    session.commit()
    client.sign_in(ana)

    assert section(client, checked) is None
    assert "secret" not in client.get(f"{PAGE}/{checked.id}").text
    assert post(client, checked, "mute").status_code == 403
    assert row(session).muted_at is None


@pytest.mark.parametrize(
    ("decisions", "words", "offers"),
    [
        (["mute"], "muted by mia", ["resolve", "unmute"]),
        (["mute", "unmute"], "Found", ["resolve", "mute"]),
        (["snooze:86400"], "snoozed until ", ["resolve", "wake", "mute"]),
        (["snooze:3600", "wake"], "Found", ["resolve", "mute"]),
        (["resolve"], "Resolved by mia", ["take_up", "mute"]),
        (["resolve", "take_up"], "Found", ["resolve", "mute"]),
    ],
)
def test_decisions_are_made_by_plain_forms(mia, session, checked, decisions, words, offers):
    """SB-16"""
    for decision in decisions:
        answer = post(mia, checked, decision)
        assert (answer.status_code, answer.location) == (303, f"{PAGE}/{checked.id}#checks")
    said, offered = section(mia, checked)

    assert words in said
    assert [what for what in offered if not what.startswith("snooze")] == [*offers, "mute"]


def test_what_is_no_decision_is_refused(mia, make, session, checked):
    assert post(mia, checked, "").status_code == 400
    assert post(mia, checked, "snooze:1").status_code == 400
    assert post(mia, checked, "mute", "unknown").status_code == 404
    path = f"{PAGE}/{checked.id}/checks/late"
    assert mia.post(path, data={"decision": "mute"}).status_code == 403
    post(mia, checked, "resolve", "lost")
    assert "finds nothing any more" in mia.get(f"{PAGE}/{checked.id}").text
    assert row(session, "lost") is None


def test_closed_projects_show_checks_and_offer_nothing(mia, session, checked):
    """W-62"""
    projects.abort(session, SYSTEM, checked.id)
    session.commit()

    said, offered = section(mia, checked)
    assert "late" in said
    assert offered == []
    assert post(mia, checked, "mute").status_code == 303
    assert row(session).muted_at is None


def test_a_function_that_fails_is_shown_on_the_page(mia, session, checked):
    """SB-9"""
    session.add(CheckProblem(project_id=checked.id, error="ValueError: <no>"))
    session.commit()

    page = text_of(mia.get(f"{PAGE}/{checked.id}").text)
    assert "of this project have failed" in page
    assert "ValueError: &lt;no&gt;" in page


# --- JSON -------------------------------------------------------------------------------------


def call(client, name, of, **more):
    body = {"project_id": of.id, "check_slug": "late"} | more
    return client.call(f"project_management/{name}_sanity_check/", body)


def test_the_same_decisions_as_json(mia, session, checked):
    """N-15"""
    for name, key, value, column in (
        ("mute", "muted", True, "muted_at"),
        ("resolve", "resolved", True, "resolved_at"),
        ("snooze", "seconds", 60, "snoozed_until"),
    ):
        answer = call(mia, name, checked, **{key: value})
        assert (answer.status_code, answer.json) == (200, {})
        assert getattr(row(session), column) is not None
        undo = None if key == "seconds" else False
        assert call(mia, name, checked, **{key: undo}).status_code == 200
        assert getattr(row(session), column) is None


@pytest.mark.parametrize(
    ("name", "more", "status"),
    [
        ("mute", {}, 422),
        ("mute", {"muted": "yes"}, 422),
        ("mute", {"muted": True, "check_slug": "unknown"}, 404),
        ("snooze", {"seconds": 0}, 422),
        ("snooze", {"seconds": 10**9}, 422),
        ("resolve", {"resolved": True, "check_slug": "lost"}, 409),
    ],
)
def test_wrong_calls_are_refused(mia, checked, name, more, status):
    assert call(mia, name, checked, **more).status_code == status


def test_project_information_tells_of_checks(mia, session, checked):
    """N-16"""
    session.add(CheckProblem(project_id=checked.id, error="ValueError: no"))
    session.commit()
    path = "project_management/project_information/"
    told = mia.call(path, {"project_id": checked.id}).json

    late, lost = told["sanity_checks"]
    assert (late["slug"], late["times_handled"], late["muted"]) == ("late", 1, False)
    assert late["allowed_actions"] == ["mute", "snooze", "resolve"]
    assert lost == {
        "slug": "lost",
        "found_at": None,
        "last_handled_at": None,
        "times_handled": 0,
        "muted": False,
        "snoozed_until": None,
        "resolved_at": None,
        "allowed_actions": ["mute", "snooze"],
    }
    assert told["sanity_problem"]["error"] == "ValueError: no"


# --- Administration ---------------------------------------------------------------------------


def test_all_checks_are_listed_with_what_was_decided(mia, session, checked):
    """W-69"""
    page = text_of(mia.get(LIST).text)
    assert "1 check of open projects" in page
    assert "late A project" in page

    post(mia, checked, "mute")
    assert "muted by mia" in mia.get(LIST).text
    assert "1 check of" in text_of(mia.get(f"{LIST}?finding=muted&q=project+late").text)
    assert "No check fits" in mia.get(f"{LIST}?finding=snoozed").text
    assert mia.get(f"{LIST}?finding=lost").status_code == 400
    assert f'href="{LIST}"' in mia.get("/orchestra/admin/").text


def test_an_empty_list_says_where_checks_come_from(mia):
    """W-8"""
    assert "No check has found anything" in mia.get(LIST).text


def test_closed_projects_are_not_in_the_list(mia, session, checked):
    session.add(CheckProblem(project_id=checked.id, error="ValueError: no"))
    session.commit()
    assert "ValueError: no" in mia.get(LIST).text

    projects.abort(session, SYSTEM, checked.id)
    session.commit()
    assert "ValueError: no" not in mia.get(LIST).text
    assert "No check has found anything" in mia.get(LIST).text


def test_the_list_costs_the_same_for_one_and_for_many(mia, make, session, statements):
    """W-8: whatever the number of rows."""
    costs = {}
    for number in (1, 10):
        for _ in range(number):
            of = project(make, checks("late"))
            later = utcnow() + timedelta(hours=1)
            session.add(ProjectCheck(project_id=of.id, slug="late", snoozed_until=later))
            session.add(CheckProblem(project_id=of.id, error="no"))
        session.commit()
        with statements() as seen:
            assert mia.get(LIST).status_code == 200
        costs[number] = len(seen)
    assert costs[1] == costs[10]
