"""`orchestra create-admin` (P-17, X-32)."""

from contextlib import nullcontext

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from orchestra.cli import accounts, main
from orchestra.domain import people
from orchestra.models import AuditEvent, Source, Worker

PASSWORD = "seven brave tailors"


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(accounts, "ready_application", lambda: nullcontext(app))
    return lambda *arguments, typed="": CliRunner().invoke(
        main, ["create-admin", *arguments], input=typed
    )


def administrator(session):
    return session.scalars(sa.select(Worker)).one()


def test_it_asks_for_what_is_not_given_and_twice_for_the_password(run, session):
    done = run("--username", "ana", typed=f"ana@example.org\n{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    made = administrator(session)
    assert (made.username, made.email, made.is_administrator) == ("ana", "ana@example.org", True)
    assert people.password_fits(PASSWORD, made.password_hash)
    event = session.scalars(sa.select(AuditEvent)).one()
    assert (event.actor, event.source) == ("system", Source.CLI)


@pytest.mark.parametrize("password", ["short", "ana@example.org"])
def test_a_weak_password_is_refused(run, session, password):
    """P-7"""
    done = run("--username", "ana", "--email", "ana@example.org", typed=f"{password}\n" * 2)
    assert done.exit_code == 1
    assert session.scalar(sa.select(sa.func.count(Worker.id))) == 0


def test_a_taken_name_is_told_with_its_field(run):
    assert run("--demo").exit_code == 0
    again = run("--demo")
    assert again.exit_code == 1
    assert "username: This user name is taken" in again.stderr


def test_the_demo_administrator_is_not_made_in_production(run, session, monkeypatch):
    made = run("--demo")
    assert "Sign in as admin with the password admin." in made.output
    assert administrator(session).is_administrator
    for name, value in {
        "ORCHESTRA_ENVIRONMENT": "production",
        "ORCHESTRA_URL": "https://orchestra.example.org",
        "ORCHESTRA_SECRET_KEY": "k" * 32,
    }.items():
        monkeypatch.setenv(name, value)
    refused = run("--demo")
    assert refused.exit_code == 1
    assert "public" in refused.stderr
