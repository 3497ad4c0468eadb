"""Looking for somebody, and answering that, as JSON (N-7, N-15, N-27)."""

from typing import Any

from flask import Blueprint
from sqlalchemy.orm import Session

from orchestra.domain import offers, staffing, staffing_story
from orchestra.domain.audit import Actor
from orchestra.domain.information import timestamp
from orchestra.domain.offers import AvailableOffer
from orchestra.domain.staffing_story import RequestStory
from orchestra.errors import NotFound
from orchestra.models import Offer, OfferState, Task, Worker
from orchestra.web.auth import current_worker, guard_interface, guard_management
from orchestra.web.interface import projects, schemas
from orchestra.web.interface.calls import Answer, changing, looking

blueprint = Blueprint("interface_offers", __name__, url_prefix="/orchestra/api/interface")
guard_interface(blueprint)

management = Blueprint("project_staffing", __name__, url_prefix=projects.blueprint.url_prefix)
guard_management(management)


@blueprint.get("/available_requests/")
@looking(schemas.Nothing())
def available_requests(session: Session, worker: Worker) -> Answer:
    return {"offers": [_available(one) for one in offers.available(session, worker.id)]}


def _available(one: AvailableOffer) -> Answer:
    version = one.project.version
    return {
        "id": one.id,
        "token": one.token,
        "task_id": one.task_id,
        "level": one.level,
        "step": {"slug": one.step.slug, "name": one.step.name},
        "workflow": {"slug": version.workflow.slug, "name": version.workflow.name},
        "project": {"id": one.project.id, "short_description": one.project.short_description},
        "priority": one.project.priority,
        "detail": one.detail,
        "sent_at": timestamp(one.sent_at),
        "expires_at": timestamp(one.expires_at),
        "url": f"/orchestra/communication/offers/{one.token}/",
    }


@blueprint.post("/offers/<token>/accept")
@changing(schemas.Nothing())
def accept(session: Session, actor: Actor, token: str) -> Answer:
    found = offers.find(session, current_worker(), token)
    return _answered(offers.accept(session, actor, found.id))


@blueprint.post("/offers/<token>/decline")
@changing(schemas.Nothing())
def decline(session: Session, actor: Actor, token: str) -> Answer:
    found = offers.find(session, current_worker(), token)
    return _answered(offers.decline(session, actor, found.id))


def _answered(offer: Offer) -> Answer:
    answer: Answer = {"state": offer.state.value}
    if offer.state is OfferState.ACCEPTED:
        answer["task_url"] = f"/orchestra/app/task/{offer.request.task_id}"
    return answer


@management.post("/staff_task/")
@changing(schemas.TaskBody())
def staff_task(session: Session, actor: Actor, task_id: int) -> Answer:
    return {"request_id": staffing.staff(session, actor, task_id).id, "is_restaff": False}


@management.post("/restaff_task/")
@changing(schemas.AssignTask())
def restaff_task(session: Session, actor: Actor, task_id: int, worker_username: str) -> Answer:
    request = staffing.restaff(session, actor, task_id, worker_username)
    return {"request_id": request.id, "is_restaff": True}


@management.post("/cancel_request/")
@changing(schemas.RequestBody())
def cancel_request(session: Session, actor: Actor, request_id: int) -> Answer:
    staffing.cancel(session, actor, request_id)
    return {}


@management.get("/why/")
@looking(schemas.EligibleQuery())
def why(session: Session, _worker: Worker, task_id: int, level: int | None) -> Answer:
    if session.get(Task, task_id) is None:
        raise NotFound(f"There is no task {task_id}.")
    return {"requests": [_told(story) for story in staffing_story.why(session, task_id, level)]}


def _told(story: RequestStory) -> dict[str, Any]:
    return {
        "request_id": story.request.id,
        "level": story.request.level,
        "state": story.request.state.value,
        "verdicts": [
            {"username": worker.username, "verdict": verdict.value, "at": timestamp(batch.at)}
            for batch in story.batches
            for verdict, workers in batch.verdicts.items()
            for worker in workers
        ],
        "offers": [
            {
                "username": offer.worker.username,
                "state": offer.state.value,
                "sent_at": timestamp(offer.sent_at),
                "answered_at": timestamp(offer.answered_at),
            }
            for offer in story.offers
        ],
    }
