"""Remarks on single fields: made with a return, resolved by the one who reworks (W-23)."""

import pytest

from orchestra.domain import lifecycle, projects, remarks, revert, story
from orchestra.domain.remarks import Said
from orchestra.domain.task_view import task_view
from orchestra.models import Iteration, Remark, TaskStatus, Verb

AT_TITLE = Said("Name the second source.", "/title")
IN_GENERAL = Said("Shorter, please.")


@pytest.fixture
def reviewing(make):
    return make.work(TaskStatus.REVIEWING)


@pytest.fixture
def returned(reviewing):
    reviewing.hand_over(reviewing.reviewer, "return", said=[AT_TITLE, IN_GENERAL])
    return reviewing


def texts(session, work):
    return [(remark.pointer, remark.text) for remark in remarks.of_task(session, work.task.id)]


def first(session, work):
    return remarks.of_task(session, work.task.id)[0]


def round_of_the_review(session, work):
    return session.query(Iteration).filter_by(task_id=work.task.id, number=2).one()


def test_remarks_are_kept_with_the_round_that_returns_the_work(session, returned):
    assert texts(session, returned) == [
        ("/title", "Name the second source."),
        (None, "Shorter, please."),
    ]
    assert first(session, returned).iteration is round_of_the_review(session, returned)


def test_an_accept_may_carry_remarks_too(session, reviewing):
    reviewing.hand_over(reviewing.reviewer, "accept", said=[AT_TITLE])
    assert texts(session, reviewing) == [("/title", "Name the second source.")]


def test_whoever_is_on_the_task_reads_them(session, returned):
    for actor in (returned.writer, returned.reviewer):
        view = task_view(session, returned.workers[actor.name], returned.task.id)
        assert [remark.text for remark in view.remarks] == [AT_TITLE.text, IN_GENERAL.text]


def test_a_submit_of_first_work_has_no_remarks(make, refused):
    work = make.work(TaskStatus.PROCESSING)
    error = refused(
        "invalid",
        lifecycle.hand_over,
        work.writer,
        work.task.id,
        "submit",
        data={},
        revision=1,
        said=[AT_TITLE],
    )
    assert list(error.fields) == ["remarks"]


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ([Said(" ")], "remarks/0"),
        ([AT_TITLE, Said("x" * 10_001)], "remarks/1"),
        ([Said("No slash.", "title")], "remarks/0"),
        ([Said("Too long.", "/" + "x" * 1_000)], "remarks/0"),
        ([AT_TITLE] * 101, "remarks"),
    ],
)
def test_what_is_no_remark_is_refused(reviewing, refused, said, place):
    """L-17"""
    error = refused(
        "invalid",
        lifecycle.hand_over,
        reviewing.reviewer,
        reviewing.task.id,
        "return",
        data={},
        revision=1,
        said=said,
    )
    assert list(error.fields) == [place]


def test_the_one_who_reworks_resolves_and_opens_again(act, session, returned):
    remark = first(session, returned)
    act(remarks.resolve, returned.writer, remark.id)
    assert remark.resolved_at is not None
    assert remark.resolved_by_id == returned.writer.worker_id
    act(remarks.reopen, returned.writer, remark.id)
    assert (remark.resolved_at, remark.resolved_by_id) == (None, None)


def test_resolving_and_opening_again_stand_in_the_history(act, session, returned, verbs):
    """P-60, P-61: each once, though it is pressed twice."""
    remark = first(session, returned)
    verbs()
    for rule in (remarks.resolve, remarks.resolve, remarks.reopen, remarks.reopen):
        act(rule, returned.writer, remark.id)
    assert verbs() == [Verb.REMARK_RESOLVED] * 2
    told = story.history(session, returned.project.id, task_id=returned.task.id).events[:2]
    assert [event.did for event in told] == [
        "opened a remark on Write again.",
        "marked a remark on Write as resolved.",
    ]
    assert [event.actor for event in told] == [returned.writer.name] * 2


def test_resolving_twice_keeps_the_first_time(act, session, returned):
    remark = first(session, returned)
    act(remarks.resolve, returned.writer, remark.id)
    at = remark.resolved_at
    act(remarks.resolve, returned.writer, remark.id)
    assert remark.resolved_at == at


def test_the_reviewer_who_has_it_again_may_say_it_is_not_resolved(act, session, returned):
    remark = first(session, returned)
    act(remarks.resolve, returned.writer, remark.id)
    returned.hand_over(returned.writer)
    act(remarks.reopen, returned.reviewer, remark.id)
    assert remark.resolved_at is None


def test_only_the_one_who_works_on_it_resolves(make, session, returned, refused):
    remark = first(session, returned)
    refused("wrong_status", remarks.resolve, returned.reviewer, remark.id)
    refused("forbidden", remarks.resolve, returned.admin, remark.id)
    refused("not_found", remarks.resolve, make.actor(make.worker()), remark.id)
    refused("not_found", remarks.resolve, returned.writer, remark.id + 100)


def test_a_pause_does_not_keep_from_resolving_and_an_end_does(act, session, returned, refused):
    """L-19, as for a draft"""
    remark = first(session, returned)
    act(projects.pause, returned.admin, returned.project.id)
    act(remarks.resolve, returned.writer, remark.id)
    act(projects.abort, returned.admin, returned.project.id)
    refused("project_closed", remarks.reopen, returned.writer, remark.id)


def test_a_revert_that_discards_the_round_hides_its_remarks(act, session, returned, refused):
    """L-91"""
    remark = first(session, returned)
    start = session.query(Iteration).filter_by(task_id=returned.task.id, number=1).one()
    act(revert.revert_task, returned.admin, returned.task.id, iteration_id=start.id, commit=True)
    assert texts(session, returned) == []
    refused("not_found", remarks.resolve, returned.writer, remark.id)
    assert session.get(Remark, remark.id) is not None  # nothing is deleted (L-6)


def test_a_round_that_is_opened_again_leaves_its_remarks_behind(act, session, returned):
    review = round_of_the_review(session, returned)
    act(revert.revert_task, returned.admin, returned.task.id, iteration_id=review.id, commit=True)
    assert texts(session, returned) == []
    returned.hand_over(returned.reviewer, "return", said=[Said("Better so.")])
    assert texts(session, returned) == [(None, "Better so.")]
