"""`orchestra create-admin` (P-7, P-17, X-32)."""

from contextlib import nullcontext

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from orchestra.cli import accounts, main
from orchestra.cli.checks import PUBLIC_PASSWORDS
from orchestra.domain.people import password_fits
from orchestra.models import AuditEvent, Source, Worker

PASSWORD = "four words make sense"
TYPED = f"{PASSWORD}\n{PASSWORD}\n"


@pytest.fixture
def run(app, monkeypatch):
    monkeypatch.setattr(accounts, "ready_application", lambda: nullcontext(app))
    return lambda *arguments, typed="": CliRunner().invoke(
        main, ["create-admin", *arguments], input=typed
    )


def test_the_password_is_asked_for_and_not_echoed(run, session):
    result = run("--username", "mia", "--email", "mia@example.org", typed=TYPED)
    assert result.exit_code == 0, result.stderr
    assert PASSWORD not in result.output
    worker = session.scalars(sa.select(Worker)).one()
    assert (worker.username, worker.is_administrator, worker.is_active) == ("mia", True, True)
    assert password_fits(PASSWORD, worker.password_hash)
    event = session.scalars(sa.select(AuditEvent)).one()
    assert (event.actor, event.source) == ("system", Source.CLI)
    assert "password" not in str(event.after)


def test_name_and_address_are_asked_for_if_absent(run, session):
    assert run(typed=f"mia\nmia@example.org\n{TYPED}").exit_code == 0
    assert session.scalars(sa.select(Worker.email)).one() == "mia@example.org"


@pytest.mark.parametrize(
    ("username", "typed", "sentence"),
    [
        ("m i a", TYPED, "Use 1 to 150 of these characters"),
        ("mia", "short\nshort\n", "Use at least 10 characters"),
        ("mia", f"{PASSWORD}\nanother\n", "The two passwords differ"),
        ("ANA", TYPED, "There is an account 'ANA' already"),
    ],
)
def test_a_refusal_is_one_line_and_changes_nothing(run, make, session, username, typed, sentence):
    """C-16"""
    make.worker("ana")
    session.commit()
    result = run("--username", username, "--email", "mia@example.org", typed=typed)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert session.scalars(sa.select(Worker.username)).all() == ["ana"]


def test_the_demo_administrator_has_a_public_password_of_which_production_is_warned(run, session):
    """P-7, E-5"""
    assert run("--demo").exit_code == 0
    worker = session.scalars(sa.select(Worker)).one()
    assert password_fits(PUBLIC_PASSWORDS[worker.username], worker.password_hash)
    assert run("--demo").exit_code == 1


def test_the_demo_administrator_is_refused_in_production(run, session, change_settings):
    change_settings(environment="production")
    result = run("--demo")
    assert result.exit_code == 1
    assert "refused in production" in result.stderr
    assert session.scalars(sa.select(Worker)).all() == []
