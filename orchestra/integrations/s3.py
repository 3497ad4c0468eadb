"""Files in a bucket of S3, or of another service that speaks as S3 does (specification I-36)."""

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from typing import Any, BinaryIO, Self, cast
from urllib.parse import quote

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as NotConnected,
)
from urllib3.exceptions import HTTPError

from orchestra.config import Settings
from orchestra.errors import (
    NotFound,
    OrchestraError,
    RefusedByService,
    ServiceUnreachable,
    TooLarge,
)
from orchestra.integrations.files import (
    UNKNOWN,
    ContentsOnly,
    DirectUploads,
    Stored,
    UploadForm,
    pieces,
    refuse_larger,
)
from orchestra.integrations.pausing import Pausing
from orchestra.integrations.s3_content import content_of

CONNECT_SECONDS: float = 5
READ_SECONDS: float = 15
SENDING_SECONDS: float = 120  # until the service says that it has what it was sent
TRIES = 2  # of one call; what fails then is tried again by whoever asked for it
PART_BYTES = 8 * 1024 * 1024  # services want at least 5 MiB, and most of them parts of one size
ADDRESS_SECONDS = 300
LONGEST_ANSWER = 500  # characters of what a service answered

NOTHING_THERE = {"NoSuchKey", "404", "NotFound"}
NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
ELSEWHERE = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
    "307",
}
NOT_ALLOWED = {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
NOT_NOW = {"RequestTimeout", "ConditionalRequestConflict", "OperationAborted", "SlowDown"}
NO_ANSWER = (NotConnected, HTTPClientError, IncompleteReadError, HTTPError, OSError)
SENDING = {"put_object", "upload_part", "complete_multipart_upload", "copy_object"}

# What it says in detail holds the tokens of those who call.
logging.getLogger("botocore").setLevel(logging.INFO)


class S3Files(ContentsOnly, DirectUploads):
    """Objects named by their keys. Who may see them is decided by us: none is ever public."""

    def __init__(
        self,
        bucket: str,
        *,
        endpoint_url: str = "",
        region: str = "",
        key: str = "",
        secret: str = "",
    ) -> None:
        self._bucket = bucket
        with self.translated_errors():
            self._service = _service(endpoint_url, region, key, secret)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            settings.s3_bucket,
            endpoint_url=settings.s3_endpoint_url,
            region=settings.s3_region,
            key=settings.aws_s3_key,
            secret=settings.aws_s3_secret,
        )

    def put(
        self,
        key: str,
        name: str,
        folder: str | None,
        content: BinaryIO,
        content_type: str,
        *,
        at_most_bytes: int,
    ) -> Stored:
        """One part at a time is in memory, however large the content is."""
        size_bytes = self._size(key)
        if size_bytes is None:
            given = {"Key": key, "ContentType": content_type}
            parts = _parts(content, at_most_bytes)
            first = next(parts, b"")
            if len(first) < PART_BYTES:
                self._finish("put_object", **given, Body=first)
            else:
                self._put_in_parts(given, first, parts)
            size_bytes = self._made_size(key)
        return Stored(key, size_bytes)

    def _put_in_parts(self, given: dict[str, str], first: bytes, parts: Iterator[bytes]) -> None:
        upload = self.ask("create_multipart_upload", **given)
        of_upload = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
        try:
            sent = [self._sent(of_upload, 1, first)]
            sent += [self._sent(of_upload, n, part) for n, part in enumerate(parts, start=2)]
            is_made = self._finish(
                "complete_multipart_upload", **of_upload, MultipartUpload={"Parts": sent}
            )
        except BaseException:
            self._forget_parts(of_upload)
            raise
        if not is_made:
            self._forget_parts(of_upload)

    def _sent(self, of_upload: dict[str, str], number: int, part: bytes) -> dict[str, Any]:
        answer = self.ask("upload_part", **of_upload, PartNumber=number, Body=part)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _forget_parts(self, of_upload: dict[str, str]) -> None:
        """What cannot be forgotten now is never seen by anybody: the bucket's rules remove it."""
        with suppress(OrchestraError):
            self.ask("abort_multipart_upload", **of_upload)

    def _finish(self, operation: str, **given: Any) -> bool:
        """Whether this call made the object, and not somebody who was quicker, or an earlier try
        whose answer was lost."""
        try:
            self.ask(operation, **given, IfNoneMatch="*")
        except RefusedByService as refusal:
            match refusal.details.get("code"):
                case "PreconditionFailed" | "NoSuchUpload":
                    return False
                case "NotImplemented":  # a service without conditions: the last one counts
                    self.ask(operation, **given)
                case _:
                    raise
        return True

    def replace(self, place: str, content: bytes, content_type: str) -> None:
        if self._size(place) is None:
            raise _missing()
        self.ask("put_object", Key=place, Body=content, ContentType=content_type)

    def open(self, place: str) -> BinaryIO:
        return content_of(self, place, self.ask("get_object", Key=place))

    def address(self, place: str, *, download_as: str | None = None) -> str:
        """Valid for 5 minutes and for everybody who has it; it is only good for a download."""
        given = {"Bucket": self._bucket, "Key": place, "ResponseCacheControl": "private"}
        given["ResponseContentDisposition"] = _disposition(download_as)
        with self.translated_errors():
            signed = self._service.client.generate_presigned_url(
                "get_object", Params=given, ExpiresIn=ADDRESS_SECONDS
            )
        return cast(str, signed)

    @cached_property
    def upload_address(self) -> str:
        return self.upload_form("-", at_most_bytes=1).address

    def upload_form(self, key: str, *, at_most_bytes: int) -> UploadForm:
        """Valid for 5 minutes; it says nothing of what the content is, which nobody has seen."""
        fields = {"Content-Type": UNKNOWN}
        conditions = [fields, ["content-length-range", 0, at_most_bytes]]
        with self.translated_errors():
            signed = self._service.client.generate_presigned_post(
                self._bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=ADDRESS_SECONDS
            )
        return UploadForm(signed["url"], signed["fields"])

    def keep_sent(self, sent: str, key: str, *, at_most_bytes: int) -> Stored:
        self.ask("copy_object", Key=key, CopySource={"Bucket": self._bucket, "Key": sent})
        stored = Stored(key, self._made_size(key))
        try:
            refuse_larger(stored.size_bytes, at_most_bytes)
        except TooLarge:
            self.delete(key)
            raise
        return stored

    def takes_uploads_from(self, origin: str) -> bool:
        """As a browser asks before it sends (CORS)."""
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        with self.translated_errors():
            answer = requests.options(self.upload_address, headers=asked, timeout=READ_SECONDS)
        return answer.ok and answer.headers.get("Access-Control-Allow-Origin") in (origin, "*")

    def delete(self, place: str) -> None:
        self.ask("delete_object", Key=place)

    def check(self) -> str:
        try:
            self.ask("head_bucket")
        except NotFound as error:  # what is asked without a body is answered without a reason
            raise self._no_bucket() from error
        key = f"projects/check/{secrets.token_hex(8)}"
        self.ask("put_object", Key=key, Body=b"-", ContentType=UNKNOWN)
        self.delete(key)
        return f"files are kept in the bucket {self._bucket}"

    def _size(self, key: str) -> int | None:
        try:
            return int(self.ask("head_object", Key=key)["ContentLength"])
        except NotFound:
            return None

    def _made_size(self, key: str) -> int:
        size_bytes = self._size(key)
        if size_bytes is None:
            raise ServiceUnreachable("S3 does not have yet what it was sent.")
        return size_bytes

    def ask(self, operation: str, **given: Any) -> Any:
        """Call the service about the bucket.

        :raises ServiceUnreachable: no answer in time, too many calls, or a fault of the service.
        :raises RefusedByService: anything else that it does not like; ``code`` in the details.
        """
        client = self._service.sender if operation in SENDING else self._service.client
        return self.guarded(lambda: getattr(client, operation)(Bucket=self._bucket, **given))

    def guarded(self, work: Callable[[], Any]) -> Any:
        def translated() -> Any:
            with self.translated_errors():
                return work()

        return self._service.pausing.call(translated)

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Errors of the SDK in our words (I-4); the secret is in none of them (I-6)."""
        try:
            yield
        except ClientError as error:
            raise self._by_answer(error) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise RefusedByService(
                "There is no key for S3. Set AWS_S3_KEY and AWS_S3_SECRET, or give this machine a "
                "role that the SDK finds."
            ) from error
        except NO_ANSWER as error:
            raise ServiceUnreachable(
                f"S3 is not reachable at the moment ({type(error).__name__}). If that stays, check "
                "ORCHESTRA_S3_ENDPOINT_URL and ORCHESTRA_S3_REGION."
            ) from error
        except BotoCoreError as error:
            raise RefusedByService(
                f"S3 cannot be used as ORCHESTRA_S3_BUCKET and the settings beside it say: {error}"[
                    :LONGEST_ANSWER
                ]
            ) from error

    def _by_answer(self, error: ClientError) -> OrchestraError:
        told, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        code, status = str(told.get("Code", "")), int(about.get("HTTPStatusCode", 0))
        said = f"{code}: {told.get('Message', '')}"[:LONGEST_ANSWER]
        if code in NO_BUCKET:
            return self._no_bucket()
        if code in NOTHING_THERE:
            return _missing()
        if status in (408, 429) or (status >= 500 and code != "NotImplemented") or code in NOT_NOW:
            return ServiceUnreachable(
                f"S3 answered {status} {said}",
                retry_after_seconds=_seconds(about.get("HTTPHeaders", {}).get("retry-after", "")),
            )
        return RefusedByService(
            f"S3 answered {status} {said}{self._advice(code, status)}", details={"code": code}
        )

    def _advice(self, code: str, status: int) -> str:
        if code in ELSEWHERE:
            return f" The bucket {self._bucket} is elsewhere: set ORCHESTRA_S3_REGION."
        if status in (401, 403) or code in NOT_ALLOWED:
            return (
                " Check AWS_S3_KEY and AWS_S3_SECRET, and that they may list, read, write and "
                f"delete in the bucket {self._bucket} (ORCHESTRA_S3_BUCKET)."
            )
        return ""

    def _no_bucket(self) -> RefusedByService:
        return RefusedByService(
            f"There is no bucket {self._bucket!r} at S3. Check ORCHESTRA_S3_BUCKET and "
            "ORCHESTRA_S3_ENDPOINT_URL.",
            details={"code": "NoSuchBucket"},
        )


class _Service:
    """What is made once a process for each service: clients take long to make."""

    def __init__(self, endpoint_url: str, region: str, key: str, secret: str) -> None:
        session = boto3.Session(
            aws_access_key_id=key or None,
            aws_secret_access_key=secret or None,
            region_name=region or None,
        )

        def client(read_seconds: float) -> Any:
            config = _config(read_seconds, is_amazon=not endpoint_url)
            return session.client("s3", endpoint_url=endpoint_url or None, config=config)

        self.client, self.sender = client(READ_SECONDS), client(SENDING_SECONDS)
        self.pausing = Pausing("S3")


_service = cache(_Service)


def _config(read_seconds: float, *, is_amazon: bool) -> Config:
    """Others than Amazon may have no host for each bucket, and may not know its later checksums."""
    checksums = "when_supported" if is_amazon else "when_required"
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        signature_version="s3v4",
        s3={"addressing_style": "virtual" if is_amazon else "path"},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
    )


def _parts(content: BinaryIO, at_most_bytes: int) -> Iterator[bytes]:
    """All of one size, except the last.

    :raises TooLarge: there is more than that.
    """
    part = bytearray()
    for piece in pieces(content, at_most_bytes):
        part += piece
        if len(part) >= PART_BYTES:
            yield bytes(part[:PART_BYTES])
            del part[:PART_BYTES]
    if part:
        yield bytes(part)


def _missing() -> NotFound:
    return NotFound("There is no such object in the bucket.")


def _disposition(name: str | None) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}" if name else "attachment"


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
