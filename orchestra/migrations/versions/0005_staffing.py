"""Staffing: requests, batches, offers"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0005"
down_revision = "0004"

IS_LIVE = sa.text("state IN ('open', 'exhausted')")
IS_SENT = sa.text("state = 'sent'")


def upgrade():
    op.add_column('worker', sa.Column('reminded_at', orchestra.database.UtcDateTime(timezone=True), nullable=True))
    op.create_table('staffing_request',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('cause', sa.Enum('user', 'task_policy', 'restaff', name='requestcause', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('requested_by', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('open', 'exhausted', 'filled', 'cancelled', name='requeststate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('replaces_id', sa.Integer(), nullable=True),
    sa.Column('seed', sa.Integer(), nullable=False),
    sa.Column('opened_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_batch_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('warned_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('detail_problem', sa.Text(), nullable=True),
    sa.Column('closed_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('closed_reason', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['replaces_id'], ['assignment.id'], name=op.f('fk_staffing_request_replaces_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_staffing_request_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staffing_request')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_staffing_request_task', 'staffing_request', ['task_id'], unique=False)
    op.create_index('uq_staffing_request_live', 'staffing_request', ['task_id', 'level'], unique=True, sqlite_where=IS_LIVE, postgresql_where=IS_LIVE)
    op.create_table('staffing_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('verdicts', orchestra.database.JsonColumn(), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['staffing_request.id'], name=op.f('fk_staffing_batch_request_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staffing_batch')),
    sa.UniqueConstraint('request_id', 'number', name=op.f('uq_staffing_batch_request_id_number')),
    sqlite_autoincrement=True
    )
    op.create_table('offer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('batch', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('sent', 'accepted', 'declined', 'expired', 'lost', name='offerstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('sent_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('answered_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('expires_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['request_id'], ['staffing_request.id'], name=op.f('fk_offer_request_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_offer_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_offer')),
    sa.UniqueConstraint('request_id', 'worker_id', name=op.f('uq_offer_request_id_worker_id')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_offer_sent', 'offer', ['worker_id'], unique=False, sqlite_where=IS_SENT, postgresql_where=IS_SENT)
    op.create_index('ix_offer_expires', 'offer', ['expires_at'], unique=False, sqlite_where=IS_SENT, postgresql_where=IS_SENT)
