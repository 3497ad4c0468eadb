"""Workers, what they are certified for, and the keys of client systems."""

from datetime import datetime, time
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestra.database import Base, seconds_from_now, text_enum
from orchestra.models.definitions import Certification


class Role(StrEnum):
    """The role in which a certification is held."""

    ENTRY_LEVEL = "entry_level"
    REVIEWER = "reviewer"


class TaskClass(StrEnum):
    REAL = "real"
    TRAINING = "training"

    @property
    def number(self) -> int:
        return 1 if self is TaskClass.REAL else 0


class Worker(Base):
    """A person with an account; also an expert, a project admin or an administrator."""

    __tablename__ = "worker"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    email: Mapped[str]
    first_name: Mapped[str] = mapped_column(default="")
    last_name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    session_key: Mapped[str] = mapped_column(unique=True)  # renewed to end all sessions
    is_active: Mapped[bool] = mapped_column(default=True)
    is_in_project_admins: Mapped[bool] = mapped_column(default=False)
    is_administrator: Mapped[bool] = mapped_column(default=False)
    time_zone: Mapped[str] = mapped_column(default="UTC")  # IANA name
    phone: Mapped[str | None]
    slack_name: Mapped[str | None]
    slack_user_id: Mapped[str | None] = mapped_column(unique=True)
    uses_single_keys: Mapped[bool] = mapped_column(default=True)  # shortcuts without Ctrl (W-6)
    picture_hash: Mapped[str | None]  # of the WorkerPicture, if there is one
    quiet_from: Mapped[time | None]  # in their zone: no mail or chat until...
    quiet_until: Mapped[time | None]
    digest_at: Mapped[time | None]  # in their zone: one mail a day; None: each at once
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    last_login_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]  # of tasks that wait for an answer (S-51)

    certifications: Mapped[list["WorkerCertification"]] = relationship(
        back_populates="worker",
        foreign_keys="WorkerCertification.worker_id",
        order_by="WorkerCertification.id",
    )

    @property
    def is_project_admin(self) -> bool:
        return self.is_in_project_admins or self.is_administrator

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.username

    @property
    def initials(self) -> str:
        """What stands for the picture of somebody who has none."""
        names = [name for name in (self.first_name, self.last_name) if name]
        return "".join(name[0] for name in names or [self.username]).upper()


class WorkerPicture(Base):
    """The picture of a worker, made square and small; kept apart since few pages read it."""

    __tablename__ = "worker_picture"

    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"), primary_key=True)
    content: Mapped[bytes]


sa.Index("uq_worker_username", sa.func.lower(Worker.username), unique=True)
sa.Index("uq_worker_email", sa.func.lower(Worker.email), unique=True)


class WorkerCertification(Base):
    """A certification held by a worker, in a role and for a task class."""

    __tablename__ = "worker_certification"
    __table_args__ = (
        sa.UniqueConstraint("worker_id", "certification_id", "role", "task_class"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"))
    certification_id: Mapped[int] = mapped_column(sa.ForeignKey("certification.id"), index=True)
    role: Mapped[Role] = mapped_column(text_enum(Role))
    task_class: Mapped[TaskClass] = mapped_column(text_enum(TaskClass))
    staffbot_enabled: Mapped[bool] = mapped_column(default=True)
    staffing_priority: Mapped[int] = mapped_column(default=0)
    granted_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    granted_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))

    worker: Mapped[Worker] = relationship(back_populates="certifications", foreign_keys=[worker_id])
    certification: Mapped[Certification] = relationship(lazy="joined")


class TokenPurpose(StrEnum):
    """What a link in a mail is for."""

    ACTIVATION = "activation"
    RESET = "reset"  # of a forgotten password
    EMAIL_CHANGE = "email_change"
    INVITATION = "invitation"


class AccountToken(Base):
    """The secret of a link in a mail: stored hashed, used once, valid for some time (P-5)."""

    __tablename__ = "account_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(sa.ForeignKey("worker.id"), index=True)
    purpose: Mapped[TokenPurpose] = mapped_column(text_enum(TokenPurpose))
    secret_hash: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str | None]  # the new address
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    worker: Mapped[Worker] = relationship()


class LoginFailure(Base):
    """One failed sign-in, so that guessing is slow on every web process alike."""

    __tablename__ = "login_failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(index=True)  # as typed, lower case
    address: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))


class ApiKey(Base):
    """The key of a client system."""

    __tablename__ = "api_key"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(unique=True)
    label: Mapped[str] = mapped_column(default="")
    encrypted_secret: Mapped[str]
    is_legacy: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=seconds_from_now(0))
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("worker.id"))
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AnsweredRequest(Base):
    """The stored answer of a request that may be repeated, written with its effect."""

    __tablename__ = "answered_request"
    __table_args__ = (sa.UniqueConstraint("owner", "path", "idempotency_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]  # "key:<key id>" or "worker:<id>"
    path: Mapped[str]
    idempotency_key: Mapped[str]
    body_hash: Mapped[str]
    signature_hash: Mapped[str | None] = mapped_column(unique=True)
    status: Mapped[int]
    answer: Mapped[str]  # JSON text as it was sent
    at: Mapped[datetime] = mapped_column(default=seconds_from_now(0), index=True)
