"""Whatever people and machines do in whatever order, the tables of the specification hold."""

from random import Random

import pytest
import sqlalchemy as sa

from orchestra.errors import OrchestraError
from orchestra.models import AuditEvent
from tests.walk import STEPS, Walk, check_project

LENGTH = 60


@pytest.mark.parametrize("seed", range(4))
def test_the_tables_hold_after_every_operation(session, make, stored, seed):
    """L-76, L-77, and L-17 for those that are refused"""
    project = make.project(*STEPS)
    workers = [make.worker() for _ in range(4)]
    walk = Walk(project, workers, make.admin(), Random(seed), leases=[])
    before = stored()
    for _ in range(LENGTH):
        allowed = _go_one_step(walk, session)
        after = stored()
        assert allowed or after == before
        session.expire_all()
        check_project(project, session)
        check_audit(session)
        before = after


def _go_one_step(walk, session):
    """Whether the operation was allowed."""
    _, call = walk.choose(session, walk.OPERATIONS)
    try:
        if call:
            call(session)
    except OrchestraError:
        return False
    return True


def check_audit(session):
    """Nothing was deleted."""
    last = session.scalar(sa.select(sa.func.max(AuditEvent.id)))
    assert last == session.scalar(sa.select(sa.func.count()).select_from(AuditEvent))
