"""Who may be put on a task, for the dialogs of the project page (N-15, N-27, P-64)."""

from flask import Blueprint
from sqlalchemy.orm import Session

from orchestra.domain.eligibility_report import eligibility_report
from orchestra.models import Worker
from orchestra.web.auth import guard_management
from orchestra.web.interface import projects, schemas
from orchestra.web.interface.calls import Answer, looking

blueprint = Blueprint("project_people", __name__, url_prefix=projects.blueprint.url_prefix)
guard_management(blueprint)


@blueprint.get("/eligible_workers/")
@looking(schemas.EligibleQuery())
def eligible_workers(session: Session, worker: Worker, task_id: int, level: int | None) -> Answer:
    report = eligibility_report(session, task_id, level)
    rows = [
        {
            "username": one.worker.username,
            "name": one.worker.name,
            "eligible": one.is_eligible,
            "reason": one.reason,
        }
        for one in report.candidates
    ]
    return {"level": report.level, "workers": rows}
