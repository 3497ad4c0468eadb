"""What the page of a project is made of (W-52 to W-62, P-60)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, lifecycle, project_list, projects, story, versions
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.project_list import Filters
from orchestra.domain.project_page import project_page, submitted
from orchestra.domain.waiting import next_action, words_for
from orchestra.errors import NotFound
from orchestra.models import (
    Attempt,
    AttemptOutcome,
    AuditEvent,
    CreationProblem,
    ProjectStatus,
    Source,
    Task,
    TaskClass,
    TaskStatus,
    Verb,
)
from tests.builders import step

S = TaskStatus


@pytest.fixture
def admin(make):
    return make.admin("mia", first_name="Mia")


def fail(session, task, error="ValueError: no page"):
    """As a machine step that has had all its attempts."""
    task.status, task.attempts, task.last_error = TaskStatus.FAILED, 3, error
    for number in range(1, 4):
        session.add(
            Attempt(
                task_id=task.id,
                number=number,
                fencing_number=number,
                host="box",
                process=1,
                outcome=AttemptOutcome.FAILED,
                error=error,
                traceback=f"Traceback {number}",
            )
        )
    session.flush()


# --- The page ---------------------------------------------------------------------------------


def test_the_rows_are_the_steps_in_dependency_order(session, make, admin):
    """W-55"""
    project = make.project(step("c", "b"), step("b", "a"), step("a"))
    page = project_page(session, admin, project.id)
    assert [row.step.slug for row in page.rows] == ["a", "b", "c"]
    assert [row.task is not None for row in page.rows] == [True, False, False]
    assert page.tasks == [page.rows[0]]


@pytest.mark.parametrize(
    ("status", "words", "next_one"),
    [
        (S.AWAITING_PROCESSING, "waiting for a worker", "A worker takes it"),
        (S.PROCESSING, "{writer} has been working on it", "{writer} submits it"),
        (S.PENDING_REVIEW, "waiting for a reviewer", "A reviewer takes it"),
        (S.REVIEWING, "{reviewer} has been reviewing it", "{reviewer} accepts or returns it"),
        (S.POST_REVIEW_PROCESSING, "{writer} has been reworking it", "{writer} reworks it"),
    ],
)
def test_the_page_says_whose_turn_it_is(session, make, admin, status, words, next_one):
    """W-53, W-55"""
    work = make.work(status)
    page = project_page(session, admin, work.project.id)
    names = {"writer": work.writer.name, "reviewer": work.reviewer.name}
    row = next(row for row in page.rows if row.step.slug == "write")
    assert row.waiting.sentence == f"Write: {words.format(**names)}"
    assert row.next_action == next_one.format(**names)


@pytest.mark.parametrize(
    ("status", "attempts", "words"),
    [
        (S.AWAITING_PROCESSING, 0, "waiting for the machine"),
        (S.AWAITING_PROCESSING, 1, "waiting for its next try"),
        (S.PROCESSING, 1, "the machine has been working on it"),
        (S.FAILED, 3, "failed and waiting for a project admin"),
    ],
)
def test_machine_steps_have_words_of_their_own(status, attempts, words):
    task = Task(is_human=False, status=status, attempts=attempts)
    assert words_for(task, None) == words
    assert next_action(task, None)


def test_finished_tasks_wait_for_nothing(session, make, admin):
    work = make.work(S.COMPLETE)
    page = project_page(session, admin, work.project.id)
    assert [waiting.step for waiting in page.waiting] == ["Other"]
    done = next(row for row in page.rows if row.step.slug == "write")
    assert (done.next_action, done.since) == ("", done.task.ended_at)


def test_failed_steps_are_named_first(session, make, admin):
    """W-53, W-58"""
    project = make.project(step("write"), step("crawl", human=False))
    fail(session, make.task(project, "crawl"))
    page = project_page(session, admin, project.id)
    assert [waiting.step for waiting in page.waiting] == ["Crawl", "Write"]
    (row,) = page.failed
    assert row.last_error == "ValueError: no page"


def test_the_last_attempts_come_with_one_traceback(session, make, admin):
    """W-55"""
    project = make.project(step("crawl", human=False))
    fail(session, make.task(project, "crawl"))
    (row,) = project_page(session, admin, project.id).rows
    seen = [(attempt.number, attempt.traceback) for attempt in row.attempts]
    assert seen == [(3, "Traceback 3"), (2, None), (1, None)]


def test_rounds_say_how_they_ended(session, make, admin):
    """W-56"""
    work = make.work(S.POST_REVIEW_PROCESSING)
    row = project_page(session, admin, work.project.id).rows[0]
    assert [past.verb for past in row.rounds] == ["submitted", "returned", "in progress"]
    assert [past.level for past in row.rounds] == [0, 1, 0]


def test_discarded_rounds_stay_in_sight(session, make, admin):
    """W-56"""
    work = make.work(S.PROCESSING)
    interventions.unassign(session, work.admin, work.at(0).id)
    session.flush()
    row = project_page(session, admin, work.project.id).rows[0]
    assert [past.verb for past in row.rounds] == ["discarded"]
    assert row.assignments == []


def test_what_was_handed_over_is_for_project_admins(session, make, admin):
    """W-56, W-60"""
    work = make.work(S.PENDING_REVIEW)
    page = project_page(session, admin, work.project.id)
    past = page.rows[0].rounds[0]
    shown = submitted(session, admin, work.project.id, past.iteration.id)
    assert shown.iteration.submitted_data == {"by": work.writer.name}
    other = make.project(step("a"))
    for viewer, project in ((work.workers[work.writer.name], work.project), (admin, other)):
        with pytest.raises(NotFound):
            submitted(session, viewer, project.id, past.iteration.id)


def test_workers_on_the_project_see_no_problems_and_may_do_nothing(session, make):
    """W-60"""
    work = make.work(S.PROCESSING, after=[step("crawl", human=False)])
    fail(session, make.task(work.project, "crawl"))
    session.add(CreationProblem(project_id=work.project.id, step="later", error="Boom"))
    session.flush()
    page = project_page(session, work.workers[work.writer.name], work.project.id)
    assert page.is_reduced
    assert not page.allowed
    assert not page.creation_problems
    assert not any(row.allowed or row.attempts for row in page.rows)
    assert [row.step.slug for row in page.tasks if page.may_open(row)] == ["write"]


def test_others_are_told_that_there_is_no_project(session, make):
    """P-20, W-60"""
    work = make.work(S.PROCESSING)
    stranger = make.worker()
    for project_id in (work.project.id, 4711):
        with pytest.raises(NotFound, match="There is no project"):
            project_page(session, stranger, project_id)


def test_the_page_has_what_an_admin_may_do(session, make, admin):
    """N-18"""
    work = make.work(S.PROCESSING)
    page = project_page(session, admin, work.project.id)
    assert "pause" in page.allowed
    assert "unassign" in page.rows[0].allowed


# --- The list ---------------------------------------------------------------------------------


def ids(found):
    return [row.project.id for row in found.rows]


def listed(session, page=1, **filters):
    return project_list.project_list(session, Filters(**filters), page)


def test_the_newest_projects_come_first(session, make):
    first, second = make.project(step("a")), make.project(step("a"))
    assert ids(listed(session)) == [second.id, first.id]


def test_projects_are_filtered(session, make):
    """W-52"""
    plain = make.project(step("a"), slug="plain")
    training = make.project(version=plain.version, task_class=TaskClass.TRAINING)
    paused = make.project(step("a"), slug="other")
    paused.short_description = "100% rain"
    session.flush()
    projects.pause(session, SYSTEM, paused.id)
    session.flush()
    assert ids(listed(session, statuses=[ProjectStatus.PAUSED])) == [paused.id]
    assert ids(listed(session, workflow_slug="plain")) == [training.id, plain.id]
    assert ids(listed(session, workflow_slug="plain", version_slug="v2")) == []
    assert ids(listed(session, task_class=TaskClass.TRAINING)) == [training.id]
    assert ids(listed(session, text="RAIN")) == [paused.id]
    assert ids(listed(session, text="0% r")) == [paused.id]
    assert ids(listed(session, text="%")) == [paused.id]
    assert ids(listed(session, text=f"#{plain.id}")) == [plain.id]
    assert ids(listed(session, started_after=paused.started_at)) == [paused.id]
    assert ids(listed(session, started_before=plain.started_at)) == [plain.id]


def test_fifty_projects_make_a_page(session, make):
    """W-52"""
    version = make.version(step("a"))
    for _ in range(51):
        make.project(version=version)
    found = listed(session)
    assert (len(found.rows), found.total, found.pages) == (50, 51, 2)
    assert len(listed(session, 2).rows) == 1
    assert listed(session, 3).rows == []


def test_a_row_says_for_whom_the_project_waits(session, make):
    """W-52"""
    work = make.work(S.REVIEWING)
    (row,) = listed(session).rows
    assert (row.open_tasks, row.total_tasks) == (2, 2)
    assert [waiting.sentence for waiting in row.waiting] == [
        f"Write: {work.reviewer.name} has been reviewing it",
        "Other: waiting for a worker",
    ]


def test_the_list_costs_the_same_for_one_and_for_thirty_projects(session, make, statements):
    def cost():
        session.expunge_all()
        versions._graphs.clear()
        with statements() as seen:
            listed(session)
        return len(seen)

    make.work(S.REVIEWING)
    alone = cost()
    for _ in range(10):
        make.work(S.REVIEWING)
    assert cost() == alone <= 6


# --- The history ------------------------------------------------------------------------------


def texts(session, project, **filters):
    session.flush()
    return [event.text for event in story.history(session, project.id, **filters).events]


def test_the_history_is_told_in_words_newest_first(session, make):
    """P-60"""
    work = make.work(S.COMPLETE)
    writer, reviewer = work.writer.name, work.reviewer.name
    told = texts(session, work.project)
    assert told[-1].startswith("The system created the project, with workflow-")
    assert [text for text in reversed(told) if "Write" in text] == [
        "The system created the task Write.",
        f"{work.admin.name} gave Write to {writer} to do it.",
        f"{writer} submitted Write.",
        "The system decided that Write is to be reviewed.",
        f"{work.admin.name} gave Write to {reviewer} to review it.",
        f"{reviewer} accepted Write.",
        "The system decided that Write needs no review.",
        "The system completed Write.",
    ]


@pytest.mark.parametrize("verb", [v for v in Verb if v.startswith(("task_", "machine_"))])
def test_what_happens_to_tasks_has_a_sentence(session, make, verb):
    project = make.project(step("a"))
    event = AuditEvent(
        actor="system",
        source=Source.JOB,
        verb=verb,
        object_kind="task",
        object_id=make.task(project, "a").id,
        project_id=project.id,
    )
    session.add(event)
    (newest, *_) = texts(session, project)
    assert "noted" not in newest
    assert " A" in newest


def test_the_history_is_filtered_by_task_and_person(session, make):
    """P-60"""
    work = make.work(S.REVIEWING)
    other = make.task(work.project, "other")
    of_task = texts(session, work.project, task_id=other.id)
    assert of_task == ["The system created the task Other."]
    of_person = texts(session, work.project, person=work.reviewer.name)
    assert of_person == [f"{work.admin.name} gave Write to {work.reviewer.name} to review it."]


def test_drafts_belong_to_the_history_of_their_task(session, make):
    work = make.work(S.PROCESSING)
    lifecycle.save_draft(session, work.writer, work.task.id, {"a": 1}, work.at(0).revision)
    told = texts(session, work.project, task_id=work.task.id)
    assert told[0] == f"{work.writer.name} saved a draft of Write."


def test_moved_work_names_both_people(session, make):
    work = make.work(S.PROCESSING)
    ben = make.worker("ben", first_name="Ben")
    interventions.reassign(session, work.admin, work.at(0).id, ben)
    interventions.unassign(session, work.admin, work.at(0).id)
    told = texts(session, work.project)
    assert told[:2] == [
        f"{work.admin.name} took Write back from Ben.",
        f"{work.admin.name} moved Write from {work.writer.name} to Ben.",
    ]
    assert texts(session, work.project, person="ben") == told[:2]


def test_failures_tell_their_first_line_and_notes_stay(session, make, admin):
    work = make.work(S.PROCESSING)
    interventions.skip_task(session, Actor.of(admin), work.task.id, "Not needed")
    told = story.history(session, work.project.id, person="mia").events
    assert [(event.text, event.note) for event in told] == [("Mia skipped Write.", "Not needed")]
    session.add(
        AuditEvent(
            actor="system",
            source=Source.JOB,
            verb=Verb.MACHINE_FAILED,
            object_kind="task",
            object_id=work.task.id,
            project_id=work.project.id,
            after={"attempt": 2, "error": "Boom\nmore", "ends": False},
        )
    )
    assert texts(session, work.project)[0] == (
        "The system failed to run Write in attempt 2 and tries again: Boom"
    )


def test_files_and_given_up_jobs_are_part_of_the_story(session, make):
    project = make.project(step("a"))
    for verb, kind, before, after in [
        (Verb.FILE_CHANGED, "project", None, {"file": "f1", "name": "plan.pdf"}),
        (Verb.FILE_CHANGED, "project", {"file": "f1", "name": "plan.pdf"}, None),
        (Verb.FILE_CHANGED, "project", None, {"file": "f2", "name": "Raw", "kind": "folder"}),
        (Verb.FILE_CHANGED, "project", None, {"file": "f3", "name": "Draft", "revision": "2"}),
        (Verb.FILE_CHANGED, "project", {"file": "f2", "name": "Raw", "kind": "folder"}, None),
        (Verb.DEAD_LETTER_DECIDED, "outbox_message", None, {"decision": "sent_again"}),
        (Verb.DEAD_LETTER_DECIDED, "message", None, {"decision": "discarded", "task": "none"}),
    ]:
        session.add(
            AuditEvent(
                actor="mia",
                source=Source.WEB,
                verb=verb,
                object_kind=kind,
                object_id=1,
                project_id=project.id,
                before=before,
                after=after,
            )
        )
        session.flush()
    assert texts(session, project)[:7] == [
        "mia decided about a message that was given up: discarded.",
        "mia decided about a job that was given up: sent again.",
        "mia removed the folder Raw.",
        "mia wrote in the document Draft.",
        "mia added the folder Raw.",
        "mia removed the file plan.pdf.",
        "mia added the file plan.pdf.",
    ]
    task_id = make.task(project, "a").id
    assert texts(session, project, task_id=task_id) == ["The system created the task A."]


def test_the_history_comes_in_pages(session, make):
    """P-60"""
    work = make.work(S.PROCESSING)
    for _ in range(60):
        session.add(
            AuditEvent(
                actor="mia",
                source=Source.WEB,
                verb="acting_started",
                object_kind="project",
                object_id=work.project.id,
                project_id=work.project.id,
            )
        )
    session.flush()
    first = story.history(session, work.project.id)
    assert len(first.events) == story.EVENTS_PER_PAGE
    assert first.events[0].text == "mia noted: acting started."
    second = story.history(session, work.project.id, before=first.next_before)
    assert second.next_before is None
    total = session.scalar(
        sa.select(sa.func.count())
        .select_from(AuditEvent)
        .where(AuditEvent.project_id == work.project.id)
    )
    assert len(first.events) + len(second.events) == total


def test_the_people_of_the_history_are_those_on_the_project_and_those_who_acted(session, make):
    work = make.work(S.PROCESSING)
    names = {username for username, _ in story.people(session, work.project.id)}
    assert names == {work.writer.name, work.admin.name}


def test_the_history_of_no_project_is_not_found(session):
    with pytest.raises(NotFound):
        story.history(session, 4711)
