"""Pictures of people, and the messages of a project"""

import sqlalchemy as sa
from alembic import op


revision = "0010"
down_revision = "0009"


def upgrade():
    op.add_column('worker', sa.Column('picture_hash', sa.Text(), nullable=True))
    op.create_table('worker_picture',
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_worker_picture_worker_id')),
    sa.PrimaryKeyConstraint('worker_id', name=op.f('pk_worker_picture'))
    )
    op.create_index('ix_message_of_project', 'message', ['project_id', 'id'], unique=False)
