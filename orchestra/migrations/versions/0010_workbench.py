"""Pictures of people"""

revision = "0010"
down_revision = "0009"


def upgrade():
    pass
