"""What a hand does on the pages of projects."""

from contextlib import suppress

import sqlalchemy as sa
from playwright.sync_api import TimeoutError

from orchestra.models import Task, Worker

PHONE = {"viewport": {"width": 320, "height": 640}, "device_scale_factor": 2}


def task_of(session, project_id, slug):
    found = sa.select(Task).where(Task.project_id == project_id, Task.step == slug)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def worker_of(session, username):
    return session.scalars(sa.select(Worker).where(Worker.username == username)).one()


def row_of(page, name):
    return page.locator("tr", has=page.locator("[data-task-actions]")).filter(has_text=name)


def act(page, name, action):
    """Choose an action on a task: its own button, or one in the menu."""
    row = row_of(page, name)
    direct = row.locator(".task-actions > [data-act]").filter(has_text=action)
    if direct.count():
        direct.click()
        return
    chosen = row.get_by_role("button", name=action, exact=True)
    for patience_ms in (2000, 30_000):
        row.locator("[popovertarget]").click()
        # A notice that comes just then moves the menu away from under the hand, which closes it.
        with suppress(TimeoutError):
            chosen.click(timeout=patience_ms)
            return
    raise AssertionError(f"{action!r} cannot be chosen")


def act_on_project(page, action):
    direct = page.locator("[data-project-actions] > [data-act]").filter(has_text=action)
    if not direct.count():
        page.get_by_role("button", name="More", exact=True).click()
    page.locator("[data-project-actions]").get_by_role("button", name=action).click()


def dialog_of(page):
    return page.get_by_role("dialog")


def press(page, name):
    dialog_of(page).get_by_role("button", name=name).click()


def said(page):
    return page.locator("#notices")


def type_keys(page, *keys):
    for key in keys:
        page.keyboard.press(key)
