"""Granting and revoking certifications (N-26)."""

from typing import Any

from flask import Blueprint
from sqlalchemy.orm import Session

from orchestra.domain import certifications, people
from orchestra.domain.audit import Actor
from orchestra.domain.certifications import Grant
from orchestra.models import Worker, WorkerCertification
from orchestra.web.auth import guard_management
from orchestra.web.interface import schemas
from orchestra.web.interface.calls import Answer, changing

blueprint = Blueprint(
    "project_management_certifications",
    __name__,
    url_prefix="/orchestra/api/interface/project_management",
)
guard_management(blueprint)


@blueprint.post("/grant_certification/")
@changing(schemas.GrantCertification())
def grant_certification(
    session: Session, actor: Actor, worker_username: str, **wanted: Any
) -> Answer:
    """Granting again changes nothing but what is said of staffing."""
    worker = people.get_worker(session, worker_username)
    certification = certifications.get_certification(
        session, wanted["workflow_slug"], wanted["certification_slug"]
    )
    grant = Grant(certification, wanted["role"], wanted["task_class"])
    is_new = certifications.grant(session, worker, grant, actor=actor)
    holding = _holding(session, worker, wanted)
    given = {
        name: getattr(holding, name) if wanted[name] is None else wanted[name]
        for name in ("staffbot_enabled", "staffing_priority")
    }
    certifications.set_staffing(session, holding, actor=actor, **given)
    return {"granted": is_new}


@blueprint.post("/revoke_certification/")
@changing(schemas.CertificationOfWorker())
def revoke_certification(
    session: Session, actor: Actor, worker_username: str, **wanted: Any
) -> Answer:
    worker = people.get_worker(session, worker_username)
    certifications.revoke(session, worker, [_holding(session, worker, wanted)], actor=actor)
    return {}


def _holding(session: Session, worker: Worker, wanted: dict[str, Any]) -> WorkerCertification:
    return certifications.get_holding(
        session,
        worker,
        wanted["workflow_slug"],
        wanted["certification_slug"],
        (wanted["role"], wanted["task_class"]),
    )
