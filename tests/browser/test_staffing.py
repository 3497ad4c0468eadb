"""StaffBot as people meet it: asked for, asking, answered, too late, and told why."""

import pytest
import requests
import sqlalchemy as sa
from playwright.sync_api import expect

from orchestra.domain import lifecycle, offer_links, projects, staffing
from orchestra.domain.audit import Actor
from orchestra.models import (
    Certification,
    Offer,
    OfferState,
    Role,
    StaffingRequest,
    TaskClass,
    TaskStatus,
    Worker,
)
from tests.browser.conftest import PHONE
from tests.browser.management.hands import act, dialog_of, press, row_of, said, task_of
from tests.builders import step
from tests.staffers import send_batches
from tests.web.conftest import form_step

LIST = "/orchestra/communication/available_staffing_requests/"


@pytest.fixture
def newsroom(make, session):
    """Ana, Bea and Cem report; Dan does not, and Mia looks after the projects."""
    version = make.version(
        form_step(
            "reporting",
            name="Reporting",
            description="Talk to the people there, and write 900 words.",
            required_certifications=["reporter"],
            detailed_description_function={"path": "tests.steps.brief"},
        ),
        step("photos", "reporting", name="Photos"),
        certifications=["reporter"],
        slug="journalism",
    )
    version.workflow.name = "Journalism"
    version.workflow.description = "Articles with pictures, from the idea to the page."
    reporter = version.workflow.certifications[0]
    reporter.name = "Reporter"
    for name, password in (("ana", "ana"), ("bea", "bea"), ("cem", None)):
        make.grant(make.worker(name, first_name=name.title(), password=password), reporter)
    make.worker("dan", first_name="Dan")
    make.admin("mia", first_name="Mia", password="mia")
    session.commit()
    return version


@pytest.fixture
def start(session, newsroom):
    """Start projects; gives the id of each."""

    def started(description="The Pope in New York", priority=10):
        mia = session.scalars(sa.select(Worker).where(Worker.username == "mia")).one()
        project = projects.create_project(
            session,
            Actor.of(mia),
            workflow_slug="journalism",
            version_slug="v1",
            short_description=description,
            priority=priority,
            task_class=TaskClass.REAL,
            project_data={},
        )
        session.commit()
        return project.id

    return started


@pytest.fixture
def tick(session):
    """StaffBot's next round."""

    def sent():
        session.rollback()
        send_batches(session)
        session.commit()

    return sent


@pytest.fixture
def enter(served, visiting):
    """Somebody at a page: ``enter("ana", "/orchestra/app/inbox")``."""

    def entered(name, path="/orchestra/app", **options):
        visit = visiting(served, **options)
        page = visit.sign_in(name)
        page.goto(served + path)
        return visit, page

    return entered


def project_of(project_id):
    return f"/orchestra/app/project/{project_id}"


def offer_of(session, name):
    """Path and state of the newest offer to somebody."""
    session.rollback()
    newest = sa.select(Offer).join(Worker).where(Worker.username == name).order_by(Offer.id.desc())
    offer = session.scalars(newest.execution_options(populate_existing=True)).first()
    path = offer_links.path_of(session.info["settings"], offer.id)
    state = offer.state
    session.rollback()
    return path, state


def staff(session, make, project_id):
    """As a project admin would, who is not watched here."""
    mia = session.scalars(sa.select(Worker).where(Worker.username == "mia")).one()
    staffing.staff(session, Actor.of(mia), task_of(session, project_id, "reporting").id)
    session.commit()


def test_a_task_is_staffed_and_the_first_to_accept_gets_it(enter, start, tick, session, served):
    """S-5, S-18, S-33 to S-38: from the button to the honest answer for the second."""
    visit, page = enter("mia", project_of(start()))
    ask(visit, page)
    tick()
    page.reload()
    expect(row_of(page, "Reporting")).to_contain_text("Everybody was asked (3)")
    visit.shot("staffing-2-project")
    for_ana, at_ana = enter("ana", "/orchestra/app/inbox")
    for_bea, at_bea = enter("bea", offer_of(session, "bea")[0])
    at_ana.locator(".inbox .inbox-subject").first.click()
    expect(at_ana.get_by_role("heading", level=1)).to_have_text("Reporting")
    path, _ = offer_of(session, "ana")
    assert at_ana.url.endswith(path)
    for_ana.check()
    for_ana.shot("staffing-3-offer")
    scan(served + path, at_ana.context.cookies())
    assert offer_of(session, "ana")[1] is OfferState.SENT
    accept(for_ana, at_ana)
    come_too_late(for_bea, at_bea)
    see_why(visit, page)


def ask(visit, page):
    act(page, "Reporting", "Staff")
    expect(dialog_of(page).get_by_role("heading")).to_have_text("Look for somebody for Reporting")
    visit.check()
    visit.shot("staffing-1-dialog")
    press(page, "Ask people")
    expect(said(page)).to_contain_text("StaffBot is looking for somebody for Reporting.")
    expect(row_of(page, "Reporting")).to_contain_text("Nobody asked yet")


def accept(visit, page):
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("The task is yours.")).to_be_visible()
    visit.check()
    visit.shot("staffing-4-accepted")
    page.get_by_role("link", name="Open the task").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reporting")


def come_too_late(visit, page):
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This task was already taken")
    visit.check()
    visit.shot("staffing-5-taken")
    page.get_by_role("link", name="Other available tasks").click()
    expect(page.get_by_text("You are certified for Reporter.")).to_be_visible()
    visit.check()
    visit.shot("staffing-6-none")


def see_why(visit, page):
    page.get_by_role("link", name="Why", exact=True).click()
    tab = page.locator("#tabs + section")
    expect(tab).to_contain_text("Closed just now: an offer was accepted")
    page.locator(".verdicts summary").first.click()
    expect(tab).to_contain_text("Lacks a certification")
    visit.check()
    visit.shot("staffing-7-why")
    page.set_viewport_size(PHONE)
    visit.check()
    visit.shot("staffing-8-why-phone")


def scan(address, cookies):
    """What programs do that look at every link of a mail, with the session or without."""
    jar = {cookie["name"]: cookie["value"] for cookie in cookies}
    for known in ({}, jar):
        for method in ("HEAD", "GET"):
            answer = requests.request(method, address, cookies=known, timeout=10)
            assert answer.status_code == 200
            assert answer.history == [] or not known


def test_a_link_in_a_mail_leads_to_the_offer_after_the_login(
    served, visiting, start, tick, session, make
):
    """S-33, S-40, S-41, and without a script."""
    staff(session, make, start())
    tick()
    path, _ = offer_of(session, "ana")
    visit = visiting(served, waits_for_scripts=False, java_script_enabled=False)
    page = visit.page
    page.goto(served + path)
    page.get_by_label("User name or e-mail").fill("ana")
    page.get_by_label("Password").fill("ana")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("You declined just now.")).to_be_visible()
    visit.shot("staffing-declined")
    page.get_by_role("button", name="Accept after all").click()
    expect(page.get_by_text("The task is yours.")).to_be_visible()
    assert offer_of(session, "ana")[1] is OfferState.ACCEPTED


@pytest.mark.parametrize(
    ("name", "options"),
    [("desktop", {}), ("phone", {"viewport": PHONE}), ("dark", {"color_scheme": "dark"})],
)
def test_the_available_tasks_are_answered_by_keyboard_and_stay_fresh(
    enter, start, tick, session, make, name, options
):
    """W-64, W-4, W-5, W-6"""
    for description in ("The Pope in New York", "Chess open in the old town hall"):
        staff(session, make, start(description))
    tick()
    visit, page = enter("ana", **options)
    if name == "phone":
        page.locator(".menu-links summary").click()
    page.get_by_role("link", name="Available 2 tasks").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Available tasks")
    visit.check()
    visit.shot(f"staffing-available-{name}")
    staff(session, make, start("Harvest festival", priority=99))
    tick()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    offers = page.locator(".offers > li")
    expect(offers).to_have_count(3)
    expect(offers.first).to_contain_text("Harvest festival")
    decline = offers.first.get_by_role("button", name="Decline")
    decline.focus()
    page.keyboard.press("Enter")
    expect(offers).to_have_count(2)
    offers.first.get_by_role("link", name="Reporting").click()
    expect(page.get_by_role("button", name="Accept")).to_be_visible()
    visit.check()
    visit.shot(f"staffing-offer-{name}")
    page.get_by_role("button", name="Accept").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The task is yours.")).to_be_visible()


def test_a_holder_is_replaced_and_a_search_ends(enter, start, tick, session, make):
    """S-8, S-9, S-12, S-45"""
    project_id = start()
    staff(session, make, project_id)
    tick()
    _, at_ana = enter("ana", offer_of(session, "ana")[0])
    at_ana.get_by_role("button", name="Accept").click()
    expect(at_ana.get_by_text("The task is yours.")).to_be_visible()
    visit, page = enter("mia", project_of(project_id))
    act(page, "Reporting", "Restaff")
    expect(dialog_of(page)).to_contain_text("Ana keeps it")
    visit.check()
    visit.shot("staffing-restaff")
    press(page, "Ask people")
    expect(said(page)).to_contain_text("looking for somebody instead of Ana on Reporting")
    act(page, "Reporting", "Cancel request")
    press(page, "Stop asking")
    expect(said(page)).to_contain_text("StaffBot has stopped asking for Reporting.")
    act(page, "Reporting", "Restaff")
    press(page, "Ask people")
    expect(row_of(page, "Reporting")).to_contain_text("Replacing Ana: nobody asked yet")
    tick()
    _, at_bea = enter("bea", offer_of(session, "bea")[0])
    at_bea.get_by_role("button", name="Accept").click()
    expect(at_bea.get_by_text("The task is yours.")).to_be_visible()
    page.reload()
    expect(row_of(page, "Reporting")).to_contain_text("Bea")
    expect(row_of(page, "Reporting")).not_to_contain_text("Replacing")


def test_one_of_several_is_replaced(enter, start, session, make):
    """S-8: the reviewer, or who handed over."""
    project_id = start()
    task = task_of(session, project_id, "reporting")
    mia, ana, cem = (
        session.scalars(sa.select(Worker).where(Worker.username == name)).one()
        for name in ("mia", "ana", "cem")
    )
    make.grant(cem, session.scalars(sa.select(Certification)).one(), Role.REVIEWER)
    lifecycle.assign_task(session, Actor.of(mia), task.id, ana)
    session.flush()
    data = {"headline": "Rain"}
    lifecycle.hand_over(session, Actor.of(ana), task.id, "submit", data=data, revision=1)
    session.flush()
    lifecycle.assign_task(session, Actor.of(mia), task.id, cem)
    session.commit()
    assert task.status is TaskStatus.REVIEWING
    session.rollback()
    _, page = enter("mia", project_of(project_id))
    act(page, "Reporting", "Restaff")
    expect(dialog_of(page)).to_contain_text("Who is to be replaced?")
    dialog_of(page).get_by_role("radio", name="Cem").check()
    press(page, "Continue")
    expect(dialog_of(page)).to_contain_text("StaffBot offers the review of Reporting to others.")
    press(page, "Ask people")
    expect(said(page)).to_contain_text("instead of Cem")
    said(page).get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("Cem keeps Reporting; nobody else is asked.")


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_requests_can_be_read_and_asked_again(enter, start, tick, session, make, look):
    """W-69, W-4, W-5"""
    options = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": {"viewport": PHONE}}[look]
    for description in ("The Pope in New York", "Chess open in the old town hall, with a portrait"):
        staff(session, make, start(description))
        tick()
    newest = session.scalar(sa.select(sa.func.max(StaffingRequest.id)))
    session.rollback()
    visit, page = enter("mia", "/orchestra/admin/", **options)
    page.get_by_role("link", name="Staffing").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Staffing")
    visit.check()
    visit.shot(f"staffing-admin-{look}")
    page.locator(f"#request-{newest}").get_by_role("link", name="Reporting").click()
    page.locator(".verdicts summary").first.click()
    visit.check()
    visit.shot(f"staffing-request-{look}")
    page.get_by_role("button", name="Ask everybody again").click()
    expect(page.locator("#notices")).to_contain_text("StaffBot asks everybody anew.")
    page.get_by_role("button", name="Stop asking").click()
    expect(page.locator("#notices")).to_contain_text("StaffBot has stopped asking.")
    visit.check()
    visit.shot(f"staffing-stopped-{look}")
