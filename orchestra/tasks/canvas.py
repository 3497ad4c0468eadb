"""Which jobs follow one another: groups of chains, built from what a transaction asked for."""

import logging
from collections.abc import Sequence

from celery import chain, current_app, group
from celery.canvas import Signature
from kombu.exceptions import OperationalError

from orchestra.outbox import Dispatch

logger = logging.getLogger(__name__)
OUTBOX_KEY = "outbox_key"  # the header of a job that names its row


def publish(dispatches: Sequence[Dispatch]) -> None:
    """Hand the jobs of one transaction to the broker, as one group when they are several.

    A broker that cannot be reached is no error: the outbox still holds the rows, and the relay
    sends them again.
    """
    runs = [build(dispatch) for dispatch in dispatches]
    try:
        if len(runs) == 1:
            runs[0].apply_async()
        else:
            group(runs).apply_async()
    except (OperationalError, OSError) as error:
        logger.warning("broker not reachable, the relay will send later: %s", error)


def build(dispatch: Dispatch) -> Signature:
    """One job, or the chain of a run. There are no chords: joins are decided by rows."""
    first = _signature(dispatch)
    if not dispatch.then:
        return first
    return chain(first, *(_signature(later) for later in dispatch.then))


def _signature(dispatch: Dispatch) -> Signature:
    signature = current_app.signature(
        dispatch.job.value,
        kwargs=dispatch.kwargs,
        immutable=True,
        queue=dispatch.queue,
        headers={OUTBOX_KEY: dispatch.dedupe_key},
    )
    if dispatch.delay_seconds > 0:
        signature.set(countdown=dispatch.delay_seconds)
    return signature
