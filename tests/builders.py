"""Builders of rows for tests: each takes only what the test is about."""

import itertools
import json

from orchestra.domain.audit import Actor
from orchestra.domain.people import hash_password
from orchestra.models import (
    Certification,
    Role,
    StepRequirement,
    TaskClass,
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

    def _added(self, row):
        self.session.add(row)
        self.session.flush()
        return row
