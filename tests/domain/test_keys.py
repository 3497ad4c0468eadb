"""Keys of client systems (A-9 to A-12)."""

import base64

import pytest
import sqlalchemy as sa

from orchestra.domain import keys
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.errors import Conflict, Invalid, NotFound
from orchestra.models import AuditEvent, Verb


@pytest.fixture
def events(session):
    def recorded():
        session.flush()
        return session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()

    return recorded


def test_a_secret_is_random_and_stored_encrypted(session):
    """A-10"""
    key, secret = keys.create_key(session, SYSTEM, "one")
    _other, other_secret = keys.create_key(session, SYSTEM, "two")
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    assert secret != other_secret
    assert secret not in key.encrypted_secret
    assert keys.secret_of(session, key) == secret


def test_with_another_secret_key_a_secret_is_lost(session, change_settings):
    """A-10"""
    key, _secret = keys.create_key(session, SYSTEM, "one")
    change_settings(secret_key="another secret key that is long enough")
    assert keys.secret_of(session, key) is None


def test_secrets_can_be_encrypted_anew(session, app, change_settings):
    """A-10; running it again does no harm, and a wrong old key is noticed."""
    key, secret = keys.create_key(session, SYSTEM, "one")
    old = app.config["SETTINGS"].secret_key
    change_settings(secret_key="another secret key that is long enough")
    assert keys.re_encrypt(session, "a guess") == ["one"]
    assert keys.secret_of(session, key) is None
    assert keys.re_encrypt(session, old) == keys.re_encrypt(session, old) == []
    assert keys.secret_of(session, key) == secret


def test_a_key_may_be_made_with_a_known_secret(session):
    """A-12"""
    key, secret = keys.create_key(session, SYSTEM, "one", secret="a-secret-from-the-settings")
    assert keys.secret_of(session, key) == secret == "a-secret-from-the-settings"


def test_who_made_and_revoked_a_key_is_recorded_without_the_secret(session, make, events):
    """P-59"""
    actor = Actor.of(make.admin("ann"))
    key, secret = keys.create_key(session, actor, "one", label="Website", is_legacy=True)
    keys.revoke_key(session, actor, "one")
    created, revoked = events()
    assert (created.verb, created.actor) == (Verb.KEY_CREATED, "ann")
    assert created.after == {"key_id": "one", "label": "Website", "is_legacy": True}
    assert (revoked.verb, revoked.object_id) == (Verb.KEY_REVOKED, key.id)
    assert secret not in str([event.after for event in (created, revoked)])
    assert key.created_by_id == actor.worker_id


def test_revoking_again_changes_nothing(session, events):
    key, _secret = keys.create_key(session, SYSTEM, "one")
    keys.revoke_key(session, SYSTEM, "one")
    revoked_at = key.revoked_at
    keys.revoke_key(session, SYSTEM, "one")
    assert key.revoked_at == revoked_at
    assert len(events()) == 2


def test_a_name_is_used_once_even_when_revoked(session):
    keys.create_key(session, SYSTEM, "one")
    keys.revoke_key(session, SYSTEM, "one")
    with pytest.raises(Conflict, match="one"):
        keys.create_key(session, SYSTEM, "one")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"key_id": ""}, "key_id"),
        ({"key_id": 'a"b'}, "key_id"),
        ({"key_id": "a b"}, "key_id"),
        ({"key_id": "x" * 65}, "key_id"),
        ({"label": "x" * 201}, "label"),
        ({"secret": ""}, "secret"),
        ({"secret": "tüüüüüüüüüüüüüüüüür"}, "secret"),
    ],
)
def test_what_cannot_be_used_is_refused_and_named(session, events, wrong, field):
    with pytest.raises(Invalid) as refusal:
        keys.create_key(session, SYSTEM, **({"key_id": "one"} | wrong))
    assert list(refusal.value.fields) == [field]
    assert not events()


def test_an_unknown_key_cannot_be_revoked(session):
    with pytest.raises(NotFound, match="none"):
        keys.revoke_key(session, SYSTEM, "none")


def test_all_keys_are_listed_in_the_order_of_their_making(session):
    for name in ("b", "a"):
        keys.create_key(session, SYSTEM, name)
    keys.revoke_key(session, SYSTEM, "b")
    assert [key.key_id for key in keys.all_keys(session)] == ["b", "a"]
