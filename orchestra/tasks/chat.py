"""Jobs that keep the channels of projects up to date, and find people in the chat."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from flask import current_app
from sqlalchemy.orm import Session

from orchestra import outbox
from orchestra.database import retry_deadlocks, transaction
from orchestra.domain import channel_members, channel_names, channels, people_in_chat
from orchestra.domain.channel_members import FindPerson, Invite, Remove
from orchestra.domain.channels import Archive, Describe, Make, Rename, Step, Unarchive
from orchestra.errors import NotFound, OrchestraError, RefusedByService, ServiceUnreachable
from orchestra.integrations.chat import Chat, NameTaken, NoSuchPerson, Person
from orchestra.integrations.pausing import Pausing
from orchestra.outbox import Job
from orchestra.tasks import celery
from orchestra.tasks.chat_services import chat_services

logger = logging.getLogger(__name__)
T = TypeVar("T")


def _service() -> "Service | None":
    found = chat_services(current_app.config["SETTINGS"]).experts
    return Service(*found) if found else None


class Service:
    """The workspace of the experts, left alone for a while when it does not answer."""

    def __init__(self, chat: Chat, pausing: Pausing) -> None:
        self._chat, self._pausing = chat, pausing

    def call(self, work: Callable[[Chat], T]) -> T:
        return self._pausing.call(lambda: work(self._chat))


@celery.task(name=Job.FOLLOW_CHANNEL.value)
def follow_channel(project_id: int) -> None:
    """Make the channel of a project, bring people in and out, archive it; twice is once."""
    service = _service()
    if service is None:
        _write(lambda session: channels.forget(session, project_id))
        return
    tried: set[int] = set()
    try:
        while (step := _next_step(project_id, tried)) is not None:
            _take(service, project_id, step, tried)
    except NotFound:
        _write(lambda session: channels.forget(session, project_id))
    except RefusedByService as error:
        logger.warning("channel refused: %s", error, extra={"project": project_id})
        message = error.message
        _write(lambda session: channels.give_up(session, project_id, message))
    except ServiceUnreachable as error:
        logger.warning("channel not followed yet: %s", error, extra={"project": project_id})
        why, seconds = error.message, error.retry_after_seconds
        _write(lambda session: channels.note_unreachable(session, project_id, why, seconds))


def _next_step(project_id: int, tried: set[int]) -> Step | None:
    return _write(lambda session: channels.next_step(session, project_id, tried))


@retry_deadlocks
def _write(work: Callable[[Session], T]) -> T:
    with transaction() as session:
        return work(session)


def _take(service: Service, project_id: int, step: Step, tried: set[int]) -> None:
    match step:
        case Make():
            _make(service, project_id, step)
        case Rename():
            _rename(service, project_id, step)
        case Describe(channel, topic, purpose):
            service.call(lambda chat: chat.describe_channel(channel, topic=topic, purpose=purpose))
            _write(lambda session: channels.described(session, project_id))
        case Archive(channel):
            service.call(lambda chat: chat.archive(channel))
            _write(lambda session: channels.archived(session, project_id))
        case Unarchive(channel):
            service.call(lambda chat: chat.unarchive(channel))
            _write(lambda session: channels.unarchived(session, project_id))
        case FindPerson() | Invite() | Remove():
            _follow_member(service, project_id, step, tried)


def _make(service: Service, project_id: int, step: Make) -> None:
    """A channel of that name that is ours was made by an earlier try, or by one beside us."""
    name = step.name
    try:
        channel = service.call(lambda chat: chat.create_channel(name))
    except NameTaken as error:
        own = service.call(lambda chat: chat.find_own_channel(name))
        if own is None or not _is_free(own, project_id):
            _draw_anew(project_id, name, error)
            return
        channel = own
    _write(lambda session: channels.made(session, project_id, channel))


def _is_free(channel: str, project_id: int) -> bool:
    return _write(lambda session: channels.is_free_for(session, channel, project_id))


def _draw_anew(project_id: int, name: str, error: NameTaken) -> None:
    if not _write(lambda session: channels.name_was_taken(session, project_id, name)):
        raise RefusedByService(f"Every name that was drawn is taken. {error}") from error


def _rename(service: Service, project_id: int, step: Rename) -> None:
    """What the service has against a name is no reason to leave out what else is to be done."""
    channel, name = step.channel, step.name
    try:
        _call_it(service, channel, name)
    except RefusedByService as error:
        why = error.message
        _write(lambda session: channel_names.refused(session, project_id, name, why))
        return
    _write(lambda session: channel_names.renamed(session, project_id, name))


def _call_it(service: Service, channel: str, name: str) -> None:
    """The name may be taken by this very channel: an earlier try was cut before it was recorded."""
    try:
        service.call(lambda chat: chat.rename_channel(channel, name))
    except NameTaken:
        if service.call(lambda chat: chat.find_own_channel(name)) != channel:
            raise


# --- People ---------------------------------------------------------------------------------------


def _follow_member(
    service: Service, project_id: int, step: FindPerson | Invite | Remove, tried: set[int]
) -> None:
    """What the service has against one person is no reason to leave out the others."""
    worker_id = step.worker_id
    try:
        match step:
            case Invite(channel, _, person):
                service.call(lambda chat: chat.invite(channel, person))
                _write(lambda s: channel_members.invited(s, project_id, worker_id, person))
            case Remove(channel, _, person):
                service.call(lambda chat: chat.remove(channel, person))
                _write(lambda s: channel_members.removed(s, project_id, worker_id))
            case FindPerson():
                _require_found(service, worker_id, step.names)
    except RefusedByService as error:
        tried.add(worker_id)
        message = error.message
        if isinstance(error, NoSuchPerson) and isinstance(step, Invite):
            person = step.person
            _write(lambda session: people_in_chat.lost(session, worker_id, person))
        _write(lambda s: channel_members.note_problem(s, project_id, worker_id, message))


def _require_found(service: Service, worker_id: int, names: Sequence[str]) -> None:
    """:raises NoSuchPerson: nobody of these names, or somebody else."""
    if not names:
        raise NoSuchPerson(channel_members.NOTHING_TO_GO_BY)
    problem = channel_members.UNKNOWN
    for name in names:
        person = _look_up(service, name)
        if person is not None and _keep(worker_id, person):
            return
        if person is not None:
            problem = people_in_chat.SOMEBODY_ELSE
    raise NoSuchPerson(problem)


def _look_up(service: Service, name: str) -> Person | None:
    return service.call(lambda chat: chat.find_person(name))


def _keep(worker_id: int, person: Person) -> bool:
    return _write(lambda s: people_in_chat.found(s, worker_id, person.id, person.email))


@celery.task(name=Job.FIND_PERSON.value)
def find_person(worker_id: int) -> None:
    """Find out who a worker is in the chat; their page shows "not found" until then (P-14)."""
    service = _service()
    try:
        names = _write(lambda session: people_in_chat.to_be_found(session, worker_id))
        if service is not None and names:
            _require_found(service, worker_id, names)
    except NoSuchPerson:
        pass  # shown on their page
    except OrchestraError as error:
        logger.warning("person not looked for: %s", error, extra={"worker": worker_id})
        _note_failure(worker_id, error)
        return
    _write(lambda session: people_in_chat.done(session, worker_id))


def _note_failure(worker_id: int, error: OrchestraError) -> None:
    key, is_final = people_in_chat.job_of(worker_id).dedupe_key, isinstance(error, RefusedByService)
    message = error.message
    _write(lambda session: outbox.record_failure(session, key, message, is_final=is_final))
