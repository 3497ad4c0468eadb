"""A service that speaks as S3 does, on loopback, with a bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import boto3
from moto.server import ThreadedMotoServer

from orchestra.integrations.s3 import S3Files

BUCKET = "newsroom"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "a secret that must not be shown"


@contextmanager
def s3_server() -> Iterator[str]:
    """Yield its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        client(address).create_bucket(Bucket=BUCKET)
        yield address
    finally:
        server.stop()


@contextmanager
def files_in_s3(app, address):
    """The store of the application is the bucket; gives what looks at it."""
    store = S3Files(BUCKET, endpoint_url=address, key=KEY, secret=SECRET)
    app.extensions["orchestra_files"] = store
    yield client(address)
    del app.extensions["orchestra_files"]


@cache
def client(address):
    """For looking at the bucket past the store."""
    session = boto3.Session(KEY, SECRET, region_name="us-east-1")
    return session.client("s3", endpoint_url=address)
