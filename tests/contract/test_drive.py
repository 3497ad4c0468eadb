"""Google Drive as the store of files: its errors, its doubles, its contents (I-32 to I-35).

The official client speaks to a server on loopback.
"""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest

from orchestra.errors import NotFound, RefusedByService, ServiceUnreachable, TooLarge
from orchestra.integrations import drive as drive_store
from orchestra.integrations import drive_connection, drive_content
from orchestra.integrations.drive import CHUNK_BYTES, DriveFiles
from orchestra.integrations.files import Kind
from tests.contract.drive_objects import ROOT

FOLDER_KEY, FILE_KEY = "projects/17", "projects/17/files/1"
LARGE = bytes(range(256)) * 5 * 1024  # five pieces of a quarter MiB


def kept(store, content=b"abc", key=FILE_KEY, folder=None, at_most_bytes=10 * CHUNK_BYTES):
    return store.put(
        key, "photo.jpg", folder, BytesIO(content), "image/jpeg", at_most_bytes=at_most_bytes
    )


@pytest.fixture
def small_pieces(monkeypatch):
    """Contents are sent in pieces of a quarter MiB, without waits."""
    monkeypatch.setattr(drive_store, "CHUNK_BYTES", 256 * 1024)
    monkeypatch.setattr(drive_connection, "RESUME_SECONDS", 0)


# What goes wrong: which errors are worth another try, and which are not.

WORTH_ANOTHER_TRY = [
    {"status": 403, "reason": "rateLimitExceeded", "headers": {"Retry-After": "7"}},
    {"status": 403, "reason": "userRateLimitExceeded", "headers": {"Retry-After": "7"}},
    {"status": 403, "reason": "sharingRateLimitExceeded", "headers": {"Retry-After": "7"}},
    {"status": 429, "reason": "rateLimitExceeded", "headers": {"Retry-After": "7"}},
    {"status": 500, "reason": "backendError", "headers": {"Retry-After": "7"}},
    {"status": 503, "body": b"<html>sorry</html>", "headers": {"Retry-After": "7"}},
]


@pytest.mark.parametrize("answer", WORTH_ANOTHER_TRY)
def test_what_may_work_later_says_so_and_when(drive, drive_files, answer):
    """I-4, I-35"""
    drive.fault("files.get", **answer)

    with pytest.raises(ServiceUnreachable, match=str(answer["status"])) as caught:
        drive_files.make_folder(FOLDER_KEY, "Project", None)

    assert caught.value.retry_after_seconds == 7


def test_a_date_may_say_when_to_try_again(drive, drive_files):
    drive.fault("files.get", status=429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})

    with pytest.raises(ServiceUnreachable) as caught:
        drive_files.check()

    assert caught.value.retry_after_seconds == 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 400, "reason": "badRequest", "message": "Invalid Value"}, "400: Invalid Value"),
        ({"status": 401, "reason": "authError", "message": "Invalid Credentials"}, "401"),
        ({"status": 403, "reason": "storageQuotaExceeded"}, "do not have storage quota"),
        ({"status": 403, "body": b"<html>a gate"}, "403"),
        ({"status": 413, "body": b"x" * 5000}, "413"),
    ],
)
def test_what_will_not_work_later_is_refused_in_few_words(drive, drive_files, answer, words):
    """I-4, I-6"""
    drive.fault("files.create", times=3, **answer)

    with pytest.raises(RefusedByService, match=words) as caught:
        drive_files.make_folder(FOLDER_KEY, "Project", None)

    assert len(str(caught.value)) <= drive_connection.LONGEST_ANSWER


def test_a_service_that_is_not_there_may_be_there_later(drive_files):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        drive_files._api_url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(ServiceUnreachable, match="not reachable at the moment: no connection"):
        drive_files.check()


def test_a_service_that_is_slow_is_left_after_a_while(drive, drive_files, monkeypatch):
    """I-3"""
    monkeypatch.setattr(drive_connection, "READ_SECONDS", 0.3)
    drive_files.check()
    drive.fault("files.get", seconds=1)

    with pytest.raises(ServiceUnreachable, match="did not answer in time"):
        drive_files.check()


def test_a_transfer_may_take_longer_than_a_question(drive, drive_files, monkeypatch):
    """I-3"""
    place = kept(drive_files).place
    monkeypatch.setattr(drive_connection, "READ_SECONDS", 0.3)
    drive.fault("files.download", seconds=0.6)
    drive.fault("files.create", seconds=0.6)

    with drive_files.open(place) as content:
        assert content.read() == b"abc"
    kept(drive_files, key="another")


def test_something_else_that_answers_is_not_believed(drive, drive_files):
    drive.fault("files.get", status=200, body=b"<html>Please sign in to this network</html>")

    with pytest.raises(ServiceUnreachable, match="Something else"):
        drive_files.check()


def test_a_service_that_fails_again_and_again_is_left_alone(drive, drive_files):
    """I-5"""
    drive.fault("files.get", times=5, status=503)
    for _ in range(5):
        with pytest.raises(ServiceUnreachable):
            drive_files.check()

    with pytest.raises(ServiceUnreachable, match="Google Drive is not reachable") as caught:
        drive_files.check()

    assert caught.value.retry_after_seconds == 30
    assert drive.count("files.get") == 5


# Nothing is made twice.


@pytest.mark.parametrize("call", ["files.list", "files.create"])
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_call_that_was_cut_and_repeated_makes_one_object(drive, drive_files, call, cut):
    """I-24"""
    drive.fault(call, cut=cut)
    with pytest.raises(ServiceUnreachable, match="broke"):
        drive_files.make_folder(FOLDER_KEY, "Project", None)

    place = drive_files.make_folder(FOLDER_KEY, "Project", None)

    (made,) = drive.drive.named("Project")
    assert made["id"] == place
    assert drive.count("files.create") <= 2


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("content", [b"", b"abc", LARGE])
def test_an_upload_that_was_cut_and_repeated_makes_one_file(
    drive, drive_files, small_pieces, content, cut
):
    """I-24"""
    drive.fault("files.create", cut=cut)
    drive.fault("upload", cut=cut)  # the upload goes on by itself
    with pytest.raises(ServiceUnreachable):
        kept(drive_files, content)

    stored = kept(drive_files, content)

    (made,) = drive.drive.named("photo.jpg")
    assert (made["id"], made["content"]) == (stored.place, content)


@pytest.mark.parametrize("what", ["folder", "document", "file"])
def test_of_two_makers_at_once_the_oldest_object_wins(drive, drive_files, what):
    """I-24: both looked before either made something."""
    make = {
        "folder": lambda: drive_files.make_folder(FILE_KEY, "one", None),
        "document": lambda: drive_files.make_document(FILE_KEY, "one", None, "Text"),
        "file": lambda: kept(drive_files).place,
    }[what]
    drive.pauses["files.list"] = threading.Barrier(2)

    with ThreadPoolExecutor(2) as pool:
        places = {made.result() for made in [pool.submit(make), pool.submit(make)]}

    drive.pauses.clear()
    assert drive.count("files.create") == 2
    (place,) = places
    (left,) = [file for file in drive.drive.files.values() if file["id"] != ROOT and _is_left(file)]
    assert left["id"] == place == make()


def _is_left(file):
    return not file["trashed"]


def test_one_store_serves_many_at_once(drive, drive_files):
    def come_and_go(number):
        content = bytes([number]) * 5000
        place = kept(drive_files, content, key=f"key {number % 10}-{number}").place
        with drive_files.open(place) as file:
            return file.read() == content

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(come_and_go, range(32)))
    assert len(drive.drive.named("photo.jpg")) == 32


def test_two_installations_with_one_account_do_not_meet(drive, drive_files):
    other_root = drive_files.make_folder("other", "Root of another installation", None)
    other = DriveFiles(drive_files._credentials, other_root, api_url=drive.url)

    assert drive_files.make_folder(FOLDER_KEY, "A", None) != other.make_folder(
        FOLDER_KEY, "B", None
    )


# Folders that people deleted.


@pytest.mark.parametrize("by", ["bin", "for good"])
def test_a_folder_that_is_gone_is_named_and_made_anew_under_its_key(drive, drive_files, by):
    """I-35"""
    gone = drive_files.make_folder(FOLDER_KEY, "Project", None)
    if by == "bin":
        drive.drive.files[gone]["trashed"] = True
    else:
        del drive.drive.files[gone]

    for call in (
        lambda: kept(drive_files, folder=gone),
        lambda: drive_files.make_document("d", "Team Messages", gone, ""),
        lambda: drive_files.make_folder("f", "Raw Photos", gone),
        lambda: drive_files.entries(gone),
    ):
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.details == {"folder": gone}

    anew = drive_files.make_folder(FOLDER_KEY, "Project", None)
    assert anew != gone
    assert drive_files.make_folder(FOLDER_KEY, "Project", None) == anew
    kept(drive_files, folder=anew)


def test_a_folder_that_goes_in_the_last_moment_is_named_too(drive, drive_files):
    """I-35"""
    folder = drive_files.make_folder(FOLDER_KEY, "Project", None)
    drive.fault("files.create", status=404, reason="notFound")

    with pytest.raises(NotFound) as caught:
        kept(drive_files, folder=folder)

    assert caught.value.details == {"folder": folder}


def test_a_missing_root_is_a_matter_for_the_operator(drive, drive_files):
    del drive.drive.files[ROOT]
    with pytest.raises(RefusedByService, match="GOOGLE_PROJECT_ROOT_ID"):
        drive_files.make_folder(FOLDER_KEY, "Project", None)


@pytest.mark.parametrize("place", ["", "a' or name = 'b", "../about", "a/b"])
def test_what_cannot_be_an_id_never_reaches_drive(drive, drive_files, place):
    with pytest.raises(NotFound):
        drive_files.entries(place)
    with pytest.raises(NotFound):
        drive_files.open(place)
    with pytest.raises(NotFound):
        drive_files.share(place, [])
    drive_files.delete(place)
    assert drive.calls == []


# Contents.


def test_a_large_content_is_sent_in_pieces_and_goes_on_where_it_was_cut(
    drive, drive_files, small_pieces
):
    drive.fault("upload", cut=300_000)  # of these Drive has kept a quarter MiB
    drive.fault("upload", cut="before")
    drive.fault("upload", status=503)

    stored = kept(drive_files, LARGE)

    assert stored.size_bytes == len(LARGE)
    assert drive.drive.files[stored.place]["content"] == LARGE
    assert drive.count("files.create") == 1  # the upload was begun once


def test_an_upload_that_is_cut_too_often_is_given_up(drive, drive_files, small_pieces):
    drive.fault("upload", times=10, cut="before")

    with pytest.raises(ServiceUnreachable, match="the connection broke"):
        kept(drive_files, LARGE)

    assert drive.drive.named("photo.jpg") == []


@pytest.mark.parametrize(
    "answer", [{"status": 404}, {"status": 429, "headers": {"Retry-After": "9"}}]
)
def test_an_upload_that_drive_stops_begins_again_later(drive, drive_files, small_pieces, answer):
    drive.fault("upload", **answer)

    with pytest.raises(ServiceUnreachable):
        kept(drive_files, LARGE)

    assert kept(drive_files, LARGE).size_bytes == len(LARGE)


@pytest.mark.parametrize("size_bytes", [0, 1, 256 * 1024, 512 * 1024, 512 * 1024 + 1])
def test_every_size_arrives_whole(drive_files, small_pieces, size_bytes):
    content = (b"0123456789abcdef" * 40_000)[:size_bytes]

    stored = kept(drive_files, content)

    with drive_files.open(stored.place) as file:
        assert (stored.size_bytes, file.read()) == (size_bytes, content)


def test_of_what_is_too_large_nothing_is_sent(drive, drive_files):
    """I-27"""
    with pytest.raises(TooLarge):
        kept(drive_files, b"abcd", at_most_bytes=3)
    assert drive.calls == []


def test_a_content_is_fetched_in_ranges_as_it_is_read(drive, drive_files, monkeypatch):
    monkeypatch.setattr(drive_content, "PIECE_BYTES", 1000)
    place = kept(drive_files, LARGE).place

    with drive_files.open(place) as file:
        file.seek(-1300, 2)
        assert file.read(4) == LARGE[-1300:-1296]
        assert file.read() == LARGE[-1296:]
        file.seek(len(LARGE))
        assert file.read() == b""

    assert drive.count("files.download") <= 4


def test_reading_goes_on_where_it_was_cut(drive, drive_files):
    place = kept(drive_files, LARGE).place
    with drive_files.open(place) as file:
        assert file.read(5) == LARGE[:5]
        file.seek(1_100_000)
        drive.fault("files.download", cut="before")
        with pytest.raises(ServiceUnreachable, match="broke"):
            file.read(5)
        assert file.read() == LARGE[1_100_000:]


def test_a_file_that_changes_while_it_is_read_is_not_given_half(drive, drive_files):
    place = kept(drive_files, b"0123456789").place
    with drive_files.open(place) as file:
        drive.drive.files[place]["content"] = b"012"
        with pytest.raises(ServiceUnreachable, match="changed"):
            file.read()


def test_a_document_has_no_content_of_its_own(drive_files):
    place = drive_files.make_document(FILE_KEY, "Team Messages", None, "")
    with pytest.raises(RefusedByService, match="open it in Google Drive"):
        drive_files.open(place)


def test_a_template_that_is_not_there_is_named(drive_files):
    with pytest.raises(RefusedByService, match="template 1Nothing"):
        drive_files.make_document(FILE_KEY, "Draft", None, "", template="1Nothing")


def test_a_folder_lists_all_that_people_put_there(drive, drive_files):
    folder = drive_files.make_folder(FOLDER_KEY, "Project", None)
    drive.drive.page_size = 2
    names = [f"{number}.jpg" for number in range(5)]
    for name in names:
        drive.drive.make({"name": name, "parents": [folder]}, b"abc", "image/jpeg")
    drive_files.make_document(FILE_KEY, "Draft", folder, "Text")
    inner = drive_files.make_folder(FOLDER_KEY + "/x", "Raw Photos", folder)
    drive.drive.make({"name": "deep.jpg", "parents": [inner]}, b"abc", "image/jpeg")

    entries = drive_files.entries(folder)

    assert [entry.name for entry in entries] == [*names, "Draft", "Raw Photos"]
    assert [entry.kind for entry in entries[-3:]] == [Kind.FILE, Kind.DOCUMENT, Kind.FOLDER]
    assert (entries[0].size_bytes, entries[0].content_type) == (3, "image/jpeg")
