"""Granting and revoking by the JSON API of the pages (N-26)."""

import pytest
import sqlalchemy as sa

from orchestra.models import WorkerCertification
from tests.builders import step

GRANT = "project_management/grant_certification/"
REVOKE = "project_management/revoke_certification/"


@pytest.fixture
def admin(client, make, session):
    make.version(step("a"), certifications=["reporter"], slug="news")
    make.worker("ana")
    admin = make.admin("mia")
    session.commit()
    return client.sign_in(admin)


def body(role="entry_level", **more):
    return {
        "worker_username": "ana",
        "workflow_slug": "news",
        "certification_slug": "reporter",
        "role": role,
        "task_class": "real",
    } | more


def held(session):
    with session.begin():
        return [
            (h.role, h.staffbot_enabled, h.staffing_priority)
            for h in session.scalars(sa.select(WorkerCertification))
        ]


def test_a_certification_is_granted_with_what_staffbot_is_to_do(admin, session):
    answer = admin.call(GRANT, body(staffbot_enabled=False, staffing_priority=7))
    assert (answer.status_code, answer.json) == (200, {"granted": True})
    assert held(session) == [("entry_level", False, 7)]
    assert admin.call(GRANT, body(staffing_priority=1)).json == {"granted": False}
    assert held(session) == [("entry_level", False, 1)]


def test_the_rules_of_granting_and_revoking_hold(admin, session):
    """P-23, P-25"""
    answer = admin.call(GRANT, body("reviewer"))
    assert (answer.status_code, answer.json["error"]) == (422, "not_certified")
    admin.call(GRANT, body())
    admin.call(GRANT, body("reviewer"))
    answer = admin.call(REVOKE, body())
    assert (answer.status_code, answer.json["error"]) == (409, "conflict")
    for role in ("reviewer", "entry_level"):
        assert admin.call(REVOKE, body(role)).status_code == 200
    assert held(session) == []


@pytest.mark.parametrize("call", [GRANT, REVOKE])
@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"worker_username": "nobody"}, 404),
        ({"certification_slug": "none"}, 404),
        ({"workflow_slug": "none"}, 404),
        ({"role": "boss"}, 422),
        ({"task_class": 1}, 422),
        ({"more": 1}, 422),
    ],
)
def test_bad_input_is_refused(admin, call, wrong, status):
    assert admin.call(call, body(**wrong)).status_code == status


def test_what_staffbot_is_to_do_must_be_of_its_type(admin):
    for wrong in ({"staffbot_enabled": "yes"}, {"staffing_priority": 1.5}):
        assert admin.call(GRANT, body(**wrong)).status_code == 422
