"""Folders and documents of projects"""

import secrets

import sqlalchemy as sa
from alembic import op

import orchestra.database


revision = "0006"
down_revision = "0005"


def upgrade():
    op.add_column('project', sa.Column('prepared_at', orchestra.database.UtcDateTime(timezone=True), nullable=True))
    op.add_column('project', sa.Column('preparation_problem', sa.Text(), nullable=True))
    op.execute('UPDATE project SET prepared_at = started_at')
    op.create_index('ix_project_unprepared', 'project', ['id'], unique=False, sqlite_where=sa.text('prepared_at IS NULL'), postgresql_where=sa.text('prepared_at IS NULL'))
    with op.batch_alter_table('stored_file') as batch_op:
        batch_op.add_column(sa.Column('kind', sa.Enum('file', 'folder', 'document', name='filekind', native_enum=False, create_constraint=False, length=40), server_default='file', nullable=False))
        batch_op.add_column(sa.Column('key', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('parent_id', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('place', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('revision', sa.Integer(), server_default='0', nullable=False))
        batch_op.create_check_constraint(op.f('ck_stored_file_filekind'), "kind IN ('file', 'folder', 'document')")
        batch_op.create_unique_constraint(op.f('uq_stored_file_project_id_key'), ['project_id', 'key'])
        batch_op.create_foreign_key(op.f('fk_stored_file_parent_id'), 'stored_file', ['parent_id'], ['id'])
        batch_op.create_index(op.f('ix_stored_file_parent_id'), ['parent_id'], unique=False)
    op.execute('UPDATE stored_file SET place = id')
    give_folders_rows()
    op.drop_column('stored_file', 'folder')
    op.create_table('document_revision',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('written_by_id', sa.Integer(), nullable=True),
    sa.Column('began_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('written_at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('restored_from', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['document_id'], ['stored_file.id'], name=op.f('fk_document_revision_document_id')),
    sa.ForeignKeyConstraint(['written_by_id'], ['worker.id'], name=op.f('fk_document_revision_written_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_document_revision')),
    sa.UniqueConstraint('document_id', 'revision', name=op.f('uq_document_revision_document_id_revision')),
    sqlite_autoincrement=True
    )
    op.create_table('folder_share',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Integer(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('refused', sa.Text(), nullable=True),
    sa.Column('at', orchestra.database.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_folder_share_project_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['worker.id'], name=op.f('fk_folder_share_worker_id')),
    sa.PrimaryKeyConstraint('project_id', 'worker_id', name=op.f('pk_folder_share'))
    )


def give_folders_rows():
    """A folder was a word of each of its files; from now on it is a row of its own."""
    connection = op.get_bind()
    stored_file = sa.table('stored_file', *(sa.column(name) for name in ('id', 'project_id', 'kind', 'key', 'parent_id', 'folder', 'name', 'content_type', 'size_bytes', 'created_at')))
    in_folders = sa.select(stored_file.c.project_id, stored_file.c.folder, sa.func.min(stored_file.c.created_at)).where(stored_file.c.folder != '')
    for project_id, name, created_at in connection.execute(in_folders.group_by(stored_file.c.project_id, stored_file.c.folder)).all():
        folder_id = secrets.token_hex(16)
        connection.execute(sa.insert(stored_file).values(id=folder_id, project_id=project_id, kind='folder', key=f'named/{name}', folder='', name=name, content_type='', size_bytes=0, created_at=created_at))
        connection.execute(sa.update(stored_file).where(stored_file.c.project_id == project_id, stored_file.c.folder == name).values(parent_id=folder_id))
