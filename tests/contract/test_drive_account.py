"""Google Drive as the store of files: who may open what, and the account that makes it."""

import json
import logging
import traceback
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestra.cli.doctor import Level, examine_files
from orchestra.config import Settings
from orchestra.errors import BadConfiguration, NotFound, RefusedByService, ServiceUnreachable
from orchestra.integrations import drive_connection
from orchestra.integrations.drive import DriveFiles
from orchestra.integrations.files import store_of
from tests.contract.drive_objects import EMAIL, ROOT, Fault, in_pem

FOLDER_KEY, FILE_KEY = "projects/17", "projects/17/files/1"


def sharing(drive, place):
    return [
        (given["type"], given["role"], given.get("emailAddress"))
        for given in drive.drive.files[place]["permissions"]
    ]


def test_people_become_writers_and_get_no_mail(drive, drive_files):
    """I-32"""
    folder = drive_files.make_folder(FOLDER_KEY, "Project", None)

    assert drive_files.share(folder, ["Ana@example.org", "bo@example.org"]) == {}
    assert drive_files.share(folder, ["ana@example.org"]) == {}

    assert sharing(drive, folder) == [
        ("user", "writer", "Ana@example.org"),
        ("user", "writer", "bo@example.org"),
    ]
    asked = [query for name, query in drive.queries if name == "permissions.create"]
    assert [query["sendNotificationEmail"] for query in asked] == ["false", "false"]

    drive_files.unshare(folder, ["ANA@example.org", "nobody@example.org"])
    assert sharing(drive, folder) == [("user", "writer", "bo@example.org")]


def test_what_people_have_by_the_shared_drive_is_left_alone(drive, drive_files):
    folder = drive_files.make_folder(FOLDER_KEY, "Project", None)
    manager = {"id": "9", "type": "user", "role": "organizer", "emailAddress": "ana@example.org"}
    details = [{"permissionType": "member", "role": "organizer", "inherited": True}]
    drive.drive.files[folder]["permissions"] = [manager | {"permissionDetails": details}]

    drive_files.share(folder, ["ana@example.org"])
    drive_files.unshare(folder, ["ana@example.org"])

    assert sharing(drive, folder) == [("user", "organizer", "ana@example.org")]


def test_addresses_that_drive_refuses_are_told_and_the_others_go_on(drive, drive_files):
    """I-33"""
    folder = drive_files.make_folder(FOLDER_KEY, "Project", None)
    drive.drive.unknown = {"no-account@example.org"}
    drive.drive.refusals["outside@example.com"] = Fault.forbidden(
        "domainPolicy", "The domain administrators have disabled sharing outside."
    )

    refused = drive_files.share(
        folder, ["no-account@example.org", "outside@example.com", "nonsense", "bo@example.org"]
    )

    assert refused["no-account@example.org"].startswith("There is no Google account")
    assert refused["outside@example.com"].startswith("The domain administrators")
    assert "invalid" in refused["nonsense"]
    assert sharing(drive, folder) == [("user", "writer", "bo@example.org")]


def test_what_is_not_the_fault_of_an_address_stops_the_sharing(drive, drive_files):
    folder = drive_files.make_folder(FOLDER_KEY, "Project", None)
    drive.fault("permissions.create", status=403, reason="sharingRateLimitExceeded")
    with pytest.raises(ServiceUnreachable):
        drive_files.share(folder, ["ana@example.org"])

    drive.fault("permissions.create", status=403, reason="insufficientFilePermissions")
    with pytest.raises(RefusedByService):
        drive_files.share(folder, ["ana@example.org"])

    with pytest.raises(NotFound):
        drive_files.share("1Nothing", ["ana@example.org"])


@pytest.mark.parametrize("link_sharing", [True, False])
def test_anyone_with_the_link_may_write_only_where_that_is_set(drive, drive_files, link_sharing):
    """E-60"""
    store = DriveFiles(drive_files._credentials, ROOT, api_url=drive.url, link_sharing=link_sharing)
    folder = store.make_folder(FOLDER_KEY, "Project", None)
    for _ in range(2):
        store.share(folder, [])

    assert sharing(drive, folder) == ([("anyone", "writer", None)] if link_sharing else [])


# The account.


def test_a_person_may_be_acted_for(drive, drive_files):
    """E-58"""
    subject = "editor@newsroom.example"
    store = DriveFiles(drive_files._credentials.with_subject(subject), ROOT, api_url=drive.url)
    store.check()
    assert list(drive.account.tokens.values()) == [subject]

    stranger = drive_files._credentials.with_subject("boss@example.org")
    with pytest.raises(RefusedByService, match="GOOGLE_DELEGATED_USER"):
        DriveFiles(stranger, ROOT, api_url=drive.url).check()


def test_access_that_ran_out_is_asked_for_again(drive, drive_files):
    drive_files.check()
    drive.account.tokens.clear()

    drive_files.check()

    assert drive.count("token") == 2


def test_a_proxy_of_the_environment_is_used_where_it_is_meant(drive, drive_files, monkeypatch):
    monkeypatch.setenv("http_proxy", f"{drive.url}")
    monkeypatch.setenv("no_proxy", "localhost")
    drive_files._api_url = "http://drive.invalid/"
    drive_files.check()

    monkeypatch.setenv("no_proxy", "drive.invalid")
    with pytest.raises(ServiceUnreachable, match="no connection"):
        drive_files.check()


def test_neither_keys_nor_contents_get_into_errors_and_logs(drive, drive_files, caplog):
    """I-6"""
    caplog.set_level(logging.DEBUG)
    told = []
    drive.fault("files.create", status=403, body=b"<html>from a gate" + b"!" * 9000)
    drive.fault("upload", status=400, reason="badRequest", message="No.")
    for content in (b"words of a person", b"words of a person " * 100_000):
        with pytest.raises(RefusedByService) as caught:
            drive_files.put(
                FILE_KEY, "a.txt", None, BytesIO(content), "text/plain", at_most_bytes=10**7
            )
        told += traceback.format_exception(caught.value)
    drive.account.tokens.clear()
    drive.fault("token", status=400, body=b'{"error": "invalid_grant"}')
    with pytest.raises(RefusedByService, match="invalid_grant") as caught:
        drive_files.check()
    told += traceback.format_exception(caught.value)

    everything = caplog.text + "".join(told)
    for secret in ("PRIVATE KEY", "ya29.", "assertion=", "words of a person", "from a gate"):
        assert secret not in everything


def environment(drive, **other):
    return {
        "GOOGLE_APPS": "true",
        "GOOGLE_SERVICE_ACCOUNT_JSON": drive.account.key(),
        "GOOGLE_PROJECT_ROOT_ID": ROOT,
    } | other


def test_the_key_of_the_settings_is_used(drive, tmp_path, monkeypatch):
    """E-57"""
    monkeypatch.setattr(drive_connection, "API_URL", drive.url)
    path = tmp_path / "key.json"
    path.write_text(drive.account.key())
    for key in (drive.account.key(), str(path)):
        settings = Settings.from_env(environment(drive, GOOGLE_SERVICE_ACCOUNT_JSON=key))
        assert "'Orchestra'" in store_of(settings).check()
        assert "PRIVATE KEY" not in repr(settings)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"GOOGLE_P12_PATH": "/old.p12"}, "GOOGLE_P12_PATH: .* GOOGLE_SERVICE_ACCOUNT_JSON"),
        ({"GOOGLE_SERVICE_EMAIL": "other@example.org"}, f"GOOGLE_SERVICE_EMAIL: is not {EMAIL}"),
        ({"GOOGLE_SERVICE_ACCOUNT_JSON": ""}, "GOOGLE_SERVICE_ACCOUNT_JSON: must be set"),
        ({"GOOGLE_SERVICE_ACCOUNT_JSON": "/no/such"}, "cannot be read: No such file"),
        ({"GOOGLE_SERVICE_ACCOUNT_JSON": "{"}, "GOOGLE_SERVICE_ACCOUNT_JSON: is not JSON"),
        ({"GOOGLE_SERVICE_ACCOUNT_JSON": "{}"}, "is not the key of a service account"),
        ({"GOOGLE_SERVICE_ACCOUNT_JSON": '{"type": "service_account"}'}, "has no client_email"),
        ({"GOOGLE_PROJECT_ROOT_ID": ""}, "GOOGLE_PROJECT_ROOT_ID: must be set"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(drive, changed, problem):
    """E-57, E-59"""
    with pytest.raises(BadConfiguration, match=problem):
        Settings.from_env(environment(drive, **changed))


def test_the_address_of_the_account_may_be_named(drive):
    """E-57"""
    Settings.from_env(environment(drive, GOOGLE_SERVICE_EMAIL=EMAIL.upper()))


def test_a_private_key_that_is_none_is_named_without_showing_it(drive):
    """I-6"""
    broken = json.dumps(json.loads(drive.account.key()) | {"private_key": "MARKER"})
    settings = Settings.from_env(environment(drive, GOOGLE_SERVICE_ACCOUNT_JSON=broken))

    with pytest.raises(BadConfiguration, match="its private key cannot be read") as caught:
        store_of(settings)

    assert "MARKER" not in "".join(traceback.format_exception(caught.value))


# What `orchestra doctor` says (I-8).


def doctor(drive, monkeypatch, **changed):
    monkeypatch.setattr(drive_connection, "API_URL", drive.url)
    settings = Settings.from_env(environment(drive, **changed))
    return [(finding.level, finding.text) for finding in examine_files(settings)]


def test_the_doctor_says_that_drive_works(drive, monkeypatch):
    ((level, text),) = doctor(drive, monkeypatch)
    assert level is Level.OK
    assert "'Orchestra'" in text
    assert not [call for call in drive.calls if call not in ("token", "files.get")]


def test_the_doctor_warns_of_links_that_let_everybody_write(drive, monkeypatch):
    """E-60"""
    works, warning = doctor(drive, monkeypatch, ORCHESTRA_DRIVE_LINK_SHARING="true")
    assert (works[0], warning[0]) == (Level.OK, Level.WARN)


def test_the_doctor_says_what_to_do_about_what_does_not_work(drive, monkeypatch):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    root = drive.drive.files[ROOT]

    def said(**changed):
        ((level, text),) = doctor(drive, monkeypatch, **changed)
        assert level is Level.FAIL
        return text

    other_key = drive.account.key(private_key=in_pem(stranger))
    assert "Invalid JWT Signature" in said(GOOGLE_SERVICE_ACCOUNT_JSON=other_key)
    assert "GOOGLE_DELEGATED_USER" in said(GOOGLE_DELEGATED_USER="boss@example.org")
    assert "not in Google Drive, or not shared" in said(GOOGLE_PROJECT_ROOT_ID="1Nothing")
    root["capabilities"] = {"canAddChildren": False}
    assert "may not write" in said()
    root["capabilities"] = {"canAddChildren": True}
    del root["driveId"]
    assert "service accounts have none of their own" in said()
    drive.fault("files.get", status=503)
    assert "503" in said()


def test_the_doctor_tells_the_folder_of_files_that_are_kept_here(tmp_path):
    settings = Settings.from_env({}, data_dir=tmp_path)
    (finding,) = examine_files(settings)
    assert (finding.level, str(tmp_path) in finding.text) == (Level.OK, True)


def test_the_doctor_says_that_a_folder_cannot_be_written(tmp_path):
    (tmp_path / "files").write_text("in the way")
    (finding,) = examine_files(Settings.from_env({}, data_dir=tmp_path))
    assert finding.level is Level.FAIL
