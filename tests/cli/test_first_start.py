"""What the first start in development makes (X-29)."""

from orchestra.cli import first_start
from orchestra.config import Settings
from tests.definition_files import Draft


def loaded(tmp_path):
    environment = {"ORCHESTRA_WORKFLOW_DIRS": str(tmp_path)}
    return list(first_start.load_examples(Settings.from_env(environment, data_dir=tmp_path)))


def test_sample_people_are_told_of_only_where_there_are_some(draft, tmp_path, session):
    """X-29"""
    draft.write()
    other = Draft(tmp_path)
    path = f"{other.name}.functions.sample"
    other.workflow |= {"slug": "other", "sample_data_load_function": {"path": path}}
    other.write()

    assert loaded(tmp_path) == [
        "Loaded the workflow magazine (v1).",
        "Loaded the workflow other (v1) and its sample people.",
    ]
    assert loaded(tmp_path) == []


def test_a_broken_workflow_is_told_and_keeps_no_other_from_starting(draft, tmp_path, session):
    """X-29"""
    draft.steps[0]["slug"] = "No Slug"
    draft.write()
    other = Draft(tmp_path)
    other.write()

    broken, good = loaded(tmp_path)
    assert broken.startswith(f"The workflow in {draft.folder} is not loaded: ")
    assert "must match" in broken
    assert good == "Loaded the workflow magazine (v1)."
