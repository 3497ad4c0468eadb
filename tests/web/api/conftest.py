"""Keys, client systems that hold them, and something to ask for."""

import pytest
import sqlalchemy as sa

from orchestra.database import Base
from orchestra.domain import keys
from orchestra.domain.audit import SYSTEM
from orchestra.web.api import limits
from tests.builders import step
from tests.signing import Signed


@pytest.fixture
def document(client):
    return client.get("/orchestra/api/openapi.json").get_json()


@pytest.fixture
def new_key(app, session, client, document):
    """Make a key and the client system that holds it."""
    limits.register(app)

    def made(key_id="system", **options):
        _key, secret = keys.create_key(session, SYSTEM, key_id, **options)
        session.commit()
        return Signed(client, key_id, secret, document)

    return made


@pytest.fixture
def strict(new_key):
    return new_key()


@pytest.fixture
def legacy(new_key):
    return new_key("old-system", is_legacy=True)


@pytest.fixture
def stored(session):
    """How many rows each table holds, to see that nothing was written."""

    def counted():
        with session.get_bind().connect() as connection:
            return {
                table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
                for table in Base.metadata.sorted_tables
            }

    return counted


@pytest.fixture
def body(make, session):
    """What creates a project of a stored workflow with a machine and a human step."""
    make.version(step("crawl", human=False), step("rate", "crawl"), slug="simple")
    session.commit()
    return {
        "workflow_slug": "simple",
        "workflow_version_slug": "v1",
        "description": "Find a picture",
        "priority": 10,
        "task_class": "real",
        "project_data": {"url": "https://example.org"},
    }
