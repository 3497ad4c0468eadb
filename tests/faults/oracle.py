"""What must hold after every fault, whatever it was."""

from collections import Counter
from itertools import groupby

import sqlalchemy as sa

from orchestra.models import (
    Assignment,
    AssignmentStatus,
    Attempt,
    AttemptOutcome,
    AuditEvent,
    Iteration,
    IterationStatus,
    Project,
    ProjectStatus,
    Task,
    TaskStatus,
    Verb,
)
from orchestra.outbox import OutboxMessage
from tests.faults.kit import PATIENCE_SECONDS

S, A = TaskStatus, AssignmentStatus


def all_is_well(system, many=1):
    """Every project has ended, nothing is left behind, and nothing has effect twice.

    :param many: how many times the usual number of projects runs.
    """
    left = []

    def settled():
        with system.reading() as session:
            left[:] = unfinished(session)
        return not left

    try:
        system.wait_until(settled, "everything has ended", many * PATIENCE_SECONDS, every=0.2)
    except AssertionError as error:
        raise AssertionError(f"{error}: {left}\n{system.last_words()}") from error
    with system.reading() as session:
        assert broken_invariants(session) == []
        assert doubled_effects(session) == []
        assert runs_without_claim(session, system.runs_file.read_text().split("\n")) == []
        assert results_without_effect(session, system.effects_file.read_text().split()) == []
        assert gaps_in_audit(session) == []


def has_ended(system, project_id):
    """Whether a project is complete; other ones may still run."""
    with system.reading() as session:
        return session.get_one(Project, project_id).status is ProjectStatus.COMPLETED


def unfinished(session):
    """What somebody or something still has to do, as sentences."""
    ended = (ProjectStatus.COMPLETED, ProjectStatus.ABORTED)
    open_projects = sa.select(Project).where(Project.status.not_in(ended))
    leases = sa.select(Task).where(sa.or_(Task.lease_until.is_not(None), Task.lease_holder != ""))
    running = sa.select(Attempt).where(Attempt.outcome == AttemptOutcome.RUNNING)
    return [
        *(f"project {p.id} is {p.status.label}" for p in session.scalars(open_projects)),
        *(f"task {t.id} ({t.step}) is leased" for t in session.scalars(leases)),
        *(f"attempt {a.number} of task {a.task_id} runs" for a in session.scalars(running)),
        *(f"outbox holds {m.dedupe_key}" for m in session.scalars(sa.select(OutboxMessage))),
    ]


def doubled_effects(session):
    """Tasks that were completed twice, or whose result was accepted from two attempts."""
    completions = Counter(
        session.scalars(
            sa.select(AuditEvent.object_id).where(AuditEvent.verb == Verb.TASK_COMPLETED)
        )
    )
    accepted = Counter(
        session.scalars(
            sa.select(Attempt.task_id).where(Attempt.outcome == AttemptOutcome.COMPLETE)
        )
    )
    return [
        f"task {task_id} has {count} effects"
        for counted in (completions, accepted)
        for task_id, count in counted.items()
        if count > 1
    ]


def runs_without_claim(session, lines):
    """Tasks whose function was called more often than somebody claimed them."""
    runs = Counter(int(line.split()[0].removeprefix("task-")) for line in lines if line)
    claims = Counter(session.scalars(sa.select(Attempt.task_id)))
    return [
        f"task {task_id} ran {count} times on {claims[task_id]} claims"
        for task_id, count in runs.items()
        if count > claims[task_id]
    ]


def results_without_effect(session, keys):
    """Tasks whose result names an effect outside that was never had, or had under another key."""
    known = set(keys)
    results = session.execute(sa.select(Task.id, Task.result).where(Task.result.is_not(None)))
    return [
        f"task {task_id} has had no effect {result['effect']}"
        for task_id, result in results
        if "effect" in result and {result["effect"]} != {f"task-{task_id}"} & known
    ]


def gaps_in_audit(session):
    """Rows whose history tells more or less often what happened to them, as sentences."""
    events = sa.select(AuditEvent.verb, AuditEvent.object_kind, AuditEvent.object_id)
    told = Counter(map(tuple, session.execute(events.where(AuditEvent.verb.in_(TOLD)))))
    return [
        f"{kind} {row_id}: {verb} is told {told[verb, kind, row_id]} times, not {times}"
        for verb, kind, row_id, times in _to_be_told(session)
        if told[verb, kind, row_id] != times
    ]


TOLD = (
    Verb.TASK_CREATED,
    Verb.TASK_COMPLETED,
    Verb.MACHINE_CLAIMED,
    Verb.PROJECT_CREATED,
    Verb.PROJECT_COMPLETED,
    Verb.PROJECT_ABORTED,
)


def _to_be_told(session):
    """How often the audit must tell each thing: (verb, kind, id, times)."""
    claims = Counter(session.scalars(sa.select(Attempt.task_id)))
    for task_id, status in session.execute(sa.select(Task.id, Task.status)):
        yield Verb.TASK_CREATED, "task", task_id, 1
        yield Verb.TASK_COMPLETED, "task", task_id, int(status is S.COMPLETE)
        yield Verb.MACHINE_CLAIMED, "task", task_id, claims[task_id]
    for project_id, status in session.execute(sa.select(Project.id, Project.status)):
        yield Verb.PROJECT_CREATED, "project", project_id, 1
        for verb, ended in (
            (Verb.PROJECT_COMPLETED, ProjectStatus.COMPLETED),
            (Verb.PROJECT_ABORTED, ProjectStatus.ABORTED),
        ):
            yield verb, "project", project_id, int(status is ended)


def broken_invariants(session):
    """Offences against the tables of L-76 and L-77, as sentences."""
    assignments = _by_task(session, sa.select(Assignment).order_by(Assignment.level), Assignment)
    iterations = _by_task(session, sa.select(Iteration).order_by(Iteration.number), Iteration)
    return [
        f"task {task.id} ({task.step}) is {task.status.label}: {problem}"
        for task in session.scalars(sa.select(Task))
        for problem in _problems(task, assignments.get(task.id, []), iterations.get(task.id, []))
    ]


def _by_task(session, statement, model):
    rows = session.scalars(statement.where(model.discarded_at.is_(None))).unique().all()
    rows = sorted(rows, key=lambda row: row.task_id)  # stable: levels and numbers stay in order
    return {task_id: list(group) for task_id, group in groupby(rows, lambda row: row.task_id)}


def _problems(task, assignments, iterations):
    levels = [assignment.level for assignment in assignments]
    if levels != list(range(len(levels))):
        yield f"levels {levels}"
    if sum(iteration.ended_at is None for iteration in iterations) > 1:
        yield "several open iterations"
    if (task.result is not None) != (task.status is S.COMPLETE):
        yield "a result goes with Complete, and with nothing else"
    if not task.is_human and task.status is not S.COMPLETE:
        return
    statuses = [assignment.status for assignment in assignments]
    if statuses not in _allowed(task.status, len(statuses)):
        yield f"assignments are {statuses}"
    live = {assignment.id for assignment in assignments}
    in_force = [iteration for iteration in iterations if iteration.assignment_id in live]
    yield from _problems_of_last(task.status, assignments, in_force)


def _allowed(status, n):
    """Statuses of the live assignments by level."""
    done = [A.SUBMITTED]
    return {
        S.AWAITING_PROCESSING: [[]],
        S.PROCESSING: [[A.PROCESSING]],
        S.PENDING_REVIEW: [done * n] if n else [],
        S.REVIEWING: [[*done * (n - 1), A.PROCESSING]] if n > 1 else [],
        S.POST_REVIEW_PROCESSING: [[*done * (n - 2), A.PROCESSING, *done]] if n > 1 else [],
        S.COMPLETE: [done * n],
    }.get(status, list(_anything(n)))


def _anything(n):
    """Aborted and Skipped leave assignments as they were: at most one is worked on."""
    for at in range(n):
        yield [A.PROCESSING if level == at else A.SUBMITTED for level in range(n)]
    yield [A.SUBMITTED] * n


def _problems_of_last(status, assignments, iterations):
    """The last iteration in force: at which level, and how it ended.

    What somebody handed over before the task was taken from them stays as history only.
    """
    n = len(assignments)
    expected = {
        S.PROCESSING: (0, IterationStatus.PROCESSING),
        S.PENDING_REVIEW: (n - 1, IterationStatus.REQUESTED_REVIEW),
        S.REVIEWING: (n - 1, IterationStatus.PROCESSING),
        S.POST_REVIEW_PROCESSING: (n - 2, IterationStatus.PROCESSING),
    }
    if status is S.COMPLETE and iterations:
        if iterations[-1].status is not IterationStatus.REQUESTED_REVIEW:
            yield f"the last iteration is {iterations[-1].status}"
    elif status in expected:
        level_of = {assignment.id: assignment.level for assignment in assignments}
        last = [(level_of.get(i.assignment_id), i.status) for i in iterations[-1:]]
        if last != [expected[status]]:
            yield f"the last iteration is {last}"
