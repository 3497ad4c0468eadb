"""The channel of a project on its page: who is in it, and how people are brought in and out."""

import pytest
from playwright.sync_api import expect

from orchestra.domain import channel_members, lifecycle
from orchestra.models import ChannelMember, ProjectChannel
from tests.browser.conftest import PHONE
from tests.builders import step


@pytest.fixture
def project(change_settings, make, session):
    """Ana is in its channel, and Slack does not know Bea."""
    change_settings(
        slack_experts_enabled=True, slack_experts_base_url="https://app.slack.com/client/T1"
    )
    project, mia = make.project(step("write")), make.admin("mia", first_name="Mia", password="mia")
    ana = make.worker("ana", first_name="Ana", last_name="López", slack_user_id="UANA")
    bea = make.worker("bea", first_name="Bea")
    make.worker("cem", first_name="Cem")
    lifecycle.assign_task(session, make.actor(mia), make.task(project, "write").id, ana)
    channel_members.add(session, make.actor(mia), project.id, "bea")
    session.flush()
    project.channel_id = "C0042"
    session.get(ProjectChannel, project.id).name = "a-project-x4k9"
    session.get(ChannelMember, (project.id, ana.id)).person_id = "UANA"
    session.get(ChannelMember, (project.id, bea.id)).problem = channel_members.UNKNOWN
    session.commit()
    return project


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}, {"color_scheme": "dark"}])
def test_people_come_into_the_channel_and_leave_it(served, visiting, project, options):
    """W-54, W-58, W-4"""
    visit = visiting(served, **options)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{project.id}")
    page.locator("#project-more").click()
    page.locator("#project-channel").click()
    expect(page.locator("#channel")).to_contain_text("a-project-x4k9")
    expect(page.get_by_text("Not in the channel: Bea.")).to_be_visible()
    visit.shot(f"channel-{'-'.join(options) or 'desktop'}")
    visit.check()

    page.get_by_label("Username").fill("cem")
    page.get_by_role("button", name="Add to the channel").click()
    expect(page.get_by_text("cem comes into the channel.")).to_be_visible()
    expect(page.get_by_text("is invited in a moment")).to_be_visible()
    page.get_by_role("button", name="Remove Ana López from the channel").click()
    expect(page.get_by_text("ana leaves the channel.")).to_be_visible()
    expect(page.locator("#channel")).to_contain_text("2")


def test_the_channel_is_renamed(served, visiting, project):
    """I-10, W-4"""
    visit = visiting(served)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{project.id}?tab=team#channel")
    page.get_by_label("Name of the channel").fill("rain-desk")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("It is renamed to rain-desk in a moment.")).to_be_visible()
    visit.check()
