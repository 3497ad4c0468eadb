"""Lists for client systems: projects, and what happened (A-40 to A-43, A-54)."""

from datetime import timedelta

import pytest

from orchestra.domain.audit import Actor
from orchestra.domain.information import timestamp
from orchestra.domain.projects import pause
from orchestra.models import ProjectStatus, TaskClass, TaskStatus
from tests.builders import step
from tests.web.api.test_projects import error_of


@pytest.fixture
def projects(make, session):
    """Three projects, the oldest first: a paused one, a training, and one of another workflow."""
    poster = make.version(step("crawl", human=False), step("rate", "crawl"), slug="poster")
    paused = make.project(version=poster)
    paused.status = ProjectStatus.PAUSED
    paused.short_description = "Paint a 100% blue poster"
    training = make.project(version=poster, task_class=TaskClass.TRAINING)
    other = make.project(step("write"), step("check"), slug="article")
    other.team_messages_url = "/orchestra/app/project/3?tab=messages"
    for hours, project in enumerate((paused, training, other)):
        project.started_at += timedelta(hours=hours)
    session.commit()
    return [paused, training, other]


def ids(response):
    return [project["id"] for project in response.get_json()["projects"]]


def test_projects_are_listed_the_newest_first(strict, projects, change_settings):
    """A-41"""
    change_settings(url="https://orchestra.example.org")
    answer = strict.get("projects").get_json()
    told = [project["id"] for project in answer["projects"]]
    assert told == [project.id for project in reversed(projects)]
    assert answer["next_cursor"] is None
    newest = answer["projects"][0]
    assert "project_data" not in newest
    assert (newest["open_tasks"], newest["total_tasks"]) == (2, 2)
    assert newest["team_messages_url"].startswith("https://orchestra.example.org/orchestra/")
    information = strict.post("project_information", {"project_id": newest["id"]}).get_json()
    del information["project"]["project_data"]
    assert information["project"].items() <= newest.items()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "Paused"}, [0]),
        ({"status": ["paused", "Active"]}, [2, 1, 0]),
        ({"status": "Aborted"}, []),
        ({"workflow_slug": "poster"}, [1, 0]),
        ({"workflow_slug": "article", "workflow_version_slug": "v1"}, [2]),
        ({"workflow_version_slug": "v2"}, []),
        ({"task_class": "training"}, [1]),
        ({"q": "BLUE"}, [0]),
        ({"q": "100%"}, [0]),
        ({"q": "1"}, [0]),  # in the description, and not the id of a project
        ({"q": "", "limit": "100"}, [2, 1, 0]),
        ({"workflow_slug": "poster", "status": "Active"}, [1]),
    ],
    ids=str,
)
def test_projects_can_be_chosen(strict, projects, query, expected):
    """A-40"""
    assert ids(strict.get("projects", query)) == [projects[place].id for place in expected]


def test_projects_can_be_chosen_by_their_beginning(strict, projects):
    """A-40"""
    beginning = timestamp(projects[1].started_at)
    assert ids(strict.get("projects", {"started_after": beginning})) == [
        projects[2].id,
        projects[1].id,
    ]
    assert ids(strict.get("projects", {"started_before": beginning})) == [
        projects[1].id,
        projects[0].id,
    ]


def test_a_cursor_stays_valid_while_projects_are_added(strict, projects, make, session):
    """A-41"""
    first = strict.get("projects", {"limit": 2}).get_json()
    make.project(step("write"))
    session.commit()
    second = strict.get("projects", {"limit": 2, "cursor": first["next_cursor"]}).get_json()
    told = [project["id"] for page in (first, second) for project in page["projects"]]
    assert told == [project.id for project in reversed(projects)]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("name", ["projects", "events"])
@pytest.mark.parametrize(
    "query",
    [
        {"unknown": 1},
        {"limit": 0},
        {"limit": 501},
        {"limit": "ten"},
        {"limit": "1_0"},
        [("limit", 1), ("limit", 2)],
        {"limit": ""},
    ],
    ids=str,
)
def test_a_parameter_that_is_unknown_or_not_of_its_type_is_malformed(strict, name, query):
    """A-54"""
    message = error_of(strict.get(name, query), 400, "malformed")["message"]
    assert next(iter(dict(query))) in message


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("projects", "status", "Happy"),
        ("projects", "status", "1"),
        ("projects", "task_class", "0"),
        ("projects", "started_after", "yesterday"),
        ("projects", "cursor", "-1"),
        ("projects", "cursor", "9" * 30),
        ("projects", "q", "a\x00b"),
        ("projects", "limit", "101"),
        ("events", "after", "x"),
        ("events", "after", "9" * 30),
        ("events", "verb", "project_created,task_created"),
        ("events", "project_id", "0"),
        ("workflow_types", "limit", "1"),
    ],
)
def test_a_wrong_value_is_malformed(strict, name, parameter, value):
    """A-54, C-11"""
    answer = error_of(strict.get(name, {parameter: value}), 400, "malformed")
    assert parameter in answer["message"]


def test_a_list_costs_the_same_for_twenty_projects(strict, make, session, statements):
    for number in range(20):
        make.project(step("write"), step("check"), slug=f"workflow-{number}")
    session.commit()
    strict.get("projects")  # notes the use of the key
    session.expunge_all()
    with statements() as of_one:
        strict.get("projects", {"limit": 1})
    session.expunge_all()
    with statements() as of_all:
        assert len(ids(strict.get("projects"))) == 20
    assert len(of_all) == len(of_one) <= 4


# --- What happened ------------------------------------------------------------------------------


def follow(signed, **query):
    """Every event, read three at a time."""
    events, after = [], "0"
    while True:
        page = signed.get("events", {"after": after, "limit": 3} | query).get_json()
        if not page["events"]:
            return events
        events += page["events"]
        after = page["next"]


def test_events_tell_what_happened_in_order(strict, body):
    """A-42, A-52"""
    project_id = strict.post("create_project", body).get_json()["project_id"]
    events = follow(strict, project_id=project_id)
    assert [event["verb"] for event in events] == ["project_created", "task_created"]
    created = events[0]
    assert (created["actor"], created["acting_as"], created["source"]) == (
        "key:system",
        None,
        "api",
    )
    assert created["object"] == {"kind": "project", "id": project_id}
    assert created["project_id"] == project_id
    assert created["cursor"] == str(created["id"])
    assert created["changes"]["before"] == {}
    assert created["changes"]["after"]["workflow"] == "simple"


def test_events_go_on_where_they_were_left(strict, make, session):
    """A-43"""
    work = make.work()
    session.commit()
    before = strict.get("events").get_json()
    assert strict.get("events", {"after": before["next"]}).get_json() == {
        "events": [],
        "next": before["next"],
    }
    body = {"task_id": work.task.id, "worker_id": work.writer.worker_id}
    strict.post("assign_worker_to_task", body)
    after = strict.get("events", {"after": before["next"]}).get_json()["events"]
    assert [event["verb"] for event in after] == ["task_assigned"]
    assert follow(strict) == before["events"] + after


def test_events_name_who_acted_as_whom_and_what_the_system_did(strict, make, session):
    """A-52"""
    project = make.project(step("write"))
    admin = Actor.of(make.admin("ada"), acting_as="alice")
    pause(session, admin, project.id)
    session.commit()
    told = {event["verb"]: event for event in follow(strict, project_id=project.id)}
    assert (told["project_created"]["actor"], told["project_created"]["source"]) == (
        "system",
        "job",
    )
    paused = told["project_paused"]
    assert (paused["actor"], paused["acting_as"], paused["source"]) == ("ada", "alice", "web")


def test_the_beginning_of_nothing_is_a_place_to_go_on_from(strict):
    """A-42"""
    first = strict.get("events", {"project_id": 2**62}).get_json()
    assert first["events"] == []
    assert strict.get("events", {"after": first["next"]}).status_code == 200


def test_events_can_be_chosen_by_verb(strict, make, session):
    """A-42"""
    make.work(TaskStatus.PENDING_REVIEW)
    session.commit()
    verbs = ["task_assigned", "task_submitted"]
    assert [event["verb"] for event in follow(strict, verb=verbs)] == verbs


def test_events_hold_no_drafts(strict, make, session):
    """A-43"""
    work = make.work(TaskStatus.PROCESSING)
    work.hand_over(work.writer, data={"draft": "a secret of the writer"})
    session.commit()
    assert "a secret of the writer" not in str(follow(strict))


def test_events_cost_the_same_however_many_there_are(strict, make, session, statements):
    make.work(TaskStatus.COMPLETE)
    session.commit()
    strict.get("events")
    with statements() as of_one:
        strict.get("events", {"limit": 1})
    with statements() as of_all:
        assert len(strict.get("events").get_json()["events"]) > 5
    assert len(of_all) == len(of_one) <= 4
