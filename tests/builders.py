"""Builders of rows for tests: each takes only what the test is about."""

import itertools
import json
from dataclasses import dataclass

import sqlalchemy as sa

from orchestra.domain import lifecycle, projects
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.people import hash_password
from orchestra.models import (
    Assignment,
    Certification,
    Project,
    Role,
    StepRequirement,
    Task,
    TaskClass,
    TaskStatus,
    Worker,
    WorkerCertification,
    Workflow,
    WorkflowVersion,
)

_numbers = itertools.count(1)


def step(slug, *after, human=True, **keys):
    """One entry of ``steps`` in version.json."""
    base = {"slug": slug, "name": slug.title(), "description": f"Do {slug}.", "is_human": human}
    if after:
        base["creation_depends_on"] = list(after)
    if not human:
        base["execution_function"] = {"path": "tests.steps.echo"}
    if human:
        base["review_policy"] = {"policy": "no_review"}
    return base | keys


def reviewed(rate=1, max_reviews=1):
    """The key of a step whose work is sampled for review."""
    return {"policy": "sampled_review", "rate": rate, "max_reviews": max_reviews}


def own(project_data):
    """What somebody put into project data, without what the system adds."""
    return {key: value for key, value in project_data.items() if key != "project_folder_id"}


@dataclass
class Work:
    """A human task with the people around it, brought to a status by the rules themselves."""

    session: object
    project: Project
    task: Task
    admin: Actor
    writer: Actor
    reviewer: Actor
    workers: dict  # actor's name → worker

    def at(self, level):
        """The live assignment of a level."""
        live = sa.select(Assignment).where(
            Assignment.task_id == self.task.id, Assignment.discarded_at.is_(None)
        )
        return self.session.scalars(live.where(Assignment.level == level)).one_or_none()

    def assign(self, actor):
        worker = self.workers[actor.name]
        assignment = lifecycle.assign_task(self.session, self.admin, self.task.id, worker)
        self.session.flush()
        return assignment

    def hand_over(self, actor, command="submit", data=None, **more):
        """Hand over with the revision that the worker sees."""
        mine = sa.select(Assignment).where(
            Assignment.task_id == self.task.id,
            Assignment.worker_id == actor.worker_id,
            Assignment.discarded_at.is_(None),
        )
        held = self.session.scalars(mine).one()
        lifecycle.hand_over(
            self.session,
            actor,
            self.task.id,
            command,
            data={"by": actor.name} if data is None else data,
            revision=held.revision,
            **more,
        )
        self.session.flush()


class Builders:
    def __init__(self, session):
        self.session = session

    def worker(self, username=None, *, password=None, **columns):
        username = username or f"worker-{next(_numbers)}"
        worker = Worker(
            username=username,
            email=columns.pop("email", f"{username}@example.org"),
            session_key=f"session-{username}",
            password_hash=hash_password(password) if password else None,
            **columns,
        )
        return self._added(worker)

    def admin(self, username=None, **columns):
        return self.worker(username, is_in_project_admins=True, **columns)

    def version(self, *steps, slug=None, certifications=(), **keys):
        """A stored version of a new workflow with these steps."""
        slug = slug or f"workflow-{next(_numbers)}"
        workflow = Workflow(slug=slug, name=slug.title(), description="…", definition={})
        definition = {"slug": "v1", "name": "One", "description": "…", "steps": list(steps)} | keys
        version = WorkflowVersion(
            workflow=workflow,
            slug="v1",
            name="One",
            description="…",
            definition=definition,
            checksum=str(hash(json.dumps(definition, sort_keys=True))),
        )
        rows = {
            s: Certification(workflow=workflow, slug=s, name=s, description="…")
            for s in certifications
        }
        self.session.add_all([version, *rows.values()])
        self.session.flush()
        for entry in steps:
            for certification in entry.get("required_certifications", ()):
                self.session.add(
                    StepRequirement(
                        version_id=version.id,
                        step=entry["slug"],
                        certification_id=rows[certification].id,
                    )
                )
        self.session.flush()
        return version

    def grant(self, worker, certification, role=Role.ENTRY_LEVEL, task_class=TaskClass.REAL):
        return self._added(
            WorkerCertification(
                worker_id=worker.id,
                certification_id=certification.id,
                role=role,
                task_class=task_class,
            )
        )

    def actor(self, worker):
        return Actor.of(worker)

    def project(
        self, *steps, version=None, project_data=None, priority=0, task_class=TaskClass.REAL, **keys
    ):
        """A project of these steps, or of a version, with the tasks that are due."""
        version = version or self.version(*steps, **keys)
        project = projects.create_project(
            self.session,
            SYSTEM,
            workflow_slug=version.workflow.slug,
            version_slug=version.slug,
            short_description="A project",
            priority=priority,
            task_class=task_class,
            project_data=project_data or {},
        )
        self.session.flush()
        return project

    def task(self, project, slug):
        query = sa.select(Task).where(Task.project_id == project.id, Task.step == slug)
        return self.session.scalars(query).one()

    def hold(self, project, slug, worker, level=0):
        """A live assignment without the rules around it."""
        held = Assignment(task_id=self.task(project, slug).id, level=level, worker_id=worker.id)
        if not level:
            held.task = self.task(project, slug)
            held.task.status = TaskStatus.PROCESSING
        return self._added(held)

    def work(self, status=TaskStatus.AWAITING_PROCESSING, *, after=(), checks=None, **keys):
        """A task ``write`` in this status; ``other`` keeps its project open."""
        keys = {"review_policy": reviewed()} | keys
        of_version = {"sanity_checks": checks} if checks else {}
        project = self.project(step("write", **keys), step("other"), *after, **of_version)
        people = {person: self.worker() for person in ("writer", "reviewer")}
        admin = self.admin()
        actors = {person: Actor.of(worker) for person, worker in people.items()}
        workers = {worker.username: worker for worker in (*people.values(), admin)}
        task = self.task(project, "write")
        work = Work(self.session, project, task, Actor.of(admin), **actors, workers=workers)
        _bring(work, status)
        return work

    def _added(self, row):
        self.session.add(row)
        self.session.flush()
        return row


def _bring(work, status):
    stages = {
        TaskStatus.PROCESSING: lambda: work.assign(work.writer),
        TaskStatus.PENDING_REVIEW: lambda: work.hand_over(work.writer),
        TaskStatus.REVIEWING: lambda: work.assign(work.reviewer),
        TaskStatus.POST_REVIEW_PROCESSING: lambda: work.hand_over(work.reviewer, "return"),
        TaskStatus.COMPLETE: lambda: work.hand_over(work.reviewer, "accept"),
    }
    for stage, act in stages.items():
        if work.task.status is status:
            return
        if stage is not TaskStatus.POST_REVIEW_PROCESSING or status is stage:
            act()
    assert work.task.status is status
