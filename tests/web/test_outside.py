"""What pages load from other hosts: nothing, unless the operator wants it (I-40 to I-42, W-1)."""

import re

import pytest

from orchestra.config import Settings
from orchestra.errors import BadConfiguration
from orchestra.web import create_app

APP = "/orchestra/app"
ACCOUNTS = "/orchestra/accounts"
GOOGLE = "https://www.googletagmanager.com"
SECRET = [
    f"{ACCOUNTS}/activate/abc/",
    f"{ACCOUNTS}/email/abc/",
    f"{ACCOUNTS}/password/reset/abc/",
    f"{ACCOUNTS}/unsubscribe/abc/",
    f"{ACCOUNTS}/login/?next=/orchestra/communication/offers/abc/",
    "/orchestra/communication/offers/abc/",
]


@pytest.fixture
def counted(change_settings):
    change_settings(google_analytics_key="G-ABC")


@pytest.fixture
def at_page_of(tmp_path):
    """The sign-in page of a system whose template says this."""

    def at(text, **settings):
        file = tmp_path / "scripts.html"
        file.write_text(text, encoding="utf-8")
        chosen = Settings.from_env(
            {},
            data_dir=tmp_path,
            third_party_scripts_template=str(file),
            csp_extra_origins=("https://stats.example.org",),
            **settings,
        )
        return create_app(chosen).test_client().get(f"{ACCOUNTS}/login/")

    return at


def policy_of(answer):
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split("; "))
    return {directive: origins for directive, *origins in parts}


def test_by_default_pages_load_nothing_from_others(client):
    """I-40, W-1"""
    answer = client.get(f"{ACCOUNTS}/login/")
    assert "http" not in re.sub(r"http://www\.w3\.org/\S*|<(meta|a) [^>]*>", "", answer.text)
    assert policy_of(answer)["default-src"] == ["'self'"]
    assert "http" not in answer.headers["Content-Security-Policy"]


def test_with_a_key_only_the_kind_of_a_page_is_told(client, work, session, counted):
    """I-40"""
    session.commit()
    at_writer = client.sign_in(work.workers[work.writer.name])
    answer = at_writer.get(f"{APP}/task/{work.task.id}?round=1")
    assert answer.status_code == 200
    assert f'src="{GOOGLE}/gtag/js?id=G-ABC"' in answer.text
    [path] = re.findall(r'data-path="([^"]*)"', answer.text)
    assert path == "/orchestra/app/task/{id}"
    policy = policy_of(answer)
    assert policy["script-src"] == ["'self'", GOOGLE]
    assert "https://*.google-analytics.com" in policy["connect-src"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", SECRET)
def test_addresses_that_are_secrets_are_told_to_nobody(client, make, session, counted, path):
    """I-41"""
    client.sign_in(make.worker())
    for browser in (client, client.application.test_client()):
        answer = browser.get(path)
        assert "google" not in answer.text
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "http" not in answer.headers["Content-Security-Policy"]


def test_a_page_that_does_not_exist_is_not_counted(client, counted):
    answer = client.get("/orchestra/nothing/ana@example.org")
    assert answer.status_code == 404
    assert "google" not in answer.text


def test_scripts_of_the_operator_stand_in_the_place_of_the_other(at_page_of):
    """I-42"""
    script = '<script src="https://stats.example.org/a.js" data-path="{{ path }}"></script>'
    answer = at_page_of(script, google_analytics_key="G-ABC")
    assert script.replace("{{ path }}", "/orchestra/accounts/login/") in answer.text
    assert "google" not in answer.text
    policy = policy_of(answer)
    assert policy["default-src"] == ["'self'", "https://stats.example.org"]
    assert policy["img-src"] == ["'self'", "data:", "https://stats.example.org"]


def test_a_template_that_cannot_be_used_stops_the_start(at_page_of):
    """E-2, I-42"""
    for text in ("{% if %}", "{{ path.no.such }}", "{{ nothing() }}"):
        with pytest.raises(BadConfiguration) as caught:
            at_page_of(text)
        assert "ORCHESTRA_THIRD_PARTY_SCRIPTS_TEMPLATE: " in caught.value.message


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"GOOGLE_ANALYTICS_KEY": '"><script>'}, "GOOGLE_ANALYTICS_KEY: must be a measurement"),
        (
            {"ORCHESTRA_THIRD_PARTY_SCRIPTS_TEMPLATE": "nowhere.html"},
            "ORCHESTRA_THIRD_PARTY_SCRIPTS_TEMPLATE: there is no file nowhere.html.",
        ),
        *(
            (
                {"ORCHESTRA_CSP_EXTRA_ORIGINS": origin},
                f"ORCHESTRA_CSP_EXTRA_ORIGINS: {origin!r} is no origin",
            )
            for origin in ("'unsafe-inline'", "https://a.org;script-src *", "*", "https:")
        ),
    ],
)
def test_what_could_open_the_pages_to_anybody_is_refused(env, problem):
    """E-2, E-63, W-12"""
    with pytest.raises(BadConfiguration) as caught:
        Settings.from_env(env)
    assert caught.value.problems[0].startswith(problem)
