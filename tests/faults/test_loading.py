"""The command that loads workflows is killed, at its statements and at random moments."""

import random
import signal
import subprocess
import time
from contextlib import suppress

import pytest
import sqlalchemy as sa

from orchestra.models import (
    AuditEvent,
    Certification,
    StepRequirement,
    Verb,
    Workflow,
    WorkflowVersion,
)
from orchestra.models.definitions import certification_requirement
from tests.conftest import SEEDS
from tests.definition_files import Draft
from tests.faults.conftest import DATABASES, database_url_of
from tests.faults.kit import CLI, System

DYING = "tests.faults.dying"
FEWEST_MOMENTS, MOST_MOMENTS = 25, 60
NOTHING = (0, 0, 0, 0, 0, 0)
FIRST_ONLY, WHOLE = (1, 1, 2, 1, 1, 1), (1, 2, 2, 1, 2, 2)


@pytest.fixture(params=DATABASES)
def stopped(request, tmp_path_factory):
    """A system with a database of its own, of which no process runs."""
    folder = tmp_path_factory.mktemp(f"loading-{request.param}")
    system = System(folder, database_url_of(request, request.param, folder))
    yield system
    system.stop()


class Loading:
    """The command that loads both versions of a new workflow, each in a transaction of its own."""

    def __init__(self, system, number):
        self.system, self.slug = system, f"magazine-{number}"
        folder = system.folder / f"workflows-{number}"
        draft = Draft(folder)
        draft.workflow["slug"] = self.slug
        draft.versions["v2"] = draft.versions["v1"] | {"slug": "v2"}
        draft.write()
        self.environment = {"ORCHESTRA_WORKFLOW_DIRS": str(folder)}

        self.command = ("workflows", "load", self.slug, "--all")

    def start(self):
        return self.system.start_command(*self.command, **self.environment)

    def run(self, module=CLI, **environment):
        return self.system.command(*self.command, module=module, **self.environment, **environment)

    def stored(self):
        """How many rows of each kind there are of this workflow."""
        workflow = sa.select(Workflow.id).where(Workflow.slug == self.slug)
        versions = sa.select(WorkflowVersion.id).where(WorkflowVersion.workflow_id.in_(workflow))
        certifications = sa.select(Certification.id).where(Certification.workflow_id.in_(workflow))
        required = certification_requirement.c.certification_id
        events = sa.select(AuditEvent.id).where(
            AuditEvent.verb == Verb.VERSION_LOADED, AuditEvent.object_id.in_(versions)
        )
        wanted = sa.select(StepRequirement.step).where(StepRequirement.version_id.in_(versions))
        queries = (
            *(workflow, versions, certifications),
            *(sa.select(required).where(required.in_(certifications)), wanted, events),
        )
        with self.system.reading() as session:
            return tuple(len(session.scalars(query).all()) for query in queries)

    def require_whole_versions(self):
        """Each version is there wholly or not at all; and loading again gives both."""
        loaded = {NOTHING: 0, FIRST_ONLY: 1, WHOLE: 2}[self.stored()]
        done = self.run()
        assert done.returncode == 0, done.stderr
        outcomes = [line.rpartition(" ")[2] for line in done.stdout.splitlines()]
        assert outcomes == ["unchanged"] * loaded + ["loaded"] * (2 - loaded)
        assert self.stored() == WHOLE
        return loaded


@pytest.mark.timeout(1800)
def test_a_load_killed_at_a_statement_leaves_whole_versions(stopped, any_seed, is_long):
    """R-15: before each statement, and before and after each commit."""
    # The three seeds of the long form share all moments among them.
    at_random = random.Random(any_seed).sample(range(1, FEWEST_MOMENTS), 2)
    for number in range(any_seed, MOST_MOMENTS, len(SEEDS)) if is_long else at_random:
        loading = Loading(stopped, number)
        done = loading.run(DYING, DIE_AT=str(number))
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        print(f"seed {any_seed}: killed at {number}: {loading.require_whole_versions()} loaded")
        if done.returncode == 0:
            assert number > FEWEST_MOMENTS
            return


@pytest.mark.timeout(1800)
def test_a_load_killed_at_any_moment_leaves_whole_versions(stopped, any_seed, many):
    """R-15"""
    began = time.monotonic()
    assert Loading(stopped, "first").run().returncode == 0
    longest = time.monotonic() - began
    chance = random.Random(any_seed)
    for number in range(many):
        loading, after = Loading(stopped, number), chance.uniform(0.3, 1) * longest
        with loading.start() as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(after)
            process.kill()
        print(f"seed {any_seed}: after {after:.2f} s: {loading.require_whole_versions()} loaded")
