"""Every setting of the system, read once, each with its meaning (specification E-1 to E-63)."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from orchestra.config.accounts import AccountSettings
from orchestra.config.addresses import is_host, is_web_address, reachable, with_driver
from orchestra.config.data_dir import made_folder, secret_key_in
from orchestra.config.declaring import UNSHOWN, about, declaration, variable, without_password
from orchestra.config.drive import DriveSettings
from orchestra.config.files import FileSettings
from orchestra.config.mail import MailSettings
from orchestra.config.outside import OutsideSettings
from orchestra.config.reading import read_environment
from orchestra.config.sanity import SanitySettings
from orchestra.config.slack import SlackSettings
from orchestra.config.staffing import StaffingSettings
from orchestra.errors import BadConfiguration, Unavailable

PLACEHOLDER = "CHANGEME"
SHORTEST_SECRET_KEY = 32
DATABASES = ("sqlite", "postgresql+psycopg")
IN_MEMORY = ("sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:")
BROKERS = ("redis", "rediss", "redis+socket", "amqp", "amqps", "pyamqp")


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(
    StaffingSettings,
    SanitySettings,
    DriveSettings,
    SlackSettings,
    MailSettings,
    AccountSettings,
    FileSettings,
    OutsideSettings,
):
    """One table: a field is a setting, its metadata says how it is called, checked and shown."""

    environment: str = field(
        default="development",
        metadata=about(
            "Where this system runs; production refuses public secrets.",
            choices=("development", "staging", "production"),
        ),
    )
    url: str = field(
        default="",
        metadata=about(
            "Base of all links and of the client; unset: it follows host and port.", address=True
        ),
    )
    flower_url: str = field(
        default="",
        metadata=about("Where Flower answers, for a link on the operations page.", address=True),
    )
    allowed_hosts: tuple[str, ...] = field(
        default=(), metadata=about("Accepted Host headers, beside the host of the address.")
    )
    trusted_proxies: int = field(
        default=0, metadata=about("How many proxies set forwarding headers.", low=0, high=10)
    )
    secret_key: str = field(
        default="",
        metadata=about(
            "Signs sessions, encrypts API secrets; in development one is kept in the data folder.",
            secret=True,
        ),
    )
    data_dir: Path = field(
        default=Path("var"), metadata=about("Embedded database, embedded broker, local files.")
    )
    database_url: str = field(
        default="",
        metadata=about(
            "SQLAlchemy URL; unset: an SQLite file in the data folder.",
            address=True,
            synonyms=("DATABASE_URL",),
        ),
    )
    broker_url: str = field(
        default="",
        metadata=about(
            "Redis, Valkey or RabbitMQ; unset: the broker that `orchestra up` runs.",
            address=True,
            synonyms=("REDIS_URL",),
        ),
    )
    log_level: str = field(
        default="INFO",
        metadata=about(
            "Least severity that is logged.",
            choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        ),
    )
    log_json: bool = field(
        default=False, metadata=about("Log lines as JSON; unset: true in production.")
    )
    web_port: int = field(
        default=8000, metadata=about("Port of the web process.", low=1, high=65535)
    )
    web_host: str = field(default="127.0.0.1", metadata=about("Address the web process binds."))
    worker_concurrency: int = field(
        default_factory=lambda: os.cpu_count() or 1,
        metadata=about("Processes of the worker pool; unset: one per processor.", low=1, high=512),
    )
    workflows: tuple[str, ...] = field(
        default=(), metadata=about("Importable packages with workflows.")
    )
    workflow_dirs: tuple[Path, ...] = field(
        default=(Path("workflows"),),
        metadata=about("Folders searched for workflow packages."),
    )
    max_task_data_bytes: int = field(
        default=1_048_576, metadata=about("Largest draft, submission and project data.", low=1024)
    )
    lock_timeout_seconds: int = field(
        default=5, metadata=about("Longest wait for a row lock.", low=1, high=300)
    )
    enable_new_task_buttons: bool = field(
        default=True, metadata=about("Whether workers pick up tasks by a button.")
    )
    enforce_no_new_tasks_during_review: bool = field(
        default=True, metadata=about("Whether returned work blocks new work.")
    )
    max_in_progress_tasks: int = field(
        default=3, metadata=about("Most tasks in progress of a worker; 0: no limit.", low=0)
    )
    time_approval: bool = field(
        default=False,
        metadata=about("Whether weeks of recorded time are handed in, approved and locked."),
    )
    lease_seconds: int = field(
        default=60, metadata=about("Lease of a machine step.", low=10, high=3600)
    )
    sweep_interval_seconds: int = field(
        default=10, metadata=about("Time between two sweeps.", low=1, high=300)
    )
    carry_on_seconds: int = field(
        default=1,
        metadata=about(
            "How long one job may run further steps itself; 0: each step is a job of its own.",
            low=0,
            high=60,
        ),
    )
    project_api_key: str = field(
        default="orchestra-user", metadata=about("Key id used by the client and the commands.")
    )
    project_api_secret: str = field(
        default="", metadata=about("Secret of that key, for the client and commands.", secret=True)
    )
    api_requests_per_minute: int = field(
        default=600, metadata=about("Most requests of one key; 0: no limit.", low=0)
    )
    fetch_allow_hosts: tuple[str, ...] = field(
        default=(), metadata=about("Private hosts that functions may fetch.")
    )

    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ, **overrides: Any) -> Self:
        """Read the environment, or the file it names; ``overrides`` win, those of None are absent.

        :raises BadConfiguration: with one line for each offence.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        values, sources, problems = read_environment(cls, env)
        sources |= dict.fromkeys(given, "command line")
        values |= given
        problems += _take_out_bad_host(values)
        settings = cls(**values, sources=sources)._with_derived_values()
        problems += settings._problems()
        if problems:
            raise BadConfiguration(problems)
        return settings

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value}' for name, value in self.shown().items())})"

    def shown(self) -> dict[str, Any]:
        """Every variable with its value; secrets and passwords in addresses as ``***`` (E-4)."""
        return {variable(f): self._shown(f) for f in declared()}

    def _shown(self, setting: dataclasses.Field[Any]) -> Any:
        value = getattr(self, setting.name)
        if declaration(setting).secret:
            return UNSHOWN if value else ""
        return without_password(value) if declaration(setting).address else value

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @property
    def loopback_url(self) -> str:
        """Where this machine reaches the web process that `orchestra up` runs."""
        return f"http://{reachable(self.web_host)}:{self.web_port}"

    @property
    def embedded_database(self) -> bool:
        """Whether the database is the file that `orchestra up` may migrate unasked."""
        return self.database_url == self._embedded_database_url()

    @property
    def embedded_broker(self) -> bool:
        return not self.broker_url

    @property
    def broker_address_file(self) -> Path:
        return self.data_dir / "broker.url"

    def broker_address(self) -> str:
        """Address of the broker, with its password.

        :raises Unavailable: the embedded broker is meant, and `orchestra up` never started it.
        """
        if not self.embedded_broker:
            return self.broker_url
        try:
            return self.broker_address_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise Unavailable(
                "No broker: ORCHESTRA_BROKER_URL is unset and no `orchestra up` runs in "
                f"{self.data_dir} (ORCHESTRA_DATA_DIR)."
            ) from error

    def with_secret_key(self) -> Self:
        """These settings with a secret key: in development one is made once and kept (E-10)."""
        if self.secret_key:
            return self
        return dataclasses.replace(self, secret_key=secret_key_in(self.data_dir))

    def made_data_dir(self) -> Path:
        """The data folder, made if it is not there.

        :raises BadConfiguration: it cannot be made, or nothing can be written into it.
        """
        return made_folder(self.data_dir)

    def _found_workflow_dirs(self) -> tuple[Path, ...]:
        """Absolute folders; unset and absent, the folder beside the package holds the examples."""
        folders = tuple(folder.absolute() for folder in self.workflow_dirs)
        if "workflow_dirs" in self.sources or folders[0].is_dir():
            return folders
        return (Path(__file__).parents[2] / "workflows",)

    def _embedded_database_url(self) -> str:
        path = str(self.data_dir.absolute() / "orchestra.sqlite3")
        # A folder may have these in its name; in an address they mean something else.
        return "sqlite:///" + path.replace("%", "%25").replace("?", "%3F")

    def _with_derived_values(self) -> Self:
        url = self.url.rstrip("/") or self.loopback_url
        settings = dataclasses.replace(
            self,
            data_dir=self.data_dir.absolute(),
            url=url,
            workflow_dirs=self._found_workflow_dirs(),
            database_url=with_driver(self.database_url) or self._embedded_database_url(),
            notifications_from_email=self.notifications_from_email or self.default_from_email,
            file_backend=self.file_backend or ("google_drive" if self.google_apps else "local"),
        )
        if "log_json" not in self.sources:
            settings = dataclasses.replace(settings, log_json=self.environment == "production")
        hosts = self.allowed_hosts
        if self.development and not hosts:
            hosts = ("localhost", "127.0.0.1")
        own = urlsplit(url).hostname or ""
        return dataclasses.replace(settings, allowed_hosts=tuple(dict.fromkeys((own, *hosts))))

    def _problems(self) -> list[str]:
        problems = [] if self.development else self._secret_key_problems()
        for name, url in (("ORCHESTRA_URL", self.url), ("ORCHESTRA_FLOWER_URL", self.flower_url)):
            if url and not is_web_address(url):
                problems.append(f"{name}: must begin with http:// or https://, and name a host.")
        problems += [
            f"ORCHESTRA_ALLOWED_HOSTS: {host!r} is not a host name or an IP address (without "
            "scheme, brackets, port and wildcard)."
            for host in self.allowed_hosts[1:]  # the first is that of the address
            if not is_host(host)
        ]
        if self.database_url.split(":")[0] not in DATABASES:
            problems.append("ORCHESTRA_DATABASE_URL: must begin with postgresql:// or sqlite:///.")
        if self.database_url.partition("?")[0] in IN_MEMORY:
            problems.append(
                "ORCHESTRA_DATABASE_URL: names no file, so each process would have a database of "
                "its own; write sqlite:////folder/file."
            )
        if self.broker_url and self.broker_url.split(":")[0] not in BROKERS:
            problems.append(f"ORCHESTRA_BROKER_URL: must begin with one of {', '.join(BROKERS)}.")
        problems += self._mail_problems() + self._s3_problems() + self._slack_problems()
        problems += self._outside_problems()
        problems += self._drive_problems(is_used=self.file_backend == "google_drive")
        if self.environment == "production":
            problems += self._production_problems()
        return problems

    def _secret_key_problems(self) -> list[str]:
        if not self.secret_key:
            return [f"ORCHESTRA_SECRET_KEY: must be set in {self.environment}."]
        if len(self.secret_key) < SHORTEST_SECRET_KEY:
            return [f"ORCHESTRA_SECRET_KEY: must have at least {SHORTEST_SECRET_KEY} characters."]
        return []

    def _production_problems(self) -> list[str]:
        """Public secrets and plain addresses (E-5); the sample users are looked for elsewhere."""
        problems = []
        if urlsplit(self.url).scheme != "https":
            problems.append("ORCHESTRA_URL: must be an https address in production.")
        for setting in declared():
            value = getattr(self, setting.name)
            if declaration(setting).secret and value == PLACEHOLDER:
                problems.append(f"{variable(setting)}: is {PLACEHOLDER}; set a secret of your own.")
            if declaration(setting).address and urlsplit(value).password == PLACEHOLDER:
                problems.append(f"{variable(setting)}: its password is {PLACEHOLDER}; change it.")
        return problems


def declared() -> list[dataclasses.Field[Any]]:
    """The fields that are settings, in the order of the tables."""
    own = set(Settings.__annotations__)
    fields = [f for f in dataclasses.fields(Settings) if "setting" in f.metadata]
    return sorted(fields, key=lambda f: f.name not in own)


def _take_out_bad_host(values: dict[str, Any]) -> list[str]:
    """Refuse a host of which no address can be made, before one is made of it."""
    host = values.get("web_host")
    if host is None or is_host(host):
        return []
    del values["web_host"]
    return [
        f"ORCHESTRA_WEB_HOST: {host!r} is not a host name or an IP address (without scheme, "
        "brackets and port)."
    ]
