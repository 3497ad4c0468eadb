"""Calling rules as entry points do, and seeing what they wrote."""

import pytest
import sqlalchemy as sa

from orchestra.domain.audit import Actor
from orchestra.errors import OrchestraError
from orchestra.models import (
    Assignment,
    Attempt,
    AuditEvent,
    Iteration,
    Offer,
    Project,
    Remark,
    ReviewDraw,
    StaffingBatch,
    StaffingRequest,
    Task,
)
from orchestra.outbox import OutboxMessage

WATCHED = (
    Project,
    Task,
    Assignment,
    Iteration,
    Attempt,
    Remark,
    ReviewDraw,
    StaffingRequest,
    StaffingBatch,
    Offer,
    AuditEvent,
    OutboxMessage,
)


@pytest.fixture
def ana(make):
    return make.worker("ana")


@pytest.fixture
def actor(ana):
    return Actor.of(ana)


@pytest.fixture
def act(session):
    """Call a rule and write what it changed, so that the next one finds it."""

    def called(rule, *arguments, **named):
        answer = rule(session, *arguments, **named)
        session.flush()
        return answer

    return called


@pytest.fixture
def stored(session):
    """Every row of the tables that the rules change."""

    def rows():
        session.flush()
        return {
            model.__tablename__: session.execute(
                sa.select(model.__table__).order_by(model.__table__.c.id)
            ).all()
            for model in WATCHED
        }

    return rows


@pytest.fixture
def refused(act, stored):
    """Expect a refusal of this kind that changes nothing at all (L-17); gives the error."""

    def expected(kind, rule, *arguments, **named):
        before = stored()
        with pytest.raises(OrchestraError) as caught:
            act(rule, *arguments, **named)
        assert caught.value.kind == kind
        assert stored() == before
        return caught.value

    return expected


@pytest.fixture
def verbs(session):
    """The verbs of the audit since the last call, oldest first."""
    seen = [0]

    def fresh():
        session.flush()
        events = session.scalars(
            sa.select(AuditEvent).where(AuditEvent.id > seen[0]).order_by(AuditEvent.id)
        ).all()
        if events:
            seen[0] = events[-1].id
        return [event.verb for event in events]

    return fresh


@pytest.fixture
def last_event(session):
    """The newest audit event of a verb."""

    def found(verb):
        query = sa.select(AuditEvent).where(AuditEvent.verb == verb)
        return session.scalars(query.order_by(AuditEvent.id.desc()).limit(1)).one()

    return found
