"""Settings: reading, checking, deriving, refusing (E-1 to E-16)."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestra.config import Settings, declared
from orchestra.config.declaring import declaration, variable
from orchestra.errors import BadConfiguration, Unavailable

PRODUCTION = {
    "ORCHESTRA_ENVIRONMENT": "production",
    "ORCHESTRA_URL": "https://work.example.org",
    "ORCHESTRA_SECRET_KEY": "k" * 32,
}


def problems_of(env):
    with pytest.raises(BadConfiguration) as caught:
        Settings.from_env(env)
    return caught.value.problems


def test_without_variables_every_setting_has_its_default(tmp_path):
    settings = Settings.from_env({}, data_dir=tmp_path)

    assert settings.url == "http://127.0.0.1:8000"
    assert settings.database_url == f"sqlite:///{tmp_path}/orchestra.sqlite3"
    assert settings.embedded_database
    assert settings.embedded_broker
    assert settings.allowed_hosts == ("127.0.0.1", "localhost")
    assert settings.lease_seconds == 60
    assert settings.sanity_interval == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("ORCHESTRA_LEASE_SECONDS", "10", "lease_seconds", 10),
        ("ORCHESTRA_ENABLE_NEW_TASK_BUTTONS", "No", "enable_new_task_buttons", False),
        ("ORCHESTRA_LOG_JSON", "YES", "log_json", True),
        ("ORCHESTRA_WORKFLOWS", "a, b,,c", "workflows", ("a", "b", "c")),
        ("ORCHESTRA_SANITY_INTERVAL", "90", "sanity_interval", timedelta(seconds=90)),
        ("ORCHESTRA_SANITY_INTERVAL", "P1DT2H3M4.5S", "sanity_interval", timedelta(1, 7384.5)),
        (
            "STAFFBOT_CONFIG",
            '{"allowed_team_ids": ["T1"]}',
            "staffbot_config",
            {"allowed_team_ids": ["T1"]},
        ),
        ("REDIS_URL", "redis://other:1/0", "broker_url", "redis://other:1/0"),
        ("ORCHESTRA_LEASE_SECONDS", "", "lease_seconds", 60),
    ],
)
def test_a_value_is_read_as_its_type(variable, text, field, value):
    """E-2"""
    assert getattr(Settings.from_env({variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("ORCHESTRA_LEASE_SECONDS", "soon", "'soon' is not a whole number"),
        ("ORCHESTRA_LEASE_SECONDS", "9", "'9' is out of range (10..3600)"),
        ("ORCHESTRA_LOG_JSON", "maybe", "'maybe' is not true or false"),
        ("ORCHESTRA_SANITY_INTERVAL", "P", "'P' is not a duration"),
        ("ORCHESTRA_SANITY_INTERVAL", "0", "'0' is out of range"),
        ("STAFFBOT_CONFIG", "[]", "'[]' is not a JSON object"),
        ("STAFFBOT_CONFIG", "{", "'{' is not JSON"),
        ("ORCHESTRA_ENVIRONMENT", "live", "'live' is none of development"),
        ("ORCHESTRA_URL", "http://[", "is not an address"),
        ("ORCHESTRA_SANITY_INTERVAL", "9" * 400, "is too long a duration"),
        ("ORCHESTRA_SANITY_INTERVAL", "P99999W", "is too long a duration"),
        ("ORCHESTRA_SESSION_HOURS", "9" * 18, "is out of range (1..87600)"),
        ("ORCHESTRA_URL", "ftp://x", "must begin with http"),
        ("ORCHESTRA_URL", "http://", "name a host"),
        ("ORCHESTRA_URL", "http://work example.org", "name a host"),
        ("ORCHESTRA_FLOWER_URL", "flower:5555", "must begin with http"),
        ("ORCHESTRA_WEB_HOST", "http://0.0.0.0", "is not a host name or an IP address"),
        ("ORCHESTRA_WEB_HOST", "0.0.0.0:8000", "is not a host name or an IP address"),
        ("ORCHESTRA_WEB_HOST", "[]", "is not a host name or an IP address"),
        ("ORCHESTRA_ALLOWED_HOSTS", "box.lan,*", "'*' is not a host name or an IP address"),
        ("ORCHESTRA_ALLOWED_HOSTS", "box.lan:8000", "is not a host name or an IP address"),
        ("ORCHESTRA_DATABASE_URL", "sqlite://", "names no file"),
        ("ORCHESTRA_DATABASE_URL", "sqlite:///:memory:?x=1", "names no file"),
        ("DEFAULT_FROM_EMAIL", "desk", "is no mail address"),
        ("ORCHESTRA_NOTIFICATIONS_FROM_EMAIL", "desk", "is no mail address"),
        ("ORCHESTRA_MOCK_TO_EMAIL", "desk", "is no mail address"),
        ("ORCHESTRA_DATABASE_URL", "mysql://u:p@h/d", "must begin with postgresql"),
        ("ORCHESTRA_BROKER_URL", "memory://", "must begin with one of redis"),
    ],
)
def test_a_wrong_value_is_refused_by_name(variable, text, reason):
    """E-3"""
    (problem,) = problems_of({variable: text})

    assert problem.startswith(f"{variable}: ")
    assert reason in problem


def test_the_host_of_the_address_is_always_accepted():
    """A-15: else the link that the start prints would be refused."""
    settings = Settings.from_env({"ORCHESTRA_ALLOWED_HOSTS": "box.lan,127.0.0.1"})

    assert settings.allowed_hosts == ("127.0.0.1", "box.lan")


@pytest.mark.parametrize("name", ["50% off", "who?", "a%20b", "#1", "münchen"])
def test_any_folder_can_be_the_data_folder(name, tmp_path):
    """E-11, E-12: no sign in its name leads the database elsewhere."""
    settings = Settings.from_env({}, data_dir=tmp_path / name)

    found = sa.make_url(settings.database_url).database
    assert found == str(tmp_path / name / "orchestra.sqlite3")


def test_every_offence_is_listed_and_an_unknown_variable_gets_the_nearest_name():
    """E-3"""
    problems = problems_of({"ORCHESTRA_LEESE_SECONDS": "60", "ORCHESTRA_WEB_PORT": "many"})

    assert problems == [
        "ORCHESTRA_LEESE_SECONDS: there is no such setting; did you mean ORCHESTRA_LEASE_SECONDS?",
        "ORCHESTRA_WEB_PORT: 'many' is not a whole number.",
    ]


def test_the_environment_wins_over_the_file(tmp_path):
    """E-1"""
    path = tmp_path / "settings"
    path.write_text(
        "# ours\n\nexport ORCHESTRA_LEASE_SECONDS=20\nORCHESTRA_PROJECT_API_KEY='a key'\n"
    )

    settings = Settings.from_env(
        {"ORCHESTRA_CONFIG_FILE": str(path), "ORCHESTRA_LEASE_SECONDS": "30"}
    )

    assert (settings.lease_seconds, settings.project_api_key) == (30, "a key")
    assert settings.sources["lease_seconds"] == "environment"
    assert settings.sources["project_api_key"] == f"file {path}"


def test_a_file_may_begin_as_windows_begins_it(tmp_path):
    """E-1: else the first setting would be lost without a word."""
    path = tmp_path / "settings"
    path.write_bytes(b"\xef\xbb\xbfORCHESTRA_LEASE_SECONDS=20\r\n")

    assert Settings.from_env({"ORCHESTRA_CONFIG_FILE": str(path)}).lease_seconds == 20


def test_a_broken_or_missing_file_is_an_offence(tmp_path):
    """E-3"""
    path = tmp_path / "settings"
    assert "cannot read" in problems_of({"ORCHESTRA_CONFIG_FILE": str(path)})[0]

    path.write_text("ORCHESTRA_LEASE_SECONDS 20\nORCHESTRA_LEASES=1\n")
    missing_sign, unknown = problems_of({"ORCHESTRA_CONFIG_FILE": str(path)})
    assert missing_sign == f"{path}, line 1: is not KEY=VALUE."
    assert unknown.startswith("ORCHESTRA_LEASES: there is no such setting")


@pytest.mark.parametrize(
    ("change", "variable"),
    [
        ({"ORCHESTRA_SECRET_KEY": ""}, "ORCHESTRA_SECRET_KEY"),
        ({"ORCHESTRA_SECRET_KEY": "k" * 31}, "ORCHESTRA_SECRET_KEY"),
        ({"ORCHESTRA_URL": "http://work.example.org"}, "ORCHESTRA_URL"),
        ({"ORCHESTRA_URL": ""}, "ORCHESTRA_URL"),
        ({"ORCHESTRA_PROJECT_API_SECRET": "CHANGEME"}, "ORCHESTRA_PROJECT_API_SECRET"),
        ({"ORCHESTRA_SMTP_PASSWORD": "CHANGEME"}, "ORCHESTRA_SMTP_PASSWORD"),
        ({"DATABASE_URL": "postgres://u:CHANGEME@h/d"}, "ORCHESTRA_DATABASE_URL"),
    ],
)
def test_production_does_not_start_with_public_secrets(change, variable):
    """R-35, E-5"""
    (problem,) = problems_of(PRODUCTION | change)

    assert problem.startswith(f"{variable}: ")


def test_production_starts_with_secrets_of_its_own():
    settings = Settings.from_env(PRODUCTION)

    assert settings.log_json
    assert settings.allowed_hosts == ("work.example.org",)


@pytest.mark.parametrize(
    ("given", "host", "url"),
    [
        ({}, None, "http://127.0.0.1:8000"),
        ({"ORCHESTRA_WEB_PORT": "9000"}, None, "http://127.0.0.1:9000"),
        ({"ORCHESTRA_WEB_PORT": "9000"}, "0.0.0.0", "http://127.0.0.1:9000"),
        ({}, "::1", "http://[::1]:8000"),
        ({}, "box.lan", "http://box.lan:8000"),
        ({"ORCHESTRA_URL": "https://a.example/"}, "box.lan", "https://a.example"),
    ],
)
def test_the_address_follows_host_and_port_when_unset(given, host, url):
    """E-15"""
    assert Settings.from_env(given, web_host=host).url == url


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        (
            {"ORCHESTRA_SLACK_EXPERTS_ENABLED": "true"},
            "SLACK_EXPERTS_API_KEY: must be set with ORCHESTRA_SLACK_EXPERTS_ENABLED.",
        ),
        (
            {"ORCHESTRA_SLACK_INTERNAL_ENABLED": "true", "SLACK_EXPERTS_API_KEY": "xoxb-1"},
            "SLACK_INTERNAL_API_KEY: must be set with ORCHESTRA_SLACK_INTERNAL_ENABLED.",
        ),
        (
            {"ORCHESTRA_SLACK_API_URL": "slack.com"},
            "ORCHESTRA_SLACK_API_URL: must begin with http:// or https://.",
        ),
        (
            {"STAFFBOT_CONFIG": '{"allowed_team_ids": "T1"}'},
            "STAFFBOT_CONFIG: allowed_team_ids must be a list of texts.",
        ),
        ({"STAFFBOT_CONFIG": '{"allowed_teams": []}'}, "STAFFBOT_CONFIG: allowed_teams is not"),
    ],
)
def test_slack_does_not_start_with_half_of_its_settings(env, problem):
    """E-39, E-51, S-57"""
    with pytest.raises(BadConfiguration) as caught:
        Settings.from_env(env)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(problem)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_address_gets_the_driver_that_is_installed(scheme):
    settings = Settings.from_env({"DATABASE_URL": f"{scheme}://u:p@h/d"})

    assert settings.database_url == "postgresql+psycopg://u:p@h/d"
    assert not settings.embedded_database


def test_the_secret_key_is_made_once_for_all_processes_and_is_private(tmp_path):
    """E-10"""

    def made(_):
        return Settings.from_env({}, data_dir=tmp_path / "new").with_secret_key().secret_key

    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(made, range(64)))

    (key,) = keys
    assert len(key) == 64
    (path,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_data_folder_that_cannot_be_made_is_an_offence(tmp_path):
    """E-3, E-11"""
    (tmp_path / "file").touch()
    settings = Settings.from_env({}, data_dir=tmp_path / "file" / "var")

    with pytest.raises(BadConfiguration) as caught:
        settings.with_secret_key()

    (problem,) = caught.value.problems
    assert problem.startswith(f"ORCHESTRA_DATA_DIR: nothing can be written into {tmp_path}/file")
    assert "Not a directory" in problem


def test_secrets_are_not_shown():
    """E-4, R-33"""
    secret = "marker-secret"
    env = {
        variable(field): f"redis://user:{secret}@h/0" if declaration(field).address else secret
        for field in declared()
        if declaration(field).secret or field.name == "broker_url"
    }
    settings = Settings.from_env(env)

    assert secret not in repr(settings)
    assert settings.shown()["ORCHESTRA_BROKER_URL"] == "redis://user:***@h/0"
    assert settings.shown()["ORCHESTRA_SECRET_KEY"] == "***"


def test_the_embedded_broker_is_found_by_the_file_that_up_keeps(tmp_path):
    settings = Settings.from_env({}, data_dir=tmp_path)
    with pytest.raises(Unavailable, match="ORCHESTRA_BROKER_URL is unset"):
        settings.broker_address()

    settings.broker_address_file.write_text("redis://:x@127.0.0.1:7/0\n")

    assert settings.broker_address() == "redis://:x@127.0.0.1:7/0"
