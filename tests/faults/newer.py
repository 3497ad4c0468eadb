"""``python -m tests.faults.newer web|worker|beat|db …``: the version after this one.

Its migration adds a table, an index and columns, one of them with a default; its rules write these
columns, and ask for a job that this version does not know, once for each project.
"""

import os
import shutil
import tempfile
from enum import StrEnum
from functools import wraps
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import mapped_column

from orchestra import application, cli, outbox
from orchestra.cli import checks, database, processes
from orchestra.database import transaction
from orchestra.domain import projects
from orchestra.models import Project, Task
from orchestra.outbox import Dispatch
from orchestra.tasks import celery

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{former}"


def upgrade():
    op.create_table(
        "greeting",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.add_column("task", sa.Column("hint", sa.Text(), nullable=True))
    op.add_column("project", sa.Column("mood", sa.Text(), server_default="calm", nullable=False))
    op.create_index("ix_project_mood", "project", ["mood", "id"])
"""


GREETED = sa.text(
    "INSERT INTO greeting (project_id, runs) VALUES (:project_id, 1)"
    " ON CONFLICT (project_id) DO UPDATE SET runs = greeting.runs + 1"
)


def become_newer():
    """Change this process, before it does anything."""
    folder = _migrations()
    for module in (application, checks, database):
        module.MIGRATIONS = folder
    Task.hint = mapped_column(sa.Text, nullable=True, default="new")
    Project.mood = mapped_column(sa.Text, default="merry")
    known = {job.name: job.value for job in outbox.Job}
    outbox.Job = StrEnum("Job", known | {"GREET": "newer.greet"})
    celery.task(name="newer.greet")(greet)
    projects.create_project = _greeting(projects.create_project)


def _migrations():
    """Those of this version and one more, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(dir=os.environ["ORCHESTRA_DATA_DIR"])) / "migrations"
    shutil.copytree(application.MIGRATIONS, folder)
    former = checks.newest_revision()
    revision = f"{int(former) + 1:04}"
    text = MIGRATION.format(revision=revision, former=former)
    (folder / "versions" / f"{revision}_next.py").write_text(text)
    return folder


def _greeting(create_project):
    @wraps(create_project)
    def create_and_greet(session, *arguments, **keys):
        project = create_project(session, *arguments, **keys)
        session.flush()
        wish = Dispatch(
            outbox.Job.GREET, {"project_id": project.id}, f"greet:{project.id}", "engine"
        )
        outbox.enqueue(session, wish)
        return project

    return create_and_greet


def greet(project_id):
    with transaction() as session:
        session.execute(GREETED, {"project_id": project_id})
        outbox.done(session, f"greet:{project_id}")


def web():
    """What Gunicorn serves: it starts a Python of its own."""
    become_newer()
    from orchestra.wsgi import app

    return app


def main():
    once = processes.gunicorn_command
    processes.gunicorn_command = lambda settings: [*once(settings)[:-1], f"{__spec__.name}:web()"]
    become_newer()
    cli.main()


if __name__ == "__main__":
    main()
