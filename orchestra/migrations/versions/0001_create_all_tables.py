"""Create all tables"""

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = '0001'
down_revision = None


def upgrade():
    op.create_table('answered_request',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('idempotency_key', sa.Text(), nullable=False),
    sa.Column('body_hash', sa.Text(), nullable=False),
    sa.Column('signature_hash', sa.Text(), nullable=True),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_answered_request')),
    sa.UniqueConstraint('owner', 'path', 'idempotency_key', name=op.f('uq_answered_request_owner_path_idempotency_key')),
    sa.UniqueConstraint('signature_hash', name=op.f('uq_answered_request_signature_hash'))
    )
    op.create_index(op.f('ix_answered_request_at'), 'answered_request', ['at'], unique=False)
    op.create_table('audit_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('acting_as', sa.Text(), nullable=True),
    sa.Column('source', sa.Enum('web', 'api', 'slack', 'job', 'cli', name='source', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('verb', sa.Text(), nullable=False),
    sa.Column('object_kind', sa.Text(), nullable=False),
    sa.Column('object_id', sa.Integer(), nullable=True),
    sa.Column('project_id', sa.Integer(), nullable=True),
    sa.Column('before', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('after', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_event')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_audit_event_object', 'audit_event', ['object_kind', 'object_id'], unique=False)
    op.create_index('ix_audit_event_project', 'audit_event', ['project_id', 'id'], unique=False)
    op.create_table('login_failure',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('username', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_failure'))
    )
    op.create_index(op.f('ix_login_failure_address'), 'login_failure', ['address'], unique=False)
    op.create_index(op.f('ix_login_failure_username'), 'login_failure', ['username'], unique=False)
    op.create_table('outbox_message',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('job', sa.Text(), nullable=False),
    sa.Column('dedupe_key', sa.Text(), nullable=False),
    sa.Column('kwargs', sa.JSON(), nullable=False),
    sa.Column('queue', sa.Text(), nullable=False),
    sa.Column('sends', sa.Integer(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('resend_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_message')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_outbox_message_dedupe_key')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_outbox_message_resend_at'), 'outbox_message', ['resend_at'], unique=False)
    op.create_table('worker',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('username', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('first_name', sa.Text(), nullable=False),
    sa.Column('last_name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=True),
    sa.Column('session_key', sa.Text(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('is_in_project_admins', sa.Boolean(), nullable=False),
    sa.Column('is_administrator', sa.Boolean(), nullable=False),
    sa.Column('time_zone', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('slack_name', sa.Text(), nullable=True),
    sa.Column('slack_user_id', sa.Text(), nullable=True),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_login_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_worker')),
    sa.UniqueConstraint('session_key', name=op.f('uq_worker_session_key')),
    sa.UniqueConstraint('slack_user_id', name=op.f('uq_worker_slack_user_id')),
    sqlite_autoincrement=True
    )
    op.create_table('workflow',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workflow')),
    sa.UniqueConstraint('slug', name=op.f('uq_workflow_slug')),
    sqlite_autoincrement=True
    )
    op.create_table('api_key',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key_id', sa.Text(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('encrypted_secret', sa.Text(), nullable=False),
    sa.Column('is_legacy', sa.Boolean(), nullable=False),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('last_used_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['created_by_id'], ['worker.id'], name=op.f('fk_api_key_created_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_key')),
    sa.UniqueConstraint('key_id', name=op.f('uq_api_key_key_id')),
    sqlite_autoincrement=True
    )
    op.create_table('certification',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workflow_id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('retired_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('is_manual', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['workflow_id'], ['workflow.id'], name=op.f('fk_certification_workflow_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certification')),
    sa.UniqueConstraint('workflow_id', 'slug', name=op.f('uq_certification_workflow_id_slug')),
    sqlite_autoincrement=True
    )
    op.create_table('workflow_version',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workflow_id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('checksum', sa.Text(), nullable=False),
    sa.Column('loaded_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['workflow_id'], ['workflow.id'], name=op.f('fk_workflow_version_workflow_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workflow_version')),
    sa.UniqueConstraint('workflow_id', 'slug', name=op.f('uq_workflow_version_workflow_id_slug')),
    sqlite_autoincrement=True
    )
    op.create_table('certification_requirement',
    sa.Column('certification_id', sa.Integer(), nullable=False),
    sa.Column('required_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['certification_id'], ['certification.id'], name=op.f('fk_certification_requirement_certification_id')),
    sa.ForeignKeyConstraint(['required_id'], ['certification.id'], name=op.f('fk_certification_requirement_required_id')),
    sa.PrimaryKeyConstraint('certification_id', 'required_id', name=op.f('pk_certification_requirement'))
    )
    op.create_table('project',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('version_id', sa.Integer(), nullable=False),
    sa.Column('short_description', sa.Text(), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('task_class', sa.Enum('real', 'training', name='taskclass', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('project_data', sa.JSON(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('status', sa.Enum('active', 'aborted', 'paused', 'completed', name='projectstatus', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('started_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ended_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('team_messages_url', sa.Text(), nullable=True),
    sa.Column('project_folder_url', sa.Text(), nullable=True),
    sa.Column('channel_id', sa.Text(), nullable=True),
    sa.Column('created_by', sa.Text(), nullable=False),
    sa.Column('paused_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('paused_by', sa.Text(), nullable=True),
    sa.Column('pause_reason', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['version_id'], ['workflow_version.id'], name=op.f('fk_project_version_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_project')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_project_status', 'project', ['status'], unique=False)
    op.create_index(op.f('ix_project_version_id'), 'project', ['version_id'], unique=False)
    op.create_table('step_requirement',
    sa.Column('version_id', sa.Integer(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('certification_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['certification_id'], ['certification.id'], name=op.f('fk_step_requirement_certification_id')),
    sa.ForeignKeyConstraint(['version_id'], ['workflow_version.id'], name=op.f('fk_step_requirement_version_id')),
    sa.PrimaryKeyConstraint('version_id', 'step', 'certification_id', name=op.f('pk_step_requirement'))
    )
    op.create_table('worker_certification',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('certification_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.Enum('entry_level', 'reviewer', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('task_class', sa.Enum('real', 'training', name='taskclass', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('staffbot_enabled', sa.Boolean(), nullable=False),
    sa.Column('staffing_priority', sa.Integer(), nullable=False),
    sa.Column('granted_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('granted_by_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['certification_id'], ['certification.id'], name=op.f('fk_worker_certification_certification_id')),
    sa.ForeignKeyConstraint(['granted_by_id'], ['worker.id'], name=op.f('fk_worker_certification_granted_by_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_worker_certification_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_worker_certification')),
    sa.UniqueConstraint('worker_id', 'certification_id', 'role', 'task_class', name=op.f('uq_worker_certification_worker_id_certification_id_role_task_class')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_worker_certification_certification_id'), 'worker_certification', ['certification_id'], unique=False)
    op.create_table('creation_problem',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('error', sa.Text(), nullable=False),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_creation_problem_project_id')),
    sa.PrimaryKeyConstraint('project_id', 'step', name=op.f('pk_creation_problem'))
    )
    op.create_table('task',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('is_human', sa.Boolean(), nullable=False),
    sa.Column('status', sa.Enum('awaiting_processing', 'processing', 'pending_review', 'reviewing', 'post_review_processing', 'complete', 'aborted', 'skipped', 'failed', name='taskstatus', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('result', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ended_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('skip_note', sa.Text(), nullable=True),
    sa.Column('kept_drafts', sa.JSON(), nullable=False),
    sa.Column('policy_missed', sa.Boolean(), nullable=False),
    sa.Column('policy_problem', sa.Text(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('lease_holder', sa.Text(), nullable=True),
    sa.Column('lease_until', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('fencing_number', sa.Integer(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_task_project_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task')),
    sa.UniqueConstraint('project_id', 'step', name=op.f('uq_task_project_id_step')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_task_lease_until', 'task', ['lease_until'], unique=False, sqlite_where=sa.text('lease_until IS NOT NULL'), postgresql_where=sa.text('lease_until IS NOT NULL'))
    op.create_index('ix_task_pool', 'task', ['status', 'is_human'], unique=False, sqlite_where=sa.text("status IN ('awaiting_processing', 'pending_review')"), postgresql_where=sa.text("status IN ('awaiting_processing', 'pending_review')"))
    op.create_table('assignment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=True),
    sa.Column('status', sa.Enum('processing', 'submitted', 'failed', name='assignmentstatus', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('created_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('saved_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('saved_by', sa.Text(), nullable=True),
    sa.Column('discarded_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_assignment_task_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_assignment_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignment')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_assignment_worker_status', 'assignment', ['worker_id', 'status'], unique=False, sqlite_where=sa.text('discarded_at IS NULL'), postgresql_where=sa.text('discarded_at IS NULL'))
    op.create_index('uq_assignment_live_level', 'assignment', ['task_id', 'level'], unique=True, sqlite_where=sa.text('discarded_at IS NULL'), postgresql_where=sa.text('discarded_at IS NULL'))
    op.create_index('uq_assignment_live_worker', 'assignment', ['task_id', 'worker_id'], unique=True, sqlite_where=sa.text('discarded_at IS NULL'), postgresql_where=sa.text('discarded_at IS NULL'))
    op.create_table('attempt',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('fencing_number', sa.Integer(), nullable=False),
    sa.Column('host', sa.Text(), nullable=False),
    sa.Column('process', sa.Integer(), nullable=False),
    sa.Column('celery_id', sa.Text(), nullable=True),
    sa.Column('outcome', sa.Enum('running', 'complete', 'failed', 'lost', 'released', 'refused', name='attemptoutcome', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('traceback', sa.Text(), nullable=True),
    sa.Column('result', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('started_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ended_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_attempt_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempt')),
    sa.UniqueConstraint('task_id', 'fencing_number', name=op.f('uq_attempt_task_id_fencing_number')),
    sqlite_autoincrement=True
    )
    op.create_table('iteration',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('assignment_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=True),
    sa.Column('status', sa.Enum('processing', 'requested_review', 'provided_review', name='iterationstatus', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('submitted_data', sa.JSON(), nullable=False),
    sa.Column('comment', sa.Text(), nullable=True),
    sa.Column('started_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ended_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('discarded_at', orchestra.database.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_iteration_assignment_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_iteration_task_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_iteration_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_iteration')),
    sa.UniqueConstraint('task_id', 'number', name=op.f('uq_iteration_task_id_number')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_iteration_assignment_id'), 'iteration', ['assignment_id'], unique=False)
    op.create_index('uq_iteration_open', 'iteration', ['task_id'], unique=True, sqlite_where=sa.text('ended_at IS NULL AND discarded_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL AND discarded_at IS NULL'))
    op.create_table('review_draw',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('assignment_id', sa.Integer(), nullable=False),
    sa.Column('iteration_id', sa.Integer(), nullable=False),
    sa.Column('drawn', sa.Double(), nullable=True),
    sa.Column('rate', sa.Double(), nullable=True),
    sa.Column('max_reviews', sa.Integer(), nullable=True),
    sa.Column('reviews', sa.Integer(), nullable=False),
    sa.Column('is_due', sa.Boolean(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_review_draw_assignment_id')),
    sa.ForeignKeyConstraint(['iteration_id'], ['iteration.id'], name=op.f('fk_review_draw_iteration_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_review_draw')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_review_draw_assignment_id'), 'review_draw', ['assignment_id'], unique=False)
    for column in ('username', 'email'):  # unique ignoring case
        op.create_index(f'uq_worker_{column}', 'worker', [sa.text(f'lower({column})')], unique=True)
    _forbid_changes_of_the_audit()


def _forbid_changes_of_the_audit():
    """Audit events are append-only, whoever asks (specification P-58)."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_event_no_{verb.lower()} BEFORE {verb} ON audit_event "
                "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit events are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_event_append_only()"
    )
