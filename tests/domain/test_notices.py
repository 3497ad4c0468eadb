"""Who is told of what, by the rules themselves; and the words (M-19 to M-22, M-24, M-25, M-30)."""

import pytest
import sqlalchemy as sa

from orchestra.database import transaction
from orchestra.domain import (
    advancing,
    interventions,
    lifecycle,
    machine,
    notices,
    pickup,
    projects,
    revert,
)
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.execution import Outcome, Runner
from orchestra.domain.locking import lock_task
from orchestra.domain.markup import as_html
from orchestra.domain.message_texts import LONGEST_NAME, WORDED, About, words
from orchestra.models import Channel, Message, MessageState, Project, Role, TaskStatus
from tests.builders import reviewed, step
from tests.domain.hostile import ABOUT

S = TaskStatus
RUNNER = Runner("host", 1)


@pytest.fixture
def told(session):
    """Whose inbox got what since the last call: ``[(kind, username), …]`` in order."""
    seen = [0]

    def fresh():
        session.flush()
        found = session.scalars(
            sa.select(Message).where(Message.id > seen[0]).order_by(Message.id)
        ).all()
        seen[0] = found[-1].id if found else seen[0]
        return [
            (message.kind, message.worker.username)
            for message in found
            if message.channel is Channel.INBOX
        ]

    return fresh


@pytest.fixture
def newest(session):
    """The newest message in an inbox."""
    of_inbox = sa.select(Message).where(Message.channel == Channel.INBOX)
    return lambda: session.scalars(of_inbox.order_by(Message.id.desc()).limit(1)).one()


# --- Tasks ------------------------------------------------------------------------------------


def test_a_review_is_told_as_it_goes(make, told):
    """M-20, M-21: the reviewer knows what they did themselves; the writer is told."""
    work = make.work()
    writer, reviewer = work.writer.name, work.reviewer.name
    work.assign(work.writer)
    assert told() == [("task_picked_up", writer)]
    work.hand_over(work.writer)
    assert told() == [("awaiting_review", writer)]
    work.assign(work.reviewer)
    assert told() == [("review_picked_up", reviewer)]
    work.hand_over(work.reviewer, "return")
    assert told() == [("returned", writer)]
    work.hand_over(work.writer)
    assert told() == [("ready_for_rereview", reviewer)]
    work.hand_over(work.reviewer, "accept")
    assert told() == [("completed", writer), ("completed", reviewer)]


def test_a_message_names_what_happened_where_and_leads_there(make, newest):
    """M-19"""
    work = make.work(S.REVIEWING)
    work.workers[work.reviewer.name].first_name = "Ben"
    work.hand_over(work.reviewer, "return")

    message, version = newest(), work.project.version
    assert message.subject == "Ben returned Write to you"
    assert message.text.splitlines()[-1] == (
        f"A project · {version.workflow.name}, version One · Write · task {work.task.id}"
    )
    assert message.url == f"/orchestra/app/task/{work.task.id}"
    assert (message.project_id, message.task_id) == (work.project.id, work.task.id)
    assert message.state is MessageState.SENT


def test_who_takes_a_task_by_the_button_finds_it_in_the_inbox_but_not_a_review(
    make, session, act, told
):
    """M-21"""
    version = make.version(
        step("write", required_certifications=["c"], review_policy=reviewed()), certifications=["c"]
    )
    ana, ben = make.worker(), make.worker()
    (certification,) = version.workflow.certifications
    make.grant(ana, certification)
    make.grant(ben, certification, Role.REVIEWER)
    make.project(version=version)
    assignment = act(pickup.pick_up, Actor.of(ana), Role.ENTRY_LEVEL)
    assert told() == [("task_picked_up", ana.username)]
    act(lifecycle.hand_over, Actor.of(ana), assignment.task_id, "submit", data={}, revision=1)
    told()
    act(pickup.pick_up, Actor.of(ben), Role.REVIEWER)
    assert told() == []


def test_what_a_project_admin_does_is_told_to_whom_it_concerns(make, session, act, told):
    """M-20"""
    work = make.work(S.REVIEWING)
    told()
    writer, reviewer, other = work.writer.name, work.reviewer.name, make.worker()
    act(interventions.reassign, work.admin, work.at(0).id, other)
    assert told() == [("reassigned_away", writer), ("reassigned_to", other.username)]
    act(interventions.unassign, work.admin, work.at(1).id)
    assert told() == [("unassigned", reviewer)]
    act(interventions.skip_task, work.admin, work.task.id)
    assert told() == [("completed_by_admin", other.username)]


def test_a_project_admin_is_not_told_what_they_did_themselves(make, session, act, told):
    """M-21"""
    work = make.work(S.PROCESSING)
    admin = work.workers[work.admin.name]
    act(interventions.reassign, work.admin, work.at(0).id, admin)
    told()
    act(interventions.skip_task, work.admin, work.task.id)
    assert told() == []


def test_a_revert_is_told_to_those_who_lose_or_regain_the_task(make, session, act, told):
    """M-20"""
    work = make.work(S.COMPLETE)
    told()
    first = work.at(0).iterations[0]
    act(revert.revert_task, work.admin, work.task.id, iteration_id=first.id)
    assert told() == []  # a report alone changes nothing
    act(revert.revert_task, work.admin, work.task.id, iteration_id=first.id, commit=True)
    assert told() == [("reverted", work.writer.name), ("reverted", work.reviewer.name)]


def test_the_same_change_at_another_time_is_told_again(make, session, act, told):
    """M-2"""
    work = make.work(S.PROCESSING)
    told()
    for _ in range(2):
        act(interventions.unassign, work.admin, work.at(0).id)
        work.assign(work.writer)
    again = [("unassigned", work.writer.name), ("task_picked_up", work.writer.name)]
    assert told() == again * 2


def test_noticing_a_change_twice_is_one_message(make, session, told):
    """M-2"""
    work = make.work(S.PROCESSING)
    told()
    for _ in range(2):
        notices.assigned(session, work.admin, lock_task(session, work.task.id), work.at(0))
    assert told() == []


# --- Projects ---------------------------------------------------------------------------------


def test_a_pause_is_told_to_those_with_open_tasks(make, session, act, told, newest):
    """M-20"""
    work = make.work(S.PENDING_REVIEW, after=[step("done")])
    done = make.task(work.project, "done")
    early = make.worker()
    act(lifecycle.assign_task, work.admin, done.id, early)
    act(lifecycle.hand_over, Actor.of(early), done.id, "submit", data={}, revision=1)
    told()
    act(projects.pause, work.admin, work.project.id, "The client is on holiday.")
    assert told() == [("project_paused", work.writer.name)]
    assert "Reason: The client is on holiday." in newest().text
    act(projects.resume, work.admin, work.project.id)
    assert told() == [("project_resumed", work.writer.name)]


def test_the_end_of_a_project_is_told_to_its_team(make, session, act, told, newest):
    """M-20"""
    project = make.project(step("write"))
    ana = make.worker()
    task = make.task(project, "write")
    act(lifecycle.assign_task, SYSTEM, task.id, ana)
    told()
    act(lifecycle.hand_over, Actor.of(ana), task.id, "submit", data={}, revision=1)
    assert told() == [("completed", ana.username), ("project_completed", ana.username)]
    assert newest().url == f"/orchestra/app/project/{project.id}"


def test_an_abort_is_told_once_to_each_worker_on_open_tasks(make, session, act, told):
    """M-20"""
    work = make.work(S.REVIEWING, after=[step("more")])
    writer = work.workers[work.writer.name]
    act(lifecycle.assign_task, work.admin, make.task(work.project, "other").id, writer)
    told()
    act(projects.abort, work.admin, work.project.id)
    assert sorted(told()) == sorted(
        [("task_aborted", work.writer.name), ("task_aborted", work.reviewer.name)]
    )


def test_work_that_another_step_made_superfluous_is_told(make, session, act, told):
    """M-20, L-106"""
    project = make.project(step("write"), step("end", completion_ends_project=True))
    ana, ben = make.worker(), make.worker()
    act(lifecycle.assign_task, SYSTEM, make.task(project, "write").id, ana)
    end = make.task(project, "end")
    act(lifecycle.assign_task, SYSTEM, end.id, ben)
    told()
    act(lifecycle.hand_over, Actor.of(ben), end.id, "submit", data={}, revision=1)
    assert told() == [
        ("completed", ben.username),
        ("task_aborted", ana.username),
        ("project_completed", ana.username),
        ("project_completed", ben.username),
    ]


# --- Machine steps and problems ---------------------------------------------------------------


def fail(act, project, **outcome):
    lease = act(machine.claim, project.id, "crawl", RUNNER)
    act(machine.record, lease, Outcome(**outcome))


def test_machine_steps_say_nothing_when_they_succeed(make, act, told):
    """M-22"""
    make.admin()
    fail(act, make.project(step("crawl", human=False)), result={})
    assert told() == []


def test_machine_steps_do_not_look_for_anybody_to_tell(make, session, statements):
    """M-22: each would pay for it, thousands of times an hour."""
    make.admin()
    project = make.project(step("crawl", human=False), step("publish", "crawl", human=False))
    session.commit()
    with statements() as seen:
        for slug in ("crawl", "publish"):
            with transaction() as opened:
                lease = machine.claim(opened, project.id, slug, RUNNER)
            with transaction() as opened:
                machine.record(opened, lease, Outcome(result={}))
    assert not [text for text in seen if "INTO message" in text or "worker." in text]
    with transaction() as opened:
        assert opened.get_one(Project, project.id).status == "completed"


def test_the_last_failure_is_told_to_project_admins_with_its_error(
    make, session, act, told, newest
):
    """M-24"""
    make.worker(), make.admin(is_active=False), make.worker(is_administrator=True)
    admin = make.admin()
    project = make.project(step("crawl", human=False, retry_policy={"max_attempts": 2}))
    fail(act, project, error="first")
    assert told() == []
    make.task(project, "crawl").next_attempt_at = None
    session.flush()
    fail(
        act, project, error="Traceback (most recent call last):\n  …\nValueError: no <b>rain</b>\n"
    )
    assert told() == [("machine_failed", admin.username)]
    assert "Problem: ValueError: no <b>rain</b>" in newest().text
    assert newest().url == f"/orchestra/app/project/{project.id}#task-{newest().task_id}"


def test_until_there_is_a_project_admin_administrators_are_told(make, act, told):
    """M-25"""
    administrator = make.worker(is_administrator=True)
    make.admin(is_active=False)
    project = make.project(step("crawl", human=False, retry_policy={"max_attempts": 1}))
    fail(act, project, error="no")
    assert told() == [("machine_failed", administrator.username)]


def test_a_creation_problem_is_told_once_however_often_it_comes(make, session, act, told):
    """M-24, L-33"""
    admin = make.admin()
    policy = {"policy_function": {"path": "tests.steps.want_if_told"}}
    project = make.project(step("write"), step("check", creation_policy=policy))
    assert told() == [("creation_problem", admin.username)]
    act(advancing.advance_stuck, project.id)
    assert told() == []


def test_a_policy_problem_is_told_once_per_task_and_level(make, act, told):
    """M-24"""
    admin = make.admin()
    policy = {"policy_function": {"entry_level": {"path": "tests.steps.fail_to_name"}}}
    project = make.project(step("write", assignment_policy=policy))
    assert told() == [("policy_problem", admin.username)]
    task, ana = make.task(project, "write"), make.worker()
    assignment = act(lifecycle.assign_task, SYSTEM, task.id, ana)
    act(interventions.unassign, SYSTEM, assignment.id)
    assert told() == [("task_picked_up", ana.username), ("unassigned", ana.username)]


# --- Words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(WORDED))
def test_the_words_of_each_kind_stand_whatever_is_in_the_data(kind):
    """M-19, M-30, I-22"""
    said = words(kind, ABOUT)

    assert said.subject.isprintable()
    assert len(said.subject) < 3 * LONGEST_NAME
    assert said.text.count("\n") == 2  # what happened, the detail, the facts
    assert "task 4" in said.text
    assert all(line.isprintable() for line in said.text.splitlines())
    html = as_html(said.text, "http://127.0.0.1:8000")
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("kind", sorted(WORDED))
def test_the_words_of_each_kind_are_sentences(kind):
    about = About(project="The Pope", workflow="News", version="1", step="Write", person="Ben")
    said = words(kind, about)

    assert not said.subject.endswith(".")
    assert "{" not in said.subject + said.text
    assert said.text.splitlines()[0].endswith(".")


def test_links_of_others_are_not_made_pressable():
    """M-13"""
    html = as_html("http://ours/a\n\nhttp://ours.evil/b\nhttp://evil/http://ours/", "http://ours")
    assert html.count("href=") == 1
    assert 'href="http://ours/a"' in html
