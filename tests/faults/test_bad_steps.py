"""Steps that do what no step should: each ends as the specification says, and others go on."""

import os
from contextlib import contextmanager

import pytest

from orchestra.domain import repair
from orchestra.domain.audit import SYSTEM
from orchestra.models import TaskStatus
from tests.faults import bad_steps
from tests.faults.kit import machine
from tests.faults.oracle import all_is_well

OTHERS = 3


def bad(run, *, max_attempts=2, **kwargs):
    """A step with one of the functions of ``bad_steps``."""
    function = {"path": f"tests.faults.bad_steps.{run}", "kwargs": kwargs}
    return machine("bad", max_attempts=max_attempts) | {"execution_function": function}


@contextmanager
def others_beside(system, many):
    """Other projects run while the block does; each of their steps must run exactly once."""
    kind = system.version(machine("one"), machine("two", "one"), machine("three", "two"))
    others = [system.create(kind) for _ in range(OTHERS)]
    yield
    others += [system.create(kind) for _ in range(OTHERS * many)]
    all_is_well(system, many)
    for project in others:
        for slug in ("one", "two", "three"):
            assert system.outcomes(project, slug) == ["complete"], (project, slug)


def ended(system, projects):
    """Wait until the bad step of each project has ended; by name: outcomes and last error."""
    ends = (TaskStatus.FAILED, TaskStatus.COMPLETE)
    system.wait_until(
        lambda: all(system.task(project, "bad").status in ends for project in projects.values()),
        "all bad steps have ended",
        seconds=90,
    )
    found = {
        name: (system.outcomes(project, "bad"), system.task(project, "bad").last_error)
        for name, project in projects.items()
    }
    for project in projects.values():
        _skip_if_failed(system, project)
    return found


def _skip_if_failed(system, project):
    task = system.task(project, "bad")
    if task.status is TaskStatus.FAILED:
        with system.transaction() as session:
            repair.skip_with_data(session, SYSTEM, task.id, {}, "it does not work")


def test_a_result_that_is_no_json_fails_the_step_at_once_and_says_why(system, many):
    """L-115: no further attempt would help."""
    why = {
        "nothing": "The result must be an object (dict), is NoneType.",
        "list": "The result must be an object (dict), is list.",
        "2 MiB": "The result has 2097164 bytes; at most 1048576 are allowed.",
        "NaN": "The result is not JSON: /deep/0/value is nan of type float.",
        "infinity": "The result is not JSON: /value is inf of type float.",
        "10,000 levels": "more than 200 levels deep.",
        "itself": "more than 200 levels deep.",
        "bytes": "The result is not JSON: /value is b'abc' of type bytes.",
        "set": "The result is not JSON: /value is {1, 2} of type set.",
        "keys": "The result is not JSON: it has a key that is not text: 1.",
        "half a character": r"The result is not JSON: /text is '\ud800' of type str.",
        "many digits": "/number is a number of 16610 bits; at most 13000 fit.",
        "nameless": "of type Nameless.",
    }
    assert why.keys() | {"a NUL"} == bad_steps.RESULTS.keys()
    with others_beside(system, many):
        projects = {what: system.run(bad("give", what=what)) for what in bad_steps.RESULTS}
        found = ended(system, projects)

    assert found.pop("a NUL") == (["complete"], None)
    for what, (outcomes, error) in found.items():
        assert outcomes == ["failed"], what
        assert why[what] in error, what


def test_whatever_a_step_raises_is_a_failed_attempt(system, many):
    """L-120: also what is no Exception, and what has no words."""
    errors = {
        "exit": "SystemExit: 3",
        "unspeakable": "Unspeakable: ",
        "interrupt": "KeyboardInterrupt: stop it",
        "generator": "GeneratorExit: closed",
        "basic": "Basic: of a base",
        "memory": "MemoryError: ",
        "half a character": r"ValueError: before\0after \ud800",
    }
    assert errors.keys() == bad_steps.ERRORS.keys()
    with others_beside(system, many):
        projects = {how: system.run(bad("fail", how=how)) for how in errors}
        found = ended(system, projects)

    for how, (outcomes, error) in found.items():
        assert (outcomes, error[: len(errors[how])]) == (["failed", "failed"], errors[how])


def test_steps_that_take_their_process_away_fail_after_their_attempts(system, many, is_long):
    """L-121, L-122, R-8: it ends, is killed for its memory, crashes, or loses its files."""
    with others_beside(system, many):
        attempts = 2 if is_long else 1
        projects = {
            how: system.run(bad("vanish", how=how, max_attempts=attempts)) for how in bad_steps.ENDS
        }
        found = ended(system, projects)

    lost = (["lost"] * attempts, "worker process lost")
    assert found == dict.fromkeys(bad_steps.ENDS, lost)


def test_a_step_that_uses_up_memory_fails_and_its_process_goes_on(system, many):
    """R-8: Python says that there is no more."""
    with others_beside(system, many):
        found = ended(system, {"all": system.run(bad("use_up_memory"))})

    assert found == {"all": (["failed", "failed"], "MemoryError: ")}


def test_a_process_that_has_grown_too_large_is_replaced_after_its_step(system, many):
    """R-8: what the step has done counts."""
    with others_beside(system, many):
        project = system.run(bad("keep_memory"))
        assert ended(system, {"kept": project}) == {"kept": (["complete"], None)}
        grown = system.task(project, "bad").result["process"]
        system.wait_until(lambda: not os.path.exists(f"/proc/{grown}"), "its process is replaced")


def test_a_child_process_that_a_step_has_forked_records_nothing(system, many):
    """L-116: the step is what its own process does; a child ends where the function ends."""
    with others_beside(system, many):
        projects = {
            then: system.run(bad("fork", then=then), machine("after", "bad"))
            for then in ("return", "fail", "exit", "live")
        }
        found = ended(system, projects)
        children = bad_steps.children_file(system.folder).read_text().split()
        system.wait_until(lambda: not any(map(_is_running, children)), "the children have ended")

    for then, project in projects.items():
        assert found[then] == (["complete"], None), then
        assert system.task(project, "bad").result == {"run": 1, "child": False}
        assert system.outcomes(project, "after") == ["complete"]


def _is_running(process):
    """A child that has ended is a zombie for as long as the step's process does not ask."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("run", ["leave_threads", "change_process"])
def test_what_a_step_leaves_behind_in_its_process_hinders_no_other(system, many, run):
    """R-8: threads that outlive it; another folder, environment, language and signal handlers."""
    with others_beside(system, many):
        projects = {number: system.run(bad(run)) for number in range(4)}
        found = ended(system, projects)

    assert found == dict.fromkeys(projects, (["complete"], None))
