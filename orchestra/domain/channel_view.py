"""The channel of a project as its page shows it (W-54, W-58)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sqlalchemy.orm import Session

from orchestra.database import settings_of
from orchestra.domain import channel_members, channels
from orchestra.models import ChannelMember, Project, ProjectChannel


@dataclass(frozen=True)
class ChannelView:
    """For project admins, and only while there are channels."""

    name: str | None  # None: it is not made yet
    link: str | None
    problem: str | None
    members: Sequence[ChannelMember]
    is_archived: bool
    wanted_name: str | None  # it is called so in a moment
    name_problem: str | None

    @classmethod
    def of(cls, session: Session, project: Project) -> Self | None:
        """In two statements; None while the chat is off (I-7)."""
        settings = settings_of(session)
        if not settings.slack_experts_enabled:
            return None
        row = session.get(ProjectChannel, project.id)
        return cls(
            name=row.name if row and project.channel_id else None,
            link=channels.link_of(settings.slack_experts_base_url, project),
            problem=row.problem if row else None,
            members=channel_members.members(session, project.id),
            is_archived=project.status.is_closed,
            wanted_name=row.wanted_name if row else None,
            name_problem=row.name_problem if row else None,
        )

    @property
    def missing(self) -> Sequence[ChannelMember]:
        """Who should be there, and what is in the way."""
        return [member for member in self.members if member.problem]
