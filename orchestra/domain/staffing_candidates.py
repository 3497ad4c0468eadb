"""Whom to ask: a verdict on every active worker for every request (specification S-13 to S-17).

All that the verdicts need is read once for many requests, so the number of statements does not
depend on how many requests, workers or certifications there are.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import pickup, preferences
from orchestra.domain.eligibility import covering, role_for
from orchestra.domain.graph import Step
from orchestra.domain.message_texts import Preference
from orchestra.models import (
    Assignment,
    Certification,
    Offer,
    OfferState,
    Role,
    StaffingRequest,
    TaskClass,
    Verdict,
    Worker,
    WorkerCertification,
)

_NOBODY: frozenset[int] = frozenset()
_BITS = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Wanted:
    """A request, and the step that somebody is wanted for."""

    request: StaffingRequest  # with its task, project and version
    step: Step

    @property
    def role(self) -> Role:
        return role_for(self.request.level)

    @property
    def task_class(self) -> TaskClass:
        return self.request.task.project.task_class

    @property
    def workflow_id(self) -> int:
        return self.request.task.project.version.workflow_id


@dataclass(frozen=True)
class Judged:
    """The verdicts on all active workers, and who is to be asked now, the first one first."""

    verdicts: Mapping[str, list[int]]
    chosen: Sequence[int]
    holders: frozenset[int]  # who was on the task
    asked: int  # before
    declined: int  # of those

    @property
    def leaves_nobody(self) -> bool:
        return Verdict.WAITING not in self.verdicts


@dataclass(frozen=True)
class _Held:
    """Who holds a certification in a role."""

    worker_id: int
    task_class: TaskClass
    is_enabled: bool
    priority: int


@dataclass(frozen=True)
class _Qualified:
    """Who holds what a step needs, and in which order they are asked."""

    certified: Collection[int]
    enabled: Collection[int]
    priorities: Mapping[int, int]


class Candidates:
    """The facts about all active workers that verdicts on these requests need."""

    def __init__(self, session: Session, wanted: Sequence[Wanted]) -> None:
        requests = [w.request for w in wanted]
        workflows = {w.workflow_id for w in wanted}
        settings = settings_of(session)
        self._batch_size = settings.staffbot_worker_batch_size
        self._workers = set(session.scalars(sa.select(Worker.id).where(Worker.is_active)))
        self._held = _held(session, workflows)
        self._certifying = set(
            session.scalars(
                sa.select(Certification.workflow_id)
                .where(Certification.workflow_id.in_(workflows))
                .distinct()
            )
        )
        self._holders = _holders(session, [request.task_id for request in requests])
        self._asked = _asked(session, [request.id for request in requests])
        self._returned, self._full = pickup.all_blocked(session)
        self._muted = preferences.who_muted(session, Preference.NEW_TASK_AVAILABLE)
        self._known: dict[tuple[object, ...], _Qualified] = {}

    def judge(self, wanted: Wanted) -> Judged:
        """The first verdict that fits, for every active worker."""
        request = wanted.request
        qualified = self._qualified(wanted)
        asked = self._asked.get(request.id, {})
        holders = self._holders.get(request.task_id, _NOBODY)
        left = set(self._workers)
        found = {Verdict.NOT_CERTIFIED: left.difference(qualified.certified)}
        left -= found[Verdict.NOT_CERTIFIED]
        found[Verdict.STAFFBOT_DISABLED] = left.difference(qualified.enabled)
        left -= found[Verdict.STAFFBOT_DISABLED]
        for verdict, stopped in (
            (Verdict.ALREADY_ON_TASK, holders),
            (Verdict.ALREADY_ASKED, asked.keys()),
            (Verdict.RETURNED_WORK, self._returned),
            (Verdict.LIMIT_REACHED, self._full),
            (Verdict.OFFERS_MUTED, self._muted),
        ):
            found[verdict] = left & stopped
            left -= found[verdict]
        chosen = _first(left, self._batch_size, qualified.priorities, request.seed)
        found[Verdict.OFFERED] = set(chosen)
        found[Verdict.WAITING] = left.difference(chosen)
        return Judged(
            verdicts={verdict.value: sorted(ids) for verdict, ids in found.items() if ids},
            chosen=chosen,
            holders=holders,
            asked=len(asked),
            declined=sum(state is OfferState.DECLINED for state in asked.values()),
        )

    def _qualified(self, wanted: Wanted) -> _Qualified:
        needed = wanted.step.required_certifications
        key = (wanted.workflow_id, needed, wanted.role, wanted.task_class)
        if key not in self._known:
            self._known[key] = self._qualified_now(wanted, needed)
        return self._known[key]

    def _qualified_now(self, wanted: Wanted, needed: Sequence[str]) -> _Qualified:
        """Specification P-30 to P-32; without required certifications all is default (S-16)."""
        covers = covering(wanted.task_class)
        of_role = self._held.get((wanted.workflow_id, wanted.role), {})
        if needed:
            each = [[h for h in of_role.get(slug, ()) if h.task_class in covers] for slug in needed]
            return _Qualified(
                certified=set.intersection(*({h.worker_id for h in held} for held in each)),
                enabled=set.intersection(
                    *({h.worker_id for h in held if h.is_enabled} for held in each)
                ),
                priorities=_highest(h for held in each for h in held),
            )
        anybody: Collection[int] = self._workers
        if wanted.role is Role.REVIEWER and wanted.workflow_id in self._certifying:
            every = (h for held in of_role.values() for h in held)
            anybody = {h.worker_id for h in every if h.task_class in covers}
        return _Qualified(certified=anybody, enabled=anybody, priorities={})


def _highest(held: Iterable[_Held]) -> dict[int, int]:
    priorities: dict[int, int] = {}
    for one in held:
        before = priorities.get(one.worker_id)
        if before is None or one.priority > before:
            priorities[one.worker_id] = one.priority
    return priorities


def _first(
    eligible: Collection[int], number: int, priorities: Mapping[int, int], seed: int
) -> list[int]:
    """The next to be asked: by priority, and among equals in the order of the seed (S-17)."""
    by_priority: dict[int, list[int]] = defaultdict(list)
    for worker_id in eligible:
        by_priority[priorities.get(worker_id, 0)].append(worker_id)
    chosen: list[int] = []
    for priority in sorted(by_priority, reverse=True):
        if len(chosen) == number:
            break
        places = _places(seed, by_priority[priority])
        first = heapq.nsmallest(number - len(chosen), places)
        chosen += [worker_id for _, worker_id in first]
    return chosen


def _places(seed: int, worker_ids: Iterable[int]) -> list[tuple[int, int]]:
    """Each worker behind a random number that depends on the seed and the worker alone.

    Written out as the mixing of SplitMix64, because a tick draws a number for every worker and
    request, and a call for each would take half of its time.
    """
    return [
        (((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _BITS, worker_id)
        for worker_id in worker_ids
        for mixed in (((worker_id ^ (seed << 20)) * 0x9E3779B97F4A7C15) & _BITS,)
    ]


def _held(
    session: Session, workflow_ids: Collection[int]
) -> dict[tuple[int, Role], dict[str, list[_Held]]]:
    rows = session.execute(
        sa.select(
            Certification.workflow_id,
            WorkerCertification.role,
            Certification.slug,
            WorkerCertification.worker_id,
            WorkerCertification.task_class,
            WorkerCertification.staffbot_enabled,
            WorkerCertification.staffing_priority,
        )
        .join(Certification, Certification.id == WorkerCertification.certification_id)
        .where(Certification.workflow_id.in_(workflow_ids))
    )
    held: dict[tuple[int, Role], dict[str, list[_Held]]] = {}
    for row in rows:
        of_role = held.setdefault((row.workflow_id, row.role), {})
        one = _Held(row.worker_id, row.task_class, row.staffbot_enabled, row.staffing_priority)
        of_role.setdefault(row.slug, []).append(one)
    return held


def _holders(session: Session, task_ids: Collection[int]) -> dict[int, frozenset[int]]:
    rows = session.execute(
        sa.select(Assignment.task_id, Assignment.worker_id).where(
            Assignment.task_id.in_(task_ids),
            Assignment.discarded_at.is_(None),
        )
    )
    holders: dict[int, set[int]] = defaultdict(set)
    for task_id, worker_id in rows:
        if worker_id is not None:
            holders[task_id].add(worker_id)
    return {task_id: frozenset(ids) for task_id, ids in holders.items()}


def _asked(session: Session, request_ids: Collection[int]) -> dict[int, dict[int, OfferState]]:
    rows = session.execute(
        sa.select(Offer.request_id, Offer.worker_id, Offer.state).where(
            Offer.request_id.in_(request_ids)
        )
    )
    asked: dict[int, dict[int, OfferState]] = defaultdict(dict)
    for request_id, worker_id, state in rows:
        asked[request_id][worker_id] = state
    return asked
