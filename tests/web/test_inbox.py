"""The inbox: page, header and JSON (M-28, W-2, W-65, N-7)."""

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, messages
from orchestra.models import Channel, Message, TaskStatus, Worker

INBOX = "/orchestra/app/inbox"
ON_PAGE = Message.channel == Channel.INBOX


@pytest.fixture
def ana(make):
    return make.worker("ana", first_name="Ana")


@pytest.fixture
def tell(session):
    """Put messages into an inbox; the newest one."""

    def told(
        worker,
        number=1,
        *,
        subject="A task is assigned to you",
        url="/orchestra/app",
        text="Go on.",
    ):
        for n in range(number):
            cause = f"{subject}:{n}"
            messages.tell(
                session, "offer", [worker.id], subject=subject, text=text, url=url, cause=cause
            )
        newest = sa.select(sa.func.max(Message.id)).where(Message.channel == Channel.INBOX)
        found = session.scalar(newest)
        session.commit()
        return found

    return told


def test_an_empty_inbox_says_what_will_be_here(client, ana, session):
    session.commit()
    page = client.sign_in(ana).get(INBOX).text
    assert "No messages yet" in page
    assert "Mark all read" not in page


def test_the_header_counts_unread_messages_on_every_page(client, ana, tell):
    """W-2"""
    tell(ana, 3)
    client.sign_in(ana)
    for path in ("/orchestra/app", INBOX, "/orchestra/app/nothing-here"):
        assert "<strong>3</strong>" in client.get(path).text, path


def test_addresses_of_ours_in_a_message_can_be_pressed_and_no_others(client, ana, tell):
    """S-28, M-13"""
    ours = "http://127.0.0.1:8000"
    tell(ana, text=f'All:\n{ours}/orchestra/a?b="c\n<b>{ours}/no</b>\nhttp://other.example/')

    page = client.sign_in(ana).get(INBOX).text
    assert '<a href="/orchestra/a?b=&#34;c">All</a>\n' in page
    assert "&lt;b&gt;http://127.0.0.1:8000/no&lt;/b&gt;\nhttp://other.example/</p>" in page


def test_who_lost_a_task_learns_so_where_the_message_of_it_leads(client, make, session):
    """M-19, W-20"""
    work = make.work(TaskStatus.PROCESSING)
    interventions.reassign(session, work.admin, work.at(0).id, make.worker())
    session.commit()
    of_writer = sa.select(Message.id).where(Message.worker_id == work.writer.worker_id)
    told = session.scalar(of_writer.where(Message.kind == "reassigned_away", ON_PAGE))
    session.commit()

    client.sign_in(session.get(Worker, work.writer.worker_id))
    answer = client.get(client.post_form(f"{INBOX}/{told}").location)
    assert answer.status_code == 404
    assert f"You are not on task {work.task.id} any more" in answer.text


def test_looking_marks_nothing_as_read(client, ana, tell):
    """M-28"""
    tell(ana, 2)
    client.sign_in(ana)
    for _ in range(2):
        page = client.get(INBOX).text
        assert page.count('class="is-unread"') == 2
    assert client.get(f"{INBOX}/1").status_code == 405


def test_opening_a_message_marks_it_as_read_and_leads_to_what_it_is_about(client, ana, tell):
    """M-28"""
    message_id = tell(ana, 2, url="/orchestra/app/task/7")
    answer = client.sign_in(ana).post_form(f"{INBOX}/{message_id}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/orchestra/app/task/7")
    assert client.get(INBOX).text.count('class="is-unread"') == 1


def test_all_messages_can_be_marked_as_read(client, ana, tell):
    """M-28"""
    tell(ana, 30)
    answer = client.sign_in(ana).post_form(f"{INBOX}/read")
    assert answer.headers["Location"] == INBOX
    page = client.get(INBOX).text
    assert "All messages are marked as read." in page
    assert 'class="is-unread"' not in page
    assert "Mark all read" not in page


def test_a_message_of_somebody_else_does_not_exist(client, ana, tell, make, session):
    """P-20"""
    message_id = tell(make.worker())
    client.sign_in(ana)
    assert client.post_form(f"{INBOX}/{message_id}").status_code == 404
    assert client.post_form(f"{INBOX}/999999").status_code == 404


@pytest.mark.parametrize("path", [f"{INBOX}/1", f"{INBOX}/read"])
def test_without_the_token_nothing_is_marked(client, ana, tell, path):
    tell(ana)
    client.sign_in(ana)
    assert client.post(path).status_code == 403
    assert "1 unread." in client.get(INBOX).text


def test_the_inbox_has_pages(client, ana, tell):
    """M-28"""
    tell(ana, 30)
    client.sign_in(ana)
    first, second, third = (client.get(f"{INBOX}?page={page}").text for page in (1, 2, 3))
    assert first.count("inbox-subject") == 25
    assert second.count("inbox-subject") == 5
    assert "Page 1 of 2" in first
    assert "There is no page 3." in third
    for wrong in ("0", "-1", "x", "²", "1.5"):
        assert client.get(f"{INBOX}?page={wrong}").status_code == 400


def test_what_stands_in_messages_is_shown_as_text(client, ana, tell):
    """M-30"""
    tell(ana, subject="<script>alert(1)</script>")
    page = client.sign_in(ana).get(INBOX).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_full_inbox_costs_as_much_as_an_empty_one(client, ana, tell, session, statements):
    session.commit()
    client.sign_in(ana)
    counts = []
    for number in (0, 60):
        tell(ana, number)
        with statements() as seen:
            client.get(INBOX)
        counts.append(len([text for text in seen if "BEGIN" not in text]))
    assert counts[0] == counts[1] <= 5


# --- JSON -------------------------------------------------------------------------------------


def test_the_interface_lists_messages(client, ana, tell):
    """N-7"""
    message_id = tell(ana, 26)
    client.sign_in(ana)
    answer = client.get("/orchestra/api/interface/inbox/").get_json()
    assert answer["unread"] == 26
    assert len(answer["messages"]) == 25
    first = answer["messages"][0]
    assert first.pop("created_at")
    assert first == {
        "id": message_id,
        "kind": "offer",
        "subject": "A task is assigned to you",
        "text": "Go on.",
        "url": "/orchestra/app",
        "project_id": None,
        "task_id": None,
        "is_read": False,
    }
    second = client.get("/orchestra/api/interface/inbox/?page=2").get_json()
    assert len(second["messages"]) == 1


def test_the_interface_marks_messages_as_read(client, ana, tell, make):
    """N-7: those of others stay as they are, and are no error."""
    of_ana, of_ben = tell(ana, 3), tell(make.worker(), subject="Other")
    client.sign_in(ana)
    assert client.call("inbox/read/", {"ids": [of_ana, of_ben]}).get_json() == {"unread": 2}
    assert client.call("inbox/read/", {"all": True}).get_json() == {"unread": 0}


@pytest.mark.parametrize(
    "body",
    [{}, {"all": False}, {"all": "yes"}, {"ids": [1], "all": True}, {"ids": ["a"]}, {"x": 1}],
)
def test_the_interface_wants_ids_or_all(client, ana, session, body):
    session.commit()
    answer = client.sign_in(ana).call("inbox/read/", body)
    assert (answer.status_code, answer.get_json()["error"]) == (422, "invalid")


def test_a_page_that_is_none_is_malformed(client, ana, session):
    session.commit()
    answer = client.sign_in(ana).get("/orchestra/api/interface/inbox/?page=0")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "malformed")
