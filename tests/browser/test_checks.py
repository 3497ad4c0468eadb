"""What SanityBot finds, on the page of a project: read, silenced, resolved."""

import pytest
from playwright.sync_api import expect

from orchestra.domain import sanity
from orchestra.models import CheckProblem
from tests.browser.conftest import PHONE
from tests.builders import step
from tests.check_functions import checks, handler, project


@pytest.fixture
def late(make, session):
    """A project whose second check found something, and whose function failed after that."""
    wanted = checks("reporting_is_late", configured=["photos_are_missing", "reporting_is_late"])
    wanted["check_configurations"]["reporting_is_late"] = {
        "handlers": [handler("The draft is due. Please look at it, or say what you need.")]
    }
    made = project(make, wanted, step("write", name="Reporting"), step("photos", name="Photos"))
    made.short_description = "The Pope in New York"
    make.hold(made, "write", make.worker("ana", first_name="Ana"))
    make.admin("mia", first_name="Mia", password="mia")
    session.commit()
    sanity.handle(session, sanity.Result(made.id, ["reporting_is_late"]))
    session.add(CheckProblem(project_id=made.id, error="KeyError: 'deadline'"))
    session.commit()
    return made


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "color_scheme": "dark"}], ids=str)
def test_a_project_admin_silences_and_resolves_a_check(late, served, visiting, options):
    """SB-9, SB-16, W-69: by plain forms, also on a phone."""
    size = "phone" if options else "desktop"
    visit = visiting(served, **options)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{late.id}")
    section = page.locator("#checks")
    row = page.locator("#check-reporting_is_late")
    expect(section).to_contain_text("The draft is due")
    expect(page.get_by_text("The checks of this project have failed")).to_be_visible()
    visit.check()
    row.get_by_role("button", name="Silence").click()
    menu = page.get_by_role("group", name="Silence reporting_is_late")
    expect(menu).to_be_visible()
    visit.shot(f"checks-menu-{size}")
    menu.get_by_role("button", name="Snooze for a day").click()
    expect(page.get_by_text("Nothing is said about reporting_is_late for a day.")).to_be_visible()
    expect(row).to_contain_text("snoozed until")
    page.wait_for_load_state()  # until then the menu moves away under a quick hand
    row.get_by_role("button", name="Silence").click()
    menu.get_by_role("button", name="Mute in this project").click()
    expect(row).to_contain_text("muted by mia")
    visit.shot(f"checks-silenced-{size}")
    row.get_by_role("button", name="Resolve").click()
    expect(row).to_contain_text("Resolved")
    row.get_by_role("button", name="Unmute").click()
    expect(row).not_to_contain_text("muted")
    page.goto(f"{served}/orchestra/admin/checks/")
    expect(page.get_by_role("link", name="reporting_is_late")).to_be_visible()
    visit.check()
    visit.shot(f"checks-all-{size}")


def test_everything_works_without_scripts(late, served, visiting):
    """W-2"""
    visit = visiting(served, java_script_enabled=False, color_scheme="dark")
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{late.id}")
    visit.shot("checks-dark")
    row = page.locator("#check-reporting_is_late")
    row.get_by_role("button", name="Resolve").click()

    expect(row).to_contain_text("Resolved")
