"""Folders and documents of projects"""

revision = "0006"
down_revision = "0005"


def upgrade():
    pass
