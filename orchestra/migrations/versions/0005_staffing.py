"""Staffing: requests, batches, offers"""

revision = "0005"
down_revision = "0004"


def upgrade():
    pass
