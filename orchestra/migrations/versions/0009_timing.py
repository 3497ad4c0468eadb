"""Timers, time entries, and weeks that are handed in"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0009"
down_revision = "0008"


def upgrade():
    op.create_table('timer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('assignment_id', sa.Integer(), nullable=True),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('started_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('started_on', sa.Date(), nullable=False),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_timer_assignment_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_timer_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_timer')),
    sa.UniqueConstraint('worker_id', name=op.f('uq_timer_worker_id')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_timer_assignment_id'), 'timer', ['assignment_id'], unique=False)
    op.create_index(op.f('ix_timer_started_at'), 'timer', ['started_at'], unique=False)
    op.create_table('time_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('assignment_id', sa.Integer(), nullable=True),
    sa.Column('worked_on', sa.Date(), nullable=False),
    sa.Column('work_seconds', sa.Integer(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('timer_started_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('timer_stopped_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('was_cut_off', sa.Boolean(), nullable=False),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('changed_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint('work_seconds BETWEEN 0 AND 86400', name=op.f('ck_time_entry_work_seconds')),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_time_entry_assignment_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_time_entry_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_time_entry')),
    sqlite_autoincrement=True
    )
    is_visible = sa.text('deleted_at IS NULL')
    op.create_index('ix_time_entry_of_worker', 'time_entry', ['worker_id', 'worked_on', 'id'], unique=False, sqlite_where=is_visible, postgresql_where=is_visible)
    op.create_index('ix_time_entry_of_assignment', 'time_entry', ['assignment_id', 'worked_on'], unique=False, sqlite_where=is_visible, postgresql_where=is_visible)
    is_incomplete = sa.text("deleted_at IS NULL AND (assignment_id IS NULL OR description = '')")
    op.create_index('ix_time_entry_incomplete', 'time_entry', ['worker_id', 'worked_on'], unique=False, sqlite_where=is_incomplete, postgresql_where=is_incomplete)
    op.create_index('ix_time_entry_worked_on', 'time_entry', ['worked_on'], unique=False)
    op.create_table('time_week',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('monday', sa.Date(), nullable=False),
    sa.Column('state', sa.Enum('submitted', 'approved', name='weekstate', native_enum=False, create_constraint=False, length=40), nullable=False),
    sa.Column('submitted_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('approved_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('approved_by_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("state IN ('submitted', 'approved')", name=op.f('ck_time_week_weekstate')),
    sa.ForeignKeyConstraint(['approved_by_id'], ['worker.id'], name=op.f('fk_time_week_approved_by_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_time_week_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_time_week')),
    sa.UniqueConstraint('worker_id', 'monday', name=op.f('uq_time_week_worker_id_monday')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_time_week_state', 'time_week', ['state', 'monday'], unique=False)
