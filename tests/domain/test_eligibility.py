"""Who may hold which task at which level (P-22, P-24, P-29 to P-34)."""

import pytest
import sqlalchemy as sa

from orchestra.domain.eligibility import certified_for_task, require_certified, role_for
from orchestra.domain.versions import graph_of
from orchestra.errors import NotCertified
from orchestra.models import Project, Role, Task, TaskClass, WorkerCertification
from tests.builders import step

REAL, TRAINING = TaskClass.REAL, TaskClass.TRAINING
CORE, REVIEW = Role.ENTRY_LEVEL, Role.REVIEWER


class Case:
    """A project of a step, and whether a worker is certified by both forms of the rule."""

    def __init__(self, session, make, needs, defines, task_class):
        self.session, self.make = session, make
        version = make.version(step("a", required_certifications=needs), certifications=defines)
        self.project = make.project(version=version, task_class=task_class)
        self.certifications = {c.slug: c for c in version.workflow.certifications}
        self.worker = make.worker()

    def grant(self, slug, role, task_class):
        self.make.grant(self.worker, self.certifications[slug], role, task_class)

    def is_certified(self, level):
        entry = graph_of(self.project.version).by_slug["a"]
        try:
            require_certified(self.session, self.worker, self.project, entry, level)
            by_rule = True
        except NotCertified:
            by_rule = False
        found = sa.select(Task.id).join(Project, Project.id == Task.project_id)
        condition = certified_for_task(self.worker.id, role_for(level))
        by_query = self.session.scalar(found.where(condition)) is not None
        assert by_rule == by_query
        return by_rule


@pytest.mark.parametrize(
    ("needs", "defines", "project_class", "held", "level", "certified"),
    [
        # P-30: all of them, in the needed role
        (["x"], ["x"], REAL, [], 0, False),
        (["x"], ["x"], REAL, [("x", CORE, REAL)], 0, True),
        (["x"], ["x"], REAL, [("x", REVIEW, REAL)], 0, False),
        (["x"], ["x"], REAL, [("x", CORE, REAL)], 1, False),
        (["x"], ["x"], REAL, [("x", REVIEW, REAL)], 1, True),
        (["x"], ["x"], REAL, [("x", REVIEW, REAL)], 2, True),
        (["x", "y"], ["x", "y"], REAL, [("x", CORE, REAL)], 0, False),
        (["x", "y"], ["x", "y"], REAL, [("x", CORE, REAL), ("y", CORE, REAL)], 0, True),
        # P-24: real covers both classes, training itself
        (["x"], ["x"], TRAINING, [("x", CORE, REAL)], 0, True),
        (["x"], ["x"], TRAINING, [("x", CORE, TRAINING)], 0, True),
        (["x"], ["x"], REAL, [("x", CORE, TRAINING)], 0, False),
        # P-31
        ([], ["x"], REAL, [], 0, True),
        # P-32
        ([], [], REAL, [], 1, True),
        ([], ["x"], REAL, [], 1, False),
        ([], ["x"], REAL, [("x", CORE, REAL)], 1, False),
        ([], ["x"], REAL, [("x", REVIEW, REAL)], 1, True),
        ([], ["x"], REAL, [("x", REVIEW, TRAINING)], 1, False),
        ([], ["x"], TRAINING, [("x", REVIEW, TRAINING)], 1, True),
    ],
)
def test_certifications_decide_who_may_hold_a_task(
    session, make, needs, defines, project_class, held, level, certified
):
    case = Case(session, make, needs, defines, project_class)
    for grant in held:
        case.grant(*grant)
    assert case.is_certified(level) is certified


@pytest.mark.parametrize("level", [0, 1])
def test_certifications_of_another_workflow_do_not_count(session, make, level):
    case = Case(session, make, ["x"] if level == 0 else [], ["x"], REAL)
    other = make.version(step("a"), certifications=["x"]).workflow.certifications[0]
    for role in Role:
        make.grant(case.worker, other, role)
    assert not case.is_certified(level)


def test_the_refusal_names_what_is_missing(session, make):
    """P-34"""
    case = Case(session, make, ["x", "y"], ["x", "y"], REAL)
    case.grant("x", CORE, REAL)
    entry = graph_of(case.project.version).by_slug["a"]
    with pytest.raises(NotCertified, match="at entry level: y"):
        require_certified(session, case.worker, case.project, entry, 0)


def test_a_certification_is_held_once_in_a_role_for_a_class(session, make):
    """P-22"""
    case = Case(session, make, ["x"], ["x"], REAL)
    case.grant("x", CORE, REAL)
    held = session.scalars(sa.select(WorkerCertification)).one()
    assert (held.staffbot_enabled, held.staffing_priority) == (True, 0)
    with pytest.raises(sa.exc.IntegrityError):
        case.grant("x", CORE, REAL)
