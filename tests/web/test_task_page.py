"""The task page and its form without JavaScript (W-20 to W-30)."""

import re

import pytest

from orchestra.domain import projects
from orchestra.domain.audit import Actor
from orchestra.domain.remarks import Said
from orchestra.models import Assignment, Role
from tests.builders import step
from tests.web.conftest import form_step

GOOD = {"/headline": "Rain in New York", "/text": ""}


@pytest.fixture
def version(make):
    return make.version(step("plan", name="Story plan"), form_step("reporting", "plan"))


@pytest.fixture
def ana(make):
    return make.worker("ana", first_name="Ana", time_zone="Europe/Berlin")


@pytest.fixture
def ben(make):
    return make.worker("ben", first_name="Ben")


@pytest.fixture
def task_id(session, start, take, hand_over, version, ana):
    """The second task of a project, held by ana."""
    start(version)
    hand_over(ana, take(ana), data={"result": "Ask the police."})
    task_id = take(ana)
    session.commit()
    return task_id


@pytest.fixture
def page(task_id):
    return f"/orchestra/app/task/{task_id}"


@pytest.fixture
def at_ana(client, page, ana):
    return client.sign_in(ana)


def test_the_page_shows_the_task_and_what_came_before(at_ana, page, task_id):
    """W-21, W-22"""
    text = at_ana.get(page).text
    for shown in ("The Pope in New York", "Reporting", f"Task {task_id}", "Ask the police."):
        assert shown in text
    assert "<h1>Reporting</h1>" in text
    assert f'data-task-id="{task_id}" data-username="ana" data-revision="1"' in text
    assert 'data-status="processing"' in text
    commands = re.findall(r'data-command="(\w+)"', text)
    assert commands == ["save", "submit"]


def test_others_do_not_learn_that_the_task_exists(client, session, page, ben):
    """W-20"""
    session.commit()
    answer = client.sign_in(ben).get(page)
    assert answer.status_code == 404
    assert "The Pope" not in answer.text


def test_a_project_admin_reads_and_learns_why_only(client, make, session, page):
    """W-20, W-25"""
    admin = make.admin()
    session.commit()
    text = client.sign_in(admin).get(page).text
    assert "You see this task as a project admin." in text
    assert "Ana works on it." in text
    assert "task-form" not in text


def test_a_reviewer_accepts_or_returns_by_name(
    client, session, page, task_id, ana, ben, take, hand_over
):
    """W-21, W-23"""
    hand_over(ana, task_id)
    take(ben, Role.REVIEWER)
    session.commit()
    text = client.sign_in(ben).get(page).text
    assert re.findall(r'data-command="(\w+)"', text) == ["save", "return", "accept"]
    assert "Return to Ana" in text
    assert "Review</span></h1>" in text


def test_feedback_stands_on_top_until_the_work_is_handed_back(
    at_ana, session, page, task_id, ana, ben, take, hand_over
):
    """W-23"""
    hand_over(ana, task_id)
    take(ben, Role.REVIEWER)
    hand_over(ben, task_id, "return", comment="Where <b>exactly</b>?")
    session.commit()
    text = at_ana.get(page).text
    assert "Ben returned this" in text
    assert "Where &lt;b&gt;exactly&lt;/b&gt;?" in text
    hand_over(ana, task_id)
    session.commit()
    text = at_ana.get(page).text
    assert "Ben returned this" not in text
    assert "Where &lt;b&gt;exactly&lt;/b&gt;?" in text  # in the history


def test_handed_over_work_can_only_be_read(at_ana, session, page, task_id, ana, hand_over):
    """W-25"""
    hand_over(ana, task_id)
    session.commit()
    text = at_ana.get(page).text
    assert "it is being reviewed" in text
    assert "data-command" not in text
    assert "Rain" in text


def test_a_pause_disables_the_submit_and_says_why(at_ana, make, session, page):
    """W-26"""
    projects.pause(session, Actor.of(make.admin()), 1)
    session.commit()
    text = at_ana.get(page).text
    assert "The project is paused." in text
    assert re.search(r'data-command="submit" disabled', text)
    assert not re.search(r'data-command="save"[^>]*disabled', text)


def test_an_open_dependency_disables_the_submit_and_is_named(
    client, make, session, start, take, ana, ben
):
    """N-12"""
    start(
        make.version(
            step("facts", name="Facts"), form_step("text", submission_depends_on=["facts"])
        )
    )
    take(ben)
    task_id = take(ana)
    session.commit()
    text = client.sign_in(ana).get(f"/orchestra/app/task/{task_id}").text
    assert "these steps must be finished: Facts" in text
    assert re.search(r'data-command="submit" disabled', text)


def test_times_are_those_of_the_reader(at_ana, page):
    """W-11"""
    assert "(Europe/Berlin)" in at_ana.get(page).text


def test_work_is_saved_without_javascript(at_ana, session, page, task_id):
    """W-1"""
    answer = at_ana.post_form(page, command="save", revision="1", **{"/headline": "R"})
    assert answer.location == page
    assert "Saved." in at_ana.get(page).text
    with session.begin():
        saved = session.query(Assignment).filter_by(task_id=task_id).one()
        assert (saved.data, saved.revision) == ({"headline": "R"}, 2)


def test_work_is_submitted_without_javascript(at_ana, page, task_id):
    answer = at_ana.post_form(page, command="submit", revision="1", **GOOD)
    assert answer.location == "/orchestra/app"
    assert f"Task {task_id} was submitted." in at_ana.get("/orchestra/app").text


def test_work_is_returned_without_javascript(
    client, session, page, task_id, ana, ben, take, hand_over
):
    hand_over(ana, task_id)
    take(ben, Role.REVIEWER)
    session.commit()
    client.sign_in(ben)
    client.post_form(page, command="return", revision="1", comment="Where?", **GOOD)
    text = client.get("/orchestra/app").text
    assert f"Task {task_id} went back to the person before you." in text


def test_errors_stand_at_their_fields_and_nothing_typed_is_lost(at_ana, page):
    """W-30"""
    typed = {"/headline": "R", "/text": "Twenty thousand people came."}
    answer = at_ana.post_form(page, command="submit", revision="1", **typed)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert 'href="#field/headline"' in answer.text
    assert 'value="R"' in answer.text
    assert "Twenty thousand people came." in answer.text


def test_a_stale_token_shows_the_form_again_with_the_typed_values(at_ana, page):
    """W-13"""
    answer = at_ana.post_form(page, csrf_token="stale", command="submit", revision="1", **GOOD)
    assert answer.status_code == 400
    assert "Rain in New York" in answer.text


def test_a_newer_draft_is_not_overwritten_unasked(at_ana, session, page, task_id):
    """W-29, without JavaScript"""
    at_ana.post_form(page, command="save", revision="1", **{"/headline": "First"})
    answer = at_ana.post_form(page, command="save", revision="1", **{"/headline": "Second"})
    assert answer.status_code == 409
    assert "A newer version was saved by ana" in answer.text
    assert 'value="Second"' in answer.text
    assert 'name="revision" value="2"' in answer.text
    with session.begin():
        assert session.query(Assignment).filter_by(task_id=task_id).one().data == {
            "headline": "First"
        }


@pytest.mark.parametrize("form", [{"command": "burn", "revision": "1"}, {"command": "save"}])
def test_a_form_that_is_not_of_this_page_is_refused(at_ana, page, form):
    assert at_ana.post_form(page, **form).status_code == 400


def test_the_page_costs_a_fixed_number_of_statements(at_ana, page, statements):
    with statements() as seen:
        at_ana.get(page)
    assert len(seen) <= 14


def test_a_comment_with_a_nul_is_kept_without_it(
    client, session, page, task_id, ana, ben, take, hand_over
):
    hand_over(ana, task_id)
    take(ben, Role.REVIEWER)
    session.commit()
    client.sign_in(ben)
    comment = "Whe\0re?"
    answer = client.post_form(page, command="return", revision="1", comment=comment, **GOOD)
    assert answer.status_code == 302
    assert "Where?" in client.get(page).text


@pytest.fixture
def returned(session, task_id, ana, ben, take, hand_over):
    """Two rounds: ana's, and ben's, who changed the headline and returned it with remarks."""
    hand_over(ana, task_id, data={"headline": "Rain in New York", "text": "It rained."})
    take(ben, Role.REVIEWER)
    hand_over(
        ben,
        task_id,
        "return",
        data={"headline": "Snow in New York", "text": "It rained."},
        said=[Said("Who <b>says</b> so?", "/text"), Said("Shorter, please.")],
    )
    session.commit()


def test_remarks_stand_on_top_and_lead_to_their_fields(at_ana, page, returned):
    """W-23"""
    text = at_ana.get(page).text
    assert '<a href="#field/text">Text</a>' in text
    assert "Who &lt;b&gt;says&lt;/b&gt; so?" in text
    assert "The whole work" in text
    assert text.count("data-resolve ") == 2


def test_the_reviewer_sees_what_became_of_the_remarks(
    client, at_ana, browser, session, page, returned, ana, ben, task_id, hand_over
):
    """W-23"""
    number = re.search(r'data-remark="(\d+)"', at_ana.get(page).text)[1]
    assert at_ana.call(f"remarks/{number}/resolve/").json["resolved_at"]
    assert "Resolved by Ana" in at_ana.get(page).text
    hand_over(ana, task_id)
    session.commit()
    at_ben = browser().sign_in(ben)
    text = at_ben.get(page).text
    assert "Remarks of the review" in text
    assert "Resolved by Ana" in text
    assert at_ben.call(f"remarks/{number}/reopen/").json["resolved_at"] is None
    assert "Resolved by Ana" not in at_ana.get(page).text


def test_work_that_can_only_be_read_offers_no_resolving(
    at_ana, session, page, returned, ana, task_id, hand_over
):
    hand_over(ana, task_id)
    session.commit()
    text = at_ana.get(page).text
    assert "Shorter, please." in text
    assert "data-resolve " not in text


def test_a_round_shows_what_it_changed_and_all_that_was_handed_over(at_ana, page, returned):
    """W-22"""
    text = at_ana.get(f"{page}/round/2").text
    assert "<h1>Ben returned this" in text
    assert "<del>Rain</del><ins>Snow</ins> in New York" in text
    assert "Shorter, please." in text
    assert "It rained." in text  # in all that was handed over
    first = at_ana.get(f"{page}/round/1").text
    assert "What changed" not in first  # there was nothing before
    assert "Rain in New York" in first


@pytest.mark.parametrize("number", [3, 4])
def test_a_round_that_was_not_handed_over_is_not_there(at_ana, page, returned, number):
    assert at_ana.get(f"{page}/round/{number}").status_code == 404


def test_others_do_not_learn_of_a_round(client, make, session, page, returned):
    """W-20"""
    stranger = make.worker()
    session.commit()
    assert client.sign_in(stranger).get(f"{page}/round/1").status_code == 404


def test_a_round_costs_the_same_whatever_was_said(
    at_ana, session, page, task_id, ana, ben, returned, hand_over, statements
):
    def cost(address):
        with statements() as seen:
            at_ana.get(address)
        return len(seen)

    before = cost(page), cost(f"{page}/round/2")
    hand_over(ana, task_id)
    hand_over(ben, task_id, "return", said=[Said(f"Number {n}") for n in range(20)])
    session.commit()
    assert (cost(page), cost(f"{page}/round/2")) == before


def test_the_page_names_the_team_and_leads_to_the_project(at_ana, page, returned):
    """W-21"""
    text = at_ana.get(page).text
    assert 'href="/orchestra/app/project/1"' in text
    assert re.search(r'Ben <span class="count">Reporting, review</span>', text)
    assert re.search(r'Ana <span class="count">Story plan</span>', text)
