"""Requests and offers as StaffBot makes them, without waiting for its next round."""

from orchestra.database import utcnow
from orchestra.domain import offer_links, staffing
from orchestra.domain.audit import Actor
from orchestra.models import Offer, StaffingBatch

PATH = "/orchestra/communication/offers"
ALL = "/orchestra/communication/available_staffing_requests/"


class Asking:
    """Ask workers by hand: ``asking.for_task(task, ana, ben)`` gives their offers."""

    def __init__(self, session, make, password=None):
        self.session = session
        self.mia = Actor.of(make.admin("mia", first_name="Mia", password=password))

    def for_task(self, task, *workers, **columns):
        return self.by_request(self.request(task), *workers, **columns)

    def request(self, task):
        return self._flushed(staffing.staff(self.session, self.mia, task.id))

    def instead_of(self, holder, task, *workers, **columns):
        request = staffing.restaff(self.session, self.mia, task.id, holder.username)
        return self.by_request(self._flushed(request), *workers, **columns)

    def by_request(self, request, *workers, verdicts=None, **columns):
        found = {"offered": [worker.id for worker in workers]} | (verdicts or {})
        self.session.add(StaffingBatch(request_id=request.id, number=1, verdicts=found))
        made = [
            Offer(request_id=request.id, worker_id=worker.id, batch=1, **columns)
            for worker in workers
        ]
        request.last_batch_at = utcnow()
        self.session.add_all(made)
        self.session.flush()
        return made

    def path_of(self, offer):
        settings = self.session.info["settings"]
        return f"{PATH}/{offer_links.token_of(settings, offer.id)}/"

    def _flushed(self, request):
        self.session.flush()
        return request
