"""The channel of a project on its page: links, who is in it, what is wrong (W-21, W-54, W-58)."""

import pytest

from orchestra.domain import channel_members, lifecycle, projects
from orchestra.domain.audit import SYSTEM
from orchestra.models import ChannelMember, Project, ProjectChannel
from orchestra.outbox import Job
from tests.builders import step

PAGE = "/orchestra/app/project"
BASE = "https://app.slack.com/client/T1"


@pytest.fixture
def chat_is_on(change_settings):
    change_settings(slack_experts_enabled=True, slack_experts_base_url=f"{BASE}/")


@pytest.fixture
def project(chat_is_on, make):
    project = make.project(step("write"))
    project.channel_id = "C0042"
    return project


@pytest.fixture
def mia(make, session, client):
    def signed_in():
        admin = make.admin("mia")
        session.commit()
        return client.sign_in(admin)

    return signed_in


def member(session, project, worker):
    session.expire_all()
    found = session.get(ChannelMember, (project.id, worker.id))
    session.commit()
    return found


def test_people_find_the_channel_from_the_task_and_from_the_project(
    project, make, session, client, change_settings
):
    """W-21, I-7"""
    ana = make.worker("ana")
    task = make.task(project, "write")
    lifecycle.assign_task(session, make.actor(make.admin()), task.id, ana)
    session.commit()
    client.sign_in(ana)
    pages = (f"/orchestra/app/task/{task.id}", f"{PAGE}/{project.id}")
    link = f'<a href="{BASE}/C0042">Chat channel</a>'
    for page in pages:
        assert link in client.get(page).text
    change_settings(slack_experts_enabled=False)
    for page in pages:
        assert "Chat channel" not in client.get(page).text


def test_project_admins_bring_people_in_and_out(project, make, session, mia, jobs):
    """W-54, I-16"""
    bob, admin = make.worker("bob", first_name="Bob"), mia()
    added = admin.post_form(f"{PAGE}/{project.id}/channel/add", username=" @Bob ")
    assert added.location == f"{PAGE}/{project.id}?tab=team#channel"
    page = admin.get(f"{PAGE}/{project.id}?tab=team").text
    assert "comes into the channel" in page
    assert "is invited in a moment" in page
    assert member(session, project, bob).is_wanted
    assert (Job.FOLLOW_CHANNEL, {"project_id": project.id}) in jobs()
    session.commit()

    admin.post_form(f"{PAGE}/{project.id}/channel/remove", username="bob")
    assert not member(session, project, bob).is_wanted
    again = admin.post_form(
        f"{PAGE}/{project.id}/channel/remove", username="bob", follow_redirects=True
    )
    assert again.status_code == 303
    assert "Bob is not in the channel" in admin.get(f"{PAGE}/{project.id}?tab=team").text
    history = admin.get(f"{PAGE}/{project.id}?tab=history").text
    assert "brought bob into the channel." in history
    assert "took bob out of the channel." in history


def test_project_admins_rename_the_channel(project, session, mia, jobs):
    """I-10"""
    session.get(ProjectChannel, project.id).name = "a-project-x4k9"
    session.commit()
    admin, path = mia(), f"{PAGE}/{project.id}/channel/rename"
    assert 'value="a-project-x4k9"' in admin.get(f"{PAGE}/{project.id}?tab=team").text
    renamed = admin.post_form(path, name="#Rain_Desk")
    assert renamed.location == f"{PAGE}/{project.id}?tab=team#channel"
    page = admin.get(f"{PAGE}/{project.id}?tab=team").text
    assert "is renamed to rain_desk in a moment" in page
    assert (Job.FOLLOW_CHANNEL, {"project_id": project.id}) in jobs()
    session.commit()
    history = admin.get(f"{PAGE}/{project.id}?tab=history").text
    assert "renamed the channel a-project-x4k9 to rain_desk." in history

    row = session.get(ProjectChannel, project.id)
    row.wanted_name, row.name_problem = None, "The channel cannot be called <rain_desk>."
    session.commit()
    page = admin.get(f"{PAGE}/{project.id}?tab=team").text
    assert "The channel cannot be called &lt;rain_desk&gt;." in page


@pytest.mark.parametrize(
    "name", ["", "#", "rain desk", "rain.desk", "--", "x" * 81, "<!channel>", "rain\n", "\x00"]
)
def test_a_name_that_no_channel_can_have_is_refused_at_once(project, session, mia, jobs, name):
    """I-10"""
    admin = mia()
    admin.post_form(f"{PAGE}/{project.id}/channel/rename", name=name)
    page = admin.get(f"{PAGE}/{project.id}?tab=team").text
    is_refused = "A channel cannot be called" in page
    assert is_refused == (name != "rain\n")  # white space around it is no part of it
    session.expire_all()
    wanted = session.get(ProjectChannel, project.id).wanted_name
    assert wanted == (None if is_refused else "rain")


def test_only_project_admins_rename_and_only_a_channel_that_there_is(
    project, make, session, mia, client, change_settings
):
    """I-10"""
    admin, path = mia(), f"{PAGE}/{project.id}/channel/rename"
    assert admin.post(path, data={"name": "rain"}).status_code == 403
    assert admin.post_form(f"{PAGE}/99/channel/rename", name="rain").status_code == 404
    team = f"{PAGE}/{project.id}?tab=team"
    session.get_one(Project, project.id).channel_id = None
    session.commit()
    assert "Rename" not in admin.get(team).text
    admin.post_form(path, name="rain")
    assert "has no channel yet" in admin.get(team).text
    projects.abort(session, SYSTEM, project.id)
    session.commit()
    admin.post_form(path, name="rain")
    assert "nothing can change" in admin.get(team).text
    change_settings(slack_experts_enabled=False)
    admin.post_form(path, name="rain")
    assert "The chat is switched off" in admin.get(team).text
    worker = make.worker()
    session.commit()
    client.sign_in(worker)
    assert client.post_form(path, name="rain").status_code in (403, 404)
    session.expire_all()
    assert session.get(ProjectChannel, project.id).wanted_name is None


def test_a_name_of_nobody_is_told_and_a_project_of_nobody_is_not_found(project, mia):
    admin = mia()
    admin.post_form(f"{PAGE}/{project.id}/channel/add", username="nobody")
    assert "There is no active account" in admin.get(f"{PAGE}/{project.id}?tab=team").text
    assert admin.post_form(f"{PAGE}/99/channel/add", username="nobody").status_code == 404
    assert admin.post(f"{PAGE}/{project.id}/channel/add", data={}).status_code == 403


def test_the_call_does_the_same(project, make, session, mia):
    """N-15"""
    bob, admin = make.worker("bob"), mia()
    path = "project_management/edit_slack_membership/"
    body = {"project_id": project.id, "worker_username": "bob"}
    assert admin.call(path, body | {"action": "add"}).json == {}
    assert member(session, project, bob).is_wanted
    assert admin.call(path, body | {"action": "remove"}).json == {}
    assert not member(session, project, bob).is_wanted
    assert admin.call(path, body | {"action": "ban"}).status_code == 422
    assert admin.call(path, body | {"action": "remove"}).status_code == 409
    unknown = admin.call(path, body | {"action": "add", "worker_username": "nobody"})
    assert unknown.status_code == 404


def test_with_the_chat_off_there_is_nothing_of_it(project, make, mia, change_settings):
    """I-7"""
    make.worker("bob")
    admin = mia()
    change_settings(slack_experts_enabled=False)
    body = {"project_id": project.id, "worker_username": "bob", "action": "add"}
    refused = admin.call("project_management/edit_slack_membership/", body)
    assert (refused.status_code, "switched off" in refused.json["message"]) == (409, True)
    assert "hannel" not in admin.get(f"{PAGE}/{project.id}?tab=team").text


def test_what_is_wrong_with_the_channel_is_told(project, make, session, mia):
    """W-58, I-14"""
    ana, bob = make.worker("ana", first_name="Ana"), make.worker("bob", slack_user_id="UBOB")
    for worker in (ana, bob):
        channel_members.add(session, make.actor(make.admin()), project.id, worker.username)
    session.flush()
    session.get(ChannelMember, (project.id, ana.id)).problem = channel_members.UNKNOWN
    session.get(ChannelMember, (project.id, bob.id)).person_id = "UBOB"
    session.get(ProjectChannel, project.id).problem = "Slack refused: <b>not_in_channel</b>."
    page = mia().get(f"{PAGE}/{project.id}?tab=team").text
    assert "Not in the channel: Ana." in page
    assert channel_members.UNKNOWN in page
    assert "is in the channel" in page
    assert "The channel of the project does not work" in page
    assert "&lt;b&gt;not_in_channel" in page


def test_the_page_costs_the_same_for_one_member_and_for_many(
    project, make, session, mia, statements
):
    def cost():
        with statements() as seen:
            admin.get(f"{PAGE}/{project.id}?tab=team")
        return len(seen)

    admin = mia()
    actor = make.actor(make.worker(is_in_project_admins=True))
    channel_members.add(session, actor, project.id, make.worker().username)
    session.commit()
    few = cost()
    for _ in range(20):
        channel_members.add(session, actor, project.id, make.worker().username)
        session.flush()
    session.commit()
    assert cost() == few
