"""Check functions for tests, and versions that use them."""

import os
from contextlib import suppress
from dataclasses import FrozenInstanceError
from time import sleep

from orchestra.workflow_kit import SanityCheck
from tests.builders import step

DAY = 86_400


def handler(message="please look at it", *steps):
    return {
        "type": "slack_project_channel",
        "message": message,
        "steps": list(steps or ("write",)),
    }


def checks(*given, function="give", configured=("late",), repetition=None, **keys):
    """The key ``sanity_checks`` of a version whose function gives these slugs."""
    configuration = {"handlers": [handler()]}
    if repetition:
        configuration["repetition_seconds"] = repetition
    kwargs = {"slugs": list(given)} if function == "give" else {}
    return {
        "sanity_check_function": {"path": f"tests.check_functions.{function}", "kwargs": kwargs},
        "check_configurations": dict.fromkeys(configured, configuration),
    } | keys


def built_in(slug, repetition=None, **limits):
    """The key of a version that uses one built-in check and no function."""
    found = checks(configured=[slug], repetition=repetition)
    del found["sanity_check_function"]
    return found | {"built_in": {slug: limits}}


def project(make, wanted, *steps, **keys):
    """A project whose version has these checks."""
    return make.project(*(steps or (step("write"), step("other"))), sanity_checks=wanted, **keys)


# --- Functions --------------------------------------------------------------------------------


def give(project, slugs):
    return slugs


def give_objects(project):
    return [SanityCheck(check_slug="late"), "late", SanityCheck("late")]


def give_none(project):
    return None


def give_numbers(project):
    return ["late", 3]


def fail(project):
    raise ValueError("no such thing \0")


def leave(project):
    raise SystemExit(1)


def end_its_process(project):
    os._exit(3)


def wait_for_ever(project):
    sleep(1e9)


def loop_for_ever(project):
    while True:
        pass


def ignore_everything(project):
    while True:
        with suppress(BaseException):
            sleep(1)


def read_all(project):
    """Find something unless all is as it should be, and nothing can be changed."""
    try:
        project.status = "completed"
    except FrozenInstanceError:
        changed = False
    else:
        changed = True
    project.project_data["url"] = "changed"
    task = project.tasks["write"]
    held = [(one.level, one.worker, one.status) for one in task.assignments]
    is_right = (
        not changed
        and project.as_dict()["tasks"]["write"]["status"] == "processing"
        and held == [(0, "ana", "processing")]
        and (project.task_class, project.status, project.priority) == ("real", "active", 7)
        and project.version_slug == "v1"
        and task.result is None
    )
    return [] if is_right else ["late"]
