"""Choosing what comes by mail, when, and ending it from a mail; and what a mail looks like."""

import pytest
from playwright.sync_api import expect

from orchestra.domain import deliveries, digests, mail_forms, unsubscribing
from orchestra.domain.message_texts import Preference
from orchestra.models import Channel, Message
from tests.browser.conftest import PHONE

PAGE = "/orchestra/accounts/communication_preference_settings/"


@pytest.fixture(params=[{}, {"viewport": PHONE, "color_scheme": "dark"}], ids=["desktop", "phone"])
def visit(request, visiting, served):
    return visiting(served, **request.param)


@pytest.fixture
def link(app, make, session, change_settings):
    """The link in mails to ana, a project admin, that ends those about new tasks."""
    change_settings(slack_experts_enabled=True)
    ana = make.admin("ana", first_name="Ana", password="ana", time_zone="Europe/Berlin")
    session.commit()
    token = unsubscribing.token_of(app.config["SETTINGS"], ana.id, Preference.NEW_TASK_AVAILABLE)
    return unsubscribing.path_of(token)


def test_a_person_chooses_hours_and_a_mail_a_day_and_ends_mails_by_a_link(visit, link, request):
    """M-13, M-14, W-67, W-68"""
    device = request.node.callspec.id
    page = visit.sign_in("ana")
    page.goto(visit.url + PAGE)
    visit.check()
    visit.shot(f"notifications-{device}")

    page.get_by_label("From").fill("22:00")
    page.get_by_role("button", name="Save the choices").click()
    expect(page.get_by_text("Give both times")).to_be_visible()
    visit.check()
    visit.shot(f"notifications-wrong-{device}")
    page.get_by_label("Until").fill("07:00")
    page.get_by_label("One a day", exact=True).check()
    page.get_by_role("button", name="Save the choices").click()
    expect(page.locator("#notices")).to_contain_text("Saved.")
    expect(page.get_by_label("Time of the daily mail")).to_have_value("17:00")

    page.goto(visit.url + link)
    visit.check()
    visit.shot(f"unsubscribe-{device}")
    page.get_by_role("button", name="Stop these mails").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You get no more such mails")
    visit.check()
    visit.shot(f"unsubscribed-{device}")
    page.goto(visit.url + PAGE)
    group = page.get_by_role("group", name="New tasks")
    expect(group.get_by_label("E-mail")).not_to_be_checked()
    expect(group.get_by_label("Slack direct message")).to_be_checked()


def test_a_mail_reads_well(visit, app, make, session, act_on_review, request):
    """M-13: one button; a digest has links."""
    ana = act_on_review()
    rows = session.query(Message).filter_by(worker_id=ana.id, channel=Channel.MAIL).all()
    digests.record(session, ana, rows)
    for row in (rows[0], session.query(Message).filter_by(kind="digest").one()):
        delivery = deliveries.claim(session, row.id, 1)
        form = mail_forms.form_of(delivery, app.config["SETTINGS"])
        visit.page.set_content(form.html)
        visit.shot(f"mail-{row.kind}-{request.node.callspec.id}")
        assert visit.page.get_by_role("link").count() >= 3
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture
def act_on_review(make):
    """A review that tells the writer of it, who is returned."""

    def done():
        work = make.work()
        writer = work.workers[work.writer.name]
        work.workers[work.reviewer.name].first_name = "Ben"
        work.assign(work.writer)
        work.hand_over(work.writer)
        work.assign(work.reviewer)
        work.hand_over(work.reviewer, "return")
        return writer

    return done
