"""What must be there before a process starts (E-5, X-31)."""

from contextlib import contextmanager
from socket import create_server

import pytest
import sqlalchemy as sa

from orchestra.cli import Unusable, checks, database, doctor
from orchestra.config import Settings
from orchestra.database import db
from orchestra.errors import BadConfiguration


def test_production_refuses_a_sample_person_with_the_public_password(make, session):
    """R-35, E-5"""
    make.worker("demo", password="demo")
    session.commit()

    with pytest.raises(BadConfiguration, match="The account demo has a public password"):
        checks.refuse_public_passwords()


def test_production_accepts_sample_people_who_cannot_get_in_that_way(make, session):
    make.worker("demo", password="a password of their own")
    make.worker("journalism-editor", password="editor", is_active=False)
    make.worker("journalism-copy-editor")
    session.commit()

    checks.refuse_public_passwords()


@pytest.fixture
def at_revision(app):
    """Have the database say that it is at another revision: ``with at_revision("0000"):``."""

    @contextmanager
    def said(revision):
        newest = checks.current_revision(app.config["SETTINGS"])
        _say(revision)
        try:
            yield
        finally:
            _say(newest)

    return said


def _say(revision):
    with db.engine.begin() as connection:
        said = sa.text("UPDATE alembic_version SET version_num = :revision")
        connection.execute(said, {"revision": revision})


def test_an_older_database_is_refused_with_the_way_out(app, at_revision):
    """X-31"""
    settings = app.config["SETTINGS"]
    checks.refuse_older_database(settings)
    expected = r"at revision 0000.*Run `orchestra db upgrade`"
    with at_revision("0000"), pytest.raises(Unusable, match=expected):
        checks.refuse_older_database(settings)


def test_a_database_of_another_program_is_left_alone(app, at_revision, monkeypatch):
    """X-31"""
    settings = app.config["SETTINGS"]
    monkeypatch.setattr(database, "create_core", lambda _settings: app)
    with at_revision("1f3a9c"):
        for use in (checks.refuse_older_database, database.migrate):
            with pytest.raises(Unusable, match="belongs to another program"):
                use(settings)


def test_a_command_in_the_wrong_folder_names_the_database_and_makes_none(tmp_path):
    """X-31, C-16"""
    settings = Settings.from_env({}, data_dir=tmp_path / "var")

    for use in (checks.refuse_older_database, lambda s: checks.ready_application(s).__enter__()):
        with pytest.raises(Unusable, match=r"no database at .*/var/orchestra\.sqlite3"):
            use(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no database at all" * 1000, "file is not a database. Put a backup in its place"),
        (None, "unable to open database file. Is its folder there"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_with_what_to_do(content, reason, tmp_path):
    """C-16"""
    path = tmp_path / "orchestra.sqlite3"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(Unusable) as caught:
        database.migrate(Settings.from_env({}, data_dir=tmp_path))
    assert str(caught.value).startswith(f"ORCHESTRA_DATABASE_URL: the database at sqlite:///{path}")
    assert reason in str(caught.value)


def test_an_embedded_broker_that_does_not_run_is_told_by_what_starts_it(tmp_path):
    """C-16"""
    settings = Settings.from_env({}, data_dir=tmp_path)
    settings.broker_address_file.write_text("redis://:secret@127.0.0.1:1/0")

    with pytest.raises(Unusable) as caught:
        checks.refuse_unreachable_broker(settings)
    assert str(caught.value).endswith(f"Is `orchestra up` running in {tmp_path}?")
    assert "secret" not in str(caught.value)


def test_a_broker_that_takes_the_call_and_says_nothing_is_not_waited_for(tmp_path):
    """C-16"""
    with create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings = Settings.from_env({"ORCHESTRA_BROKER_URL": address}, data_dir=tmp_path)
        with pytest.raises(Unusable, match=f"no broker answers at {address}: Timeout"):
            checks.refuse_unreachable_broker(settings)


def test_a_newer_database_is_no_reason_to_refuse(app, at_revision, monkeypatch):
    """R-18: a process of the former version starts again in the middle of an update."""
    settings = app.config["SETTINGS"]
    monkeypatch.setattr(database, "create_core", lambda _settings: app)
    with at_revision("9999"):
        checks.refuse_older_database(settings)
        assert database.migrate(settings) == "9999"
        finding = next(doctor.examine_database(settings))
    assert finding.level is doctor.Level.WARN
    assert finding.text.startswith("at revision 9999, this program is of 00")
