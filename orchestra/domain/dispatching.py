"""Ask for the jobs of machine steps: one row per step, sent as runs of at most 25 links."""

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import seconds_from_now
from orchestra.domain.graph import Graph, Step
from orchestra.domain.locking import LockedProject, lock_project
from orchestra.models import FINISHED, Project, Task, TaskStatus
from orchestra.outbox import Dispatch, Job, OutboxMessage, enqueue

LONGEST_RUN = 25


def key_of(project_id: int, step: str) -> str:
    """The key in the outbox of the job of a step; :func:`key_expression` says the same in SQL."""
    return f"step:{project_id}:{step}"


def dispatch_of(project_id: int, step: Step) -> Dispatch:
    """The job of one step, without those that may follow in its chain."""
    kwargs = {"project_id": project_id, "step": step.slug}
    return Dispatch(Job.RUN_STEP, kwargs, key_of(project_id, step.slug), step.queue)


def _run(project: LockedProject, step: Step, delay_seconds: float) -> Dispatch:
    return run_of(project.graph, project.id, step.slug, delay_seconds)


def run_of(graph: Graph, project_id: int, slug: str, delay_seconds: float = 0) -> Dispatch:
    """A step's job, with the jobs of the machine steps that follow from it alone."""
    first, *later = (dispatch_of(project_id, s) for s in graph.run_from(slug, LONGEST_RUN))
    return Dispatch(
        first.job, first.kwargs, first.dedupe_key, first.queue, delay_seconds, tuple(later)
    )


def dispatch(
    session: Session,
    project: LockedProject,
    steps: Collection[Step],
    *,
    carried: frozenset[str] = frozenset(),
    delay_seconds: float = 0,
    hold_queue: str | None = None,
) -> list[Dispatch]:
    """Ask for the jobs of machine steps; those ``carried`` are on their way already.

    :return: jobs of ``hold_queue``: asked for, and left to the caller to publish.
    """
    new = [step for step in steps if step.slug not in carried]
    held = [_run(project, step, delay_seconds) for step in new if step.queue == hold_queue]
    on_their_way = [dispatch_of(project.id, step) for step in steps if step.slug in carried]
    enqueue(session, *on_their_way, *held, publish=False)
    enqueue(
        session,
        *(_run(project, step, delay_seconds) for step in new if step.queue != hold_queue),
    )
    return held


def dispatch_waiting(session: Session, project: LockedProject, steps: Iterable[str]) -> None:
    """Dispatch those of ``steps`` that are machine tasks which can be claimed."""
    by_slug = project.graph.by_slug
    machine = [by_slug[slug] for slug in steps if not by_slug[slug].is_human]
    if not machine:
        return
    statuses = {
        row.step: row.status
        for row in session.execute(
            sa.select(Task.step, Task.status).where(Task.project_id == project.id)
        )
    }
    ready = [
        step
        for step in machine
        if statuses.get(step.slug) is TaskStatus.AWAITING_PROCESSING
        and all(statuses.get(slug) in FINISHED for slug in step.creation_depends_on)
    ]
    dispatch(session, project, ready)


def dispatch_older(session: Session, project: LockedProject, steps: Iterable[str]) -> None:
    """Start machine steps that waited while a step before them was re-opened (L-101)."""
    steps = list(steps)
    if not steps:
        return
    undispatched = sa.select(Task.step).where(
        Task.project_id == project.id,
        Task.step.in_(steps),
        ~sa.exists().where(OutboxMessage.dedupe_key == key_expression(Task)),
    )
    dispatch_waiting(session, project, session.scalars(undispatched).all())


def key_expression(task: type[Task]) -> sa.ColumnElement[str]:
    project_id = sa.cast(task.project_id, sa.Text)
    return sa.literal("step:").concat(project_id).concat(":").concat(task.step)


def forget(session: Session, project_id: int) -> None:
    """Drop what was asked for; a job that is on its way finds nothing to do."""
    prefix = key_of(project_id, "")
    session.execute(
        sa.delete(OutboxMessage).where(
            OutboxMessage.dedupe_key.startswith(prefix, autoescape=True)
        ),
        execution_options={"synchronize_session": False},
    )


def claimable_without_job(session: Session, limit: int) -> list[tuple[int, str]]:
    """Machine tasks that could run and for which nothing was asked: there should be none."""
    rows = session.execute(
        sa.select(Task.project_id, Task.step)
        .join(Project, Project.id == Task.project_id)
        .where(
            Task.status == TaskStatus.AWAITING_PROCESSING,
            Task.is_human.is_(False),
            Project.status == "active",
            sa.or_(Task.next_attempt_at.is_(None), Task.next_attempt_at <= seconds_from_now(0)),
            ~sa.exists().where(OutboxMessage.dedupe_key == key_expression(Task)),
        )
        .order_by(Task.id)
        .limit(limit)
    )
    return [(row.project_id, row.step) for row in rows]


def dispatch_forgotten(session: Session, forgotten: tuple[int, str]) -> None:
    """Ask for one of :func:`claimable_without_job`, if it still can run."""
    project_id, step = forgotten
    project = LockedProject.of(lock_project(session, project_id))
    dispatch_waiting(session, project, [step])
