"""Remember when scheduled jobs last ran"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_table(
        "tick",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("at", orchestra.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_tick")),
    )
