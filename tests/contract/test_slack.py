"""The chat at Slack: its official client against a server that speaks Slack's Web API."""

import socket
import ssl
from contextlib import ExitStack

import pytest

from orchestra.cli.doctor import Level, examine_chat
from orchestra.errors import RefusedByService, ServiceUnreachable
from orchestra.integrations.chat import Button, MemoryChat, NameTaken, NoSuchPerson, Person
from orchestra.integrations.slack import KEPT_SECONDS, SlackChat
from tests.contract.slack_server import BOT, TOKEN
from tests.test_workflow_kit_tls import write_certificate

ANA = Person("UANA", "ana", "ana@example.org")


@pytest.fixture(params=["slack", "memory"])
def chat(request, slack):
    """Each implementation, with Ana in the workspace."""
    if request.param == "memory":
        chat = MemoryChat()
        chat.people.append(ANA)
        return chat
    slack.workspace.add_user(ANA.id, ANA.name, ANA.email)
    return SlackChat(TOKEN, slack.url)


def people_in(chat, channel):
    return [one for one in chat.members(channel) if one != BOT]


def test_asking_again_for_what_is_so_already_changes_nothing(chat):
    """I-10, I-14, I-17"""
    channel = chat.create_channel("rain-ab12")
    for _ in range(2):
        chat.describe_channel(channel, topic="Rain", purpose="Work on rain")
        chat.invite(channel, ANA.id)
    assert people_in(chat, channel) == [ANA.id]
    for _ in range(2):
        chat.remove(channel, ANA.id)
    assert people_in(chat, channel) == []
    for _ in range(2):
        chat.archive(channel)
    for _ in range(2):
        chat.unarchive(channel)
    chat.post(channel, "Hello")


def test_a_name_is_given_to_one_channel(chat):
    """I-12"""
    channel, other = chat.create_channel("rain-ab12"), chat.create_channel("rain-cd34")
    with pytest.raises(NameTaken):
        chat.create_channel("rain-ab12")
    with pytest.raises(NameTaken):
        chat.rename_channel(other, "rain-ab12")
    chat.rename_channel(other, "snow-cd34")
    assert chat.find_own_channel("rain-ab12") == channel
    assert chat.find_own_channel("snow-cd34") == other
    assert chat.find_own_channel("hail-ef56") is None


def test_people_are_found_by_name_and_by_address(chat):
    """I-10"""
    assert chat.find_person("Ana") == chat.find_person("ANA@example.org") == ANA
    assert chat.find_person("bob") is None
    assert chat.find_person("bob@example.org") is None


# --- Slack alone ----------------------------------------------------------------------------------


def test_a_channel_of_somebody_else_is_not_taken_for_ours(slack, slack_chat):
    """I-12"""
    slack.workspace.add_channel("rain-ab12", creator="USOMEBODY")
    assert slack_chat.find_own_channel("rain-ab12") is None


def test_channels_are_private_and_described(slack, slack_chat):
    """I-12"""
    channel = slack_chat.create_channel("rain-ab12")
    slack_chat.describe_channel(channel, topic="Rain" * 100, purpose="Work on rain")
    stored = slack.workspace.channels[channel]
    assert stored.is_private
    assert (len(stored.topic), stored.purpose) == (250, "Work on rain")


def test_lists_are_read_page_by_page_and_people_are_remembered_for_an_hour(slack):
    """I-18"""
    now = [0.0]
    chat = SlackChat(TOKEN, slack.url, clock=lambda: now[0])
    for number in range(5):
        slack.workspace.add_user(f"U{number}", f"user{number}", f"user{number}@example.org")
    channel = chat.create_channel("rain-ab12")
    for number in range(5):
        chat.invite(channel, f"U{number}")
    assert chat.members(channel) == [BOT, *(f"U{number}" for number in range(5))]

    for _ in range(2):
        assert chat.find_person("user4").id == "U4"
        assert chat.find_person("@user0").id == "U0"
        assert chat.find_person("user3@example.org").id == "U3"
        assert chat.find_person("nobody@example.org") is None
    assert (slack.count("users.list"), slack.count("users.lookupByEmail")) == (3, 2)

    slack.workspace.add_user("U9", "late", "late@example.org")
    assert chat.find_person("late") is None
    now[0] += KEPT_SECONDS + 1
    assert chat.find_person("late").id == "U9"


def test_names_that_several_people_have_and_people_who_left_are_nobody(slack, slack_chat):
    """I-10"""
    slack.workspace.add_user("U1", "kim1", display_name="Kim")
    slack.workspace.add_user("U2", "kim2", display_name="kim")
    slack.workspace.add_user("U3", "lee", "lee@example.org", deleted=True)
    assert slack_chat.find_person("kim") is None
    assert slack_chat.find_person("kim2").id == "U2"
    assert slack_chat.find_person("lee") is None
    assert slack_chat.find_person("lee@example.org") is None


def test_a_post_to_a_person_may_carry_buttons(slack, slack_chat):
    """Offers are answered where they are read."""
    slack.workspace.add_user("UANA", "ana")
    posted = []
    slack.workspace.do_chat_postmessage = lambda **given: posted.append(given) or {}
    buttons = [Button("accept", "Accept", "17", is_primary=True), Button("decline", "No", "17")]
    slack_chat.post_to_person("UANA", "A *task*", buttons)
    section, actions = posted[0]["blocks"]
    assert section["text"] == {"type": "mrkdwn", "text": "A *task*"}
    assert [(one["action_id"], one["value"]) for one in actions["elements"]] == [
        ("accept", "17"),
        ("decline", "17"),
    ]
    assert posted[0]["text"] == "A *task*"


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"status": 429, "headers": {"Retry-After": "7"}}, 7),
        ({"error": "ratelimited"}, None),
        ({"status": 500}, None),
        ({"status": 503}, None),
        ({"error": "fatal_error"}, None),
        ({"error": "internal_error"}, None),
        ({"cut": "before"}, None),
        ({"cut": "after"}, None),
        ({"seconds": 1.5}, None),
    ],
)
def test_what_may_succeed_later_is_told_from_what_will_not(slack, fault, seconds):
    """I-3, I-4"""
    chat = SlackChat(TOKEN, slack.url, read_seconds=1)
    slack.fault("auth.test", **fault)
    with pytest.raises(ServiceUnreachable) as caught:
        chat.check()
    assert caught.value.retry_after_seconds == seconds
    assert slack.count("auth.test") == 1  # nothing is sent twice by itself
    chat.check()


@pytest.fixture
def tls(slack, tmp_path, monkeypatch):
    """Slack's address over TLS, with a certificate that is trusted."""
    file = write_certificate(tmp_path / "slack.pem", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    plain = slack.socket
    slack.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return f"https://localhost:{slack.server_port}/api/"


def test_an_answer_may_take_longer_than_the_connection(slack, tls):
    """I-3"""
    slack.fault("auth.test", seconds=2.5)
    SlackChat(TOKEN, tls, connect_seconds=2).check()
    slack.fault("auth.test", seconds=1.5)
    with pytest.raises(ServiceUnreachable, match="timed out"):
        SlackChat(TOKEN, tls, read_seconds=1).check()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("is_full", [True, False])
def test_who_does_not_take_the_connection_is_not_waited_for_like_an_answer(is_full):
    """I-3: neither the connection nor the handshake on it is taken up."""
    with ExitStack() as sockets:
        deaf = sockets.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3 if is_full else 0):
            other = sockets.enter_context(socket.socket())
            other.settimeout(0)
            other.connect_ex(deaf.getsockname())
        url = f"https://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(ServiceUnreachable, match="timed out"):
            SlackChat(TOKEN, url, connect_seconds=1, read_seconds=600).check()


def test_another_certificate_is_not_believed(slack, tls, monkeypatch):
    other_name = tls.replace("localhost", "127.0.0.1")
    with pytest.raises(ServiceUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        SlackChat(TOKEN, other_name).check()
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ServiceUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        SlackChat(TOKEN, tls).check()
    assert slack.calls == []


@pytest.mark.parametrize("code", ["invalid_auth", "missing_scope", "channel_not_found"])
def test_what_is_refused_for_good_says_so_with_advice(slack, slack_chat, code):
    """I-4"""
    slack.fault("chat.postMessage", error=code)
    with pytest.raises(RefusedByService, match=rf"^Slack refused chat.postMessage: {code}\. \w+"):
        slack_chat.post("C1", "Hello")


def test_somebody_who_is_gone_is_told_from_other_refusals(slack, slack_chat):
    """I-14"""
    with pytest.raises(NoSuchPerson):
        slack_chat.invite(slack_chat.create_channel("rain-ab12"), "UGONE")


def test_no_error_holds_the_token(slack):
    """I-6"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/{TOKEN}/"
    wrong = "xoxb-another-token"
    for token, url, error in (
        (wrong, slack.url, RefusedByService),
        (TOKEN, nobody, ServiceUnreachable),
        ("xoxb-line\nbreak", slack.url, (RefusedByService, ServiceUnreachable)),
    ):
        with pytest.raises(error) as caught:
            SlackChat(token, url).check()
        assert token not in str(caught.value)
        assert caught.value.__cause__ is None


def test_the_doctor_asks_each_workspace_a_harmless_question(app, change_settings, slack):
    """I-8"""
    change_settings(
        slack_api_url=slack.url,
        slack_experts_enabled=True,
        slack_experts_api_key=TOKEN,
        slack_internal_enabled=True,
        slack_internal_api_key="xoxb-another-token",
    )
    experts, internal, _ = examine_chat(app.config["SETTINGS"])
    assert (experts.level, experts.text) == (Level.OK, "answers.")
    assert internal.level is Level.FAIL
    assert "SLACK_INTERNAL_API_KEY" in internal.text
    assert slack.calls == ["auth.test", "auth.test"]
