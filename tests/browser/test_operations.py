"""Operations on every kind of screen; fresh data that loses nothing typed (W-4, W-5, W-73)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from orchestra import outbox
from orchestra.database import utcnow
from orchestra.domain import execution, machine, repair
from orchestra.domain.audit import SYSTEM
from orchestra.domain.execution import Runner
from orchestra.models import Channel, Message, MessageState, Tick
from orchestra.outbox import Job, OutboxMessage
from tests.browser.test_simple_workflow import LOOKS
from tests.builders import step

PATH = "/orchestra/app/operations"


@pytest.fixture(params=["sqlite"], scope="session")
def database_url(tmp_path_factory):
    """The browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture
def troubled(make, session):
    """A system in which much waits for an administrator; gives the failed tasks."""
    boss = make.worker("boss", password="boss", is_administrator=True, first_name="Bo")
    refusing = {"execution_function": {"path": "tests.steps.fail_for_good"}}
    version = make.version(
        step("crawl", human=False, name="Find pictures on a page", **refusing), slug="pictures"
    )
    slow = make.version(step("render", human=False, queue="gpu"), slug="films")
    tasks = []
    for number in range(4):
        project = make.project(version=version)
        project.short_description = f"A picture for page {number + 1} of the Sunday paper"
        session.flush()
        lease = machine.claim(session, project.id, "crawl", Runner("machine-7.example.org", 4711))
        machine.record(session, lease, execution.call(lease))
        tasks.append(lease.task_id)
    machine.claim(
        session, make.project(version=version).id, "crawl", Runner("machine-7.example.org", 4711)
    )
    given_up = make.project(version=slow)
    for _ in range(outbox.LAST_FAILURE):
        outbox.record_failure(session, f"step:{given_up.id}:render", "KeyError: 'url'")
    make.project(version=slow)
    session.execute(sa.update(OutboxMessage).values(created_at=utcnow() - timedelta(minutes=7)))
    session.add(
        Message(
            kind="returned",
            channel=Channel.MAIL,
            worker_id=boss.id,
            address="bo@example.org",
            dedupe_key="1",
            subject="Reporting was returned to you",
            text="…",
            state=MessageState.DEAD,
            tries=3,
            last_error="550 5.1.1 The e-mail account that you tried to reach does not exist",
        )
    )
    session.add(Tick(job=Job.SWEEP, at=utcnow()))
    session.commit()
    return tasks


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_is_readable_on_every_screen(served, troubled, visiting, look):
    """W-4, W-5"""
    visit = visiting(served, **LOOKS[look])
    page = visit.sign_in("boss")
    page.goto(f"{served}{PATH}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Operations")
    visit.check()
    visit.shot(f"operations-{look}")
    page.get_by_text("Traceback").first.click()
    page.get_by_text("Skip all 4 with data …").click()
    page.get_by_text("Discard …").first.click()
    visit.check()
    visit.shot(f"operations-{look}-open")
    page.get_by_role("link", name="See all of").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failed:")
    visit.check()
    visit.shot(f"operations-{look}-group")


def test_an_idle_system_is_quiet(served, make, session, visiting):
    make.worker("boss", password="boss", is_administrator=True)
    session.commit()
    visit = visiting(served)
    page = visit.sign_in("boss")
    page.goto(f"{served}{PATH}")
    expect(page.get_by_text("Nothing waits for a person.")).to_be_visible()
    visit.check()
    visit.shot("operations-idle")


def test_fresh_data_lose_nothing_that_is_typed_or_folded_open(served, troubled, session, visiting):
    """W-73, W-14"""
    gone, kept = troubled[-1], troubled[-2]
    page = visiting(served).sign_in("boss")
    page.clock.install()
    page.goto(f"{served}{PATH}")
    decided = page.locator(f"#skip-{kept}")
    decided.get_by_text("Skip it with data …").click()
    decided.get_by_label("Result").fill('{"image": "a.png"}')
    page.get_by_role("heading", level=1).click()
    repair.retry_task(session, SYSTEM, gone)
    session.commit()
    page.clock.fast_forward(11_000)
    expect(page.locator(f"#failed-{gone}")).to_have_count(0)
    expect(decided.get_by_label("Result")).to_have_value('{"image": "a.png"}')
    decided.get_by_role("button", name="Complete task").click()
    expect(page.locator("#notices")).to_contain_text(f"Task {kept} is complete")


def test_a_refused_form_keeps_what_was_typed(served, troubled, visiting):
    """W-13"""
    page = visiting(served).sign_in("boss")
    page.clock.install()
    page.goto(f"{served}{PATH}")
    form = page.locator(f"#skip-{troubled[-1]}")
    form.get_by_text("Skip it with data …").click()
    form.get_by_label("Result").fill("[1]")
    form.get_by_role("button", name="Complete task").click()
    expect(form.get_by_text("Give a JSON object as the result")).to_be_visible()
    page.clock.fast_forward(11_000)
    expect(form.get_by_label("Result")).to_have_value("[1]")


def test_a_retry_needs_no_javascript(served, troubled, visiting):
    """W-74"""
    page = visiting(served, java_script_enabled=False, waits_for_scripts=False).sign_in("boss")
    page.goto(f"{served}{PATH}")
    page.get_by_role("button", name="Retry all 4").click()
    expect(page.locator("#notices")).to_contain_text("4 failed tasks of crawl are tried again.")
