"""The forms in which words leave: one line, HTML of a mail, the markup of the chat (M-13, I-19)."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

from orchestra.models import Worker

LONGEST_POST = 3000  # characters (I-19)
ChatText = NewType("ChatText", str)  # in the chat's markup; data in it are escaped
Link = tuple[str, str]  # words and address
OPEN = "Open in Orchestra"
RULE = "\u2500" * 24  # between the messages of one mail
_FRAME = '  File "'  # how a traceback begins the lines of a call

_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)
_ZERO_WIDTH_SPACE = "\u200b"
_CUT_WITHIN = re.compile(r"(?:<[^>]*|&[a-z]*)$")  # a mention, a link or an escaped character


def one_line(text: str) -> str:
    """Without line breaks and what else turns one line, or one header, into several (I-22)."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def lines_of(text: str) -> str:
    """Text of several lines, each without what is not printed."""
    return "\n".join(one_line(line) for line in text.splitlines())


def cut(text: str, longest: int) -> str:
    """Data within a message: one line, and not so long that it hides the rest."""
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def gist_of(error: str) -> str:
    """The line that says what was wrong: of a traceback the one after its last frame, of anything
    else the first; messages of errors may have several."""
    lines = [line for line in error.splitlines() if line.strip()]
    frames = [n for n, line in enumerate(lines) if line.startswith((_FRAME, "Traceback"))]
    said = lines[frames[-1] + 1 :] if frames else lines
    return next((line.strip() for line in said if not line.startswith(" ")), "")


# --- Chat -------------------------------------------------------------------------------------


def as_chat(text: str) -> ChatText:
    """Plain text for the chat: nothing in it is markup, and nobody is called by it (I-19)."""
    escaped = lines_of(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return ChatText(escaped.replace("@", f"@{_ZERO_WIDTH_SPACE}"))


def plain(text: ChatText) -> str:
    """What people read of it, on one line: for lists of ours."""
    return one_line(html.unescape(text).replace(_ZERO_WIDTH_SPACE, "").replace("*", ""))


def bold(text: ChatText) -> ChatText:
    """Without stars within, which would end it."""
    return ChatText("*" + text.replace("*", "") + "*") if text else text


def mention(worker: Worker) -> ChatText:
    """Calls the worker; without a Slack id it is their name."""
    if worker.slack_user_id:
        return ChatText(f"<@{one_line(worker.slack_user_id)}>")
    return as_chat(worker.name)


def with_link(text: ChatText, address: str) -> ChatText:
    """The text and, below it, a link."""
    return with_links(text, [(OPEN, address)])


def with_links(text: ChatText, links: Sequence[Link]) -> ChatText:
    """The text and links below it; what is too long for the service is cut before them."""
    shown = "".join(f"\n<{as_chat(address)}|{as_chat(words)}>" for words, address in links)
    longest = LONGEST_POST - len(shown)
    if len(text) > longest:
        text = ChatText(_CUT_WITHIN.sub("", text[: longest - 1]).rstrip() + "…")
    return ChatText(text + shown)


# --- Mail -------------------------------------------------------------------------------------


def as_letter(subject: str, text: str, address: str) -> str:
    """A message as it stands in a mail: what it is called, its words and, if need be, its link."""
    parts = [subject, text, *([] if address in text.splitlines() else [address])]
    return "\n\n".join(part for part in parts if part)


def as_html(
    text: str,
    our_address: str,
    footer: Sequence[Link] = (),
    *,
    headlines: bool = False,
    button: str | None = None,
) -> str:
    """The same words for mail programs that show HTML; only links of ours can be pressed (M-13).

    :param footer: small links below a line.
    :param headlines: whether the first paragraph, and that after each :data:`RULE`, is one.
    :param button: the link that is one; unset: the one that is alone in the text.
    """
    links = [address for _, address in links_in(text, our_address) if address]
    page = _Page(our_address, button or (links[0] if len(links) == 1 else ""))
    letters = text.split(f"\n\n{RULE}\n\n")
    body = f'\n<hr style="{_LINE}">\n'.join(
        page.letter(each, headline=headlines) for each in letters
    )
    return f"{_HEAD}\n{body}\n{_footer(footer)}</body></html>\n"


_BODY = (
    "font-family:system-ui,sans-serif;font-size:15px;line-height:1.5;max-width:36em;"
    "overflow-wrap:anywhere;color:#18181b;background:#fff"
)
_BUTTON = (
    "display:inline-block;padding:8px 16px;border-radius:6px;background:#4f46e5;"
    "color:#fff;text-decoration:none"
)
_SMALL = "font-size:13px;color:#52525b"
_LINE = "margin:24px 0;border:0;border-top:1px solid #d4d4d8"
_FOOTER = f"margin-top:32px;padding-top:12px;border-top:1px solid #d4d4d8;{_SMALL}"
_HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="color-scheme" content="light"></head>'
    f'<body style="{_BODY}">'
)


def _is_link(line: str, our_address: str) -> bool:
    return line.startswith(f"{our_address}/") and " " not in line


def links_in(text: str, our_address: str) -> list[Link]:
    """Its lines; one that is an address of ours comes with it, called by the line above it if that
    ends with a colon."""
    found: list[Link] = []
    for line in (line.strip() for line in text.split("\n")):
        if not _is_link(line, our_address):
            found.append((line, ""))
        elif found and not found[-1][1] and found[-1][0].endswith(":"):
            found[-1] = (found[-1][0].removesuffix(":"), line)
        else:
            found.append((line, line))
    return found


@dataclass(frozen=True)
class _Page:
    our_address: str
    button: str  # the link that is one

    def letter(self, text: str, *, headline: bool) -> str:
        paragraphs = [self._lines(each.strip()) for each in text.split("\n\n") if each.strip()]
        if headline:
            paragraphs[:1] = [f"<strong>{first}</strong>" for first in paragraphs[:1]]
        return "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def _lines(self, paragraph: str) -> str:
        return "<br>\n".join(self._line(*line) for line in links_in(paragraph, self.our_address))

    def _line(self, words: str, address: str) -> str:
        said, shown = html.escape(words), html.escape(address)
        if not address:
            return said
        if address != self.button:
            return f'<a href="{shown}">{said}</a>'
        above = "" if words == address else f"{said}:<br>\n"
        link = f'<a href="{shown}" style="{_BUTTON}">{OPEN}</a>'
        return f'{above}{link}<br>\n<span style="{_SMALL}">{shown}</span>'


def _footer(links: Sequence[Link]) -> str:
    if not links:
        return ""
    shown = (
        f'<a href="{html.escape(address)}" style="color:#52525b">{html.escape(words)}</a>'
        for words, address in links
    )
    return f'<p style="{_FOOTER}">{" · ".join(shown)}</p>\n'
