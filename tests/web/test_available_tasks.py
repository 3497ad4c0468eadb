"""All that a worker is asked: the page, the count in the header, and the JSON (S-44, W-64, N-7)."""

import re

import pytest

from orchestra.domain import offers, projects, staffing, versions
from orchestra.models import MessagePreference, Offer, OfferState, Role
from tests.builders import step
from tests.web.asking import ALL
from tests.web.conftest import text_of

API = "/orchestra/api/interface"
COUNT = re.compile(r"Available <strong>(\d+)</strong>")


@pytest.fixture
def ana(make):
    return make.worker("ana", first_name="Ana")


@pytest.fixture
def offered(asking, make, ana):
    """Offer ana the task of a new project."""

    def offer(name="The Pope in New York", **keys):
        project = make.project(step("report", name="Reporting"), **keys)
        project.short_description = name
        make.session.flush()
        [made] = asking.for_task(make.task(project, "report"), ana, detail="In **two** hours.")
        asking.session.commit()
        return made

    return offer


def test_offers_are_listed_by_priority_and_age(client, offered, ana):
    """S-44"""
    for name, priority in (("Second", 3), ("Third", 3), ("First", 9)):
        offered(name, priority=priority)
    page = client.sign_in(ana).get(ALL).text
    places = [page.index(f'class="offer-project">{name}') for name in ("First", "Second", "Third")]
    assert places == sorted(places)
    assert "Reporting" in page
    assert "In <strong>two</strong> hours." in page


def test_only_what_can_be_answered_now_is_listed(client, asking, offered, session, ana):
    """S-44"""
    offered("Kept")
    declined, paused = offered("Declined"), offered("Paused")
    declined.state = OfferState.DECLINED
    projects.pause(session, asking.mia, paused.request.task.project_id)
    session.commit()
    answer = client.sign_in(ana).get(ALL)
    assert "Kept" in answer.text
    assert "Declined" not in answer.text
    assert "Paused" not in answer.text
    assert COUNT.search(answer.text)[1] == "1"


def test_an_offer_is_answered_from_the_list(client, offered, session, ana):
    """S-44: without a script."""
    first, second = offered("One"), offered("Two")
    page = client.sign_in(ana).get(ALL).text
    paths = re.findall(r'action="(/orchestra/communication/offers/[^"]+/decline)"', page)
    assert len(paths) == 2
    answer = client.post_form(paths[0], next=ALL)
    assert answer.headers["Location"] == ALL
    assert "One task is offered to you." in client.get(ALL).text
    session.rollback()
    states = {session.get(Offer, one.id, populate_existing=True).state for one in (first, second)}
    assert states == {OfferState.DECLINED, OfferState.SENT}


def test_an_empty_list_names_what_one_is_certified_for(client, make, session, ana):
    """W-9"""
    session.commit()
    client.sign_in(ana)
    assert "You hold no certification" in text_of(client.get(ALL).text)
    version = make.version(step("report"), certifications=["reporter", "editor"])
    for certification in version.workflow.certifications:
        make.grant(ana, certification)
    make.grant(ana, version.workflow.certifications[0], Role.REVIEWER)
    session.commit()
    read = text_of(client.get(ALL).text)
    assert "No tasks are offered to you" in read
    assert re.search(r"certified for \w+.*, .* and .*\.", read)
    assert "(reviewer)" in read


def test_who_wants_no_messages_learns_that_nobody_asks_them(client, session, ana):
    """S-14"""
    for channel in ("mail", "slack"):
        session.add(
            MessagePreference(
                worker_id=ana.id, type="new_task_available", channel=channel, is_on=False
            )
        )
    session.commit()
    assert "Switch them on" in client.sign_in(ana).get(ALL).text


def test_a_list_that_did_not_change_is_not_sent_again(client, offered, ana):
    """W-64"""
    offered()
    etag = client.sign_in(ana).get(ALL).headers["ETag"]
    assert client.get(ALL, headers={"If-None-Match": etag}).status_code == 304
    offered("Another")
    assert client.get(ALL, headers={"If-None-Match": etag}).status_code == 200


def test_every_page_counts_what_is_available(client, offered, ana):
    """W-2"""
    client.sign_in(ana)
    assert not COUNT.search(client.get("/orchestra/app").text)
    offered("One")
    offered("Two")
    for path in ("/orchestra/app", "/orchestra/app/inbox", "/orchestra/nothing-here"):
        assert COUNT.findall(client.get(path).text) == ["2", "2"], path  # also in the folded menu


@pytest.mark.parametrize("path", [ALL, f"{API}/available_requests/"])
def test_the_list_costs_the_same_for_one_and_for_many(client, offered, ana, statements, path):
    client.sign_in(ana)
    costs = []
    for number in (1, 9):
        for _ in range(number):
            offered()
        client.get(path)
        versions._graphs.clear()
        with statements() as seen:
            assert client.get(path).status_code == 200
        costs.append(len(seen))
    assert costs[0] == costs[1] <= 9


def test_the_count_looks_at_the_sent_offers_of_one_worker_only(session):
    """Every page has it: answered offers pile up, and must not make it slow."""
    if session.get_bind().dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by the number of rows.")
    expanded = {"render_postcompile": True}
    counted = offers.available_to(1).compile(session.get_bind(), compile_kwargs=expanded)
    values = tuple(counted.params[name] for name in counted.positiontup)
    plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {counted}", values)
    assert any("ix_offer_sent" in row[-1] for row in plan)


def test_offers_are_answered_by_the_interface(client, offered, ana):
    """N-7"""
    offered("One", priority=2)
    offered("Two", priority=1)
    client.sign_in(ana)
    listed = client.get(f"{API}/available_requests/").json["offers"]
    assert [one["project"]["short_description"] for one in listed] == ["One", "Two"]
    assert listed[0].keys() >= {"token", "task_id", "level", "step", "detail", "sent_at", "url"}
    accepted = client.call(f"offers/{listed[0]['token']}/accept")
    task_url = f"/orchestra/app/task/{listed[0]['task_id']}"
    assert accepted.json == {"state": "accepted", "task_url": task_url}
    declined = client.call(f"offers/{listed[1]['token']}/decline")
    assert declined.json == {"state": "declined"}
    again = client.call(f"offers/{listed[0]['token']}/decline")
    assert (again.status_code, again.json["error"]) == (409, "conflict")
    assert client.call("offers/1-x/accept").status_code == 404
    assert client.get(f"{API}/available_requests/").json["offers"] == []


def test_the_interface_says_since_when_an_offer_is_closed(client, asking, offered, session, ana):
    """S-38, C-8"""
    offer = offered()
    path = asking.path_of(offer).removeprefix("/orchestra/communication/")
    staffing.cancel(session, asking.mia, offer.request_id)
    session.commit()
    refused = client.sign_in(ana).call(f"{path}accept")
    assert (refused.status_code, refused.json["error"]) == (409, "offer_closed")
    assert refused.json["message"] == "This offer was withdrawn."
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", refused.json["since"])
