"""An administrator looks after people, keys and workflows, and acts as a worker."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from orchestra.models import Channel, Message, Role, TaskStatus
from tests.browser.conftest import PHONE
from tests.builders import reviewed, step
from tests.check_functions import DAY, checks


@pytest.fixture(params=["sqlite"], scope="session")
def database_url(tmp_path_factory):
    """The browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture
def office(make, session):
    """Ruth is an administrator; Ana writes, Ben reviews, Cleo has left."""
    version = make.version(
        step("plan", name="Story plan", required_certifications=["editor"]),
        step("reporting", "plan", name="Reporting", required_certifications=["reporter"]),
        step("photos", "plan", name="Photos", review_policy=reviewed()),
        step("adjust", "photos", human=False, name="Adjust photos"),
        step("copy", "reporting", "adjust", name="Copy editing"),
        certifications=["editor", "reporter"],
        slug="journalism",
        sanity_checks=checks(
            configured=["late", "stale_task"],
            repetition=DAY,
            built_in={"stale_task": {"seconds": 36 * 3600, "steps": ["reporting"]}},
        ),
    )
    editor, reporter = version.workflow.certifications
    editor.name, reporter.name = "Editor", "Reporter"
    reporter.required = [editor]
    make.worker(
        "ruth", first_name="Ruth", last_name="Okafor", password="ruth", is_administrator=True
    )
    ana = make.worker("ana", first_name="Ana", last_name="López", password="ana")
    ben = make.worker("ben", first_name="Ben", last_name="Nakamura", password="ben")
    for worker in (ana, ben):
        make.grant(worker, editor)
    make.grant(ben, editor, Role.REVIEWER)
    for number in range(8):
        make.worker(f"worker{number}")
    gone = make.work(TaskStatus.PROCESSING)
    gone.workers[gone.writer.name].is_active = False
    gone.workers[gone.writer.name].first_name = "Cleo"
    make.project(version=version)
    session.commit()
    return {"ana": ana.id, "ben": ben.id}


SEEN = {
    "admin": "",
    "people": "people/",
    "new-account": "accounts/new/",
    "workflows": "workflows/",
    "workflow": "workflows/journalism/",
    "version": "workflows/journalism/v1",
    "keys": "keys/",
    "settings": "settings/",
    "tasks": "records/tasks/",
    "audit": "records/audit/",
}


# Nothing of a table that folds lies out of sight.
FOLDED = """[...document.querySelectorAll(".listing-folds")].every(
  (table) => table.scrollWidth <= table.parentElement.clientWidth,
)"""


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_the_pages_of_administration_can_be_read_by_everybody(served, office, visiting, look):
    """W-4, W-5"""
    options = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": {"viewport": PHONE}}[look]
    visit = visiting(served, **options)
    page = visit.sign_in("ruth")
    for name, path in (SEEN | {"person": f"people/{office['ben']}"}).items():
        page.goto(f"{served}/orchestra/admin/{path}")
        visit.shot(f"admin-{name}-{look}")
        visit.check()
        assert page.evaluate(FOLDED)


def test_certifications_are_granted_and_revoked(served, office, visiting):
    """P-23, P-25"""
    visit = visiting(served)
    page = visit.sign_in("ruth")
    page.get_by_role("link", name="Administration").first.click()
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("searchbox").fill("lópez")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Ana López").click()
    page.get_by_label("Certification", exact=True).select_option("Reporter")
    page.get_by_role("button", name="Grant").click()
    expect(page.locator("#notices")).to_contain_text("Ana López is certified now")
    page.get_by_label("Tick Editor, Entry level, Real").check()
    page.get_by_role("button", name="Revoke what is ticked").click()
    expect(page.get_by_role("alert")).to_contain_text("reporter (entry level, real)")
    visit.shot("admin-refused")
    visit.check()
    page.get_by_label("Tick Reporter, Entry level, Real").check()
    page.get_by_role("button", name="Revoke what is ticked").click()
    expect(page.locator("#notices")).to_contain_text(
        "Revoked: editor (entry level, real), reporter"
    )


def test_an_account_is_made_with_an_invitation(served, office, visiting, session):
    """P-16, and the keyboard is where something is refused, also without scripts (W-5)"""
    visit = visiting(served, waits_for_scripts=False)
    page = visit.sign_in("ruth")
    page.goto(f"{served}/orchestra/admin/accounts/new/")
    page.get_by_label("User name").fill("dan")
    page.get_by_label("E-mail").fill("ana@example.org")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_text("Somebody has this address already")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_be_focused()
    visit.shot("admin-account-refused")
    visit.check()
    page.get_by_label("E-mail").fill("dan@example.org")
    page.get_by_role("button", name="Create the account").click()
    expect(page.locator("#notices")).to_contain_text("An invitation goes to dan@example.org")
    visit.shot("admin-account-made")
    with session.begin():
        mails = sa.select(Message.address).where(
            Message.channel == Channel.MAIL, Message.kind == "invitation"
        )
        assert session.scalars(mails).all() == ["dan@example.org"]


def test_the_secret_of_a_new_key_is_seen_once(served, office, visiting):
    """A-10, W-4"""
    visit = visiting(served)
    page = visit.sign_in("ruth")
    page.goto(f"{served}/orchestra/admin/keys/")
    page.get_by_label("Name", exact=True).fill("website")
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator(".secret")).to_be_visible()
    visit.shot("admin-key-made")
    visit.check()
    page.goto(f"{served}/orchestra/admin/keys/")
    expect(page.locator(".secret")).to_have_count(0)
    page.set_viewport_size(PHONE)
    visit.check()


@pytest.mark.parametrize("look", ["desktop", "phone"])
def test_an_administrator_acts_as_a_worker_and_stops(served, office, visiting, look):
    """P-51, P-52"""
    visit = visiting(served, **({"viewport": PHONE} if look == "phone" else {}))
    page = visit.sign_in("ruth")
    page.goto(f"{served}/orchestra/admin/people/{office['ana']}")
    page.get_by_role("button", name="Act as Ana López").click()
    banner = page.get_by_role("region", name="Acting as another worker")
    expect(banner).to_contain_text("Ruth Okafor, you act as Ana López.")
    visit.shot(f"acting-{look}")
    visit.check()
    banner.get_by_role("button", name="Stop acting as Ana López").click()
    expect(page.locator("#notices")).to_contain_text("You act as yourself again")
    expect(banner).to_have_count(0)
