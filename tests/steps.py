"""Functions of machine steps for tests."""

from orchestra.workflow_kit import PermanentFailure


def echo(project_data, prerequisites, **kwargs):
    return {"project_data": project_data, "prerequisites": prerequisites}


def fail(project_data, prerequisites):
    raise ValueError("the step failed")


def fail_for_good(project_data, prerequisites):
    raise PermanentFailure("there is no such page")


def give_a_list(project_data, prerequisites):
    return [1, 2]


def give_nan(project_data, prerequisites):
    return {"deep": [{"value": float("nan")}]}


def give_two_mebibytes(project_data, prerequisites):
    return {"text": "x" * 2 * 1024 * 1024}
