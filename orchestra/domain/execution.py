"""Call the author's function of a machine step, and judge what it gives."""

import traceback
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from orchestra.domain import json_data
from orchestra.domain.definitions.functions import accepts, resolve
from orchestra.domain.graph import FunctionReference, Step
from orchestra.errors import PermanentFailure, RetryLater

Data = dict[str, Any]
LARGEST_RESULT_BYTES = 1_048_576
LARGEST_TRACEBACK = 65_536
_NO_FUNCTION = FunctionReference("")
# Whose step is running in this thread, for what authors' functions ask for without saying whose.
running_project: ContextVar[int | None] = ContextVar("running_project", default=None)


class Interrupted(BaseException):
    """The function must stop; not an Exception, so that an author's ``except`` lets it through."""


@dataclass(frozen=True)
class Runner:
    """The process that runs a step."""

    host: str
    process: int
    celery_id: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.process}"


@dataclass(frozen=True)
class Lease:
    """The right of one process to run one step, until somebody with a higher number has it."""

    task_id: int
    project_id: int
    step: Step
    attempt: int
    fencing_number: int
    runner: Runner
    project_data: Data = field(repr=False)
    prerequisites: dict[str, Data] = field(repr=False)
    seconds: int = 60
    reopenings: int | None = None  # of the project, when the prerequisites can change no other way


@dataclass(frozen=True)
class Outcome:
    """What a function gave, or why it gave nothing."""

    result: Data | None = None
    error: str | None = None
    traceback: str | None = None
    final: bool = False  # no further attempt makes sense
    retry_after_seconds: float | None = None


def call(lease: Lease) -> Outcome:
    """Call the author's function with copies of its data. No transaction is open.

    Whatever the function raises is an outcome; only its interruption goes through.
    """
    reference = lease.step.execution_function or _NO_FUNCTION
    earlier = running_project.set(lease.project_id)
    try:
        function = resolve(reference.path)
        kwargs = dict(reference.kwargs)
        if accepts(function, "idempotency_key"):
            kwargs["idempotency_key"] = f"task-{lease.task_id}"
        result = function(
            json_data.copy_of(lease.project_data), json_data.copy_of(lease.prerequisites), **kwargs
        )
    except Interrupted:
        raise
    except PermanentFailure as error:
        return failure(error, final=True)
    except RetryLater as error:
        return failure(error, retry_after_seconds=error.after_seconds)
    except BaseException as error:  # noqa: BLE001 - an author's function may raise anything
        return failure(error)
    finally:
        running_project.reset(earlier)
    return accepted(result)


def failure(
    error: BaseException, *, final: bool = False, retry_after_seconds: float | None = None
) -> Outcome:
    """An exception as it is stored: type, message, and the end of its traceback."""
    text = "".join(traceback.format_exception(error))
    return Outcome(
        error=storable(f"{type(error).__name__}: {_words_of(error)}"),
        traceback=storable(text[-LARGEST_TRACEBACK:]),
        final=final,
        retry_after_seconds=retry_after_seconds,
    )


def _words_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failed:  # noqa: BLE001 - an author's exception may fail to say what it is
        return f"(no words: {type(failed).__name__})"


def storable(text: str) -> str:
    """Text as a database takes it: an author's message may hold any character."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def accepted(result: Any) -> Outcome:
    """Check that the result is a JSON object of bearable size (specification L-115)."""
    if not isinstance(result, dict):
        found = type(result).__name__
        return Outcome(error=f"The result must be an object (dict), is {found}.", final=True)
    offence = json_data.first_offence(result)
    if offence:
        return Outcome(error=f"The result is not JSON: {offence}.", final=True)
    size = json_data.size_bytes(result)
    if size > LARGEST_RESULT_BYTES:
        message = f"The result has {size} bytes; at most {LARGEST_RESULT_BYTES} are allowed."
        return Outcome(error=message, final=True)
    return Outcome(result=result)
