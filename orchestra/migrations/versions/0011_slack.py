"""Channels of projects, who is in them, and requests of Slack"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0011"
down_revision = "0010"


def upgrade():
    op.create_table('project_channel',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('draws', sa.Integer(), nullable=False),
    sa.Column('is_described', sa.Boolean(), nullable=False),
    sa.Column('state', sa.Enum('open', 'archiving', 'archived', name='channelstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('failing_since', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_project_channel_project_id')),
    sa.PrimaryKeyConstraint('project_id', name=op.f('pk_project_channel'))
    )
    op.create_table('channel_member',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('is_wanted', sa.Boolean(), nullable=False),
    sa.Column('stays', sa.Integer(), nullable=False),
    sa.Column('held', orchestra.database.JsonColumn(), nullable=False),
    sa.Column('person_id', sa.Text(), nullable=True),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_channel_member_project_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_channel_member_worker_id')),
    sa.PrimaryKeyConstraint('project_id', 'worker_id', name=op.f('pk_channel_member'))
    )
    op.create_index(op.f('ix_channel_member_worker_id'), 'channel_member', ['worker_id'], unique=False)
    op.create_table('slack_request',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('asked', orchestra.database.JsonColumn(), nullable=False),
    sa.Column('response_url', sa.Text(), nullable=True),
    sa.Column('answer', sa.JSON(), nullable=True),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_slack_request')),
    sa.UniqueConstraint('digest', name=op.f('uq_slack_request_digest')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_slack_request_at'), 'slack_request', ['at'], unique=False)
