"""What SanityBot looks for in a newsroom (X-14, SB-1)."""

from datetime import timedelta

import pytest
from journalism_workflow.v1.checks import find_problems

from orchestra.database import utcnow
from orchestra.domain import definitions, sanity, sanity_function, versions
from orchestra.domain.definitions import storing
from orchestra.models import AssignmentStatus, Task, TaskStatus
from orchestra.workflow_kit import SanityCheck
from tests.workflows.test_journalism_workflow import FOLDER

S = TaskStatus


@pytest.fixture
def project(session, make):
    """A project whose article and photos somebody works on."""
    storing.store(session, definitions.read_package(FOLDER), "v1")
    made = make.project(version=versions.get_version(session, "journalism", "v1"))
    for slug in ("reporting", "photography"):
        session.add(Task(project_id=made.id, step=slug, is_human=True, status=S.PROCESSING))
        session.flush()
        make.hold(made, slug, make.worker())
    return made


def held(session, make, project, slug):
    (assignment,) = make.task(project, slug).assignments
    return assignment


def look(session, project):
    session.flush()
    session.expire_all()
    described = sanity_function.describe(session, [project])[project.id]
    return find_problems(described, days=3)


@pytest.mark.parametrize("step", ["reporting", "photography"])
def test_work_that_was_taken_long_ago_is_late(session, make, project, step):
    assert look(session, project) == []

    held(session, make, project, step).created_at = utcnow() - timedelta(days=3, minutes=1)
    assert look(session, project) == [SanityCheck(check_slug=f"{step}_is_late")]
    make.task(project, step).status = S.COMPLETE
    held(session, make, project, step).status = AssignmentStatus.SUBMITTED
    assert look(session, project) == []


def test_every_check_has_a_configuration(session, make, project):
    """SB-10"""
    for step in ("reporting", "photography"):
        held(session, make, project, step).created_at = utcnow() - timedelta(days=9)
    (examined,) = sanity.examine(session, [project.id])
    problems = [check.check_slug for check in look(session, project)]
    result = examined.result(sanity.Answer(slugs=problems))

    assert len(problems) == 2
    assert result.found == problems
    assert result.answer.error is None
