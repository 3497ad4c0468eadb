"""Links of mails, messages and preferences, files, and remarks of reviewers"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0004"
down_revision = "0003"


def upgrade():
    op.create_table('account_token',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('purpose', sa.Enum('activation', 'reset', 'email_change', 'invitation', name='tokenpurpose', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('secret_hash', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('used_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_account_token_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account_token')),
    sa.UniqueConstraint('secret_hash', name=op.f('uq_account_token_secret_hash'))
    )
    op.create_index(op.f('ix_account_token_worker_id'), 'account_token', ['worker_id'], unique=False)
    op.create_table('message_preference',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('is_on', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_message_preference_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message_preference')),
    sa.UniqueConstraint('worker_id', 'type', 'channel', name=op.f('uq_message_preference_worker_id_type_channel'))
    )
    op.create_table('stored_file',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('folder', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('content_type', sa.Text(), nullable=False),
    sa.Column('size_bytes', sa.Integer(), nullable=False),
    sa.Column('uploaded_by_id', sa.Integer(), nullable=True),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_stored_file_project_id')),
    sa.ForeignKeyConstraint(['uploaded_by_id'], ['worker.id'], name=op.f('fk_stored_file_uploaded_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_file'))
    )
    op.create_index(op.f('ix_stored_file_project_id'), 'stored_file', ['project_id'], unique=False)
    op.create_index('ix_stored_file_deleted', 'stored_file', ['deleted_at'], unique=False, sqlite_where=sa.text('deleted_at IS NOT NULL'), postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_table('message',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('channel', sa.Enum('inbox', 'mail', name='channel', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=True),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('dedupe_key', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('html', sa.Text(), nullable=True),
    sa.Column('url', sa.Text(), nullable=True),
    sa.Column('project_id', sa.Integer(), nullable=True),
    sa.Column('task_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.Enum('waiting', 'sent', 'off', 'dead', 'discarded', name='messagestate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('sent_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('read_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_message_project_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_message_task_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_message_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_message_dedupe_key')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_message_of_worker', 'message', ['worker_id', 'channel', 'id'], unique=False)
    op.create_index('ix_message_unread', 'message', ['worker_id'], unique=False, sqlite_where=sa.text("channel = 'inbox' AND read_at IS NULL"), postgresql_where=sa.text("channel = 'inbox' AND read_at IS NULL"))
    op.create_table('remark',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('iteration_id', sa.Integer(), nullable=False),
    sa.Column('pointer', sa.Text(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('resolved_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('resolved_by_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['iteration_id'], ['iteration.id'], name=op.f('fk_remark_iteration_id')),
    sa.ForeignKeyConstraint(['resolved_by_id'], ['worker.id'], name=op.f('fk_remark_resolved_by_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_remark_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_remark')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_remark_task_id'), 'remark', ['task_id'], unique=False)
    op.add_column('worker', sa.Column('uses_single_keys', sa.Boolean(), server_default=sa.true(), nullable=False))
