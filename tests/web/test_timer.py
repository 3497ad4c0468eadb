"""The timer in the header, with what has passed, and as plain forms (T-3, T-8, W-1, W-49)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from orchestra.domain import timers
from orchestra.domain.audit import Actor
from orchestra.models import Timer
from tests.recording import stored, timed

CARD = "/orchestra/app/timecard"
TIMER = "/orchestra/app/timer"

pytestmark = pytest.mark.usefixtures("wednesday")


def test_the_timer_stands_on_every_page_with_what_has_passed(client, ana, session):
    """T-8, W-49"""
    timers.start(session, Actor.of(ana))
    session.commit()
    with time_machine.travel(timed(13, 0) + timedelta(seconds=61), tick=False):
        client.sign_in(ana)
        for path in ("/orchestra/app", CARD, "/orchestra/accounts/settings/", "/orchestra/none"):
            page = client.get(path).text
            assert 'data-elapsed="3661"' in page, path
            assert "<strong data-timer-minutes>1:02</strong>" in page, path


def test_the_timer_of_a_task_page_is_that_of_the_task(client, ana, work, session):
    """T-3"""
    chosen, task_id = work.at(0).id, work.task.id
    session.commit()
    page = client.sign_in(ana).get(f"/orchestra/app/task/{task_id}").text
    assert f'name="assignment" value="{chosen}"' in page
    path = f"/orchestra/app/task/{task_id}"
    answer = client.post_form(f"{TIMER}/start", assignment=str(chosen), next=path)
    assert answer.headers["Location"] == path
    session.commit()
    assert session.scalars(sa.select(Timer.assignment_id)).all() == [chosen]


def test_the_timer_is_started_changed_and_stopped_by_forms(client, ana, session):
    client.sign_in(ana)
    client.post_form(f"{TIMER}/start")
    client.post_form(f"{TIMER}/update", description="Reading")
    again = client.post_form(f"{TIMER}/start", next=CARD)
    assert "Your timer runs already." in client.get(again.headers["Location"]).text
    answer = client.post_form(f"{TIMER}/stop", description="Read all")
    entry = stored(session, 1)
    assert (entry.description, entry.assignment_id) == ("Read all", None)
    assert answer.headers["Location"] == f"{CARD}?edit=1#entry-1"  # it has no task (W-50)
    page = client.get(f"{CARD}?edit=1").text
    assert "You recorded 0:00 h. Say what it was for." in page


@pytest.mark.parametrize(
    "page", ["https://evil.example/", "//evil.example/", "/orchestra/\\evil", "javascript:1", "/x"]
)
def test_the_timer_leads_back_to_pages_of_ours_only(client, ana, page):
    answer = client.sign_in(ana).post_form(f"{TIMER}/start", next=page)
    assert answer.headers["Location"] == "/orchestra/app"
