"""Settings of the file store; those of Google Drive have a file of their own."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from orchestra.config.declaring import about


@dataclass(frozen=True, kw_only=True, repr=False)
class FileSettings:
    """Where files are kept, how large they may be, and the bucket of S3."""

    max_upload_bytes: int = field(default=20_000_000, metadata=about("Largest upload.", low=1))
    file_backend: str = field(
        default="",
        metadata=about(
            "Where files are kept; unset: local, or google_drive with GOOGLE_APPS.",
            choices=("local", "google_drive", "s3"),
        ),
    )
    prepare_wait_seconds: int = field(
        default=120,
        metadata=about("How long first machine steps wait for the folder.", low=0, high=86_400),
    )
    google_apps: bool = field(
        default=False,
        metadata=about("Whether Drive is the file store.", variable="GOOGLE_APPS"),
    )
    s3_bucket: str = field(
        default="",
        metadata=about("Bucket of the file store.", synonyms=("EDITOR_IMAGE_BUCKET_NAME",)),
    )
    s3_endpoint_url: str = field(
        default="", metadata=about("Address of the bucket's service; unset: AWS.", address=True)
    )
    s3_region: str = field(default="", metadata=about("Region of the bucket."))
    s3_direct_uploads: bool = field(
        default=False,
        metadata=about("Whether browsers send uploads to the bucket themselves."),
    )
    aws_s3_key: str = field(
        default="",
        metadata=about("Access key; unset: the search of the SDK.", variable="AWS_S3_KEY"),
    )
    aws_s3_secret: str = field(
        default="",
        metadata=about("Secret of that key.", variable="AWS_S3_SECRET", secret=True),
    )

    def _s3_problems(self) -> list[str]:
        problems: list[str] = []
        if self.file_backend != "s3":
            return problems
        if not self.s3_bucket:
            problems.append("ORCHESTRA_S3_BUCKET: must be set when files are in S3.")
        if bool(self.aws_s3_key) != bool(self.aws_s3_secret):
            problems.append("AWS_S3_SECRET: must be set together with AWS_S3_KEY.")
        if self.s3_endpoint_url and urlsplit(self.s3_endpoint_url).scheme not in ("http", "https"):
            problems.append("ORCHESTRA_S3_ENDPOINT_URL: must begin with http:// or https://.")
        return problems
