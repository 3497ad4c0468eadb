"""Settings whose readers come with later parts: known, typed, checked and shown like the others."""

from dataclasses import dataclass, field

from orchestra.config.declaring import about


@dataclass(frozen=True, kw_only=True, repr=False)
class LaterSettings:
    """A setting moves to :class:`orchestra.config.Settings` with the part that reads it."""

    google_analytics_key: str = field(
        default="",
        metadata=about(
            "Accepted, no effect yet: the analytics script.", variable="GOOGLE_ANALYTICS_KEY"
        ),
    )
    third_party_scripts_template: str = field(
        default="", metadata=about("Accepted, no effect yet: scripts of others.")
    )
    csp_extra_origins: tuple[str, ...] = field(
        default=(), metadata=about("Accepted, no effect yet: more origins of scripts.")
    )
