"""Names of channels that project admins choose"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade():
    op.add_column("project_channel", sa.Column("wanted_name", sa.Text(), nullable=True))
    op.add_column("project_channel", sa.Column("name_problem", sa.Text(), nullable=True))
