"""A workflow that is loaded, or loaded again, is there wholly or not at all."""

import itertools
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestra.database import Base, db, reading, transaction
from orchestra.domain import definitions, projects, sample_data
from orchestra.domain.audit import SYSTEM
from orchestra.domain.definitions import storing
from orchestra.models import Task, TaskClass
from tests.crashing import killed_at

EXAMPLE = Path(__file__).parent.parent / "workflows" / "simple_workflow"
CRAWL, WRITE = 0, 1


@pytest.fixture
def load(app, draft):
    def load(version="v1", **options):
        package = definitions.read_package(draft.write(), [version])
        with transaction() as session:
            return storing.store(session, package, version, **options)

    return load


def everything():
    """All rows of all tables."""
    with reading() as session:
        return {
            table.name: sorted(map(repr, session.execute(sa.select(table))))
            for table in Base.metadata.sorted_tables
        }


def cut_off_at_each_statement(work):
    """Fail the work before each statement in turn; what it gives when it is let through."""
    before = everything()
    db.session.remove()
    for number in itertools.count(1):
        with killed_at(number) as died:
            given = work()
        if not died:
            assert number > 5
            return given
        assert everything() == before, number
    return None


def test_a_load_that_fails_at_any_statement_leaves_nothing(load):
    """R-15, L-17; and it can be tried again."""
    assert cut_off_at_each_statement(load) == "loaded"
    assert load() == "unchanged"


def test_a_further_version_that_fails_at_any_statement_changes_nothing(load, draft):
    """R-15: workflow and certifications, which it updates, stay those of the version before."""
    load()
    draft.versions["v2"] = draft.versions["v1"] | {"slug": "v2"}
    draft.workflow["certifications"][1]["name"] = "Author"
    assert cut_off_at_each_statement(lambda: load("v2")) == "loaded"


def test_a_forced_load_that_fails_at_any_statement_leaves_projects_alone(load, draft):
    """R-15, D-50: the running project gets its new task with the new version, or not."""
    load()
    project_id = _started(draft)
    draft.steps[WRITE] |= {"creation_depends_on": [], "required_certifications": ["editor"]}
    draft.steps.append(draft.steps[CRAWL] | {"slug": "publish"})

    assert cut_off_at_each_statement(lambda: load(force=True)) == "updated"

    with reading() as session:
        of_project = sa.select(Task.step).where(Task.project_id == project_id)
        assert set(session.scalars(of_project)) == {"crawl", "write", "publish"}


def _started(draft):
    with transaction() as session:
        return projects.create_project(
            session,
            SYSTEM,
            workflow_slug=draft.workflow["slug"],
            version_slug="v1",
            short_description="A project",
            priority=0,
            task_class=TaskClass.REAL,
            project_data={},
        ).id


def test_sample_people_are_all_there_or_none(app):
    """R-15"""
    with transaction() as session:
        storing.store(session, definitions.read_package(EXAMPLE, ["v1"]), "v1")

    def load_people():
        with transaction() as session:
            sample_data.load(session, "simple_workflow", "v1")
            return True

    assert cut_off_at_each_statement(load_people)
