"""Only the holder of a key can make a request (R-24; A-13 to A-18)."""

import json
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from orchestra.database import utcnow
from orchestra.domain import keys
from orchestra.domain.audit import SYSTEM
from orchestra.models import ApiKey
from orchestra.web.api import signature
from orchestra.web.api.signature import CHALLENGE, REFUSED
from tests.signing import PREFIX, STRICT

CREATE = f"{PREFIX}/create_project/"
WHOLE = ("(request-target)", "host", "date")


def refused(response):
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == CHALLENGE
    assert response.get_json()["error"] == "unauthenticated"
    return response.get_json()["message"]


def test_a_strictly_signed_request_is_answered(strict, body):
    assert strict.post("create_project", body).status_code == 200


def test_the_algorithm_may_be_called_hs2019(strict):
    """A-13"""
    request = strict.request("GET", f"{PREFIX}/workflow_types/")
    strict.sign(request["headers"], "GET", request["path"], algorithm="hs2019")
    assert strict.send(request).status_code == 200


def test_a_request_without_signature_is_refused(client):
    assert "authorization" in refused(client.get(f"{PREFIX}/workflow_types/"))


def test_neither_session_nor_password_opens_this_api(client, make, session):
    """A-3"""
    admin = make.admin("ada", password="correct horse battery")
    session.commit()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = admin.session_key
        cookie["_fresh"] = True
    assert client.get("/orchestra/app").status_code == 200
    session.rollback()
    path = f"{PREFIX}/workflow_types/"
    assert "authorization" in refused(client.get(path))
    assert refused(client.get(path, auth=("ada", "correct horse battery"))) == REFUSED


CHANGES = {
    "body": {"data": b"{}"},
    "path": {"path": f"{PREFIX}/project_information/"},
    "query": {"path": f"{CREATE}?a=1"},
    "ending of the path": {"path": CREATE.rstrip("/")},
    "host": {"headers": {"Host": "127.0.0.1"}},
    "date": {"headers": {"Date": "Wed, 23 Sep 2026 20:16:02 GMT"}},
    "digest": {"headers": {"Digest": "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
    "kind of digest": {"headers": {"Digest": "MD5=1B2M2Y8AsgTpgAmy7PhCfg=="}},
    "body and digest": {
        "data": b"",
        "headers": {"Digest": "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    },
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_request_is_refused_and_changes_nothing(strict, body, stored, change):
    request = strict.request("POST", CREATE, json.dumps(body).encode())
    before = stored()

    refused(strict.send(request, **change))

    assert stored() == before


def test_another_method_than_the_signed_one_is_refused(strict):
    path = f"{PREFIX}/workflow_types/"
    request = strict.request("GET", path)
    strict.sign(request["headers"], "POST", path)
    assert refused(strict.send(request)) == REFUSED


def test_a_shorter_header_list_breaks_the_signature(strict, body):
    request = strict.request("POST", CREATE, json.dumps(body).encode())
    changed = request["headers"]["Authorization"].replace(" ".join(STRICT), "date")
    assert refused(strict.send(request, headers={"Authorization": changed})) == REFUSED


@pytest.mark.parametrize("left_out", ["(request-target)", "host", "date", "digest"])
def test_a_strict_key_must_sign_everything_that_matters(strict, body, left_out):
    """A-14: the message names what is missing."""
    signed = [name for name in STRICT if name != left_out]
    assert left_out in refused(strict.post("create_project", body, signed=signed))


@pytest.mark.parametrize("header", ["Date", "Digest", "Authorization"])
def test_a_missing_header_is_named(strict, body, header):
    request = strict.request("POST", CREATE, json.dumps(body).encode())
    del request["headers"][header]
    assert header.lower() in refused(strict.send(request))


def test_without_a_body_no_digest_needs_to_be_signed(strict):
    assert strict.get("workflow_types", signed=WHOLE).status_code == 200


@pytest.mark.parametrize("seconds", [-299, 299])
def test_a_clock_may_be_off_by_not_quite_five_minutes(strict, seconds):
    """A-15"""
    at = utcnow() + timedelta(seconds=seconds)
    assert strict.get("workflow_types", at=at).status_code == 200


@pytest.mark.parametrize("seconds", [-302, 302])
def test_an_older_or_later_date_is_refused(strict, seconds):
    """A-15"""
    at = utcnow() + timedelta(seconds=seconds)
    assert "clock" in refused(strict.get("workflow_types", at=at))


@pytest.mark.parametrize(("waited", "status"), [(299, 200), (301, 401)])
def test_a_captured_request_is_of_no_use_after_five_minutes(strict, waited, status):
    import time_machine

    sent = utcnow().replace(microsecond=0)
    request = strict.request("GET", f"{PREFIX}/workflow_types/", at=sent)
    with time_machine.travel(sent + timedelta(seconds=waited), tick=False):
        assert strict.send(request).status_code == status


@pytest.mark.parametrize("date", ["", "yesterday", "2026-09-23", "Wed, 99 Sep 2026 99:16:02 GMT"])
def test_an_unreadable_date_is_refused(strict, date):
    request = strict.request("GET", f"{PREFIX}/workflow_types/")
    refused(strict.send(request, headers={"Date": date}))


def unknown_key(signed, _session):
    signed.key_id = "nobody"


def revoked_key(signed, session):
    keys.revoke_key(session, SYSTEM, signed.key_id)
    session.commit()


def wrong_secret(signed, _session):
    signed.secret = "another-secret-of-some-length"


def empty_secret(signed, _session):
    signed.secret = ""


def lost_secret_key(_signed, session):
    session.execute(sa.update(ApiKey).values(encrypted_secret="made with another key"))
    session.commit()


@pytest.mark.parametrize(
    "spoil", [unknown_key, revoked_key, wrong_secret, empty_secret, lost_secret_key]
)
def test_whether_key_or_secret_is_wrong_is_not_told(strict, session, spoil):
    """A-17"""
    spoil(strict, session)
    assert refused(strict.get("workflow_types")) == REFUSED


def test_an_unknown_key_costs_the_same_work_as_a_known_one(strict, session, monkeypatch):
    """A-17: a secret is decrypted, and a signature made and compared, in any case"""
    strict.get("workflow_types")  # prepares what is kept
    work = Counter()

    def counted(module, name):
        original = getattr(module, name)

        def calling(*arguments):
            work[name] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, calling)

    counted(Fernet, "decrypt")
    counted(signature.Signer, "sign")
    counted(signature.hmac, "compare_digest")
    done = []
    for spoil in (lambda *_: None, wrong_secret, unknown_key):
        spoil(strict, session)
        request = strict.request("GET", f"{PREFIX}/workflow_types/")
        work.clear()
        strict.send(request)
        done.append(dict(work))
    assert done[0] == done[1] == done[2]
    assert done[0]["sign"] == done[0]["decrypt"] == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic c3lzdGVtOnNlY3JldA==",
        "Signature",
        'Signature keyId="system"',
        'Signature keyId="system",algorithm="hmac-sha256",signature="not base64!"',
        'Signature keyId="system",algorithm="hmac-sha256",signature=""',
        'Signature keyId="system",algorithm="rsa-sha256",signature="AAAA"',
        'Signature keyId="system",algorithm="none",signature="AAAA"',
        'Signature keyId="system",signature="AAAA"',
        'Signature keyId="",algorithm="hmac-sha256",signature="AAAA"',
        'Signature keyId="sÿstem",algorithm="hmac-sha256",headers="date",signature="AAAA"',
        'Signature keyId="\',;--",algorithm="hmac-sha256",headers="date",signature="AAAA"',
    ],
)
def test_a_signature_of_which_nothing_can_be_made_is_refused(strict, authorization):
    request = strict.request("GET", f"{PREFIX}/workflow_types/")
    message = refused(strict.send(request, headers={"Authorization": authorization}))
    assert message == REFUSED


def test_a_signed_header_that_is_not_there_is_named(strict):
    request = strict.request("GET", f"{PREFIX}/workflow_types/")
    changed = request["headers"]["Authorization"].replace("digest", "digest x-other")
    assert "x-other" in refused(strict.send(request, headers={"Authorization": changed}))


def test_a_signed_header_beyond_ascii_is_refused(strict):
    request = strict.request("GET", f"{PREFIX}/workflow_types/")
    changed = request["headers"]["Authorization"].replace("digest", "digest x-name")
    headers = {"Authorization": changed, "X-Name": "Jürgen"}
    assert refused(strict.send(request, headers=headers)) == REFUSED


@pytest.mark.parametrize("signed", [(), ("date",)], ids=["no list", "date"])
def test_a_legacy_key_may_sign_the_date_alone(legacy, body, signed):
    """A-16"""
    assert legacy.post("create_project", body, signed=signed).status_code == 200


def test_the_date_alone_is_too_little_for_a_strict_key(strict, body):
    message = refused(strict.post("create_project", body, signed=()))
    assert "(request-target), host, digest" in message


def test_a_legacy_signature_too_must_be_fresh(legacy):
    at = utcnow() - timedelta(seconds=302)
    refused(legacy.get("workflow_types", signed=(), at=at))


def test_a_legacy_signature_must_cover_the_date(legacy):
    assert "date" in refused(legacy.get("workflow_types", signed=("host",)))


def test_what_a_legacy_key_signs_beyond_the_date_is_checked(legacy, body):
    """A-16"""
    request = legacy.request("POST", CREATE, json.dumps(body).encode(), signed=("date", "digest"))
    refused(legacy.send(request, data=b"{}"))


def test_a_foreign_host_is_refused_before_anything_else(strict):
    """E-8, A-15"""
    response = strict.client.get(f"{PREFIX}/workflow_types/", headers={"Host": "evil.example"})
    assert response.status_code == 400


def test_percent_encoding_is_signed_as_it_is_sent(strict):
    path = f"{PREFIX}/%77orkflow_types/"
    assert strict.send(strict.request("GET", path)).status_code == 200


def test_a_use_is_noted_once_a_minute(strict, session, statements):
    """A-9"""
    strict.get("workflow_types")
    used = session.scalar(sa.select(ApiKey.last_used_at))
    session.commit()
    assert abs(utcnow() - used) < timedelta(seconds=5)
    with statements() as seen:
        strict.get("workflow_types")
    assert not [statement for statement in seen if statement.startswith("UPDATE")]
