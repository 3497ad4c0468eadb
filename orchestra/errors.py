"""What can go wrong, in domain words. Each class has one *kind* (specification C-13)."""

from collections.abc import Mapping
from typing import Any, ClassVar


class OrchestraError(Exception):
    """Base of all domain errors; its text is a sentence that a person can act on."""

    kind: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, list[str]] | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        self.details = dict(details or {})
        self.retry_after_seconds = retry_after_seconds


class Malformed(OrchestraError):
    """The request cannot be read: not JSON, or a parameter is not of its type."""

    kind = "malformed"


class Unauthenticated(OrchestraError):
    """Nobody is logged in, or the signature does not hold."""

    kind = "unauthenticated"


class Forbidden(OrchestraError):
    """The caller is known and may not do this."""

    kind = "forbidden"


class NotFound(OrchestraError):
    """No such thing exists, or the caller may not know that it does."""

    kind = "not_found"


class Conflict(OrchestraError):
    """The request is well formed, but the state of the world does not allow it now."""

    kind = "conflict"


class WrongStatus(Conflict):
    """The task, assignment or project is in another status than the operation needs."""

    kind = "wrong_status"


class ProjectPaused(Conflict):
    """The project is paused."""

    kind = "project_paused"


class ProjectClosed(Conflict):
    """The project is completed or aborted."""

    kind = "project_closed"


class AlreadyTaken(Conflict):
    """Somebody else holds the task at that level."""

    kind = "already_taken"


class AlreadyOnTask(Conflict):
    """The worker already has a live assignment on the task."""

    kind = "already_on_task"


class ReturnedWorkFirst(Conflict):
    """The worker must first finish returned work."""

    kind = "returned_work_first"


class LimitReached(Conflict):
    """The worker has the maximum number of tasks in progress."""

    kind = "limit_reached"


class TimerRunning(Conflict):
    """The worker's timer runs already."""

    kind = "timer_running"


class TimerNotRunning(Conflict):
    """The worker's timer does not run."""

    kind = "timer_not_running"


class OfferClosed(Conflict):
    """The offer cannot be answered any more; ``details`` says since when."""

    kind = "offer_closed"


class DependencyOpen(Conflict):
    """A step named in ``submission_depends_on`` is not finished."""

    kind = "dependency_open"


class StaleRevision(Conflict):
    """The stored draft is newer than the one sent; ``details`` holds the newer one."""

    kind = "stale_revision"


class IdempotencyMismatch(Conflict):
    """The idempotency key was used for another request."""

    kind = "idempotency_mismatch"


class TooLarge(OrchestraError):
    """A body, an upload or task data is over the limit."""

    kind = "too_large"


class Invalid(OrchestraError):
    """Some fields do not hold what they must; ``fields`` names each."""

    kind = "invalid"


class InvalidDefinition(Invalid):
    """A workflow definition has errors; ``problems`` lists all of them."""

    def __init__(self, problems: list[str], warnings: list[str] | None = None) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.warnings = warnings or []


class NotCertified(OrchestraError):
    """The worker lacks a certification."""

    kind = "not_certified"


class WorkerInactive(OrchestraError):
    """The account of the worker is disabled."""

    kind = "worker_inactive"


class WrongStepKind(OrchestraError):
    """A human operation on a machine step, or the reverse."""

    kind = "wrong_step_kind"


class InvalidRevert(OrchestraError):
    """This revert is not possible; the message says why."""

    kind = "invalid_revert"


class RateLimited(OrchestraError):
    """Too many tries; try again after ``retry_after_seconds``."""

    kind = "rate_limited"


class Unavailable(OrchestraError):
    """The database or a needed service is not reachable, or a lock was not to be had in time."""

    kind = "unavailable"


class ServiceUnreachable(Unavailable):
    """An outside service does not answer, or not now; trying again later may help."""


class RefusedByService(Conflict):
    """An outside service refused for good; trying again will not help."""


class BadConfiguration(OrchestraError):
    """The settings cannot be used; ``problems`` has one line per offence."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PermanentFailure(Exception):
    """An author's function says: trying again will not help. The step is Failed at once."""


class RetryLater(Exception):
    """An author's function says: try again, but not before ``after_seconds`` have passed."""

    def __init__(self, after_seconds: float, message: str = "") -> None:
        super().__init__(message or f"asked to be tried again in {after_seconds:g} s")
        self.after_seconds = after_seconds
