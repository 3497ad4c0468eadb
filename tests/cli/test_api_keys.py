"""`orchestra api-key` (A-11, X-32, X-36)."""

import json
from contextlib import nullcontext

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from orchestra.cli import api_keys, doctor, main
from orchestra.cli.doctor import Level
from orchestra.models import ApiKey, AuditEvent, Source


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(api_keys, "ready_application", lambda: nullcontext(app))
    return lambda *arguments: CliRunner().invoke(main, ["api-key", *arguments])


def test_create_prints_the_secret_as_json_and_nothing_else(run, session):
    result = run("create", "system", "--label", "Website")
    assert result.exit_code == 0
    made = json.loads(result.stdout)
    assert made["key_id"] == "system"
    key = session.scalars(sa.select(ApiKey)).one()
    assert (key.label, key.is_legacy) == ("Website", False)
    event = session.scalars(sa.select(AuditEvent)).one()
    assert (event.actor, event.source) == ("system", Source.CLI)
    assert event.note


def test_a_legacy_key_comes_with_a_warning(run, session):
    result = run("create", "old", "--legacy")
    assert json.loads(result.stdout)["secret"]
    assert "replayed" in result.stderr
    assert session.scalars(sa.select(ApiKey)).one().is_legacy


def test_the_list_shows_everything_but_secrets(run):
    """A-20: legacy keys are marked."""
    secret = json.loads(run("create", "old", "--legacy").stdout)["secret"]
    run("create", "gone")
    run("revoke", "gone")
    shown = run("list").stdout
    assert "legacy" in shown.splitlines()[0]
    assert "revoked" in shown.splitlines()[1]
    entries = json.loads(run("list", "--json").stdout)
    assert [(entry["key_id"], entry["legacy"]) for entry in entries] == [
        ("old", True),
        ("gone", False),
    ]
    assert entries[1]["revoked_at"].endswith("Z")
    assert secret not in shown + run("list", "--json").stdout


def test_the_doctor_warns_of_keys_that_can_be_replayed_or_not_be_read(run, app, change_settings):
    """A-10, A-20"""
    run("create", "strict")
    assert doctor.check_keys(app.config["SETTINGS"]).level is Level.OK
    run("create", "old", "--legacy")
    warned = doctor.check_keys(app.config["SETTINGS"])
    assert (warned.level, warned.text.split()[0]) == (Level.WARN, "old")
    change_settings(secret_key="another secret key that is long enough")
    failed = doctor.check_keys(app.config["SETTINGS"])
    assert failed.level is Level.FAIL
    assert "cannot read strict, old; `orchestra api-key re-encrypt`" in failed.text


@pytest.mark.parametrize("arguments", [("create", "a b"), ("revoke", "none")])
def test_a_refusal_is_one_line_and_exit_code_1(run, session, arguments):
    """C-16"""
    result = run(*arguments)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert session.scalar(sa.select(sa.func.count(ApiKey.id))) == 0


def test_keys_are_re_encrypted_or_left_alone(run, app, session, change_settings):
    """A-10"""
    run("create", "one")
    old = app.config["SETTINGS"].secret_key
    change_settings(secret_key="another secret key that is long enough")
    assert run("re-encrypt", "--old-key", "a guess").exit_code == 1
    assert run("re-encrypt", "--old-key", old).stdout == "All keys are usable.\n"
