"""Offers of a worker, the newest first"""

from alembic import op


revision = "0012"
down_revision = "0011"


def upgrade():
    op.create_index('ix_offer_worker', 'offer', ['worker_id', 'id'], unique=False)
