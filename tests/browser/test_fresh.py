"""Pages that keep themselves fresh: dashboard, available tasks, project, operations (W-7, W-61)."""

import pytest
from playwright.sync_api import expect

from tests.builders import step

PAGES = [
    "app",
    "communication/available_staffing_requests/",
    "app/project/{project}",
    "app/operations",
]
# As when somebody comes back to the page; says what the server answered.
REFRESH = """() => new Promise((resolve) => {
  const answered = ({ detail }) => resolve(detail.xhr.status);
  document.addEventListener("htmx:afterRequest", answered, { once: true });
  document.dispatchEvent(new Event("visibilitychange"));
})"""


@pytest.fixture(params=["sqlite"], scope="session")
def database_url(tmp_path_factory):
    """The browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture(params=PAGES)
def visit(request, served, make, session, visiting):
    """To a page that would forget its mark if it were loaded anew."""
    project = make.project(step("write"))
    make.worker("ada", password="ada", is_administrator=True)
    session.commit()
    visit = visiting(served)
    page = visit.sign_in("ada")
    page.goto(f"{served}/orchestra/{request.param.format(project=project.id)}")
    page.evaluate("window.marked = true")
    return visit


def test_a_page_on_which_nothing_changed_stays_as_it_is(visit):
    page = visit.page
    assert [page.evaluate(REFRESH) for _ in range(3)] == [200, 304, 304]
    assert page.evaluate("window.marked")


def test_a_page_that_cannot_be_fetched_again_says_so_and_stays(visit):
    """W-7"""
    page = visit.page
    heading = page.get_by_role("heading", level=1).inner_text()
    page.route(page.url, lambda route: route.fulfill(status=502, body="Bad gateway"))
    assert page.evaluate(REFRESH) == 502
    visit.complaints.clear()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert page.evaluate("window.marked")
    page.unroute(page.url)
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)


def test_a_page_of_somebody_who_signed_out_meanwhile_asks_to_sign_in(visit):
    visit.context.clear_cookies()
    visit.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()
