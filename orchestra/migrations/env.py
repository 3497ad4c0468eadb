"""Alembic's entry: migrates the database of the running application."""

import warnings

from alembic import context
from flask import current_app

# Alembic cannot compare indexes over expressions, such as that of lower(username), and says so.
warnings.filterwarnings("ignore", message=".*expression-based index")

engine = current_app.extensions["migrate"].db.engine
metadata = current_app.extensions["migrate"].db.metadata


def is_ours(_name, kind, _parent_names):
    return kind != "table" or _name in metadata.tables


with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        include_name=is_ours,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
