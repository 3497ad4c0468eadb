"""Settings of SanityBot."""

from dataclasses import dataclass, field
from datetime import timedelta

from orchestra.config.declaring import about


@dataclass(frozen=True, kw_only=True, repr=False)
class SanitySettings:
    """How often projects are checked, and for how long (specification E-28)."""

    sanity_interval: timedelta = field(
        default=timedelta(seconds=300),
        metadata=about("Time between two sanity checks.", low=1),
    )
    sanity_time_limit_seconds: int = field(
        default=30, metadata=about("Longest run of one sanity check.", low=1, high=86_400)
    )
