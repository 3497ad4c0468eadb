"""Channels of messages, times at which they are due, quiet hours and digests"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0007"
down_revision = "0006"


def _enum(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    with op.batch_alter_table("message", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("cause", sa.Text(), nullable=True))
        batch.add_column(sa.Column("due_at", orchestra.database.UtcDateTime(timezone=True)))
        batch.add_column(sa.Column("reported_at", orchestra.database.UtcDateTime(timezone=True)))
        batch.alter_column(
            "channel",
            existing_type=_enum("channel", "inbox", "mail"),
            type_=_enum("channel", "inbox", "mail", "slack", "project_channel", "internal"),
            existing_nullable=False,
        )
        states = ("waiting", "sent", "off", "dead", "discarded")
        batch.alter_column(
            "state",
            existing_type=_enum("messagestate", *states),
            type_=_enum("messagestate", *states, "dropped"),
            existing_nullable=False,
        )
    _index("ix_message_waiting", ["project_id", "channel", "id"], "state = 'waiting'")
    _index("ix_message_waiting_for_worker", ["worker_id", "channel"], "state = 'waiting'")
    _index("ix_message_dead", ["id"], "state = 'dead'")
    _index("ix_message_reported", ["reported_at"], "reported_at IS NOT NULL")
    op.add_column("worker", sa.Column("quiet_from", sa.Time(), nullable=True))
    op.add_column("worker", sa.Column("quiet_until", sa.Time(), nullable=True))
    op.add_column("worker", sa.Column("digest_at", sa.Time(), nullable=True))


def _index(name, columns, condition):
    where = sa.text(condition)
    op.create_index(name, "message", columns, sqlite_where=where, postgresql_where=where)
