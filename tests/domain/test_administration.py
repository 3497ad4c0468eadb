"""Accounts in the hands of administrators (P-15, P-16, P-18), and acting as others (P-51, P-54)."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.database import utcnow
from orchestra.domain import acting, administration, people_list, signing_in
from orchestra.domain.administration import NewAccount, Roles
from orchestra.domain.audit import Actor
from orchestra.errors import Conflict, Forbidden, Invalid, NotFound, WorkerInactive
from orchestra.models import (
    AccountToken,
    AuditEvent,
    Message,
    TaskStatus,
    TokenPurpose,
    Verb,
    Worker,
)

PLAIN, BOSS = Roles(), Roles(is_administrator=True)


@pytest.fixture
def root(make):
    return make.worker("root", is_administrator=True)


@pytest.fixture
def actor(root):
    return Actor.of(root)


@pytest.fixture
def ana(make):
    return make.worker("ana", first_name="Ana", password="ana's password")


def events(session, verb=Verb.ACCOUNT_CHANGED):
    session.flush()
    return session.scalars(
        sa.select(AuditEvent).where(AuditEvent.verb == verb).order_by(AuditEvent.id)
    ).all()


def test_a_new_account_is_active_at_once(session, actor):
    """P-16"""
    wish = NewAccount(username="cleo", email="cleo@example.org", roles=BOSS)
    worker = administration.create_account(session, actor, wish, "a hash")
    assert (worker.is_active, worker.is_administrator) == (True, True)
    created = events(session)[0]
    assert created.after["username"] == "cleo"
    assert "a hash" not in str(created.after)


def test_without_a_password_an_invitation_is_mailed(session, actor):
    """P-16"""
    wish = NewAccount(username="cleo", email="cleo@example.org")
    worker = administration.create_account(session, actor, wish, None)
    token = session.scalars(sa.select(AccountToken)).one()
    assert (token.worker_id, token.purpose) == (worker.id, TokenPurpose.INVITATION)
    assert session.scalars(sa.select(Message.address)).all() == ["cleo@example.org"]


def test_an_invitation_is_sent_again_only_to_who_has_no_password(session, actor, ana):
    wish = NewAccount(username="cleo", email="cleo@example.org")
    worker = administration.create_account(session, actor, wish, None)
    administration.invite_again(session, actor, worker.id)
    usable = sa.select(AccountToken).where(AccountToken.used_at.is_(None))
    assert len(session.scalars(usable).all()) == 1
    with pytest.raises(Conflict):
        administration.invite_again(session, actor, ana.id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "a b"),
        ("username", "ANA"),
        ("email", "nobody"),
        ("email", "Ana@Example.org"),
        ("first_name", "x" * 151),
        ("last_name", "a\0b"),
    ],
)
def test_what_no_account_can_have_is_refused(session, actor, ana, field, value):
    """P-1"""
    wish = NewAccount(**({"username": "cleo", "email": "cleo@example.org"} | {field: value}))
    with pytest.raises(Invalid) as refused:
        administration.create_account(session, actor, wish, "a hash")
    assert set(refused.value.fields) == {field}


def test_deactivating_ends_sessions_and_links_and_is_told(session, actor, ana):
    """P-10, P-15"""
    key = ana.session_key
    administration.deactivate(session, actor, ana.id)
    session.flush()
    assert not ana.is_active
    assert signing_in.find_by_session_key(session, key) is None
    assert ana.session_key != key
    assert session.scalars(sa.select(Message.address)).all() == ["ana@example.org"]
    administration.deactivate(session, actor, ana.id)
    administration.activate(session, actor, ana.id)
    assert ana.is_active
    assert [event.after for event in events(session)] == [
        {"is_active": False},
        {"is_active": True},
    ]


def test_tasks_of_a_deactivated_account_stay_and_need_attention(session, make, actor):
    """P-15"""
    work = make.work(TaskStatus.PROCESSING)
    holder = session.get(Worker, work.writer.worker_id)
    assert people_list.held_by_inactive(session) == []
    administration.deactivate(session, actor, holder.id)
    session.flush()
    (held,) = people_list.held_by_inactive(session)
    assert (held.task.id, held.assignment.worker) == (work.task.id, holder)


def test_the_last_active_administrator_stays(session, make, root, actor):
    """P-15"""
    make.worker("gone", is_administrator=True, is_active=False)
    with pytest.raises(Conflict, match="last active administrator"):
        administration.deactivate(session, actor, root.id)
    with pytest.raises(Conflict, match="last active administrator"):
        administration.set_roles(session, actor, root.id, PLAIN)
    make.worker("other", is_administrator=True)
    administration.set_roles(session, actor, root.id, PLAIN)
    assert not root.is_administrator


def test_of_two_administrators_who_demote_each_other_one_stays(session, make, root, at_once):
    """P-15, under a race."""
    other = make.worker("other", is_administrator=True)
    session.commit()
    outcomes = at_once(
        lambda s: administration.set_roles(s, Actor.of(root), other.id, PLAIN),
        lambda s: administration.set_roles(s, Actor.of(other), root.id, PLAIN),
    )
    assert sum(isinstance(outcome, Worker) for outcome in outcomes) == 1
    with session.begin():
        left = sa.select(sa.func.count()).where(Worker.is_administrator)
        assert session.scalar(left) == 1


def test_roles_are_given_and_audited(session, actor, ana):
    """P-18"""
    roles = Roles(is_in_project_admins=True)
    for _ in range(2):
        administration.set_roles(session, actor, ana.id, roles)
        session.flush()
    assert ana.is_project_admin
    (event,) = events(session)
    assert event.before == {"is_in_project_admins": False, "is_administrator": False}
    assert event.after == {"is_in_project_admins": True, "is_administrator": False}


def test_only_administrators_do_this_and_only_as_themselves(session, make, root, actor, ana):
    """P-19, P-53"""
    for refused in (Actor.of(make.admin()), Actor.of(ana), replace(actor, acting_as="ana")):
        with pytest.raises(Forbidden):
            administration.set_roles(session, refused, ana.id, BOSS)
        with pytest.raises(Forbidden):
            administration.deactivate(session, refused, ana.id)
        with pytest.raises(Forbidden):
            acting.start(session, refused, "ana")


# --- Acting -----------------------------------------------------------------------------------


def test_acting_is_recorded_with_both_names(session, actor, root, ana):
    """P-54"""
    acting.start(session, actor, "ANA")
    acting.stop(session, acting.as_worker(root, ana, "request"), ana)
    for verb in (Verb.ACTING_STARTED, Verb.ACTING_STOPPED):
        (event,) = events(session, verb)
        assert (event.actor, event.acting_as, event.object_id) == ("root", "ana", ana.id)


def test_nobody_acts_as_an_administrator_a_closed_account_or_nobody(session, make, actor):
    """P-51"""
    make.worker("other", is_administrator=True)
    make.worker("gone", is_active=False)
    for username, error in (("other", Forbidden), ("gone", WorkerInactive), ("?", NotFound)):
        with pytest.raises(error):
            acting.start(session, actor, username)


def test_acting_has_the_rights_of_the_worker(root, ana):
    """P-54"""
    actor = acting.as_worker(root, ana, "request")
    assert (actor.name, actor.acting_as, actor.worker_id) == ("root", "ana", ana.id)
    assert not actor.may_manage


def test_acting_ends_after_an_hour_and_with_the_rights_to_it(session, root, ana):
    """P-52"""
    now = utcnow()

    def acted_as(since=now):
        return acting.find_acted_as(session, root, ana.id, since)

    assert acted_as() is ana
    assert acted_as(now - timedelta(minutes=59)) is ana
    assert acted_as(now - timedelta(minutes=60)) is None
    ana.is_administrator = True
    assert acted_as() is None
    ana.is_administrator, ana.is_active = False, False
    assert acted_as() is None
    ana.is_active, root.is_administrator = True, False
    assert acted_as() is None


@pytest.mark.parametrize("tells", [True, False])
def test_the_worker_is_told_if_the_settings_say_so(session, actor, ana, change_settings, tells):
    """E-42, M-26"""
    change_settings(tell_acting=tells)
    acting.start(session, actor, "ana")
    told = session.scalars(sa.select(Message).where(Message.worker_id == ana.id)).all()
    assert [message.kind for message in told] == ["acting_started"] * tells
