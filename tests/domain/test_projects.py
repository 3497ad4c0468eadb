"""Creating, pausing, resuming, aborting, completing and editing projects."""

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, lifecycle, projects
from orchestra.domain.audit import Actor
from orchestra.models import AuditEvent, ProjectStatus, TaskClass, TaskStatus
from orchestra.outbox import Job
from tests.builders import own, step


@pytest.fixture
def admin(make):
    return make.actor(make.admin("boss"))


@pytest.fixture
def wanted(make):
    """Valid input for a new project of a stored version."""
    version = make.version(step("a"), step("b", human=False))
    return {
        "workflow_slug": version.workflow.slug,
        "version_slug": "v1",
        "short_description": "Find a picture",
        "priority": 5,
        "task_class": TaskClass.TRAINING,
        "project_data": {"url": "https://example.org"},
    }


def aborted(project_description, sign="done"):
    return {"project": project_description.id, "sign": sign}


# --- Create (L-21 to L-23) --------------------------------------------------------------------


def test_a_new_project_is_active_and_has_its_due_tasks(act, make, admin, wanted, jobs, verbs):
    project = act(projects.create_project, admin, **wanted)

    assert project.status is ProjectStatus.ACTIVE
    assert (project.priority, project.task_class, project.created_by) == (5, "training", "boss")
    assert make.task(project, "a").status is TaskStatus.AWAITING_PROCESSING
    assert jobs() == [(Job.RUN_STEP, {"project_id": project.id, "step": "b"})]
    assert verbs() == ["project_created", "task_created", "task_created"]


def test_a_client_system_may_create_a_project(act, wanted):
    assert act(projects.create_project, Actor.of_key("client"), **wanted).created_by == "key:client"


def test_a_worker_may_not_create_a_project(refused, make, wanted):
    worker = make.actor(make.worker())
    refused("forbidden", projects.create_project, worker, **wanted | {"workflow_slug": "unknown"})


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"workflow_slug": "other"}, "other"), ({"version_slug": "v9"}, "v9")],
)
def test_workflow_and_version_must_be_loaded(refused, admin, wanted, changed, named):
    """The look-up comes before the input (L-22)."""
    asked = wanted | changed | {"short_description": ""}
    assert named in refused("not_found", projects.create_project, admin, **asked).message


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"short_description": ""}, "short_description"),
        ({"short_description": "  \n"}, "short_description"),
        ({"short_description": "x" * 1001}, "short_description"),
        ({"priority": 1_000_001}, "priority"),
        ({"priority": -1_000_001}, "priority"),
        ({"project_data": ["a"]}, "project_data"),
    ],
)
def test_invalid_input_names_its_field(refused, admin, wanted, changed, field):
    error = refused("invalid", projects.create_project, admin, **wanted | changed)
    assert list(error.fields) == [field]


def test_project_data_have_a_largest_size_counted_as_utf_8(
    act, refused, admin, wanted, change_settings
):
    """L-21: bytes, not the characters of an escaped text."""
    change_settings(max_task_data_bytes=1024)
    act(projects.create_project, admin, **wanted | {"project_data": {"text": "ä" * 500}})
    error = refused(
        "too_large", projects.create_project, admin, **wanted | {"project_data": {"t": "ä" * 600}}
    )
    assert "1209" in error.message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_project_data_must_be_json(refused, admin, wanted, value):
    """C-12: the field is told by the name that it has in the call."""
    error = refused(
        "invalid", projects.create_project, admin, **wanted | {"project_data": {"deep": [value]}}
    )
    assert list(error.fields) == ["project_data"]


# --- Pause, resume (L-102, L-103, L-107, L-140) -----------------------------------------------


def test_a_paused_project_says_who_paused_it_since_when_and_why(act, make, admin, last_event):
    """L-20, L-102"""
    project = make.project(step("a"))

    act(projects.pause, admin, project.id, "The client is away")

    assert project.status is ProjectStatus.PAUSED
    assert (project.paused_by, project.pause_reason) == ("boss", "The client is away")
    assert last_event("project_paused").note == "The client is away"
    with pytest.raises(projects.WrongStatus) as caught:
        act(projects.pause, admin, project.id)
    assert "Paused" in str(caught.value)


def test_a_refusal_in_a_paused_project_names_the_pause(act, make, refused):
    work = make.work(TaskStatus.PROCESSING)
    act(projects.pause, work.admin, work.project.id)
    error = refused(
        "project_paused",
        lifecycle.hand_over,
        work.writer,
        work.task.id,
        "submit",
        data={},
        revision=1,
    )
    since = work.project.paused_at.strftime("%d %B %Y, %H:%M UTC")
    assert work.admin.name in error.message
    assert since in error.message


@pytest.mark.parametrize("operation", [projects.pause, projects.resume, projects.abort])
def test_only_managers_pause_resume_and_abort(refused, make, operation):
    """P-20: forbidden, whether or not the project exists."""
    worker, project = make.actor(make.worker()), make.project(step("a"))
    refused("forbidden", operation, worker, project.id)
    refused("forbidden", operation, worker, 999)


@pytest.mark.parametrize("operation", [projects.pause, projects.resume, projects.abort])
def test_an_unknown_project_is_not_found(refused, admin, operation):
    refused("not_found", operation, admin, 999)


def test_a_second_pause_resume_or_abort_is_refused(act, refused, make, admin):
    """L-107, and L-140: wrong_status, not a gate"""
    project = make.project(step("a"))
    refused("wrong_status", projects.resume, admin, project.id)
    act(projects.pause, admin, project.id)
    refused("wrong_status", projects.pause, admin, project.id)
    act(projects.resume, admin, project.id)
    refused("wrong_status", projects.resume, admin, project.id)
    act(projects.abort, admin, project.id)
    for operation in (projects.pause, projects.resume, projects.abort):
        refused("wrong_status", operation, admin, project.id)


def test_resume_creates_the_tasks_that_became_due_and_dispatches_what_waits(
    act, make, admin, jobs, session
):
    """L-103"""
    project = make.project(step("a"), step("waits", human=False))
    act(projects.pause, admin, project.id)
    session.execute(sa.text("DELETE FROM outbox_message"))

    act(projects.resume, admin, project.id)

    assert jobs() == [(Job.RUN_STEP, {"project_id": project.id, "step": "waits"})]
    assert (project.paused_at, project.paused_by, project.pause_reason) == (None, None, None)


# --- Abort (L-104, L-105) ---------------------------------------------------------------------


def test_abort_freezes_open_tasks_and_forgets_their_jobs(act, make, jobs, verbs):
    work = make.work(TaskStatus.PROCESSING, after=[step("machine", human=False)])
    finished = make.task(work.project, "other")
    act(interventions.skip_task, work.admin, finished.id)
    act(lifecycle.save_draft, work.writer, work.task.id, {"half": "done"}, 1)
    verbs()

    act(projects.abort, work.admin, work.project.id)

    assert work.project.status is ProjectStatus.ABORTED
    assert work.project.ended_at
    assert work.task.status is TaskStatus.ABORTED
    assert finished.status is TaskStatus.COMPLETE
    assert work.at(0).data == {"half": "done"}
    assert work.at(0).status == "processing"
    assert {job for job, _ in jobs()} == {Job.DELIVER_MESSAGE}  # people are told, nothing runs
    assert verbs() == ["task_aborted", "task_aborted", "project_aborted"]


def test_abort_asks_for_the_authors_function_once(act, make, admin, jobs):
    function = {"path": "tests.domain.test_projects.aborted", "kwargs": {"sign": "over"}}
    project = make.project(step("a"), abort_completion_function=function)

    act(projects.abort, admin, project.id)

    assert jobs() == [(Job.AFTER_ABORT, {"project_id": project.id})]


# --- Complete (L-37, L-106) -------------------------------------------------------------------


def test_the_last_task_completes_the_project(act, make, verbs):
    work = make.work(TaskStatus.REVIEWING)
    act(interventions.skip_task, work.admin, make.task(work.project, "other").id)
    verbs()

    work.hand_over(work.reviewer, "accept")

    assert work.project.status is ProjectStatus.COMPLETED
    assert work.project.ended_at
    assert verbs() == ["task_accepted", "review_drawn", "task_completed", "project_completed"]


def test_a_step_that_ends_the_project_aborts_what_is_open(act, make, jobs, verbs):
    project = make.project(
        step("end", completion_ends_project=True),
        step("open"),
        step("machine", human=False),
        step("after", "end"),
    )
    admin = make.actor(make.admin())
    verbs()

    act(interventions.skip_task, admin, make.task(project, "end").id)

    assert project.status is ProjectStatus.COMPLETED
    assert make.task(project, "open").status is TaskStatus.ABORTED
    assert make.task(project, "machine").status is TaskStatus.ABORTED
    assert len(project.tasks) == 3
    assert jobs() == []
    ends = ["task_aborted", "task_aborted", "project_completed"]
    assert verbs() == ["task_skipped", "task_completed", *ends]


def test_a_step_that_ends_the_project_during_a_pause_ends_it_at_resume(act, make, admin, session):
    """L-103"""
    project = make.project(step("end", completion_ends_project=True), step("open"))
    task = make.task(project, "end")
    act(projects.pause, admin, project.id)
    task.status, task.result = TaskStatus.COMPLETE, {}  # as a running machine step would leave it
    session.flush()

    act(projects.resume, admin, project.id)

    assert project.status is ProjectStatus.COMPLETED
    assert make.task(project, "open").status is TaskStatus.ABORTED


# --- Edit (L-108) -----------------------------------------------------------------------------


def test_an_edit_keeps_before_and_after_of_what_changed(act, make, admin, last_event):
    project = make.project(step("a"), project_data={"a": 1})
    changes = {"priority": 7, "project_data": {"b": 2}, "short_description": "A project"}

    act(projects.edit_project, admin, project.id, revision=1, changes=changes)

    assert (project.priority, own(project.project_data), project.revision) == (7, {"b": 2}, 2)
    event = last_event("project_edited")
    before, after = event.before["project_data"], event.after["project_data"]
    assert (event.before["priority"], own(before)) == (0, {"a": 1})
    assert (event.after["priority"], own(after)) == (7, {"b": 2})
    assert before["project_folder_id"] == after["project_folder_id"]  # nobody edits that away


def test_an_edit_that_changes_nothing_writes_nothing(act, make, admin, stored):
    project = make.project(step("a"), project_data={"a": 1})
    before = stored()
    act(projects.edit_project, admin, project.id, revision=1, changes={"project_data": {"a": 1}})
    assert stored() == before


def test_true_is_not_one_in_project_data(act, make, admin, session):
    project = make.project(step("a"), project_data={"a": 1})
    changes = {"project_data": {"a": True}}
    act(projects.edit_project, admin, project.id, revision=1, changes=changes)
    session.refresh(project)
    assert project.project_data["a"] is True


def test_an_edit_of_an_old_revision_is_refused_with_the_newer_one(act, refused, make, admin):
    """L-108, L-143"""
    project = make.project(step("a"))
    act(projects.edit_project, admin, project.id, revision=1, changes={"priority": 2})
    error = refused(
        "stale_revision",
        projects.edit_project,
        admin,
        project.id,
        revision=1,
        changes={"priority": 3},
    )
    assert error.details["revision"] == 2
    assert error.details["data"]["priority"] == 2
    assert error.details["saved_by"] == "boss"
    assert error.details["saved_at"]


def test_a_revision_of_the_future_is_invalid(refused, make, admin):
    """L-143"""
    project = make.project(step("a"))
    refused("invalid", projects.edit_project, admin, project.id, revision=2, changes={})


def test_an_edit_is_validated_like_a_new_project(refused, make, admin):
    project = make.project(step("a"))
    changes = {"short_description": ""}
    refused("invalid", projects.edit_project, admin, project.id, revision=1, changes=changes)


def test_only_managers_edit(refused, make):
    project = make.project(step("a"))
    worker = make.actor(make.worker())
    refused("forbidden", projects.edit_project, worker, project.id, revision=1, changes={})


# --- Audit (P-56 to P-60) ---------------------------------------------------------------------


def test_an_event_names_actor_source_object_and_project(act, make, admin, last_event):
    """P-56"""
    project = make.project(step("a"))
    act(projects.pause, admin, project.id)
    event = last_event("project_paused")
    assert (event.actor, event.source, event.acting_as) == ("boss", "web", None)
    assert (event.object_kind, event.object_id) == ("project", project.id)
    assert event.project_id == project.id
    assert event.at


@pytest.mark.parametrize(
    "change", [sa.update(AuditEvent).values(actor="me"), sa.delete(AuditEvent)]
)
def test_the_database_refuses_to_change_or_delete_an_event(session, make, change):
    """P-58"""
    make.project(step("a"))
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        session.execute(change, execution_options={"synchronize_session": False})
