"""How many items failed in the last run of a scheduled job"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade():
    op.add_column("tick", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
