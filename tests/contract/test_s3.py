"""What S3 alone does: parts, signed addresses, what it answers (I-3 to I-6, I-36)."""

import base64
import json
import socket
import traceback
from contextlib import closing
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import time_machine
from botocore.exceptions import ClientError

from orchestra.config import Settings
from orchestra.errors import (
    BadConfiguration,
    NotFound,
    RefusedByService,
    ServiceUnreachable,
    TooLarge,
)
from orchestra.integrations import pausing, s3
from orchestra.integrations.files import store_of
from orchestra.integrations.s3 import S3Files
from tests.contract.s3_server import BUCKET, KEY, SECRET, client, s3_server
from tests.recording import NOON
from tests.serving import serving

PART = s3.PART_BYTES
PLACE = "projects/1/files/a"


@pytest.fixture(autouse=True)
def _no_second_try(monkeypatch):
    monkeypatch.setattr(s3, "TRIES", 1)


@pytest.fixture(scope="module")
def address():
    with s3_server() as running:
        yield running


@pytest.fixture
def bucket(address):
    """For looking at it past the store; it is empty."""
    looking = client(address)
    for found in looking.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        looking.delete_object(Bucket=BUCKET, Key=found["Key"])
    return looking


@pytest.fixture
def store(address, bucket):
    return at(address)


@pytest.fixture
def new_clients():
    """Those of an earlier test may be of a server that had the same port."""
    s3._service.cache_clear()
    yield
    s3._service.cache_clear()


def at(address, bucket=BUCKET, **given):
    return S3Files(bucket, **({"endpoint_url": address, "key": KEY, "secret": SECRET} | given))


def put(store, content, *, key=PLACE, at_most_bytes=100 * PART):
    content = BytesIO(content) if isinstance(content, bytes) else content
    return store.put(key, "a", None, content, "text/plain", at_most_bytes=at_most_bytes)


def unfinished(bucket):
    return bucket.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])


def keys(bucket):
    return [found["Key"] for found in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


# --- Contents ---------------------------------------------------------------------------------


def test_the_settings_name_the_bucket(tmp_path, address, bucket):
    """I-25, E-61"""
    given = {
        "ORCHESTRA_FILE_BACKEND": "s3",
        "EDITOR_IMAGE_BUCKET_NAME": BUCKET,
        "ORCHESTRA_S3_ENDPOINT_URL": address,
        "ORCHESTRA_S3_REGION": "eu-central-1",
        "AWS_S3_KEY": KEY,
        "AWS_S3_SECRET": SECRET,
    }
    settings = Settings.from_env(given, data_dir=tmp_path)
    assert store_of(settings).check() == f"files are kept in the bucket {BUCKET}"
    assert keys(bucket) == []
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("ORCHESTRA_S3_BUCKET", "", "ORCHESTRA_S3_BUCKET"),
        ("ORCHESTRA_S3_ENDPOINT_URL", "minio:9000", "ORCHESTRA_S3_ENDPOINT_URL"),
        ("AWS_S3_KEY", KEY, "AWS_S3_SECRET"),
        ("AWS_S3_SECRET", SECRET, "AWS_S3_KEY"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path, variable, value, named):
    """E-61"""
    given = {"ORCHESTRA_FILE_BACKEND": "s3", "ORCHESTRA_S3_BUCKET": BUCKET} | {variable: value}
    with pytest.raises(BadConfiguration, match=named) as caught:
        Settings.from_env(given, data_dir=tmp_path)
    assert SECRET not in str(caught.value)


def test_an_object_is_named_by_its_key(store, bucket):
    """I-36"""
    assert put(store, b"words").place == PLACE
    assert bucket.get_object(Bucket=BUCKET, Key=PLACE)["ContentType"] == "text/plain"


@pytest.mark.parametrize("size_bytes", [0, 1, PART - 1, PART, PART + 1, 3 * PART])
def test_contents_of_every_size_come_back(store, bucket, size_bytes):
    content = (b"0123456789abcdef" * (size_bytes // 16 + 1))[:size_bytes]
    assert put(store, content).size_bytes == size_bytes
    with store.open(PLACE) as kept:
        assert kept.read() == content
    assert unfinished(bucket) == []


def test_readers_may_jump(store):
    """I-30"""
    put(store, bytes(range(256)) * 4096)
    with store.open(PLACE) as kept:
        assert kept.seek(-2, 2) == 256 * 4096 - 2
        assert kept.read() == b"\xfe\xff"
        assert kept.read() == b""
        kept.seek(700_000)
        assert kept.read(3) == bytes(700_000 % 256 + n for n in range(3))
        with pytest.raises(ValueError, match="before the beginning"):
            kept.seek(-(10**9), 2)


@pytest.mark.parametrize("size_bytes", [11, 2 * PART + 1])
def test_of_what_is_too_large_nothing_is_kept(store, bucket, size_bytes):
    """I-27"""
    with pytest.raises(TooLarge):
        put(store, b"x" * size_bytes, at_most_bytes=size_bytes - 1)
    assert keys(bucket) == unfinished(bucket) == []


class Breaks(BytesIO):
    """Of somebody whose connection breaks in the middle."""

    def read(self, size=-1):
        if self.tell() > PART:
            raise ConnectionResetError
        return super().read(size)


def test_of_what_was_not_sent_to_its_end_nothing_is_kept(store, bucket):
    with pytest.raises(ConnectionResetError):
        put(store, Breaks(b"x" * 2 * PART))
    assert keys(bucket) == unfinished(bucket) == []


@pytest.mark.parametrize("size_bytes", [5, 2 * PART])
def test_of_two_with_one_key_the_quicker_one_counts(address, store, bucket, size_bytes):
    """I-24"""

    class Meanwhile(BytesIO):
        def read(self, size=-1):
            put(at(address), b"first")
            return super().read(size)

    assert put(store, Meanwhile(b"x" * size_bytes)).size_bytes == len(b"first")
    assert store.open(PLACE).read() == b"first"
    assert unfinished(bucket) == []


def test_a_large_content_is_there_though_the_answer_was_lost(store, bucket, monkeypatch):
    """I-24"""
    client = store._service.sender
    finished = client.complete_multipart_upload

    def finished_twice(**given):
        finished(**given)
        finished(**given)

    monkeypatch.setattr(client, "complete_multipart_upload", finished_twice)
    assert put(store, b"x" * PART).size_bytes == PART
    assert unfinished(bucket) == []


# --- Who may see them -------------------------------------------------------------------------


def test_nothing_is_public(store, bucket, address):
    """I-36"""
    put(store, b"secret")
    document = store.make_document("projects/1/d", "d", None, "secret")
    for place in (PLACE, document):
        assert requests.get(f"{address}/{BUCKET}/{place}", timeout=5).status_code == 403
        grants = bucket.get_object_acl(Bucket=BUCKET, Key=place)["Grants"]
        assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_a_signed_address_gives_a_download_to_whoever_has_it(store):
    """I-36"""
    put(store, b"words")
    answer = requests.get(store.address(PLACE, download_as='Grüße "1".txt'), timeout=5)

    assert answer.content == b"words"
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Cache-Control"] == "private"
    disposition = "attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.txt"
    assert answer.headers["Content-Disposition"] == disposition


def test_a_signed_address_holds_for_five_minutes(store):
    """I-36; that it ends then is signed, too."""
    asked = parse_qs(urlsplit(store.address(PLACE)).query)
    assert asked["X-Amz-Expires"] == ["300"]
    assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert asked["response-content-disposition"] == ["attachment"]


def test_amazon_is_asked_by_the_name_of_the_bucket():
    store = S3Files(BUCKET, region="eu-central-1", key=KEY, secret=SECRET)
    assert urlsplit(store.address(PLACE)).netloc == f"{BUCKET}.s3.eu-central-1.amazonaws.com"


# --- What browsers send -----------------------------------------------------------------------

SENT = "projects/incoming/1/a"


def send(form, content):
    answer = requests.post(form.address, data=form.fields, files={"file": content}, timeout=5)
    assert answer.status_code == 204


def test_a_form_is_for_one_key_of_so_many_bytes_and_five_minutes(store):
    """I-27, I-36: all of that is signed."""
    with time_machine.travel(NOON, tick=False):
        form = store.upload_form(SENT, at_most_bytes=1000)
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    for condition in (
        {"bucket": BUCKET},
        {"key": SENT},
        {"Content-Type": "application/octet-stream"},
        ["content-length-range", 0, 1000],
    ):
        assert condition in policy["conditions"]
    ends_at = datetime.fromisoformat(policy["expiration"])
    assert ends_at == NOON + timedelta(minutes=5)
    assert form.address == store.upload_address
    assert "acl" not in str(policy).lower()


def test_what_was_sent_is_kept_whatever_is_sent_afterwards(store, bucket):
    """I-27"""
    form = store.upload_form(SENT, at_most_bytes=1000)
    send(form, b"words")

    stored = store.keep_sent(SENT, PLACE, at_most_bytes=1000)
    send(form, b"other words")

    assert (stored.place, stored.size_bytes) == (PLACE, 5)
    with store.open(PLACE) as content:
        assert content.read() == b"words"
    store.delete(SENT)
    assert keys(bucket) == [PLACE]


def test_what_is_too_large_is_not_kept(store, bucket):
    """I-27: also where the service does not keep to its form."""
    send(store.upload_form(SENT, at_most_bytes=4), b"words")
    with pytest.raises(TooLarge, match="larger than 4 bytes"):
        store.keep_sent(SENT, PLACE, at_most_bytes=4)
    assert keys(bucket) == [SENT]


def test_what_was_never_sent_is_not_found(store):
    with pytest.raises(NotFound):
        store.keep_sent(SENT, PLACE, at_most_bytes=4)


def test_at_amazon_browsers_send_to_the_host_of_the_bucket():
    store = S3Files(BUCKET, region="eu-central-1", key=KEY, secret=SECRET)
    assert store.upload_address == f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/"


def test_a_bucket_says_whose_pages_may_send_to_it(store, service):
    """I-8"""
    origin = "https://orchestra.example.org"
    assert store.takes_uploads_from(origin)
    for status, allowed in ((200, "https://example.com"), (403, origin)):
        elsewhere = service(status, "", **{"Access-Control-Allow-Origin": allowed})
        assert not elsewhere.takes_uploads_from(origin)


# --- What goes wrong --------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        status, headers, body = self.server.answer
        usual = {"Content-Length": str(len(body)), "Connection": "close"}
        self.send_response(status)
        for name, value in (usual | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    s3._service.cache_clear()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Answers)) as running:
        yield running


@pytest.fixture
def service(server):
    """A service that answers what the test wants: status, code of S3, headers."""
    server.asked = []

    def answering(status, code, **headers):
        body = f"<Error><Code>{code}</Code><Message>Because.</Message></Error>".encode()
        server.answer = (status, headers, body)
        store = at(f"http://127.0.0.1:{server.server_port}")
        store._service.pausing = pausing.Pausing("S3")
        return store

    answering.asked = server.asked
    return answering


@pytest.mark.parametrize(
    ("status", "code", "error", "advice"),
    [
        (503, "SlowDown", ServiceUnreachable, "SlowDown: Because"),
        (500, "InternalError", ServiceUnreachable, "500"),
        (429, "TooManyRequests", ServiceUnreachable, "429"),
        (400, "RequestTimeout", ServiceUnreachable, "RequestTimeout"),
        (409, "ConditionalRequestConflict", ServiceUnreachable, "409"),
        (403, "AccessDenied", RefusedByService, "AWS_S3_KEY"),
        (403, "SignatureDoesNotMatch", RefusedByService, "AWS_S3_SECRET"),
        (400, "ExpiredToken", RefusedByService, "AWS_S3_KEY"),
        (400, "AuthorizationHeaderMalformed", RefusedByService, "ORCHESTRA_S3_REGION"),
        (404, "NoSuchBucket", RefusedByService, "ORCHESTRA_S3_BUCKET"),
        (404, "NoSuchKey", NotFound, "no such object"),
        (405, "MethodNotAllowed", RefusedByService, "MethodNotAllowed: Because"),
    ],
)
def test_an_answer_says_whether_to_try_again_and_what_to_do(service, status, code, error, advice):
    """I-4"""
    with pytest.raises(error, match=advice):
        service(status, code).open(PLACE)


def test_the_service_may_say_when_to_try_again(service):
    """I-4"""
    with pytest.raises(ServiceUnreachable) as caught:
        service(503, "SlowDown", **{"Retry-After": "17"}).delete(PLACE)
    assert caught.value.retry_after_seconds == 17


def test_rights_are_checked_and_a_missing_bucket_is_named(address, service):
    """I-8"""
    with pytest.raises(RefusedByService, match=r"'nobody'.*ORCHESTRA_S3_BUCKET"):
        at(address, "nobody").check()
    with pytest.raises(RefusedByService, match="AWS_S3_KEY"):
        service(403, "").check()
    with pytest.raises(RefusedByService, match="ORCHESTRA_S3_BUCKET"):
        at(address, "no bucket/at all").check()


def test_a_service_without_conditions_is_good_enough(store, monkeypatch):
    """I-36"""
    client = store._service.sender
    know_none = {"Error": {"Code": "NotImplemented"}, "ResponseMetadata": {"HTTPStatusCode": 501}}
    simple = client.put_object

    def put_object(**given):
        if "IfNoneMatch" in given:
            raise ClientError(know_none, "PutObject")
        return simple(**given)

    monkeypatch.setattr(client, "put_object", put_object)
    assert put(store, b"words").size_bytes == 5


def test_a_service_that_is_not_there_may_be_there_later(new_clients):
    """I-4"""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(ServiceUnreachable, match="ORCHESTRA_S3_ENDPOINT_URL"):
        at(f"http://127.0.0.1:{port}").open(PLACE)


def test_a_service_that_says_nothing_is_left_after_a_while(monkeypatch, new_clients):
    """I-3"""
    monkeypatch.setattr(s3, "READ_SECONDS", 0.1)
    monkeypatch.setattr(s3, "SENDING_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        for call in (lambda: store.open(PLACE), lambda: store.ask("put_object", Key=PLACE)):
            with pytest.raises(ServiceUnreachable, match="ReadTimeoutError"):
                call()


def test_a_content_that_ends_too_early_may_be_whole_later(service):
    """I-4"""
    store = service(200, "", **{"Content-Length": "1000"})
    with store.open(PLACE) as content, pytest.raises(ServiceUnreachable):
        content.read()


def test_a_service_that_fails_again_and_again_is_left_alone(service):
    """I-5"""
    store = service(503, "SlowDown")
    for _ in range(pausing.FAILURES):
        with pytest.raises(ServiceUnreachable, match="SlowDown"):
            store.delete(PLACE)
    asked = len(service.asked)
    with pytest.raises(ServiceUnreachable, match="not reachable at the moment"):
        store.delete(PLACE)
    assert len(service.asked) == asked


def test_no_error_shows_the_secret(service, caplog):
    """I-6"""
    caplog.set_level("DEBUG")
    for status, code in ((403, "SignatureDoesNotMatch"), (503, "SlowDown"), (400, "Strange")):
        with pytest.raises((RefusedByService, ServiceUnreachable)) as caught:
            service(status, code).open(PLACE)
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caplog.text
    assert "Signature=" not in caplog.text


def test_without_a_key_it_is_said_what_to_set(monkeypatch, tmp_path):
    """E-61: the search of the SDK finds nothing."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(RefusedByService, match="AWS_S3_KEY"):
        S3Files(BUCKET, region="eu-central-1").address(PLACE)
