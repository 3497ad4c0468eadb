"""`orchestra doctor`: one line for each part that must work, with advice (X-35)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import click
import sqlalchemy as sa

from orchestra.application import create_core
from orchestra.cli.checks import (
    current_revision,
    newest_revision,
    refuse_older_database,
    refuse_unreachable_broker,
)
from orchestra.cli.queues import queues_of_versions, system_queues
from orchestra.config import SHORTEST_SECRET_KEY, Settings
from orchestra.database import db, reading, seconds_from_now, utcnow
from orchestra.domain import definitions, keys, operations, upkeep
from orchestra.errors import BadConfiguration, OrchestraError
from orchestra.integrations.chat import Chat, chats_of
from orchestra.integrations.files import DirectUploads, store_of
from orchestra.integrations.mail import mailer_of
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks import celery

CLOCK_TOLERANCE_SECONDS = 2
OLD_SECONDS = 300
ANSWER_SECONDS = 2
MISSED_SWEEPS = 3


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@dataclass(frozen=True)
class Finding:
    level: Level
    part: str
    text: str


Check = Callable[[Settings], Finding]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check all parts and say what to do about those that do not work. Exit code 1 on a fail.

    Example: orchestra doctor
    """
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            level = click.style(f"{finding.level:<5}", fg=COLOURS[finding.level])
            click.echo(f"{level}{finding.part}: {finding.text}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.level is Level.FAIL for finding in findings):
        raise click.exceptions.Exit(1)


def examine() -> Iterator[Finding]:
    try:
        settings = Settings.from_env().with_secret_key()
    except BadConfiguration as error:
        yield from (Finding(Level.FAIL, "settings", problem) for problem in error.problems)
        return
    yield Finding(Level.OK, "settings", f"environment {settings.environment}, no offence.")
    yield from examine_retired(settings)
    with create_core(settings).app_context():
        yield check_secret_key(settings)
        yield check_workflows(settings)
        yield from examine_database(settings)
        yield from examine_broker(settings)
        yield check_mail(settings)
        yield from examine_chat(settings)
        yield from examine_files(settings)


def examine_retired(settings: Settings) -> Iterator[Finding]:
    """Settings that are accepted and do nothing (P-55)."""
    if settings.hijack_allow_get_requests:
        advice = "HIJACK_ALLOW_GET_REQUESTS has no effect: acting is never started by a link."
        yield Finding(Level.WARN, "settings", advice)


def check_workflows(settings: Settings) -> Finding:
    """A folder that is not there is passed over elsewhere: its packages may be on other hosts."""
    missing = [str(folder) for folder in settings.workflow_dirs if not folder.is_dir()]
    if missing:
        advice = f"there is no folder {', '.join(missing)} (ORCHESTRA_WORKFLOW_DIRS)."
        return Finding(Level.WARN, "workflows", advice)
    try:
        found = definitions.find_packages(settings.workflow_dirs, settings.workflows)
    except OrchestraError as error:
        return Finding(Level.FAIL, "workflows", str(error))
    folders = ", ".join(map(str, settings.workflow_dirs))
    return Finding(Level.OK, "workflows", f"{len(found)} found in {folders}.")


def examine_database(settings: Settings) -> Iterator[Finding]:
    try:
        refuse_older_database(settings)
    except OrchestraError as error:
        yield Finding(Level.FAIL, "database", str(error))
        return
    yield _revision(settings)
    for check in (check_constraints, check_clock, check_outbox, check_scheduler, check_keys):
        try:
            yield check(settings)
        except OrchestraError as error:  # a part of it is damaged
            yield Finding(Level.FAIL, "database", str(error))


def _revision(settings: Settings) -> Finding:
    current, newest = current_revision(settings), newest_revision()
    if current == newest:
        return Finding(Level.OK, "database", "reachable, at the newest revision.")
    text = f"at revision {current}, this program is of {newest}: finish the update."
    return Finding(Level.WARN, "database", text)


def examine_broker(settings: Settings) -> Iterator[Finding]:
    try:
        refuse_unreachable_broker(settings)
    except OrchestraError as error:
        yield Finding(Level.FAIL, "broker", str(error))
        return
    yield Finding(Level.OK, "broker", "answers.")
    try:
        refuse_older_database(settings)
        queues = check_queues(settings)
    except OrchestraError:
        text = "not looked at: it is the database that says which there must be."
        queues = Finding(Level.WARN, "queues", text)
    yield queues


def check_mail(settings: Settings) -> Finding:
    if settings.mail_backend != "smtp":
        level = Level.OK if settings.development else Level.WARN
        text = "off: mails are not sent; ORCHESTRA_MAIL_BACKEND=smtp sends them."
        return Finding(level, "mail", text)
    try:
        mailer_of(settings).check()
    except OrchestraError as error:
        return Finding(Level.FAIL, "mail", f"{error} Check the settings ORCHESTRA_SMTP_….")
    return Finding(Level.OK, "mail", f"{settings.smtp_host} answers.")


def examine_files(settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding(Level.OK, "files", f"{store_of(settings).check()}.")
    except (OrchestraError, OSError) as error:
        yield Finding(Level.FAIL, "files", str(error))
    if settings.file_backend == "google_drive" and settings.drive_link_sharing:
        advice = "anyone who knows the link of a project's folder may write in it; unset it."
        yield Finding(Level.WARN, "files", f"ORCHESTRA_DRIVE_LINK_SHARING: {advice}")
    if settings.s3_direct_uploads:
        yield check_direct_uploads(settings)


def check_direct_uploads(settings: Settings) -> Finding:
    part, address = "files, direct uploads", urlsplit(settings.url)
    origin = f"{address.scheme}://{address.netloc}"
    try:
        chosen = store_of(settings)
        if not isinstance(chosen, DirectUploads):
            text = "ORCHESTRA_S3_DIRECT_UPLOADS has no effect: files are not in S3."
            return Finding(Level.WARN, part, text)
        if chosen.takes_uploads_from(origin):
            return Finding(Level.OK, part, f"browsers send to {chosen.upload_address}.")
    except OrchestraError as error:
        return Finding(Level.WARN, part, str(error))
    text = f"the bucket takes none from pages of {origin}; set its CORS rule (docs/files.md)."
    return Finding(Level.WARN, part, f"{text} Until then they go through Orchestra.")


def examine_chat(settings: Settings) -> Iterator[Finding]:
    chats = chats_of(settings)
    for workspace, chat in (("experts", chats.experts), ("internal", chats.internal)):
        part = f"chat, {workspace}"
        if chat is None:
            switch = f"ORCHESTRA_SLACK_{workspace.upper()}_ENABLED=true"
            yield Finding(Level.OK, part, f"off: nothing is posted; {switch} changes that.")
        else:
            yield _check_workspace(part, workspace, chat)
    yield check_commands(settings)


def check_commands(settings: Settings) -> Finding:
    part = "chat, commands"
    if settings.slack_signing_secret:
        return Finding(Level.OK, part, "requests of Slack are told by their signatures.")
    if settings.slack_staffbot_token:
        advice = "the token can be replayed by who reads it; set ORCHESTRA_SLACK_SIGNING_SECRET."
        return Finding(Level.WARN, part, advice)
    text = "off: /staffbot and buttons are not there; ORCHESTRA_SLACK_SIGNING_SECRET changes that."
    return Finding(Level.OK, part, text)


def _check_workspace(part: str, workspace: str, chat: Chat) -> Finding:
    try:
        chat.check()
    except OrchestraError as error:
        advice = f"{error} Check the token SLACK_{workspace.upper()}_API_KEY."
        return Finding(Level.FAIL, part, advice)
    return Finding(Level.OK, part, "answers.")


def check_secret_key(settings: Settings) -> Finding:
    if len(settings.secret_key) < SHORTEST_SECRET_KEY:
        advice = f"shorter than {SHORTEST_SECRET_KEY} characters; production would refuse it."
        return Finding(Level.WARN, "secret key", advice)
    return Finding(Level.OK, "secret key", "long enough.")


def check_constraints(_settings: Settings) -> Finding:
    part = "constraints"
    with reading() as session:
        if db.engine.dialect.name == "sqlite":
            if not session.scalar(sa.text("PRAGMA foreign_keys")):
                return Finding(Level.FAIL, part, "foreign keys are off; SQLite is too old.")
            broken = len(session.execute(sa.text("PRAGMA foreign_key_check")).all())
        else:
            unproved = "SELECT count(*) FROM pg_constraint WHERE NOT convalidated"
            broken = session.scalar(sa.text(unproved)) or 0
    if broken:
        return Finding(Level.FAIL, part, f"{broken} broken; restore a backup or ask for help.")
    return Finding(Level.OK, part, "in force.")


def check_clock(_settings: Settings) -> Finding:
    before = utcnow()
    with reading() as session:
        there = session.scalar(sa.select(seconds_from_now(0)))
    if there is None:
        return Finding(Level.FAIL, "clock", "the database tells no time.")
    off = abs((there - before).total_seconds())
    if off > CLOCK_TOLERANCE_SECONDS:
        advice = f"{off:.0f} s from that of the database; synchronise both with NTP."
        return Finding(Level.WARN, "clock", advice)
    return Finding(Level.OK, "clock", f"{off:.2f} s from that of the database.")


def check_outbox(_settings: Settings) -> Finding:
    """A job that is old and has not finished means: nobody relays, or nobody works."""
    with reading() as session:
        dead = session.scalar(sa.select(sa.func.count()).where(OutboxMessage.resend_at.is_(None)))
        overdue = session.scalar(
            sa.select(sa.func.count()).where(
                OutboxMessage.resend_at < seconds_from_now(-OLD_SECONDS)
            )
        )
    if overdue:
        advice = f"{overdue} jobs are overdue by {OLD_SECONDS} s; is `orchestra beat` running?"
        return Finding(Level.FAIL, "outbox", advice)
    if dead:
        return Finding(Level.WARN, "outbox", f"{dead} jobs failed for good and wait for a person.")
    return Finding(Level.OK, "outbox", "nothing is overdue.")


def check_scheduler(settings: Settings) -> Finding:
    with reading() as session:
        last = upkeep.last_tick(session, Job.SWEEP)
        is_new = operations.is_new(session)
    if last is None and is_new:
        return Finding(Level.OK, "scheduler", "not yet swept; the system is new.")
    if last is None:
        return Finding(Level.WARN, "scheduler", "has never swept; start `orchestra beat`.")
    age = (utcnow() - last).total_seconds()
    if age > MISSED_SWEEPS * settings.sweep_interval_seconds + CLOCK_TOLERANCE_SECONDS:
        advice = f"swept last {age:.0f} s ago; are `orchestra beat` and a worker process running?"
        return Finding(Level.FAIL, "scheduler", advice)
    return Finding(Level.OK, "scheduler", f"swept {age:.0f} s ago.")


def check_keys(_settings: Settings) -> Finding:
    """Keys that the secret key cannot read (A-10), and keys that can be replayed (A-20)."""
    with reading() as session:
        in_force = [key for key in keys.all_keys(session) if key.revoked_at is None]
        lost = [key.key_id for key in in_force if keys.secret_of(session, key) is None]
    if lost:
        advice = (
            f"ORCHESTRA_SECRET_KEY cannot read {', '.join(lost)}; `orchestra api-key re-encrypt`."
        )
        return Finding(Level.FAIL, "api keys", advice)
    legacy = [key.key_id for key in in_force if key.is_legacy]
    if legacy:
        advice = f"{', '.join(legacy)} accept signatures that can be replayed for five minutes."
        return Finding(Level.WARN, "api keys", advice)
    return Finding(Level.OK, "api keys", f"{len(in_force)} in force.")


def check_queues(_settings: Settings) -> Finding:
    with reading() as session:
        wanted = queues_of_versions(session) | set(system_queues(celery))
    answers = celery.control.inspect(timeout=ANSWER_SECONDS).active_queues() or {}
    consumed = {queue["name"] for queues in answers.values() for queue in queues}
    missing = sorted(wanted - consumed)
    if missing:
        advice = f"nobody consumes {', '.join(missing)}; start `orchestra worker`."
        return Finding(Level.FAIL, "queues", advice)
    return Finding(Level.OK, "queues", f"all are consumed: {', '.join(sorted(wanted))}.")
