"""The words of offers and reminders, whatever stands in the data (S-28, S-30, M-30)."""

import re

import pytest

from orchestra.domain.letters import Reader
from orchestra.domain.staffing_texts import Offered, offer_words, reminder_words
from orchestra.domain.versions import step_of
from tests.builders import step

HOSTILE = (
    "<@U1> <!channel> *bold* <script>alert(1)</script>\nSubject: x\r\nhttps://evil.example/ \u202e"
)
OURS = "https://orchestra.example"
PATHS = [
    "/orchestra/x/",
    "/orchestra/communication/available_staffing_requests/",
    "/orchestra/accounts/communication_preference_settings/",
]


def reader(first_name):
    return Reader(
        id=1,
        username="rita",
        first_name=first_name,
        email="rita@example.org",
        slack_user_id="U017",
        unwanted=frozenset(),
    )


@pytest.fixture
def words(make):
    """The words of an offer in which everything is this text."""

    def said(text, level=0, detail=None, first_name=None):
        project = make.project(step("write", name=text, description=text))
        project.short_description = project.version.workflow.description = text
        task = make.task(project, "write")
        offered = Offered(
            task=task,
            project=project,
            step=step_of(project, task),
            level=level,
            detail=detail,
        )
        name = text if first_name is None else first_name
        return offer_words(offered, reader(name), link="/orchestra/x/", our_address=OURS)

    return said


def test_hostile_data_stay_in_their_lines_and_call_nobody(app, words):
    """S-30: no line of the data is a link of its own, and the chat sees no markup."""
    said = words(HOSTILE, level=1, detail=HOSTILE)

    assert "\n" not in said.subject
    for text in (said.mail, said.inbox):
        lines = text.split("\n")
        assert lines.count("Subject: x") == 1  # of the detail, which may have lines
        links = [line for line in lines if line.startswith("https://")]
        assert [link for link in links if not link.startswith(OURS)] == ["https://evil.example/"]
    assert re.findall(r"<[^|>]*", said.chat) == [f"<{OURS}{path}" for path in PATHS]


def test_every_way_leads_to_the_offer_to_all_offers_and_out(words):
    """S-28: a mail says below its words how such mails end, and so does not say it twice."""
    said = words("Write")

    own_lines = [line.removeprefix(OURS) for line in said.inbox.split("\n") if OURS in line]
    assert own_lines == PATHS
    assert [path for path in PATHS if OURS + path in said.mail.split("\n")] == PATHS[:2]
    assert said.chat.count(OURS) == 3


def test_who_has_no_first_name_is_greeted_by_username(words):
    """S-28"""
    assert words("Write", first_name="").mail.startswith("Hello rita,")
    assert words("Write", first_name="Rita").mail.startswith("Hello Rita,")


@pytest.mark.parametrize(("level", "title"), [(0, "Write"), (1, "Review of Write")])
def test_a_review_is_called_one(words, level, title):
    """S-28"""
    assert words("Write", level=level).subject == f"{title} waits for you: Write"


def test_a_reminder_counts_the_tasks():
    """S-51"""
    assert reminder_words(1).subject == "1 task waits for your answer"
    assert reminder_words(3).subject == "3 tasks wait for your answer"
