"""A person's way from registering to a new password, with the links that the mails bring."""

import re

import pytest
from playwright.sync_api import expect

from orchestra.models import Worker
from orchestra.web.pages import pictures
from tests.browser.conftest import PHONE
from tests.mailbox import mails, path_in

OLD, NEW = "four words make sense", "quite another password"


@pytest.fixture(params=["sqlite"], scope="session")
def database_url(tmp_path_factory):
    """The browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture(params=[{}, {"viewport": PHONE, "color_scheme": "dark"}], ids=["desktop", "phone"])
def visit(request, visiting, served):
    return visiting(served, **request.param)


@pytest.fixture
def see(visit, request):
    """Look at the page: its heading, a picture, and what the automatic check finds."""
    device = request.node.callspec.id

    def seen(heading, name):
        expect(visit.page.get_by_role("heading", level=1)).to_have_text(heading)
        visit.shot(f"account-{name}-{device}")
        visit.check()

    return seen


def open_link(visit, session, kind):
    visit.page.goto(visit.url + path_in(mails(session, kind)[0]))


def type_new(page, password, first="New password"):
    page.get_by_label(first, exact=True).fill(password)
    page.get_by_label("The same again").fill(password)


@pytest.fixture
def ana(make, session):
    worker = make.worker("ana", email="ana@example.org", first_name="Ana", password=OLD)
    session.commit()
    return worker


def place(page, name):
    page.get_by_role("navigation", name="Your account").get_by_text(name).click()


def test_somebody_registers_and_activates(visit, see, session):
    """P-3 to P-5"""
    page = visit.page
    page.goto(f"{visit.url}/orchestra/accounts/login/")
    see("Orchestra", "login")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("User name").fill("ana lopez")
    page.get_by_label("E-mail").fill("ana@example.org")
    type_new(page, "password123", "Password")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_label("User name")).to_have_attribute("autofocus", "")
    see("Create an account", "register-refused")

    page.get_by_label("User name").fill("ana")
    type_new(page, OLD, "Password")
    page.get_by_role("button", name="Create the account").click()
    see("Open your mail", "registered")
    open_link(visit, session, "activation")
    see("Activate your account", "activate")
    page.get_by_role("button", name="Activate the account").click()
    see("Your account is active", "activated")
    page.get_by_role("link", name="Open the settings").click()
    see("Settings", "settings-first")
    open_link(visit, session, "activation")
    see("This link does not work any more", "activation-spent")


def test_somebody_sets_profile_and_notifications(visit, see, ana):
    """P-13, W-67, W-68"""
    page = visit.sign_in("ana", OLD)
    page.locator("header summary").filter(has_text="Ana").click()
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    visit.shot(f"account-menu-{page.viewport_size['width']}")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Phone").fill("12")
    page.get_by_label("Time zone").select_option("Europe/London")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_label("Phone")).to_have_attribute("autofocus", "")
    see("Settings", "settings-refused")
    page.get_by_label("Phone").fill("+442079460018")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(page.get_by_label("Phone")).to_have_value("+44 20 7946 0018")
    see("Settings", "settings")

    place(page, "Notifications")
    choice = page.get_by_role("group", name="New tasks").get_by_label("E-mail")
    choice.uncheck()
    page.get_by_role("button", name="Save the choices").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(choice).not_to_be_checked()
    see("Notifications", "notifications")


def test_somebody_changes_the_password(visit, see, ana):
    """P-12"""
    page = visit.sign_in("ana", OLD)
    page.goto(f"{visit.url}/orchestra/accounts/settings/")
    place(page, "Password")
    page.get_by_label("Present password").fill("a wrong one")
    type_new(page, NEW)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_label("Present password")).to_have_attribute("autofocus", "")
    see("Password", "password-refused")
    page.get_by_label("Present password").fill(OLD)
    type_new(page, NEW)
    page.get_by_role("button", name="Change the password").click()
    see("Your password was changed", "password-changed")


def test_somebody_forgot_the_password(visit, see, ana, session):
    """P-12"""
    page = visit.page
    page.goto(f"{visit.url}/orchestra/accounts/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    see("Forgot your password?", "reset")
    page.get_by_label("E-mail").fill("ana@example.org")
    page.get_by_role("button", name="Send the link").click()
    see("Open your mail", "reset-asked")
    open_link(visit, session, "password_reset")
    type_new(page, NEW)
    see("Choose a password", "choose")
    page.get_by_role("button", name="Set the password").click()
    see("Your password is set", "reset-complete")
    open_link(visit, session, "password_reset")
    see("This link does not work any more", "reset-spent")
    visit.sign_in("ana", NEW)


def test_a_new_address_is_confirmed_by_its_link(visit, see, ana, session):
    """P-13"""
    page = visit.sign_in("ana", OLD)
    page.goto(f"{visit.url}/orchestra/accounts/settings/")
    page.get_by_label("E-mail").fill("lopez@example.org")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("status")).to_contain_text("lopez@example.org")
    open_link(visit, session, "email_change")
    see("Confirm your e-mail address", "email")
    page.get_by_role("button", name="Use this address").click()
    expect(page.get_by_role("status")).to_contain_text("uses lopez@example.org now")
    session.expire_all()
    assert session.get(Worker, ana.id).email == "lopez@example.org"


def test_a_picture_is_given_and_taken_away(visit, see, session, ana):
    """A refusal stands at the field; then the picture stands in the frame of every page."""
    visit.sign_in("ana", OLD)
    page = visit.page
    page.goto(f"{visit.url}/orchestra/accounts/settings/")
    field = page.get_by_label("A picture of you")
    field.set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": b"nonsense"})
    page.get_by_role("button", name="Upload the picture").click()
    expect(field).to_have_accessible_description(re.compile("This is no picture"))
    field.set_input_files(
        {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": pictures.jpeg("sunflower")}
    )
    page.get_by_role("button", name="Upload the picture").click()
    expect(page.get_by_role("status")).to_contain_text("Your picture is shown")
    drawn = page.locator("header img.avatar").evaluate("image => image.decode().then(() => true)")
    assert drawn
    see("Settings", "picture")
    page.get_by_role("button", name="Remove the picture").click()
    expect(page.locator("header img.avatar")).to_have_count(0)
    expect(page.locator("header .avatar")).to_have_text("A")
    see("Settings", "initials")
