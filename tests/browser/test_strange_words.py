"""Words that nobody foresaw: very long ones, and those that run from right to left (W-4, W-5)."""

import pytest
from playwright.sync_api import expect

from orchestra.domain import lifecycle
from orchestra.domain.audit import Actor
from tests.browser.conftest import DESKTOP, PHONE, start
from tests.builders import step

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ARABIC = "مراجعة المقال الطويل جدًا قبل النشر"
FORM = {
    "form": {
        "type": "object",
        "required": ["word", "story"],
        "properties": {
            "word": {"type": "string", "title": LONG, "maxLength": 5},
            "story": {"type": "string", "title": ARABIC},
        },
    }
}


@pytest.fixture
def task(make, session):
    """A task of Ana's, in a project all of whose names are strange."""
    version = make.version(
        step("write", name=LONG, description=f"{ARABIC} {LONG}", user_interface=FORM),
        step("read", "write", name=f"{ARABIC} {LONG}"),
        step("print", "write", "read", name="記事の確認と編集作業のとても長い名前です"),
        slug="journalism",
    )
    version.workflow.name = f"{LONG} {ARABIC}"
    ana = make.worker("ana", first_name="Ana", last_name=LONG, password="ana")
    mia = make.admin("mia", first_name="Mia", password="mia")
    project = start(session, mia, f"{ARABIC} {LONG * 3}")
    session.flush()
    task = make.task(project, "write")
    lifecycle.assign_task(session, Actor.of(mia), task.id, ana)
    session.commit()
    return task


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_long_words_break_and_no_page_scrolls_sideways(served, task, visiting, viewport):
    """W-4"""
    at_mia = visiting(served, viewport=viewport, color_scheme="dark")
    at_ana = visiting(served, viewport=viewport)
    for visit, name, paths in (
        (at_mia, "mia", ("projects", f"project/{task.project_id}", f"task/{task.id}")),
        (at_ana, "ana", ("", "timecard", "inbox", f"task/{task.id}")),
    ):
        page = visit.sign_in(name)
        for path in paths:
            page.goto(f"{served}/orchestra/app/{path}".rstrip("/"))
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            visit.check()
            visit.shot(f"strange-{path.partition('/')[0]}-{viewport['width']}")
    page.get_by_label(LONG).fill(LONG)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-summary")).to_contain_text("must be at most 5 characters")
    at_ana.check()
    at_ana.shot(f"strange-errors-{viewport['width']}")
