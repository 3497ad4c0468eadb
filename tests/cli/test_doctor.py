"""`orchestra doctor`: what it says about the scheduler and about settings (X-35, P-55)."""

import socket
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.cli import doctor
from orchestra.cli.doctor import (
    Level,
    check_commands,
    check_mail,
    check_scheduler,
    check_workflows,
    examine_chat,
    examine_files,
    examine_retired,
)
from orchestra.database import utcnow
from orchestra.errors import RefusedByService, ServiceUnreachable, Unavailable
from orchestra.integrations.chat import Chats, MemoryChat
from orchestra.integrations.files import DirectUploads, FilesInMemory
from orchestra.models import Tick, Worker
from orchestra.outbox import Job

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def found(app, make, session):
    """The finding about the scheduler of a system with one account."""
    make.worker()
    session.commit()

    def finding():
        session.commit()
        return check_scheduler(app.config["SETTINGS"])

    return finding


def test_a_new_system_is_not_warned_about_its_first_sweep(found):
    assert (found().level, found().text) == (Level.OK, "not yet swept; the system is new.")


def test_an_older_system_that_was_never_swept_is_warned_about(found, session):
    session.execute(sa.update(Worker).values(created_at=utcnow() - LONG_AGO))
    assert (found().level, found().text) == (
        Level.WARN,
        "has never swept; start `orchestra beat`.",
    )


def test_a_sweep_of_long_ago_is_a_failure(found, session):
    session.add(Tick(job=Job.SWEEP, at=utcnow() - LONG_AGO))
    assert found().level is Level.FAIL


def test_a_sweep_of_now_is_fine(found, session):
    session.add(Tick(job=Job.SWEEP, at=utcnow()))
    assert found().level is Level.OK


def test_a_folder_of_workflows_that_is_not_there_is_told(app, change_settings, tmp_path):
    """D-2, E-18"""
    assert check_workflows(app.config["SETTINGS"]).level is Level.OK
    change_settings(workflow_dirs=(tmp_path, tmp_path / "workflwos"))
    told = check_workflows(app.config["SETTINGS"])
    assert (told.level, told.text) == (
        Level.WARN,
        f"there is no folder {tmp_path / 'workflwos'} (ORCHESTRA_WORKFLOW_DIRS).",
    )
    change_settings(workflow_dirs=(tmp_path,), workflows=("no.such.package",))
    assert check_workflows(app.config["SETTINGS"]).level is Level.FAIL


def test_a_database_that_cannot_be_used_keeps_nothing_else_from_being_looked_at(
    app, change_settings, monkeypatch, tmp_path
):
    """X-35"""
    change_settings(database_url=f"sqlite:///{tmp_path}/none.sqlite3")
    settings = app.config["SETTINGS"]
    monkeypatch.setattr(doctor, "refuse_unreachable_broker", lambda _settings: None)

    (database,) = doctor.examine_database(settings)
    broker, queues = doctor.examine_broker(settings)

    assert (database.level, broker.level, queues.level) == (Level.FAIL, Level.OK, Level.WARN)
    assert "There is no database at" in database.text


def test_what_is_damaged_in_the_database_is_told_in_a_line(app, monkeypatch):
    """X-35, C-16"""

    def damaged(_settings):
        raise Unavailable("The database is damaged.")

    monkeypatch.setattr(doctor, "check_outbox", damaged)
    found = list(doctor.examine_database(app.config["SETTINGS"]))
    (failed,) = [finding for finding in found if finding.level is Level.FAIL]
    assert failed.text == "The database is damaged."
    assert found[-1].part == "api keys"


def test_a_setting_that_has_no_effect_is_told(app, change_settings):
    """P-55"""
    assert list(examine_retired(app.config["SETTINGS"])) == []
    change_settings(hijack_allow_get_requests="false")
    (finding,) = examine_retired(app.config["SETTINGS"])
    assert (finding.level, "HIJACK_ALLOW_GET_REQUESTS" in finding.text) == (Level.WARN, True)


def test_mail_that_is_not_sent_is_fine_until_people_depend_on_it(app, change_settings):
    """I-8"""
    assert check_mail(app.config["SETTINGS"]).level is Level.OK
    change_settings(environment="staging")
    assert check_mail(app.config["SETTINGS"]).level is Level.WARN


def test_a_mail_server_that_does_not_answer_is_a_failure(app, change_settings):
    """I-8"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    change_settings(mail_backend="smtp", smtp_host="127.0.0.1", smtp_port=port)
    finding = check_mail(app.config["SETTINGS"])
    assert (finding.level, "not reachable" in finding.text) == (Level.FAIL, True)


class Bucket(FilesInMemory, DirectUploads):
    upload_address = "https://newsroom.s3.example.org/"
    upload_form = keep_sent = None

    def __init__(self, takes):
        super().__init__()
        self.takes = takes

    def takes_uploads_from(self, origin):
        if isinstance(self.takes, Exception):
            raise self.takes
        return origin in self.takes


@pytest.mark.parametrize(
    ("store", "level", "said"),
    [
        (Bucket(["https://orchestra.example.org"]), Level.OK, "s3.example.org"),
        (Bucket(["https://other.example.org"]), Level.WARN, "CORS rule"),
        (Bucket(ServiceUnreachable("No answer.")), Level.WARN, "No answer."),
        (FilesInMemory(), Level.WARN, "ORCHESTRA_S3_DIRECT_UPLOADS has no effect"),
    ],
)
def test_whether_browsers_may_send_to_the_bucket_is_asked(
    app, change_settings, monkeypatch, store, level, said
):
    """I-8"""
    monkeypatch.setattr(doctor, "store_of", lambda _settings: store)
    assert len(list(examine_files(app.config["SETTINGS"]))) == 1
    change_settings(s3_direct_uploads=True, url="https://orchestra.example.org/base")
    _, finding = examine_files(app.config["SETTINGS"])
    assert (finding.level, finding.part) == (level, "files, direct uploads")
    assert said in finding.text


class Refusing(MemoryChat):
    def check(self):
        raise RefusedByService("The chat answered: invalid_auth.")


def test_each_workspace_of_the_chat_is_looked_at(app, change_settings, monkeypatch):
    """I-8, I-9"""
    said = list(examine_chat(app.config["SETTINGS"]))
    assert [(finding.level, finding.part) for finding in said] == [
        (Level.OK, "chat, experts"),
        (Level.OK, "chat, internal"),
        (Level.OK, "chat, commands"),
    ]
    assert all(finding.text.startswith("off") for finding in said)

    monkeypatch.setattr(doctor, "chats_of", lambda _settings: Chats(MemoryChat(), Refusing()))
    experts, internal, _ = examine_chat(app.config["SETTINGS"])
    assert (experts.level, experts.text) == (Level.OK, "answers.")
    assert internal.level is Level.FAIL
    assert "invalid_auth" in internal.text
    assert "SLACK_INTERNAL_API_KEY" in internal.text


def test_commands_that_show_a_token_only_are_warned_about(app, change_settings):
    """I-8, S-55"""
    change_settings(slack_staffbot_token="a token")
    assert check_commands(app.config["SETTINGS"]).level is Level.WARN
    change_settings(slack_signing_secret="a secret")
    assert check_commands(app.config["SETTINGS"]).level is Level.OK
