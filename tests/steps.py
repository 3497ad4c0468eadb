"""Functions of machine steps for tests."""

from time import sleep

from orchestra.workflow_kit import PermanentFailure, RetryLater

calls = []  # what the policies below were called with


def echo(project_data, prerequisites, **kwargs):
    return {"project_data": project_data, "prerequisites": prerequisites}


seen = []  # what others publish meanwhile


def wait_for_others(project_data, prerequisites):
    """Run until something is published, for ten seconds at most."""
    for _ in range(1000):
        if seen:
            break
        sleep(0.01)
    return {}


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


def give_half_a_character(project_data, prerequisites):
    return {"text": "\ud800"}


def give_itself(project_data, prerequisites):
    result = {}
    result["self"] = result
    return result


def fail_with_a_nul(project_data, prerequisites):
    raise ValueError("before\x00after \ud800")


def later(project_data, prerequisites, seconds=7):
    raise RetryLater(seconds)


def exit_process(project_data, prerequisites):
    raise SystemExit(3)


def tell_key(project_data, prerequisites, idempotency_key):
    return {"key": idempotency_key}


def spoil_arguments(project_data, prerequisites):
    project_data["deep"]["value"] = "spoilt"
    prerequisites.clear()
    return {}


def hang(project_data, prerequisites):
    while True:
        sleep(0.01)


# --- Policies ---------------------------------------------------------------------------------


def want(prerequisites, project_data):
    calls.append((prerequisites, project_data))
    return True


def want_not(prerequisites, project_data):
    return False


def want_if_told(prerequisites, project_data):
    if "wanted" not in project_data:
        raise LookupError("nobody told me")
    return project_data["wanted"]


def want_and_spoil(prerequisites, project_data):
    project_data["deep"]["value"] = "spoilt"
    return True


def exit_instead_of_answering(*_):
    raise SystemExit(3)


class Speechless(Exception):
    """Cannot say what it is."""

    def __str__(self):
        raise ValueError("no words")


class Undecided:
    """Neither true nor false, as columns of tables are, and cannot be shown."""

    def __bool__(self):
        raise ValueError("The truth of this is ambiguous.")

    __repr__ = __bool__


def fail_with_anything(*_):
    """With characters that no database takes."""
    raise LookupError("the list \0 of \ud800 experts")


def fail_without_words(*_):
    raise Speechless


def give_what_cannot_be_looked_at(*_):
    return Undecided()


def name(task, names):
    calls.append(task)
    return names


def fail_to_name(task):
    raise LookupError("the list of experts is empty")


def name_and_spoil(task):
    task.project["project_data"]["deep"]["value"] = "spoilt"


def describe(task_details, by):
    step = task_details["step"]["slug"]
    return f"Level {task_details['level']} of {step}, by {by}"


def describe_by_number(task_details):
    return task_details["task_id"]


def describe_with_anything(task_details):
    return "by\0 \ud800noon"


def brief(task_details):
    """What an editor tells reporters beforehand, in Markdown."""
    return (
        f"**{task_details['project']['short_description']}**, for the weekend edition.\n\n"
        "- Due on Friday at noon\n- Travel is paid"
    )
