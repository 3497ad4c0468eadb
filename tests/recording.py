"""Time on the timecard of somebody who holds a task, on a Wednesday."""

from datetime import UTC, date, datetime

from orchestra.models import TimeEntry

MONDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 4)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def timed(hour, minute=0):
    """A time of that Wednesday."""
    return NOON.replace(hour=hour, minute=minute)


class Recording:
    """Put entries on the timecard of the writer, complete ones unless told otherwise."""

    def __init__(self, session, work):
        self.session = session
        self.work = work

    def __call__(self, seconds=60, day=WEDNESDAY, *, description="Wrote", has_task=True, **columns):
        entry = TimeEntry(
            worker_id=self.work.writer.worker_id,
            worked_on=day,
            work_seconds=seconds,
            description=description,
            assignment_id=self.work.at(0).id if has_task else None,
            **columns,
        )
        self.session.add(entry)
        self.session.commit()
        return entry.id


def stored(session, entry_id):
    """An entry as the database has it now."""
    entry = session.get(TimeEntry, entry_id, populate_existing=True)
    session.commit()
    return entry
