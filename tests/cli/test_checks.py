"""What must be there before a process starts (E-5, X-31)."""

import pytest
import sqlalchemy as sa

from orchestra.cli import Unusable, checks
from orchestra.database import db
from orchestra.errors import BadConfiguration


def test_production_refuses_a_sample_person_with_the_public_password(make, session):
    """R-35, E-5"""
    make.worker("demo", password="demo")
    session.commit()

    with pytest.raises(BadConfiguration, match="The account demo has a public password"):
        checks.refuse_public_passwords()


def test_production_accepts_sample_people_who_cannot_get_in_that_way(make, session):
    make.worker("demo", password="a password of their own")
    make.worker("journalism-editor", password="editor", is_active=False)
    make.worker("journalism-copy-editor")
    session.commit()

    checks.refuse_public_passwords()


def test_an_older_database_is_refused_with_the_way_out(app):
    """X-31"""
    settings = app.config["SETTINGS"]
    checks.refuse_older_database(settings)
    newest = checks.current_revision(settings)
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))

    try:
        with pytest.raises(Unusable, match=r"at revision 0000.*Run `orchestra db upgrade`"):
            checks.refuse_older_database(settings)
    finally:
        with db.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest}
            )
