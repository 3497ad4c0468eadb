"""What tests of staffing share: a batch sent now, and time that has passed."""

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from orchestra.domain import offer_details, staffing, staffing_batches
from orchestra.domain.audit import SYSTEM
from orchestra.domain.offer_details import Detail
from orchestra.models import Offer, StaffingBatch, StaffingRequest

HOUR = timedelta(hours=1)


def send_batches(session, *, only=None):
    """What one tick does, in the transaction of the test; how many were asked."""
    session.flush()
    ids = staffing_batches.due(session, only)
    asked = 0
    for plan in staffing_batches.plans(session, ids):
        question = offer_details.question_of(session, plan.wanted)
        detail = offer_details.call(question) if question else Detail()
        # As in a tick, what was seen stays as it was while the rows change.
        seen = StaffingRequest(
            id=plan.request.id,
            task_id=plan.request.task_id,
            level=plan.request.level,
            seed=plan.request.seed,
            state=plan.request.state,
            last_batch_at=plan.request.last_batch_at,
        )
        wanted = replace(plan.wanted, request=seen)
        plan = replace(plan, wanted=wanted, detail=detail)
        asked += staffing_batches.send(session, [plan]).asked
        session.flush()
        session.expire_all()
    return asked


def staff(session, task_id, actor=SYSTEM):
    """Open a request and send its first batch; the request."""
    request = staffing.staff(session, actor, task_id)
    send_batches(session, only=[request.id])
    return request


def offers_of(session, request):
    session.flush()
    query = sa.select(Offer).where(Offer.request_id == request.id).order_by(Offer.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def offer_to(session, request, worker):
    return next(o for o in offers_of(session, request) if o.worker_id == worker.id)


def batches_of(session, request):
    query = sa.select(StaffingBatch).where(StaffingBatch.request_id == request.id)
    return list(session.scalars(query.order_by(StaffingBatch.number)))


def let_pass(session, request, time=HOUR):
    """As if the request, its batches and its offers were older by so much."""
    session.flush()
    request = session.get_one(StaffingRequest, request.id, populate_existing=True)
    request.opened_at -= time
    if request.last_batch_at:
        request.last_batch_at -= time
    for offer in offers_of(session, request):
        offer.sent_at -= time
        if offer.expires_at:
            offer.expires_at -= time
    session.flush()
