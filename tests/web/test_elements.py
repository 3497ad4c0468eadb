"""Custom elements as step interfaces: their files, and the page around them (W-41 to W-47)."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from orchestra.models import Assignment
from tests.builders import step

SCRIPT = "customElements.define('star-rating', class extends HTMLElement {});"
ELEMENT = {
    "element": "star-rating",
    "javascript_includes": ["js/stars.js"],
    "stylesheet_includes": ["stars.css"],
}


@pytest.fixture
def static(tmp_path, change_settings):
    """The folder of a workflow package with files of version v1 and of all versions."""
    package = tmp_path / "workflows" / "stars"
    files = {
        "workflow.json": json.dumps({"slug": "stars"}),
        "v1/version.json": "{}",
        "v1/static/js/stars.js": SCRIPT,
        "v1/static/stars.css": "star-rating { color: red }",
        "static/shared.svg": "<svg/>",
        "static/stars.css": "of all versions",
        "v1/secret.py": "PASSWORD = 1",
    }
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    change_settings(workflow_dirs=(tmp_path / "workflows",))
    return package


@pytest.fixture
def ana(make):
    return make.worker("ana")


@pytest.fixture
def task_id(static, make, session, start, take, ana):
    start(make.version(step("rate", user_interface=ELEMENT), slug="stars"))
    task_id = take(ana)
    session.query(Assignment).one().data = {"text": "It's </script><b>"}
    session.commit()
    return task_id


@pytest.fixture
def at_ana(client, task_id, ana):
    return client.sign_in(ana)


def root_of(text):
    return BeautifulSoup(text, "html.parser").find(attrs={"data-element": True})


def test_the_page_names_the_element_its_scripts_and_its_data(at_ana, task_id):
    """W-41, W-47: only those of the step shown."""
    text = at_ana.get(f"/orchestra/app/task/{task_id}").text
    root = root_of(text)
    assert root["data-element"] == "star-rating"
    assert json.loads(root["data-element-data"]) == {"text": "It's </script><b>"}
    (script,) = json.loads(root["data-scripts"])
    assert re.fullmatch(r"/orchestra/workflows/stars/v1/static/js/stars.js\?v=\w{12}", script)
    (style,) = [link["href"] for link in root.find_all("link")]
    assert at_ana.get(style).text == "star-rating { color: red }"
    assert at_ana.get(script).text == SCRIPT
    assert 'data-command="submit"' in text


def test_handed_over_work_is_given_to_the_element_to_be_read(
    at_ana, session, task_id, hand_over, ana
):
    """W-43"""
    hand_over(ana, task_id, data={"stars": 5})
    session.commit()
    text = at_ana.get(f"/orchestra/app/task/{task_id}").text
    assert root_of(text).has_attr("data-readonly")
    assert 'data-command="submit"' not in text


def test_without_javascript_nothing_of_the_work_is_lost(at_ana, session, task_id):
    answer = at_ana.post_form(f"/orchestra/app/task/{task_id}", command="save", revision="1")
    assert answer.status_code == 422
    assert "only be worked on with JavaScript" in answer.text
    with session.begin():
        assert session.query(Assignment).one().data == {"text": "It's </script><b>"}


def test_files_may_be_kept_for_ever_under_the_address_of_their_content(at_ana, task_id):
    """W-47"""
    address = "/orchestra/workflows/stars/v1/static/js/stars.js"
    plain = at_ana.get(address)
    assert "no-cache" in plain.headers["Cache-Control"]
    assert at_ana.get(address, headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304
    root = root_of(at_ana.get(f"/orchestra/app/task/{task_id}").text)
    (hashed,) = json.loads(root["data-scripts"])
    kept = at_ana.get(hashed)
    assert "immutable" in kept.headers["Cache-Control"]
    assert "private" in kept.headers["Cache-Control"]
    assert kept.mimetype == "text/javascript"
    assert "immutable" not in at_ana.get(f"{address}?v=000000000000").headers["Cache-Control"]


def test_a_file_of_the_version_goes_before_one_of_the_package(at_ana):
    """D-7"""
    folder = "/orchestra/workflows/stars/v1/static"
    assert at_ana.get(f"{folder}/stars.css").text == "star-rating { color: red }"
    assert at_ana.get(f"{folder}/shared.svg").text == "<svg/>"


@pytest.mark.parametrize(
    "path",
    [
        "stars/v1/static/../secret.py",
        "stars/v1/static/%2e%2e/secret.py",
        "stars/v1/static/js/../../secret.py",
        "stars/v1/static//etc/passwd",
        "stars/v1/static/js",
        "stars/v1/static/none.js",
        "stars/v1/static/a%00b",
        "stars/v1/static/" + "a" * 3000,
        "stars/../static/shared.svg",
        "stars/%2e%2e/static/x",
        "stars/static/static/shared.svg",
        "none/v1/static/stars.css",
    ],
)
def test_nothing_outside_of_the_folders_is_served(at_ana, static, path):
    """W-47"""
    (static.parent / "static").mkdir()
    (static.parent / "static" / "x").write_text("outside")
    answer = at_ana.get(f"/orchestra/workflows/{path}", follow_redirects=True)
    assert answer.status_code == 404


def test_a_link_that_leads_outside_is_not_followed(at_ana, static):
    (static / "v1/static/link.py").symlink_to(static / "v1/secret.py")
    assert at_ana.get("/orchestra/workflows/stars/v1/static/link.py").status_code == 404


def test_strangers_get_no_files(browser, task_id):
    answer = browser().get("/orchestra/workflows/stars/v1/static/stars.css")
    assert "/accounts/login/" in answer.location


def test_the_page_runs_scripts_of_our_own_host_only(at_ana, task_id):
    policy = at_ana.get(f"/orchestra/app/task/{task_id}").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert "http" not in policy


def test_a_script_that_is_gone_is_asked_for_all_the_same(at_ana, static, task_id):
    """W-46: the page then shows what went wrong."""
    (static / "v1/static/js/stars.js").unlink()
    root = root_of(at_ana.get(f"/orchestra/app/task/{task_id}").text)
    assert json.loads(root["data-scripts"]) == ["/orchestra/workflows/stars/v1/static/js/stars.js"]
