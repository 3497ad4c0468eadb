"""Saving, handing over, skipping; and what a project's status allows (L-19, L-51 to L-82)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, lifecycle, projects, repair, revert
from orchestra.domain.audit import Actor
from orchestra.models import TERMINAL, AuditEvent, Iteration, ProjectStatus, Task, TaskStatus
from orchestra.models.projects import NEXT_STATUSES
from tests.builders import reviewed, step

S = TaskStatus
FORM = {"form": {"type": "object", "properties": {"title": {"type": "string", "minLength": 3}}}}


def hand(work, actor, command="submit", *, data=None, revision=1, **more):
    """Arguments of a hand-over for ``act`` and ``refused``."""
    named = {"data": {} if data is None else data, "revision": revision} | more
    return (lifecycle.hand_over, actor, work.task.id, command), named


# --- The project gate (L-19) ------------------------------------------------------------------


@pytest.fixture
def world(make):
    """One project with a task in every state that an operation needs."""
    work = make.work(
        S.PROCESSING,
        after=[
            step("waiting"),
            step("reviewed", review_policy=reviewed()),
            step("done"),
            step("unwanted", creation_policy={"policy_function": {"path": "tests.steps.want_not"}}),
            step("machine", human=False, retry_policy={"max_attempts": 1}),
        ],
    )
    session, admin = work.session, work.admin
    for slug, person in (("reviewed", work.writer), ("done", work.writer)):
        task = make.task(work.project, slug)
        held = lifecycle.assign_task(session, admin, task.id, work.workers[person.name])
        session.flush()
        lifecycle.hand_over(session, person, task.id, "submit", data={}, revision=held.revision)
        session.flush()
    reviewer = work.workers[work.reviewer.name]
    lifecycle.assign_task(session, admin, make.task(work.project, "reviewed").id, reviewer)
    make.task(work.project, "machine").status = S.FAILED
    session.flush()
    return work


def _operations(work, make):
    session, admin = work.session, work.admin
    task = {t.step: t.id for t in work.project.tasks}
    worker, key = make.worker(), Actor.of_key("client")
    submitted = {"data": {}, "revision": 1}
    done = session.scalars(sa.select(Iteration).where(Iteration.task_id == task["done"])).one()
    back = {"iteration_id": done.id, "commit": True}
    return {
        "assign": (lifecycle.assign_task, admin, task["waiting"], worker),
        "assign by key": (lifecycle.assign_task, key, task["waiting"], worker),
        "reassign": (interventions.reassign, admin, work.at(0).id, worker),
        "unassign": (interventions.unassign, admin, work.at(0).id),
        "save": (lifecycle.save_draft, work.writer, task["write"], {"a": 1}, 1),
        "submit": (lifecycle.hand_over, work.writer, task["write"], "submit", submitted),
        "accept": (lifecycle.hand_over, work.reviewer, task["reviewed"], "accept", submitted),
        "return": (lifecycle.hand_over, work.reviewer, task["reviewed"], "return", submitted),
        "skip": (interventions.skip_task, admin, task["waiting"]),
        "un-skip": (interventions.unskip_task, admin, task["unwanted"]),
        "retry": (repair.retry_task, admin, task["machine"]),
        "skip with data": (repair.skip_with_data, admin, task["machine"], {}),
        "revert": (revert.revert_task, admin, task["done"], back),
        "edit": (
            projects.edit_project,
            admin,
            work.project.id,
            {"revision": 1, "changes": {"priority": 1}},
        ),
    }


PAUSED, CLOSED = "project_paused", "project_closed"
GATE = {  # operation: what it meets in a project that is Paused, Completed, Aborted
    "assign": (None, CLOSED, CLOSED),
    "assign by key": (PAUSED, CLOSED, CLOSED),
    "reassign": (None, CLOSED, CLOSED),
    "unassign": (None, CLOSED, CLOSED),
    "save": (None, CLOSED, CLOSED),
    "submit": (PAUSED, CLOSED, CLOSED),
    "accept": (PAUSED, CLOSED, CLOSED),
    "return": (PAUSED, CLOSED, CLOSED),
    "skip": (PAUSED, CLOSED, CLOSED),
    "un-skip": (PAUSED, CLOSED, CLOSED),
    "retry": (PAUSED, CLOSED, CLOSED),
    "skip with data": (PAUSED, CLOSED, CLOSED),
    "revert": (None, None, CLOSED),
    "edit": (None, None, CLOSED),
}
IN_STATUS = {"active": -1, "paused": 0, "completed": 1, "aborted": 2}


@pytest.mark.parametrize("operation", GATE)
def test_the_status_of_a_project_decides_what_is_allowed(
    world, make, session, act, refused, operation
):
    """L-19"""
    *call, last = _operations(world, make)[operation]
    named = last if isinstance(last, dict) and last else {}
    call = call if named else [*call, last]
    for status, column in IN_STATUS.items():
        world.project.status = ProjectStatus(status)
        kind = None if status == "active" else GATE[operation][column]
        if kind:
            refused(kind, *call, **named)
            continue
        with session.begin_nested() as undone:
            act(*call, **named)
            undone.rollback()


# --- Drafts (L-51 to L-56) --------------------------------------------------------------------


def test_a_saved_draft_raises_the_revision(make, act, verbs):
    work = make.work(S.PROCESSING)
    verbs()
    saved = act(lifecycle.save_draft, work.writer, work.task.id, {"a": 1}, 1)
    assert (saved.data, saved.revision, saved.saved_by) == ({"a": 1}, 2, work.writer.name)
    assert saved.saved_at
    assert verbs() == ["draft_saved"]


def test_the_event_of_a_save_does_not_hold_the_data(make, act, last_event):
    """L-54"""
    work = make.work(S.PROCESSING)
    act(lifecycle.save_draft, work.writer, work.task.id, {"secret": "text"}, 1)
    assert "secret" not in str(last_event("draft_saved").after)


def test_saves_within_ten_minutes_are_one_event(make, act, verbs, session):
    """L-54"""
    work = make.work(S.PROCESSING)
    for revision in (1, 2, 3):
        act(lifecycle.save_draft, work.writer, work.task.id, {"a": revision}, revision)
    assert verbs().count("draft_saved") == 1
    long_ago = lifecycle.utcnow() - timedelta(minutes=11)
    name = Actor(name="early", source="web", worker_id=work.writer.worker_id)
    session.add(
        AuditEvent(
            actor="early",
            source="web",
            verb="draft_saved",
            object_kind="assignment",
            object_id=work.at(0).id,
            at=long_ago,
        )
    )
    session.flush()
    act(lifecycle.save_draft, name, work.task.id, {"a": 4}, 4)
    assert verbs() == ["draft_saved", "draft_saved"]


def test_saving_identical_data_changes_nothing(make, act, stored):
    """L-56"""
    work = make.work(S.PROCESSING)
    act(lifecycle.save_draft, work.writer, work.task.id, {"a": 1, "b": [2]}, 1)
    before = stored()
    act(lifecycle.save_draft, work.writer, work.task.id, {"b": [2], "a": 1}, 2)
    assert stored() == before


def test_true_is_not_one_in_a_draft(make, act, session):
    work = make.work(S.PROCESSING)
    act(lifecycle.save_draft, work.writer, work.task.id, {"a": 1}, 1)
    act(lifecycle.save_draft, work.writer, work.task.id, {"a": True}, 2)
    session.refresh(work.at(0))
    assert work.at(0).data["a"] is True


def test_an_old_revision_is_refused_with_the_newer_draft(make, act, refused):
    """L-52, L-143"""
    work = make.work(S.PROCESSING)
    saved = act(lifecycle.save_draft, work.writer, work.task.id, {"a": 1}, 1)
    error = refused("stale_revision", lifecycle.save_draft, work.writer, work.task.id, {"a": 2}, 1)
    assert error.details == {
        "revision": 2,
        "data": {"a": 1},
        "saved_at": saved.saved_at,
        "saved_by": work.writer.name,
    }


def test_returned_work_was_last_saved_by_the_reviewer(make, refused):
    work = make.work(S.POST_REVIEW_PROCESSING)
    error = refused("stale_revision", lifecycle.save_draft, work.writer, work.task.id, {}, 2)
    assert error.details["saved_by"] == work.reviewer.name


def test_a_draft_may_break_the_form(make, act):
    """L-53"""
    work = make.work(S.PROCESSING, user_interface=FORM)
    act(lifecycle.save_draft, work.writer, work.task.id, {"title": "x"}, 1)


def test_refusals_of_a_save_come_in_their_order(make, act, refused, change_settings):
    """L-52, L-55: from the last refusal to the first, each wins over those before it."""
    change_settings(max_task_data_bytes=1024)
    work = make.work(S.PROCESSING)
    save, task = lifecycle.save_draft, work.task.id
    refused("stale_revision", save, work.writer, task, {"a": 1}, 0)
    refused("invalid", save, work.writer, task, {"a": 1}, 2)
    refused("too_large", save, work.writer, task, {"a": "x" * 1024}, 0)
    error = refused("invalid", save, work.writer, task, ["a"], 0)
    assert list(error.fields) == ["task_data"]
    work.hand_over(work.writer)
    refused("wrong_status", save, work.writer, task, ["a"], 0)
    act(projects.abort, work.admin, work.project.id)
    refused("project_closed", save, work.writer, task, ["a"], 0)
    refused("forbidden", save, work.admin, task, ["a"], 0)
    refused("not_found", save, work.reviewer, task, ["a"], 0)
    refused("not_found", save, work.writer, 999, ["a"], 0)


# --- Hand over (L-57 to L-67) -----------------------------------------------------------------


def test_submitted_work_waits_for_a_reviewer(make, verbs, session):
    work = make.work(S.PROCESSING)
    verbs()

    work.hand_over(work.writer, "submit", {"title": "Rain"}, comment="Please look")

    assert work.task.status is S.PENDING_REVIEW
    assert work.task.result is None
    held = work.at(0)
    assert (held.status, held.data, held.revision) == ("submitted", {"title": "Rain"}, 2)
    (iteration,) = held.iterations
    assert (iteration.status, iteration.submitted_data) == ("requested_review", {"title": "Rain"})
    assert (iteration.comment, iteration.ended_at is None) == ("Please look", False)
    assert verbs() == ["task_submitted", "review_drawn"]


def test_work_without_review_is_the_result(make, verbs):
    """L-64"""
    work = make.work(S.PROCESSING, review_policy={"policy": "no_review"})
    verbs()
    work.hand_over(work.writer, "submit", {"title": "Rain"})
    assert (work.task.status, work.task.result) == (S.COMPLETE, {"title": "Rain"})
    assert work.task.ended_at
    assert verbs() == ["task_submitted", "review_drawn", "task_completed"]


def test_returned_work_goes_down_one_level_and_comes_back(make, verbs, session):
    """L-62, L-63, L-65"""
    work = make.work(S.REVIEWING)
    verbs()

    work.hand_over(work.reviewer, "return", {"title": "better"}, comment="Why?")

    assert work.task.status is S.POST_REVIEW_PROCESSING
    assert (work.at(1).status, work.at(0).status) == ("submitted", "processing")
    assert (work.at(0).data, work.at(0).revision) == ({"title": "better"}, 3)
    session.refresh(work.at(1))
    assert work.at(1).iterations[0].status == "provided_review"

    work.hand_over(work.writer, "submit", {"title": "best"})

    assert work.task.status is S.REVIEWING
    assert (work.at(1).data, work.at(1).status) == ({"title": "best"}, "processing")
    assert verbs() == ["task_returned", "task_submitted"]
    session.refresh(work.at(1))
    assert [i.number for i in work.at(1).iterations] == [2, 4]


def test_an_accepted_review_completes_the_task_with_the_reviewers_data(make, verbs):
    work = make.work(S.REVIEWING)
    verbs()
    work.hand_over(work.reviewer, "accept", {"title": "good"})
    assert (work.task.status, work.task.result) == (S.COMPLETE, {"title": "good"})
    assert verbs() == ["task_accepted", "review_drawn", "task_completed"]


def test_submit_and_accept_are_one_command_and_reject_means_return(make):
    """L-57"""
    work = make.work(S.PROCESSING)
    work.hand_over(work.writer, "accept")
    work.assign(work.reviewer)
    work.hand_over(work.reviewer, "reject")
    assert work.task.status is S.POST_REVIEW_PROCESSING
    work.hand_over(work.writer, "submit")
    work.hand_over(work.reviewer, "submit")
    assert work.task.status is S.COMPLETE


@pytest.mark.parametrize("status", [S.PROCESSING, S.POST_REVIEW_PROCESSING])
def test_only_a_review_can_return(make, refused, status):
    """L-60, L-65"""
    work = make.work(status)
    call, named = hand(work, work.writer, "return", revision=work.at(0).revision)
    refused("wrong_status", *call, **named)


def test_a_second_submit_is_refused_with_the_recorded_state(make, refused):
    """L-66"""
    work = make.work(S.PENDING_REVIEW)
    call, named = hand(work, work.writer, revision=2)
    assert "Pending Review" in refused("wrong_status", *call, **named).message


def test_a_step_that_must_be_finished_before_holds_back_every_command(make, refused, session):
    """L-58"""
    work = make.work(submission_depends_on=["other"])
    other = make.task(work.project, "other")
    other.status = S.COMPLETE
    session.flush()
    work.assign(work.writer)
    work.hand_over(work.writer)
    work.assign(work.reviewer)
    other.status = S.AWAITING_PROCESSING  # as a revert leaves it
    session.flush()
    for command in ("accept", "return"):
        call, named = hand(work, work.reviewer, command)
        assert "Other" in refused("dependency_open", *call, **named).message


def test_a_finished_or_skipped_step_holds_nothing_back(make, act):
    unwanted = {"policy_function": {"path": "tests.steps.want_not"}}
    work = make.work(
        S.PROCESSING,
        submission_depends_on=["other", "unwanted"],
        after=[step("unwanted", creation_policy=unwanted)],
    )
    act(interventions.skip_task, work.admin, make.task(work.project, "other").id)
    work.hand_over(work.writer)


def test_submitted_data_must_fit_the_form_and_returned_data_need_not(make, act, refused):
    """L-58, L-142"""
    work = make.work(S.PROCESSING, user_interface=FORM)
    call, named = hand(work, work.writer, data={"title": "x"})
    error = refused("invalid", *call, **named)
    assert list(error.fields) == ["/title"]
    work.hand_over(work.writer, "submit", {"title": "long enough"})
    work.assign(work.reviewer)
    work.hand_over(work.reviewer, "return", {"title": "x"})


def test_refusals_of_a_submission_come_in_their_order(make, act, refused, change_settings):
    """L-58: from the last refusal to the first, each wins over those before it."""
    change_settings(max_task_data_bytes=1024)
    work = make.work(S.PROCESSING, user_interface=FORM, submission_depends_on=["other"])
    other = make.task(work.project, "other")

    def refuse(kind, actor, command="submit", data=("not", "an object"), **more):
        call, named = hand(work, actor, command, data=data, revision=0, **more)
        refused(kind, *call, **named)

    refuse("dependency_open", work.writer)
    refuse("wrong_status", work.writer, "return")
    act(interventions.skip_task, work.admin, other.id)
    refuse("invalid", work.writer)
    refuse("too_large", work.writer, data={"title": "x" * 1024})
    refuse("invalid", work.writer, data={"title": "x"})
    refuse("invalid", work.writer, data={"title": "fine"}, comment="x" * 10_001)
    refuse("stale_revision", work.writer, data={"title": "fine"})
    work.hand_over(work.writer, "submit", {"title": "fine"})
    refuse("wrong_status", work.writer, "return")
    act(projects.abort, work.admin, work.project.id)
    refuse("project_closed", work.writer)
    refuse("forbidden", work.admin)
    refuse("not_found", work.reviewer)


# --- Skip and un-skip (L-78 to L-82) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "result_of"),
    [
        (S.AWAITING_PROCESSING, None),
        (S.PROCESSING, 0),
        (S.PENDING_REVIEW, 0),
        (S.REVIEWING, 1),
        (S.POST_REVIEW_PROCESSING, 0),
    ],
)
def test_a_skipped_task_is_complete_with_the_data_at_hand(
    make, act, verbs, session, status, result_of
):
    """L-79, L-80, L-76"""
    work = make.work(status)
    if work.at(0) and work.task.status is not S.PENDING_REVIEW:
        working = next(a for a in (work.reviewer, work.writer) if _is_working(work, a))
        act(lifecycle.save_draft, working, work.task.id, {"half": "done"}, _revision(work, working))
    verbs()

    act(interventions.skip_task, work.admin, work.task.id, "The client is in a hurry")

    assert work.task.status is S.COMPLETE
    assert work.task.result == ({} if result_of is None else work.at(result_of).data)
    assert work.task.skip_note == "The client is in a hurry"
    assert all(a.status == "submitted" for a in work.task.assignments)
    open_ones = sa.select(Iteration).where(Iteration.ended_at.is_(None))
    assert session.scalars(open_ones).all() == []
    assert verbs() == ["task_skipped", "task_completed"]


def _is_working(work, actor):
    held = [work.at(level) for level in (0, 1)]
    return any(a and a.worker_id == actor.worker_id and a.status == "processing" for a in held)


def _revision(work, actor):
    held = [a for a in (work.at(0), work.at(1)) if a and a.worker_id == actor.worker_id]
    return held[0].revision


def test_refusals_of_a_skip_come_in_their_order(make, act, refused):
    """L-78"""
    work = make.work(S.COMPLETE, after=[step("machine", human=False)])
    machine_task = make.task(work.project, "machine")
    refused("not_found", interventions.skip_task, work.admin, 999)
    refused("forbidden", interventions.skip_task, work.writer, work.task.id)
    refused("wrong_step_kind", interventions.skip_task, work.admin, machine_task.id)
    refused("wrong_status", interventions.skip_task, work.admin, work.task.id)
    act(projects.pause, work.admin, work.project.id)
    refused("project_paused", interventions.skip_task, work.admin, machine_task.id)


def test_an_unskipped_task_is_wanted_after_all(make, act, verbs, jobs):
    """L-81, L-82"""
    unwanted = {"creation_policy": {"policy_function": {"path": "tests.steps.want_not"}}}
    project = make.project(
        step("a", **unwanted), step("b", "a", human=False), step("c", "b"), step("open")
    )
    admin = make.actor(make.admin())
    later = make.task(project, "c")
    verbs()

    act(interventions.unskip_task, admin, make.task(project, "a").id)
    act(interventions.unskip_task, admin, make.task(project, "b").id)

    assert make.task(project, "a").status is S.AWAITING_PROCESSING
    assert make.task(project, "a").skip_note is None
    assert later.status is S.SKIPPED
    assert jobs() == []  # b waits for a
    assert verbs() == ["task_unskipped", "task_unskipped"]

    act(interventions.skip_task, admin, make.task(project, "a").id)
    assert [kwargs["step"] for _, kwargs in jobs()] == ["b"]


def test_refusals_of_an_unskip_come_in_their_order(make, act, refused):
    work = make.work()
    refused("not_found", interventions.unskip_task, work.admin, 999)
    refused("forbidden", interventions.unskip_task, work.writer, work.task.id)
    refused("wrong_status", interventions.unskip_task, work.admin, work.task.id)


# --- The table of statuses --------------------------------------------------------------------


def test_no_other_change_of_status_exists():
    """L-75, L-105, L-10"""
    leads_to = {after: {b for b in NEXT_STATUSES if after in NEXT_STATUSES[b]} for after in S}
    assert NEXT_STATUSES[S.ABORTED] == set()
    assert NEXT_STATUSES[S.SKIPPED] == {S.AWAITING_PROCESSING}
    assert leads_to[S.SKIPPED] == set()
    assert leads_to[S.FAILED] == {S.PROCESSING}
    assert leads_to[S.ABORTED] == set(S) - TERMINAL
    assert leads_to[S.COMPLETE] == set(S) - TERMINAL
    with pytest.raises(lifecycle.WrongStatus):
        Task(status=S.COMPLETE).move_to(S.SKIPPED)
