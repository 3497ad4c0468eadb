"""The channel of a project at Slack, from its making to its archive, and Slack away for long."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import current_app

from orchestra.database import transaction, utcnow
from orchestra.domain import (
    administration,
    channel_members,
    channel_names,
    interventions,
    lifecycle,
    profiles,
    projects,
    revert,
    team_messages,
)
from orchestra.domain.audit import SYSTEM
from orchestra.domain.profiles import Profile
from orchestra.models import (
    Assignment,
    AuditEvent,
    ChannelMember,
    Iteration,
    Message,
    MessageState,
    Project,
    ProjectChannel,
    TaskClass,
    Worker,
)
from orchestra.outbox import Job, OutboxMessage
from orchestra.tasks.chat import find_person, follow_channel
from orchestra.tasks.messages import deliver
from tests.builders import step
from tests.contract.slack_server import BOT, TOKEN

RUN = {
    Job.FOLLOW_CHANNEL: follow_channel.run,
    Job.FIND_PERSON: find_person.run,
    Job.DELIVER_MESSAGE: deliver.run,
}


@pytest.fixture
def chat_is_on(app, change_settings, slack):
    change_settings(
        slack_api_url=slack.url, slack_experts_enabled=True, slack_experts_api_key=TOKEN
    )
    yield
    app.extensions.pop("orchestra_chats", None)


@pytest.fixture
def begin(chat_is_on, session, make):
    def began(*steps, description="Rain & <!channel> in New York"):
        version = make.version(*steps or [step("write")])
        session.flush()
        project = projects.create_project(
            session,
            SYSTEM,
            workflow_slug=version.workflow.slug,
            version_slug="v1",
            short_description=description,
            priority=0,
            task_class=TaskClass.REAL,
            project_data={},
        )
        session.commit()
        return project

    return began


@pytest.fixture
def run_jobs(session, slack):
    """Run what is due now, the oldest first, until nothing is; as the relay would."""

    def run(*, late=timedelta()):
        session.commit()
        for _ in range(3 if slack.is_down else 50):
            due = sa.select(OutboxMessage.job, OutboxMessage.kwargs).where(
                OutboxMessage.job.in_(RUN), OutboxMessage.resend_at.is_not(None)
            )
            soon = OutboxMessage.resend_at <= utcnow() + timedelta(seconds=95) + late
            wishes = session.execute(due.where(soon).order_by(OutboxMessage.id)).all()
            session.commit()
            if not wishes:
                return
            for job, kwargs in wishes:
                RUN[job](**kwargs)
        assert slack.is_down, "the jobs never end"

    return run


@pytest.fixture
def follow(session):
    def followed(project):
        session.commit()
        follow_channel.run(project.id)

    return followed


@pytest.fixture
def stored(session):
    def found(project):
        session.expire_all()
        return session.get(Project, project.id), session.get(ProjectChannel, project.id)

    return found


@pytest.fixture
def channel(slack, stored):
    return lambda project: slack.workspace.channels[stored(project)[0].channel_id]


def assign(session, make, project, slug, worker):
    lifecycle.assign_task(session, make.actor(make.admin()), make.task(project, slug).id, worker)
    session.commit()


# --- The channel ----------------------------------------------------------------------------------


def test_a_project_gets_one_private_channel_that_says_what_it_is_for(
    begin, run_jobs, follow, slack, channel, stored
):
    """I-12, I-13, I-19"""
    project = begin()
    run_jobs()
    follow(project)

    made = channel(project)
    assert list(slack.workspace.channels.values()) == [made]
    assert made.is_private
    slug, _, drawn = made.name.rpartition("-")
    assert (slug, len(drawn)) == ("rain-channel-in", 4)
    assert made.topic == "Rain &amp; &lt;!channel&gt; in New York"
    assert made.purpose.startswith("Discussing work on Rain")
    (first,) = made.texts
    assert "<!channel>" not in first
    folder = stored(project)[0].project_folder_url
    assert f"<http://127.0.0.1:8000{folder}|Project folder>" in first
    assert "|Team messages>" in first


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize(
    "method", ["conversations.create", "conversations.setTopic", "conversations.setPurpose"]
)
def test_a_job_that_is_cut_anywhere_makes_no_second_channel(
    begin, run_jobs, follow, slack, channel, method, cut
):
    """I-12"""
    project = begin()
    slack.fault(method, cut=cut)
    follow(project)
    run_jobs()

    assert list(slack.workspace.channels.values()) == [channel(project)]
    assert channel(project).purpose


def test_a_name_that_is_taken_is_drawn_anew(begin, run_jobs, slack, channel):
    """I-12"""
    project = begin()
    slack.fault("conversations.create", times=9, error="name_taken")
    run_jobs()
    assert len(channel(project).name) <= 21
    assert slack.count("conversations.create") == 10


def test_when_every_name_is_taken_the_project_goes_on_and_its_admins_are_told(
    begin, run_jobs, slack, stored, session, make
):
    """I-12, L-24, W-58"""
    make.admin()
    project = begin()
    slack.fault("conversations.create", times=10, error="name_taken")
    run_jobs()
    found, row = stored(project)
    assert found.channel_id is None
    assert "Every name that was drawn is taken" in row.problem
    told = session.scalars(sa.select(Message).where(Message.kind == "preparation_problem"))
    assert {message.project_id for message in told} == {project.id}
    (first,) = session.scalars(sa.select(Message).where(Message.kind == "channel_opened"))
    assert (first.state, first.last_error) == (MessageState.OFF, row.problem)


def test_the_channel_is_archived_when_all_is_said_and_opened_again_by_a_revert(
    begin, run_jobs, follow, slack, channel, session, make
):
    """I-17"""
    project, ana = begin(), make.worker(slack_user_id="UANA")
    slack.workspace.add_user("UANA", "ana")
    assign(session, make, project, "write", ana)
    run_jobs()
    task = make.task(project, "write")
    lifecycle.hand_over(session, make.actor(ana), task.id, "submit", data={}, revision=1)
    run_jobs()
    assert channel(project).is_archived
    assert "complete" in channel(project).texts[-1]
    follow(project)

    again = revert.revert_task(
        session,
        make.actor(make.admin()),
        task.id,
        iteration_id=iteration_of(session, task.id),
        commit=True,
    )
    assert again
    run_jobs()
    assert not channel(project).is_archived
    assert any("open again" in text for text in channel(project).texts)

    slack.workspace.channels[channel(project).id].is_archived = True  # by somebody, in Slack
    projects.abort(session, make.actor(make.admin()), project.id)
    session.execute(sa.delete(OutboxMessage).where(OutboxMessage.job == Job.DELIVER_MESSAGE))
    session.execute(
        sa.update(Message).where(Message.state == "waiting").values(state=MessageState.OFF)
    )
    run_jobs()
    assert channel(project).is_archived


def test_a_project_that_is_older_than_the_chat_gets_its_channel_with_the_next_post(
    chat_is_on, change_settings, run_jobs, slack, channel, session, make
):
    """I-12"""
    change_settings(slack_experts_enabled=False)
    project, ana = make.project(step("write"), step("draw")), make.worker(slack_user_id="UANA")
    slack.workspace.add_user("UANA", "ana")
    assign(session, make, project, "write", ana)
    make_older(session, project, timedelta(days=3))
    change_settings(slack_experts_enabled=True)
    team_messages.send(session, make.actor(make.admin()), project.id, "Hello, @everybody")
    run_jobs()
    assert members_of(channel(project)) == ["UANA"]
    assert any("Hello, @\u200beverybody" in text for text in channel(project).texts)


def test_the_topic_follows_the_description(begin, run_jobs, channel, session, make, stored):
    """I-12"""
    project = begin()
    run_jobs()
    admin, name = make.actor(make.admin()), channel(project).name
    changes = {"short_description": "Snow"}
    revision = stored(project)[0].revision
    projects.edit_project(session, admin, project.id, revision=revision, changes=changes)
    run_jobs()
    assert (channel(project).topic, channel(project).name) == ("Snow", name)


@pytest.fixture
def rename(session, make):
    admin = []

    def renamed(project, name):
        admin.extend([] if admin else [make.actor(make.admin())])
        channel_names.rename(session, admin[0], project.id, name)
        session.commit()

    return renamed


def test_project_admins_rename_the_channel(
    begin, run_jobs, follow, rename, slack, channel, stored, session
):
    """I-10: after the commit, and once."""
    project = begin()
    run_jobs()
    drawn = channel(project).name
    rename(project, " #Rain-Desk ")
    assert (channel(project).name, stored(project)[1].wanted_name) == (drawn, "rain-desk")
    run_jobs()
    follow(project)
    row = stored(project)[1]
    assert (row.name, row.wanted_name, row.name_problem) == ("rain-desk", None, None)
    assert (channel(project).name, slack.count("conversations.rename")) == ("rain-desk", 1)
    event = session.scalars(sa.select(AuditEvent).where(AuditEvent.verb == "channel_changed")).one()
    assert (event.before, event.after) == ({"name": drawn}, {"name": "rain-desk"})


def test_a_name_that_slack_refuses_is_told_and_stops_nothing_else(
    begin, run_jobs, rename, slack, channel, stored, session, make
):
    """I-10, L-24"""
    project, ana = begin(), make.worker(slack_user_id="UANA")
    slack.workspace.add_user("UANA", "ana")
    slack.workspace.add_channel("rain-desk", creator="USOMEBODY")
    run_jobs()
    drawn = channel(project).name
    rename(project, "rain-desk")
    assign(session, make, project, "write", ana)
    run_jobs()
    row = stored(project)[1]
    assert (row.name, row.wanted_name, row.problem) == (drawn, None, None)
    assert "cannot be called rain-desk" in row.name_problem
    assert "name_taken. Choose another name" in row.name_problem
    assert members_of(channel(project)) == ["UANA"]

    rename(project, "rain-desk-2")
    run_jobs()
    row = stored(project)[1]
    assert (row.name, row.name_problem) == ("rain-desk-2", None)
    slack.fault("conversations.rename", error="restricted_action")
    rename(project, "rain-desk-3")
    run_jobs()
    assert "ask its administrator" in stored(project)[1].name_problem


def test_a_channel_that_was_renamed_before_the_answer_got_lost_is_renamed(
    begin, run_jobs, rename, slack, channel, stored
):
    """I-10, R-12: Slack has the name of this very channel for taken then."""
    project = begin()
    run_jobs()
    rename(project, "rain-desk")
    slack.fault("conversations.rename", cut="after")
    run_jobs()
    assert slack.count("conversations.rename") == 2
    row = stored(project)[1]
    assert (channel(project).name, row.name, row.name_problem) == ("rain-desk", "rain-desk", None)


def test_a_later_wish_for_a_name_wins(app, begin, run_jobs, rename, slack, channel, stored):
    """I-10: somebody asks for another one while the service is at it."""
    project = begin()
    run_jobs()
    do_rename, asked = slack.workspace.do_conversations_rename, []

    def rename_meanwhile(**given):
        if not asked:
            asked.append(given)
            with app.app_context(), transaction() as fresh:
                fresh.get(ProjectChannel, project.id).wanted_name = "hail"
        return do_rename(**given)

    slack.workspace.do_conversations_rename = rename_meanwhile
    rename(project, "rain")
    run_jobs()
    assert (channel(project).name, stored(project)[1].wanted_name) == ("hail", None)


def test_once_slack_is_back_an_old_failure_does_not_count(
    begin, run_jobs, slack, stored, session, make
):
    """M-6: it is tried for a day from the first failure in a row, not from the first one ever."""
    project, ana = begin(), make.worker(slack_user_id="UANA")
    slack.workspace.add_user("UANA", "ana")
    run_jobs()
    slack.fault("conversations.invite", status=503)
    assign(session, make, project, "write", ana)
    run_jobs()
    row = stored(project)[1]
    assert (row.tries, row.failing_since, row.problem) == (0, None, None)


def test_with_the_chat_off_nothing_is_asked_for_and_nothing_more_is_read(
    session, make, statements, jobs
):
    """I-7"""
    admin, ana = make.actor(make.admin()), make.worker()
    with statements() as seen:
        project = make.project(step("write"))
        task = make.task(project, "write")
        lifecycle.assign_task(session, admin, task.id, ana)
        projects.abort(session, admin, project.id)
        session.flush()
    assert not any("project_channel" in text or "channel_member" in text for text in seen)
    assert Job.FOLLOW_CHANNEL not in {job for job, _ in jobs()}


# --- Who is in it ---------------------------------------------------------------------------------


def members_of(channel):
    return [one for one in channel.members if one != BOT]


def test_people_join_with_a_task_are_welcomed_once_and_leave_when_it_is_taken(
    begin, run_jobs, slack, channel, session, make
):
    """I-14, I-15, M-23"""
    project, admin = begin(step("write"), step("draw")), make.actor(make.admin())
    ana, bob = make.worker(slack_user_id="UANA"), make.worker(slack_user_id="UBOB")
    for id_ in ("UANA", "UBOB"):
        slack.workspace.add_user(id_, id_.lower())
    assign(session, make, project, "write", ana)
    assign(session, make, project, "draw", ana)
    run_jobs()
    assert members_of(channel(project)) == ["UANA"]

    write, draw = (
        live_assignment(session, make.task(project, slug).id) for slug in ("write", "draw")
    )
    interventions.unassign(session, admin, write.id)
    run_jobs()
    assert members_of(channel(project)) == ["UANA"]  # there is the other task

    interventions.reassign(session, admin, draw.id, bob)
    run_jobs()
    assert members_of(channel(project)) == ["UBOB"]

    assign(session, make, project, "write", ana)
    run_jobs()
    assert sorted(members_of(channel(project))) == ["UANA", "UBOB"]
    welcomes = [text for text in channel(project).texts if "Welcome" in text]
    assert [("UANA" in text, "UBOB" in text) for text in welcomes] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def iteration_of(session, task_id):
    return session.scalars(sa.select(Iteration.id).where(Iteration.task_id == task_id)).one()


def live_assignment(session, task_id):
    live = sa.select(Assignment).where(Assignment.task_id == task_id)
    return session.scalars(live.where(Assignment.discarded_at.is_(None))).one()


def test_who_has_finished_stays_and_one_who_is_there_already_is_no_problem(
    begin, run_jobs, slack, channel, session, make
):
    """I-14, I-15"""
    project, ana = begin(step("write"), step("draw")), make.worker(slack_user_id="UANA")
    bob = make.worker(slack_user_id="UBOB")
    for id_ in ("UANA", "UBOB"):
        slack.workspace.add_user(id_, id_.lower())
    run_jobs()
    channel(project).members.append("UANA")  # by somebody, in Slack
    assign(session, make, project, "write", ana)
    task = make.task(project, "write")
    lifecycle.hand_over(session, make.actor(ana), task.id, "submit", data={}, revision=1)
    assign(session, make, project, "draw", bob)
    run_jobs()
    assert members_of(channel(project)) == ["UANA", "UBOB"]


def test_without_a_slack_id_it_is_recorded_and_they_come_when_it_is_known(
    begin, run_jobs, slack, channel, session, make
):
    """I-14, P-14"""
    project, ana = begin(), make.worker("ana", slack_name="ana.l")
    slack.workspace.add_user("UBOB", "bob")
    assign(session, make, project, "write", ana)
    run_jobs()
    (row,) = channel_members.members(session, project.id)
    assert (row.person_id, row.problem) == (None, channel_members.UNKNOWN)
    assert members_of(channel(project)) == []
    waits = session.scalars(sa.select(OutboxMessage).where(OutboxMessage.kwargs.is_not(None))).all()
    assert [wish.job for wish in waits] == [Job.FOLLOW_CHANNEL]  # looked at again in an hour

    make_known = session.get(Worker, ana.id)
    make_known.slack_user_id = "UBOB"
    run_jobs(late=timedelta(hours=1))
    assert members_of(channel(project)) == ["UBOB"]
    (row,) = channel_members.members(session, project.id)
    assert row.problem is None


def test_people_are_found_by_their_address_but_not_taken_for_somebody_else(
    begin, run_jobs, slack, channel, session, make
):
    """I-10, P-14"""
    project = begin(step("write"), step("draw"))
    ana = make.worker("ana")
    eve = make.worker("eve", email="eve@example.net", slack_name="ana")
    slack.workspace.add_user("UANA", "ana", "ana@example.org")
    assign(session, make, project, "write", eve)
    assign(session, make, project, "draw", ana)
    run_jobs()
    session.expire_all()
    assert session.get(Worker, ana.id).slack_user_id == "UANA"
    assert session.get(Worker, eve.id).slack_user_id is None
    problems = {row.worker_id: row.problem for row in channel_members.members(session, project.id)}
    assert problems == {ana.id: None, eve.id: "This is somebody else in the chat."}


def test_a_slack_name_becomes_an_id_when_slack_answers(chat_is_on, run_jobs, slack, session, make):
    """P-14: saving does not wait for it."""
    ana = make.worker("ana")
    slack.workspace.add_user("UANA", "ana.lopez")
    slack.is_down = True
    wish = Profile(first_name="Ana", email=ana.email, slack_name="@ana.lopez")
    profiles.change(session, make.actor(ana), ana.id, wish, came_from="127.0.0.1")
    run_jobs()
    assert stored_id(session, ana) is None

    slack.is_down = False
    current_app.extensions.pop("orchestra_chats")  # its pause is over
    run_jobs(late=timedelta(hours=1))
    assert stored_id(session, ana) == "UANA"

    unknown = Profile(first_name="Ana", email=ana.email, slack_name="ana.gone")
    profiles.change(session, make.actor(ana), ana.id, unknown, came_from="127.0.0.1")
    run_jobs()
    assert stored_id(session, ana) is None
    assert session.scalars(sa.select(OutboxMessage)).all() == []


def stored_id(session, worker):
    session.expire_all()
    found = session.get(Worker, worker.id).slack_user_id
    session.commit()
    return found


def test_somebody_who_left_the_workspace_does_not_keep_out_the_others(
    begin, run_jobs, slack, channel, session, make
):
    """I-14"""
    project = begin(step("write"), step("draw"))
    ana, bob = make.worker(slack_user_id="UGONE"), make.worker(slack_user_id="UBOB")
    slack.workspace.add_user("UBOB", "bob")
    assign(session, make, project, "write", ana)
    assign(session, make, project, "draw", bob)
    run_jobs()
    assert members_of(channel(project)) == ["UBOB"]
    problems = {row.worker_id: row.problem for row in channel_members.members(session, project.id)}
    assert "user_not_found" in problems[ana.id]


def test_whose_account_is_closed_leaves_every_channel_and_comes_back_with_it(
    begin, run_jobs, slack, channel, session, make
):
    """P-15, I-14"""
    project, ana = begin(), make.worker(slack_user_id="UANA")
    boss = make.actor(make.worker(is_administrator=True))
    slack.workspace.add_user("UANA", "ana")
    assign(session, make, project, "write", ana)
    run_jobs()
    administration.deactivate(session, boss, ana.id)
    run_jobs()
    assert members_of(channel(project)) == []
    administration.activate(session, boss, ana.id)
    run_jobs()
    assert members_of(channel(project)) == ["UANA"]
    assert sum("Welcome" in text for text in channel(project).texts) == 1


# --- Slack is away --------------------------------------------------------------------------------


def test_slack_is_down_for_long_and_everything_arrives_afterwards_in_order(
    app, begin, run_jobs, slack, channel, session, make
):
    """M-3, M-8: lifecycle goes on, nothing is lost."""
    slack.is_down = True
    project, ana = begin(step("write"), step("draw", "write")), make.worker(slack_user_id="UANA")
    slack.workspace.add_user("UANA", "ana")
    run_jobs()
    assign(session, make, project, "write", ana)
    task = make.task(project, "write")
    lifecycle.hand_over(session, make.actor(ana), task.id, "submit", data={}, revision=1)
    run_jobs()
    make_older(session, project, timedelta(hours=3))
    assign(session, make, project, "draw", ana)
    run_jobs()
    assert slack.workspace.posts == []

    slack.is_down = False
    app.extensions.pop("orchestra_chats")  # its pause is over
    run_jobs(late=timedelta(hours=2))

    recorded = session.scalars(
        sa.select(Message)
        .where(Message.channel == "project_channel", Message.project_id == project.id)
        .order_by(Message.id)
    ).all()
    assert len(recorded) >= 5
    assert {message.state for message in recorded} == {MessageState.SENT}
    assert channel(project).texts == [message.text for message in recorded]
    direct = [text for where, text in slack.workspace.posts if where == "UANA"]
    told = session.scalars(
        sa.select(Message).where(Message.channel == "slack").order_by(Message.id)
    ).all()
    assert len(direct) == len(told) == 3
    assert all(message.state is MessageState.SENT for message in told)


def make_older(session, project, time):
    session.execute(
        sa.update(Project)
        .where(Project.id == project.id)
        .values(started_at=project.started_at - time)
    )
    session.commit()


def test_after_a_day_the_channel_is_given_up_with_its_reason(
    begin, run_jobs, follow, slack, stored, session, make
):
    """M-6, L-24"""
    make.admin()
    slack.is_down = True
    project = begin()
    follow(project)
    with transaction() as fresh:
        row = fresh.get(ProjectChannel, project.id)
        row.failing_since -= timedelta(days=1, minutes=1)
    follow(project)
    assert "not reachable" in stored(project)[1].problem

    slack.is_down = False
    follow(project)  # a person sends the dead job again
    found, row = stored(project)
    assert (bool(found.channel_id), row.problem) == (True, None)


def test_of_jobs_at_once_the_slower_one_finds_the_channel(begin, slack, follow, channel, session):
    """I-12: the other one made it, and has not said so yet."""
    project = begin()
    create = slack.workspace.do_conversations_create

    def create_twice(**given):
        create(**given)
        return create(**given)

    slack.workspace.do_conversations_create = create_twice
    follow(project)
    assert list(slack.workspace.channels.values()) == [channel(project)]


def test_members_are_chosen_by_hand_until_the_next_task(
    begin, run_jobs, slack, channel, session, make
):
    """I-16"""
    project, admin = begin(step("write"), step("draw")), make.actor(make.admin())
    make.worker("bob", slack_user_id="UBOB")
    ana = make.worker("ana", slack_user_id="UANA")
    for id_ in ("UANA", "UBOB"):
        slack.workspace.add_user(id_, id_.lower())
    channel_members.add(session, admin, project.id, "@Bob")
    assign(session, make, project, "write", ana)
    run_jobs()
    assert sorted(members_of(channel(project))) == ["UANA", "UBOB"]

    channel_members.remove(session, admin, project.id, "ana")
    run_jobs()
    assert members_of(channel(project)) == ["UBOB"]
    row = session.get(ChannelMember, (project.id, ana.id))
    assert not row.is_wanted

    assign(session, make, project, "draw", ana)
    run_jobs()
    assert sorted(members_of(channel(project))) == ["UANA", "UBOB"]
