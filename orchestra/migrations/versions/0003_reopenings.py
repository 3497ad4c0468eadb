"""Count how often finished work of a project was opened again"""

import sqlalchemy as sa
from alembic import op


revision = "0003"
down_revision = "0002"


def upgrade():
    op.add_column(
        "project", sa.Column("reopenings", sa.Integer(), server_default="0", nullable=False)
    )
