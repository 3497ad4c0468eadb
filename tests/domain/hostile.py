"""Data that try to be more than words in a message: markup, mentions, headers, links, templates."""

from orchestra.domain.message_texts import About

HOSTILE = (
    "{person} <script>alert(1)</script> <!channel> <@U666> @here @everyone\r\n"
    "Bcc: eve@example.org\x00\u202e\ud800 & \"'%s https://evil.example " + "x" * 999
)
ABOUT = About(
    project=HOSTILE,
    workflow=HOSTILE,
    version=HOSTILE,
    step=HOSTILE,
    task_id=4,
    person=HOSTILE,
    detail=HOSTILE,
)
