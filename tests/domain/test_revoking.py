"""Revoking certifications, and how StaffBot asks who holds them (P-22, P-25 to P-28)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import certifications
from orchestra.domain.audit import Actor
from orchestra.domain.certifications import Grant, NewCertification
from orchestra.errors import Conflict, Invalid, NotFound
from orchestra.models import AuditEvent, Role, TaskClass, Verb, WorkerCertification
from tests.builders import step

REAL, TRAINING = TaskClass.REAL, TaskClass.TRAINING
CORE, REVIEW = Role.ENTRY_LEVEL, Role.REVIEWER


class Held:
    """A worker, and the certifications of a workflow in which `editor` builds on `reporter`."""

    def __init__(self, session, make):
        self.session = session
        self.version = make.version(step("a"), certifications=["reporter", "editor"], slug="news")
        self.workflow = self.version.workflow
        self.by_slug = {c.slug: c for c in self.workflow.certifications}
        self.by_slug["editor"].required = [self.by_slug["reporter"]]
        self.worker = make.worker("ana")
        self.admin = Actor.of(make.admin("mia"))

    def grant(self, slug, role=CORE, task_class=REAL):
        wanted = Grant(self.by_slug[slug], role, task_class)
        certifications.grant(self.session, self.worker, wanted, actor=self.admin)
        return certifications.get_holding(
            self.session, self.worker, "news", slug, (role, task_class)
        )

    def revoke(self, *holdings):
        certifications.revoke(self.session, self.worker, holdings, actor=self.admin)

    def left(self):
        held = certifications.holdings_of(self.session, self.worker)
        return {(h.certification.slug, h.role, h.task_class) for h in held}


@pytest.fixture
def held(session, make):
    return Held(session, make)


def test_entry_level_stays_while_the_reviewer_role_depends_on_it(held):
    """P-25"""
    entry, _reviewer = held.grant("reporter"), held.grant("reporter", REVIEW)
    with pytest.raises(Conflict, match=r"reporter \(reviewer, real\)"):
        held.revoke(entry)
    assert len(held.left()) == 2


def test_both_can_be_revoked_together(held):
    """P-25"""
    held.revoke(held.grant("reporter"), held.grant("reporter", REVIEW))
    assert held.left() == set()


def test_a_prerequisite_stays_while_others_build_on_it(held):
    """P-25: what builds on it is listed."""
    reporter, _editor = held.grant("reporter"), held.grant("editor")
    with pytest.raises(Conflict, match=r"editor \(entry level, real\)"):
        held.revoke(reporter)


def test_what_another_class_covers_may_go(held):
    """P-24, P-25: entry level for real projects also carries what is held for training."""
    training = held.grant("reporter", CORE, TRAINING)
    held.grant("reporter", CORE, REAL)
    held.grant("editor", CORE, TRAINING)
    held.revoke(training)
    assert ("editor", CORE, TRAINING) in held.left()


def test_what_was_in_the_air_before_does_not_stop_a_revocation(held, make):
    other = held.grant("reporter", CORE, TRAINING)
    make.grant(held.worker, held.by_slug["editor"])  # by sample data of long ago
    held.revoke(other)
    assert held.left() == {("editor", CORE, REAL)}


def test_grants_and_revocations_are_audited(held, session):
    """P-27, P-59"""
    held.revoke(held.grant("reporter"))
    session.flush()
    event = session.scalars(
        sa.select(AuditEvent).where(AuditEvent.verb == Verb.CERTIFICATION_REVOKED)
    ).one()
    assert event.actor == "mia"
    assert event.before == {
        "worker": "ana",
        "workflow": "news",
        "certification": "reporter",
        "role": "entry_level",
        "task_class": "real",
    }


def test_revoking_and_granting_at_once_leave_no_reviewer_without_entry_level(
    held, session, at_once
):
    entry, worker, certification = held.grant("reporter"), held.worker, held.by_slug["reporter"]
    actor = held.admin
    session.commit()

    def revoke(opened):
        certifications.revoke(opened, worker, [entry], actor=actor)

    def grant(opened):
        wanted = Grant(opened.merge(certification), REVIEW, REAL)
        certifications.grant(opened, worker, wanted, actor=actor)

    at_once(revoke, grant)
    with session.begin():
        roles = set(session.scalars(sa.select(WorkerCertification.role)))
    assert roles in ({CORE, REVIEW}, set())


def test_staffbot_is_told_whom_to_ask_and_how_early(held, session):
    """P-22"""
    holding = held.grant("reporter")
    wanted = {"staffbot_enabled": False, "staffing_priority": 5}
    assert certifications.set_staffing(session, holding, actor=held.admin, **wanted)
    assert not certifications.set_staffing(session, holding, actor=held.admin, **wanted)
    session.flush()
    events = session.scalars(sa.select(AuditEvent).where(AuditEvent.verb == Verb.ACCOUNT_CHANGED))
    assert [event.after for event in events] == [wanted]


def test_what_is_not_held_cannot_be_found(held, session):
    with pytest.raises(NotFound):
        certifications.get_holding(session, held.worker, "news", "reporter", (CORE, REAL))


def test_a_certification_is_added_by_hand(held, session):
    """P-28"""
    wanted = NewCertification(slug="photo", name="Photo", description="", required=("reporter",))
    added = certifications.add(session, held.workflow, wanted, actor=held.admin)
    assert (added.is_manual, added.retired_at) == (True, None)
    assert [c.slug for c in added.required] == ["reporter"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "Photo"),
        ("slug", ""),
        ("slug", "photo\n"),
        ("name", ""),
        ("name", "a\0b"),
        ("required", ("none",)),
    ],
)
def test_what_a_definition_could_not_hold_is_refused(held, session, field, value):
    """P-28: the same checks as for a file."""
    given = {"slug": "photo", "name": "Photo", "description": ""} | {field: value}
    with pytest.raises(Invalid) as refused:
        certifications.add(session, held.workflow, NewCertification(**given), actor=held.admin)
    assert set(refused.value.fields) == {field}


def test_no_slug_is_used_twice(held, session):
    wanted = NewCertification(slug="reporter", name="Again", description="")
    with pytest.raises(Conflict):
        certifications.add(session, held.workflow, wanted, actor=held.admin)
