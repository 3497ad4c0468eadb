"""Slack: its settings, and which requests of it are answered (E-37 to E-39, E-50 to E-54)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from orchestra.config.declaring import about

# Key of STAFFBOT_CONFIG: the field of a slash command that must be listed under it (S-57).
FIELD_OF_LIST = {
    "allowed_team_ids": "team_id",
    "allowed_team_domains": "team_domain",
    "allowed_domains": "team_domain",  # the older name
    "allowed_channel_ids": "channel_id",
    "allowed_channel_names": "channel_name",
    "allowed_user_ids": "user_id",
    "allowed_user_names": "user_name",
    "allowed_commands": "command",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class SlackSettings:
    """Two workspaces, and the slash command."""

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

    @property
    def answers_slack(self) -> bool:
        """Whether there is anything by which a request of Slack can be told from a forged one."""
        return bool(self.slack_signing_secret or self.slack_staffbot_token)

    def _slack_problems(self) -> list[str]:
        """One line for each offence; what is not used may be as it is."""
        problems = []
        for workspace in ("experts", "internal"):
            is_on = getattr(self, f"slack_{workspace}_enabled")
            if is_on and not getattr(self, f"slack_{workspace}_api_key"):
                name = workspace.upper()
                problems.append(
                    f"SLACK_{name}_API_KEY: must be set with ORCHESTRA_SLACK_{name}_ENABLED."
                )
        for name, url in (
            ("SLACK_EXPERTS_BASE_URL", self.slack_experts_base_url),
            ("ORCHESTRA_SLACK_API_URL", self.slack_api_url),
        ):
            if url and urlsplit(url).scheme not in ("http", "https"):
                problems.append(f"{name}: must begin with http:// or https://.")
        return problems + _problems_of_lists(self.staffbot_config)


def _problems_of_lists(lists: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, listed in lists.items():
        if name not in FIELD_OF_LIST:
            known = ", ".join(FIELD_OF_LIST)
            problems.append(f"STAFFBOT_CONFIG: {name} is not known; known are {known}.")
        elif not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            problems.append(f"STAFFBOT_CONFIG: {name} must be a list of texts.")
    return problems
