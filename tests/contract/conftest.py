"""The stores of files, each with the service that it needs: one fixture a store.

A store's fixture is called ``<name>_files`` and gives a store that is empty.
"""

import json
import secrets

import pytest
from google.oauth2.service_account import Credentials

from orchestra.integrations.drive import SCOPES, DriveFiles
from orchestra.integrations.files import FilesInMemory, LocalFiles
from orchestra.integrations.s3 import S3Files
from orchestra.integrations.slack import SlackChat
from tests.contract.drive_objects import ROOT
from tests.contract.drive_server import DriveServer
from tests.contract.s3_server import KEY, SECRET, client
from tests.contract.slack_server import TOKEN, SlackServer
from tests.serving import serving

STORES = ("local", "memory", "s3", "drive")


@pytest.fixture
def local_files(tmp_path):
    return LocalFiles(tmp_path / "files")


@pytest.fixture
def memory_files():
    return FilesInMemory()


@pytest.fixture
def s3_files(s3_address):
    """A store in a bucket of its own."""
    bucket = f"b{secrets.token_hex(8)}"
    client(s3_address).create_bucket(Bucket=bucket)
    return S3Files(bucket, endpoint_url=s3_address, key=KEY, secret=SECRET)


@pytest.fixture
def drive():
    """The service, of which a test may order answers."""
    with serving(DriveServer()) as server:
        yield server


@pytest.fixture
def drive_files(drive):
    key = json.loads(drive.account.key())
    credentials = Credentials.from_service_account_info(key, scopes=SCOPES)
    return DriveFiles(credentials, ROOT, api_url=drive.url)


@pytest.fixture(params=STORES)
def store(request):
    return request.getfixturevalue(f"{request.param}_files")


@pytest.fixture
def slack():
    """The service, of which a test may order answers."""
    with serving(SlackServer()) as server:
        yield server


@pytest.fixture
def slack_chat(slack):
    return SlackChat(TOKEN, slack.url)
