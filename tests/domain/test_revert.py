"""Taking a task back (L-90 to L-101)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, lifecycle, projects
from orchestra.domain.revert import revert_task
from orchestra.models import Iteration, ProjectStatus, TaskStatus
from tests.builders import step

S = TaskStatus


@pytest.fixture
def iterations(session):
    """The iterations of a task by number, discarded ones included."""

    def found(work):
        query = sa.select(Iteration).where(Iteration.task_id == work.task.id)
        return {i.number: i for i in session.scalars(query.order_by(Iteration.number))}

    return found


@pytest.fixture
def history(make):
    """1 submitted, 2 returned, 3 submitted again, 4 accepted: a Complete task."""
    work = make.work(S.POST_REVIEW_PROCESSING)
    work.hand_over(work.writer, "submit", {"round": 2})
    work.hand_over(work.reviewer, "accept", {"round": 3})
    return work


@pytest.mark.parametrize(
    ("number", "status", "changes"),
    [
        (1, S.PROCESSING, {1: "reverted", 2: "discarded", 3: "discarded", 4: "discarded"}),
        (2, S.REVIEWING, {1: "unchanged", 2: "reverted", 3: "discarded", 4: "discarded"}),
        (
            3,
            S.POST_REVIEW_PROCESSING,
            {1: "unchanged", 2: "unchanged", 3: "reverted", 4: "discarded"},
        ),
        (4, S.REVIEWING, {1: "unchanged", 2: "unchanged", 3: "unchanged", 4: "reverted"}),
    ],
)
def test_the_chosen_iteration_is_open_again_and_later_ones_are_discarded(
    history, act, iterations, number, status, changes
):
    """L-92 to L-96, L-99: the report with and without commit is the same."""
    rounds = iterations(history)
    chosen, was_submitted = rounds[number], rounds[number].submitted_data
    named = {"iteration_id": chosen.id, "commit": False}
    planned = act(revert_task, history.admin, history.task.id, **named)
    assert history.task.status is S.COMPLETE

    report = act(revert_task, history.admin, history.task.id, **named | {"commit": True})

    assert report == planned
    assert (report["status"], report["new_status"]) == ("Complete", status.label)
    found = {i["iteration"]: i["change"] for a in report["assignments"] for i in a["iterations"]}
    assert found == {rounds[n].id: change for n, change in changes.items()}
    assert history.task.status is status
    assert history.task.result is None
    assert {n for n, i in rounds.items() if i.discarded_at} == {
        n for n, change in changes.items() if change == "discarded"
    }
    assert (chosen.status, chosen.ended_at, chosen.submitted_data) == ("processing", None, {})
    holder = next(a for a in (history.at(0), history.at(1)) if a and a.id == chosen.assignment_id)
    assert (holder.status, holder.data) == ("processing", was_submitted)


@pytest.mark.parametrize(
    ("number", "status", "levels"),
    [(None, S.AWAITING_PROCESSING, 0), (1, S.AWAITING_PROCESSING, 0), (2, S.PENDING_REVIEW, 1)],
)
def test_before_an_iteration_the_task_is_back_in_the_pool(
    history, act, iterations, number, status, levels
):
    """L-92 to L-94"""
    chosen = iterations(history)[number].id if number else None
    act(
        revert_task,
        history.admin,
        history.task.id,
        iteration_id=chosen,
        revert_before=True,
        commit=True,
    )
    assert history.task.status is status
    assert len([level for level in (0, 1) if history.at(level)]) == levels


@pytest.mark.parametrize("status", [S.REVIEWING, S.POST_REVIEW_PROCESSING])
def test_a_round_can_be_opened_again_while_a_later_one_is_open(make, act, iterations, status):
    """L-5: at most one is open at any moment, also within the transaction."""
    work = make.work(status)
    act(revert_task, work.admin, work.task.id, iteration_id=iterations(work)[1].id, commit=True)
    assert work.task.status is S.PROCESSING
    assert [n for n, i in iterations(work).items() if not i.discarded_at] == [1]


def test_a_shortened_history_gives_back_its_last_submitted_data(history, act, iterations):
    """L-95"""
    revision = history.at(0).revision
    rounds = iterations(history)
    named = {"iteration_id": rounds[2].id, "revert_before": True, "commit": True}
    act(revert_task, history.admin, history.task.id, **named)
    assert history.at(0).data == rounds[1].submitted_data
    assert history.at(0).revision == revision + 1


def test_the_audit_keeps_what_was_replaced(history, act, iterations, last_event, verbs):
    """L-95, L-97"""
    verbs()
    named = {"iteration_id": iterations(history)[1].id, "commit": True}
    act(revert_task, history.admin, history.task.id, **named)
    assert verbs() == ["task_reverted"]
    event = last_event("task_reverted")
    assert event.before["result"] == {"round": 3}
    assert event.after == {"status": "processing"}


def test_what_an_opened_round_said_is_kept_in_the_audit(make, act, iterations, last_event):
    """R-20: its data becomes a draft that the next save replaces, and its comment is gone."""
    work = make.work(S.REVIEWING)
    work.hand_over(work.reviewer, "return", {"text": "second"}, comment="Shorter.")
    first, second, _ = iterations(work).values()
    for opened, data, comment in (
        (second, {"text": "second"}, "Shorter."),
        (first, {"by": work.writer.name}, None),
    ):
        act(revert_task, work.admin, work.task.id, iteration_id=opened.id, commit=True)
        assert last_event("task_reverted").before["reopened"] == {
            "iteration": opened.id,
            "submitted_data": data,
            "comment": comment,
        }


def test_a_completed_project_is_active_again(history, act, make, iterations, verbs):
    """L-97"""
    act(interventions.skip_task, history.admin, make.task(history.project, "other").id)
    assert history.project.status is ProjectStatus.COMPLETED
    verbs()

    named = {"iteration_id": iterations(history)[4].id, "commit": True}
    act(revert_task, history.admin, history.task.id, **named)

    assert history.project.status is ProjectStatus.ACTIVE
    assert history.project.ended_at is None
    assert verbs() == ["project_reopened", "task_reverted"]
    history.hand_over(history.reviewer, "accept")
    assert history.project.status is ProjectStatus.COMPLETED


def test_the_report_lists_later_tasks_and_leaves_them_alone(make, act, iterations):
    """L-98"""
    work = make.work(S.COMPLETE, after=[step("b", "write"), step("c", "b")])
    later = make.task(work.project, "b")
    report = act(
        revert_task,
        work.admin,
        work.task.id,
        iteration_id=iterations(work)[1].id,
        commit=True,
    )
    assert report["later_tasks"] == [
        {"task": later.id, "step": "b", "status": "Awaiting Processing"}
    ]
    assert later.status is S.AWAITING_PROCESSING


def test_choosing_the_open_iteration_changes_nothing(make, act, iterations, stored):
    """L-100"""
    work = make.work(S.REVIEWING)
    before = stored()
    report = act(
        revert_task, work.admin, work.task.id, iteration_id=iterations(work)[2].id, commit=True
    )
    assert report["new_status"] == "Reviewing"
    changes = {a["change"] for a in report["assignments"]}
    assert changes == {"unchanged"}
    assert stored() == before


def test_without_commit_nothing_changes(history, act, iterations, stored):
    before = stored()
    act(revert_task, history.admin, history.task.id, iteration_id=iterations(history)[1].id)
    assert stored() == before


def test_a_revert_forgets_the_draft_kept_by_an_unassign(make, act, iterations):
    """L-88"""
    work = make.work(S.REVIEWING)
    act(lifecycle.save_draft, work.reviewer, work.task.id, {"opinion": "?"}, 1)
    act(interventions.unassign, work.admin, work.at(1).id)
    act(revert_task, work.admin, work.task.id, iteration_id=iterations(work)[1].id, commit=True)
    work.hand_over(work.writer, "submit", {"new": True})
    assert work.assign(work.reviewer).data == {"new": True}


def test_the_rounds_of_an_unassigned_reviewer_are_no_more_in_force(
    make, act, refused, iterations, history
):
    """They handed over once, came to hold the task again and were then unassigned."""
    work = make.work(S.POST_REVIEW_PROCESSING)
    work.hand_over(work.writer)
    act(interventions.unassign, work.admin, work.at(1).id)
    rounds = iterations(work)

    report = act(revert_task, work.admin, work.task.id, iteration_id=rounds[1].id, commit=True)

    assert [len(a["iterations"]) for a in report["assignments"]] == [2]
    assert work.task.status is S.PROCESSING
    refused("not_found", revert_task, work.admin, work.task.id, iteration_id=rounds[2].id)


def test_the_policy_runs_when_the_task_is_back_in_the_pool(make, act):
    """L-97"""
    make.worker("ann")
    path = "orchestra.assignment_policies.specified_worker"
    functions = {"entry_level": {"path": path, "kwargs": {"username": "ann"}}}
    work = make.work(S.PROCESSING, assignment_policy={"policy_function": functions})
    act(
        revert_task,
        work.admin,
        work.task.id,
        iteration_id=None,
        revert_before=True,
        commit=True,
    )
    assert work.task.status is S.PROCESSING
    assert work.at(0).iterations[0].number == 2


def test_refusals_of_a_revert_come_in_their_order(make, act, refused, history, iterations):
    """L-91, L-141"""
    rounds = iterations(history)
    task, admin = history.task.id, history.admin
    foreign = iterations(make.work(S.PROCESSING))[1].id

    def refuse(kind, actor=admin, task_id=task, **named):
        refused(kind, revert_task, actor, task_id, **{"iteration_id": foreign} | named)

    refuse("not_found", task_id=999)
    refuse("forbidden", actor=history.writer)
    refuse("invalid", iteration_id=None)
    refuse("not_found")
    refuse("not_found", revert_before=True)
    refuse("invalid_revert", iteration_id=rounds[3].id, revert_before=True)
    act(revert_task, admin, task, iteration_id=rounds[3].id, commit=True)
    refuse("not_found", iteration_id=rounds[4].id)
    history.task.status = S.SKIPPED
    refuse("invalid_revert")
    act(projects.abort, admin, history.project.id)
    refuse("project_closed")
