"""Checks of projects"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0008"
down_revision = "0007"


def upgrade():
    op.create_table('project_check',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('found_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('last_handled_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('times_handled', sa.Integer(), nullable=False),
    sa.Column('muted_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('muted_by', sa.Text(), nullable=True),
    sa.Column('snoozed_until', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('snoozed_by', sa.Text(), nullable=True),
    sa.Column('resolved_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('resolved_by', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_project_check_project_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_project_check')),
    sa.UniqueConstraint('project_id', 'slug', name=op.f('uq_project_check_project_id_slug')),
    sqlite_autoincrement=True
    )
    op.create_table('check_problem',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=False),
    sa.Column('traceback', sa.Text(), nullable=True),
    sa.Column('is_timeout', sa.Boolean(), nullable=False),
    sa.Column('since', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_check_problem_project_id')),
    sa.PrimaryKeyConstraint('project_id', name=op.f('pk_check_problem'))
    )
