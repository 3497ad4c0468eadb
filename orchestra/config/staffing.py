"""Settings of StaffBot (specification E-29 to E-36)."""

from dataclasses import dataclass, field
from datetime import timedelta

from orchestra.config.declaring import about


@dataclass(frozen=True, kw_only=True, repr=False)
class StaffingSettings:
    """How many are asked, how often, and when people are reminded or warned."""

    staffbot_worker_batch_size: int = field(
        default=5, metadata=about("Workers asked in one batch.", low=1, high=10_000)
    )
    staffbot_batch_frequency: timedelta = field(
        default=timedelta(seconds=120),
        metadata=about("Time between two batches of a request.", low=0),
    )
    staffbot_staffing_min_time: timedelta = field(
        default=timedelta(seconds=1800),
        metadata=about("Age at which an unstaffed task is warned about.", low=0),
    )
    staffbot_staffing_group_id: str = field(
        default="", metadata=about("Internal channel of those warnings.")
    )
    staffbot_warn_interval_seconds: int = field(
        default=14_400,
        metadata=about("Time between two warnings of a task.", low=0, high=315_360_000),
    )
    staffbot_offer_seconds: timedelta = field(
        default=timedelta(seconds=259_200),
        metadata=about("Validity of an offer; 0: for ever.", low=0),
    )
    reminder_interval: timedelta = field(
        default=timedelta(seconds=86_400),
        metadata=about("Time between two reminders of a worker.", low=0),
    )
    staffbot_interval: timedelta = field(
        default=timedelta(seconds=60),
        metadata=about("How often staffing requests are sent.", low=1),
    )
    remind_check_interval: timedelta = field(
        default=timedelta(seconds=3600),
        metadata=about("How often reminders are looked for.", low=1),
    )
    warn_check_interval: timedelta = field(
        default=timedelta(seconds=1800),
        metadata=about("How often unstaffed tasks are looked for.", low=1),
    )
