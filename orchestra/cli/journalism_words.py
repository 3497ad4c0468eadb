"""What keeps a project from its end, in sentences, from what a client is told of it (X-26)."""

from typing import Any

Json = dict[str, Any]
FINISHED = ("Complete", "Skipped")
OF_PROJECTS = {
    "Aborted": "It was aborted, so nothing will come of it.",
    "Paused": "It is paused; `orchestra projects resume {id}` lets it go on.",
    "Completed": "It ended without the last step.",
}
OF_PEOPLE = {
    "Awaiting Processing": "waiting for somebody to take it",
    "Processing": "{worker} works on it",
    "Pending Review": "waiting for somebody to review it",
    "Reviewing": "{worker} reviews it",
    "Post-review Processing": "returned to {worker}",
}
OF_MACHINES = {
    "Awaiting Processing": "waiting for a worker process",
    "Processing": "running",
    "Failed": "failed; `orchestra tasks retry {id}` tries it again",
}


def outstanding(information: Json, page: str) -> str:
    """Why a project is not finished, and where to see more."""
    project = information["project"]
    told = [f"Project {project['id']} is not finished."]
    if project["status"] in OF_PROJECTS:
        told.append(OF_PROJECTS[project["status"]].format(id=project["id"]))
    if project["status"] in ("Active", "Paused"):
        told += open_tasks(information)
    return " ".join([*told, f"See {page}"])


def open_tasks(information: Json) -> list[str]:
    """A sentence for each task that somebody or something must still do."""
    steps = {step["slug"]: step for step in information["step_details"]}
    return [
        f"{steps[slug]['name']}: {state_of(task, is_human=steps[slug]['is_human'])}."
        for slug, task in information["tasks"].items()
        if task["status"] not in FINISHED
    ]


def state_of(task: Json, *, is_human: bool) -> str:
    words: str = (OF_PEOPLE if is_human else OF_MACHINES).get(task["status"]) or task["status"]
    at_work = [one["worker"] for one in task["assignments"] if one["status"] == "Processing"]
    return words.format(id=task["id"], worker=next(filter(None, at_work), "nobody"))
