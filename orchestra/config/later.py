"""Settings whose readers come with later parts: known, typed, checked and shown like the others."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from orchestra.config.declaring import about


@dataclass(frozen=True, kw_only=True, repr=False)
class LaterSettings:
    """A setting moves to :class:`orchestra.config.Settings` with the part that reads it."""

    sanity_interval: timedelta = field(
        default=timedelta(seconds=300),
        metadata=about("Time between two sanity checks.", low=1),
    )
    sanity_time_limit_seconds: int = field(
        default=30, metadata=about("Longest run of one sanity check.", low=1)
    )
    slack_staffbot_token: str = field(
        default="", metadata=about("Token of the slash command.", secret=True)
    )
    slack_signing_secret: str = field(
        default="", metadata=about("Checks requests of Slack.", secret=True)
    )
    staffbot_config: dict[str, Any] = field(
        default_factory=dict,
        metadata=about("Restrictions of the slash command.", variable="STAFFBOT_CONFIG"),
    )
    slack_experts_enabled: bool = field(
        default=False, metadata=about("Whether project channels are used.")
    )
    slack_internal_enabled: bool = field(
        default=False, metadata=about("Whether internal channels are used.")
    )
    slack_experts_api_key: str = field(
        default="",
        metadata=about(
            "Bot token of the experts' workspace.",
            variable="SLACK_EXPERTS_API_KEY",
            secret=True,
        ),
    )
    slack_internal_api_key: str = field(
        default="",
        metadata=about(
            "Bot token of the internal workspace.",
            variable="SLACK_INTERNAL_API_KEY",
            secret=True,
        ),
    )
    slack_experts_base_url: str = field(
        default="",
        metadata=about(
            "Base of links to channels.", address=True, variable="SLACK_EXPERTS_BASE_URL"
        ),
    )
    slack_internal_notification_channel: str = field(
        default="#orchestra-tasks",
        metadata=about(
            "Channel of notices to staff.",
            variable="SLACK_INTERNAL_NOTIFICATION_CHANNEL",
        ),
    )
    slack_api_url: str = field(
        default="", metadata=about("Address of the chat service; unset: Slack's own.", address=True)
    )
    google_analytics_key: str = field(
        default="",
        metadata=about("Key of the analytics script.", variable="GOOGLE_ANALYTICS_KEY"),
    )
    third_party_scripts_template: str = field(
        default="", metadata=about("Template with scripts of others.")
    )
    csp_extra_origins: tuple[str, ...] = field(
        default=(), metadata=about("Origins added to the content policy.")
    )
