"""Every error in one shape, with its one status (C-12 to C-14, A-4, E-8, E-9, W-12)."""

import io
import logging
import re

import pytest
from flask import request

from orchestra import errors as domain_errors
from orchestra.config import Settings
from orchestra.errors import OrchestraError, RateLimited, StaleRevision
from orchestra.web import create_app
from orchestra.web.errors import HTTP_STATUS


@pytest.fixture
def small_app(tmp_path):
    """An application of its own, so that views which raise can be added."""
    settings = Settings.from_env({}, data_dir=tmp_path, broker_url="redis://127.0.0.1:1/0")
    app = create_app(settings)

    def raising(error):
        def view():
            raise error

        return view

    app.raising = lambda path, error: app.add_url_rule(path, path, raising(error))
    return app


def test_every_kind_of_error_has_a_status():
    classes = [OrchestraError]
    for found in classes:
        classes += found.__subclasses__()
    assert {found.kind for found in classes} <= set(HTTP_STATUS)
    assert StaleRevision in classes


def test_programs_get_json_with_all_that_is_known(small_app):
    """C-12"""
    error = StaleRevision("Newer.", fields={"a": ["b"]}, details={"revision": 3})
    small_app.raising("/orchestra/api/raise", error)
    response = small_app.test_client().get("/orchestra/api/raise")
    assert response.status_code == 409
    assert response.get_json() == {
        "error": "stale_revision",
        "message": "Newer.",
        "fields": {"a": ["b"]},
        "revision": 3,
    }


def test_people_get_a_page_of_the_same_status(small_app):
    """C-14"""
    small_app.raising("/orchestra/raise", StaleRevision("Somebody saved <this> before."))
    response = small_app.test_client().get("/orchestra/raise")
    assert response.status_code == 409
    assert response.mimetype == "text/html"
    assert "Somebody saved &lt;this&gt; before." in response.text


@pytest.mark.parametrize(
    ("error", "offers"),
    [
        (domain_errors.Unauthenticated("Sign in."), ["Sign in"]),
        (domain_errors.NotFound("There is nothing."), ["Go to the dashboard"]),
        (domain_errors.Unavailable("Later."), ["Go to the dashboard", "Try again"]),
    ],
)
def test_an_error_page_offers_the_next_thing_to_do(small_app, error, offers):
    """W-10"""
    small_app.raising("/orchestra/raise", error)
    text = small_app.test_client().get("/orchestra/raise?page=2").text
    assert (
        re.findall(r'<a class="btn btn-(?:primary|outline-secondary)"[^>]*>(.*?)</a>', text)
        == offers
    )
    assert ('href="/orchestra/raise?page=2"' in text) is ("Try again" in offers)


def test_too_many_tries_tell_when_to_come_back(small_app):
    error = RateLimited("Wait.", retry_after_seconds=7)
    small_app.raising("/orchestra/api/raise", error)
    response = small_app.test_client().get("/orchestra/api/raise")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("path", ["/orchestra/api/raise", "/orchestra/raise"])
def test_the_unexpected_is_told_by_an_id_that_the_log_has(small_app, caplog, path):
    small_app.raising(path, ZeroDivisionError("password=hunter2"))
    with caplog.at_level(logging.ERROR):
        response = small_app.test_client().get(path)
    assert response.status_code == 500
    error_id = re.search(r"error ([0-9a-f]{12})", response.text)[1]
    (record,) = caplog.records
    assert record.error_id == error_id
    assert record.exc_info[0] is ZeroDivisionError
    assert "hunter2" not in response.text
    assert "Traceback" not in response.text


def test_an_address_without_anything_is_not_found(client):
    assert client.get("/orchestra/nothing").status_code == 404


@pytest.mark.parametrize(("number", "status"), [(2**31 - 1, 200), (2**31, 404), (10**30, 404)])
def test_a_number_that_no_row_can_have_is_not_found(small_app, number, status):
    """Asked for it, the database would raise an error."""
    small_app.add_url_rule("/orchestra/thing/<int:thing_id>", view_func=lambda thing_id: "")
    assert small_app.test_client().get(f"/orchestra/thing/{number}").status_code == status


def test_a_wrong_method_on_a_page_is_told_the_right_ones(client):
    response = client.post("/orchestra/status/")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_who_opens_the_address_of_a_button_is_told_so(client):
    """W-10"""
    response = client.get("/orchestra/accounts/logout/")
    assert response.status_code == 405
    assert '<h1 class="mb-2">This is not a page</h1>' in response.text
    assert "This address belongs to a button" in response.text
    assert "Allow" not in response.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:99", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("localhost@evil.example", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_only_the_own_hosts_are_answered(client, host, status):
    """E-8"""
    response = client.get("/orchestra/status/", headers={"Host": host})
    assert response.status_code == status


@pytest.mark.parametrize(("size", "status"), [(5_000, 200), (5_000_000, 413)])
def test_a_body_of_unknown_length_is_not_cut_but_refused(small_app, size, status):
    @small_app.post("/orchestra/api/size")
    def view():
        return {"size": len(request.get_data())}

    response = small_app.test_client().post(
        "/orchestra/api/size",
        input_stream=io.BytesIO(b"x" * size),
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == status
    assert response.get_json().get("size") == (size if status == 200 else None)


def test_pages_carry_headers_that_protect_people(client):
    """W-12"""
    headers = client.get("/orchestra/status/").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_an_https_address_is_kept_to(client, change_settings):
    """W-12"""
    change_settings(url="https://orchestra.example.org")
    headers = client.get("/orchestra/status/").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize(("hops", "host"), [(0, "localhost"), (1, "127.0.0.1")])
def test_forwarding_headers_are_believed_from_so_many_proxies(tmp_path, hops, host):
    """E-9"""
    settings = Settings.from_env({}, data_dir=tmp_path, trusted_proxies=hops)
    app = create_app(settings)
    seen = []

    @app.get("/orchestra/host")
    def view():
        seen.append((request.host, request.remote_addr, request.scheme))
        return ""

    app.test_client().get(
        "/orchestra/host",
        headers={
            "X-Forwarded-Host": "127.0.0.1",
            "X-Forwarded-For": "10.1.1.1, 203.0.113.7",
            "X-Forwarded-Proto": "https",
        },
    )
    expected = (host, "203.0.113.7", "https") if hops else (host, "127.0.0.1", "http")
    assert seen == [expected]


def test_the_schemas_of_definitions_are_served(client):
    """D-16"""
    with client.get("/orchestra/schemas/version.schema.json") as response:
        assert response.mimetype == "application/schema+json"
        assert response.get_json(force=True)["type"] == "object"
    assert client.get("/orchestra/schemas/other.schema.json").status_code == 404
    assert client.get("/orchestra/schemas/..%2fconfig.schema.json").status_code == 404
