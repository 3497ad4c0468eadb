"""The `orchestra workflows` commands (specification D-57 to D-65, C-16)."""

import json
from contextlib import nullcontext

import pytest
from click.testing import CliRunner

from orchestra.cli import main, workflows
from orchestra.database import transaction
from orchestra.domain import certifications
from orchestra.models import Role, TaskClass
from tests.builders import Builders
from tests.definition_files import Draft


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `orchestra workflows …` without a database."""
    monkeypatch.setenv("ORCHESTRA_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("ORCHESTRA_WORKFLOW_DIRS", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(main, ["workflows", *map(str, arguments)])


@pytest.fixture
def run_on_database(app, run, monkeypatch):
    """The same on the migrated database of the test."""
    monkeypatch.setattr(workflows, "ready_application", lambda settings=None: nullcontext(app))
    return run


def test_validate_prints_every_problem_and_warning_on_a_line_of_its_own(draft, run):
    """D-58"""
    del draft.steps[1]["user_interface"]
    good = run("validate", draft.write())
    assert (good.exit_code, good.stdout) == (0, "0 errors, 1 warning\n")
    assert good.stderr.startswith(f"Warning: {draft.name}/v1/version.json#/steps/1: ")

    draft.steps[0]["is_hooman"] = draft.workflow["nme"] = 1
    bad = run("validate", draft.write())
    assert bad.exit_code == 1
    assert [line.rpartition(" ")[2] for line in bad.stderr.splitlines()[:2]] == [
        "[unknown_key]",
        "[unknown_key]",
    ]
    found = json.loads(run("validate", draft.folder / "v1", "--json").stdout)
    assert (len(found["errors"]), len(found["warnings"])) == (2, 1)


def test_validate_of_a_folder_without_a_package_names_what_is_missing(tmp_path, run):
    result = run("validate", tmp_path)

    assert result.exit_code == 1
    assert [line.rpartition(" ")[2] for line in result.stderr.splitlines()] == [
        "[missing_file]",
        "[missing_file]",
    ]


def test_graph_prints_a_flowchart(draft, run):
    """D-63"""
    draft.steps[1] |= {"completion_ends_project": True, "slug": "end", "name": 'The "end"'}
    draft.steps.append(
        {
            "slug": "check-it",
            "name": "Check",
            "description": "Check.",
            "submission_depends_on": ["crawl"],
        }
    )
    draft.write()

    expected = """\
%% magazine/v1
flowchart TD
    step_crawl{{"Crawl"}}
    step_check__it("Check")
    step_end((("The #quot;end#quot;")))
    step_crawl -.-> step_check__it
    step_crawl --> step_end
"""
    assert run("graph", "magazine/v1").stdout == expected
    assert run("graph", "magazine", "--all").stdout == expected
    assert list(json.loads(run("graph", "magazine/v1", "--json").stdout)) == ["magazine/v1"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("magazine", "must be WORKFLOW/VERSION"),
        ("magazine/v9", "no version 'v9'. Found: v1."),
        ("magasine/v1", "did you mean 'magazine'"),
        ("magasine/v1", "(ORCHESTRA_WORKFLOW_DIRS)."),
    ],
)
def test_what_is_not_found_is_one_line_on_stderr(draft, run, reference, message):
    draft.write()

    for command in ("graph", "load"):
        result = run(command, reference)
        assert (result.exit_code, result.stdout) == (1, "")
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_load_stores_a_version_and_tells_what_it_did(draft, run_on_database):
    """D-46 to D-48"""
    draft.write()
    first, second = (run_on_database("load", "magazine/v1") for _ in range(2))
    assert (first.exit_code, first.stdout) == (0, "magazine/v1: loaded\n")
    assert (second.exit_code, second.stdout) == (0, "magazine/v1: unchanged\n")

    draft.steps[0]["name"] = "Fetch"
    draft.write()
    refused = run_on_database("load", "magazine/v1")
    assert (refused.exit_code, refused.stdout) == (1, "magazine/v1: failed\n")
    assert refused.stderr.strip().endswith("[version_changed]")
    forced = run_on_database("load", "magazine", "--all", "--force", "--json")
    assert [result["outcome"] for result in json.loads(forced.stdout)] == ["updated"]


def test_load_all_goes_on_after_an_error(draft, tmp_path, run_on_database):
    """D-59"""
    draft.versions["v0"] = draft.versions["v1"] | {"slug": "v0", "name": 5}
    draft.write()
    other = Draft(tmp_path)
    other.workflow["slug"] = "journal"
    other.write()

    result = run_on_database("load-all")

    assert result.exit_code == 1
    assert sorted(result.stdout.splitlines()) == [
        "journal/v1: loaded",
        "magazine/v0: failed",
        "magazine/v1: loaded",
    ]
    assert result.stderr.count("\n") == 1


def test_load_all_without_a_package_names_the_folders(tmp_path, run):
    """D-59"""
    result = run("load-all")

    assert result.exit_code == 1
    assert str(tmp_path) in result.stderr


def test_list_shows_what_is_found_and_what_is_loaded(draft, run_on_database):
    """D-57"""
    draft.versions["v2"] = draft.versions["v1"] | {"slug": "v2"}
    draft.write()
    run_on_database("load", "magazine/v1")

    assert run_on_database("list").stdout.splitlines() == [
        "magazine  v1  loaded  0 active projects",
        "magazine  v2  not loaded  0 active projects",
    ]
    (row,) = json.loads(run_on_database("list", "--json").stdout)
    assert row["versions"][1] == {
        "slug": "v2",
        "found": True,
        "loaded": False,
        "active_projects": 0,
    }


def test_sample_data_is_stored_whole_or_not_at_all(draft, run_on_database):
    """D-60"""
    draft.file(
        "people.py",
        "from orchestra.workflow_kit import create_worker\n"
        "def load(workflow_version, number):\n"
        "    create_worker('demo', 'demo', 'Demo', 'User', 'demo@example.org')\n"
        "    1 / number\n",
    )
    reference = {"path": "{package}.people.load", "kwargs": {"number": 0}}
    draft.workflow["sample_data_load_function"] = reference
    draft.write()
    run_on_database("load", "magazine/v1")

    failed = run_on_database("load-sample-data", "magazine/v1")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert "ZeroDivisionError" in failed.stderr
    with transaction() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM worker").scalar() == 0

    reference["kwargs"]["number"] = 1
    draft.write()
    run_on_database("load", "magazine/v1", "--force")
    assert run_on_database("load-sample-data", "magazine/v1").exit_code == 0
    assert run_on_database("load-sample-data", "magazine").exit_code == 1


def test_copy_certifications_tells_what_was_copied_and_skipped(run_on_database):
    """D-64"""
    with transaction() as session:
        make = Builders(session)
        make.version(slug="old", certifications=("editor", "painter"))
        make.version(slug="new", certifications=("editor",))
        editor = certifications.get_certification(session, "old", "editor")
        make.grant(make.worker("anna"), editor, Role.ENTRY_LEVEL, TaskClass.REAL)

    result = run_on_database("copy-certifications", "old", "new")

    assert result.stdout.splitlines() == [
        "copied  editor: anna, entry_level, real",
        "skipped  painter: not a certification of new",
        "1 copied, 1 skipped",
    ]
    again = run_on_database("copy-certifications", "old", "new", "--only", "editor", "--json")
    assert json.loads(again.stdout) == {"copied": [], "skipped": []}
