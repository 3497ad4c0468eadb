"""Markdown of authors and workers as safe HTML."""

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from orchestra.web.addresses import is_address, picture_source

DEEPEST_HEADING = 6
LAST_HEADING = 2  # over what people filled in: the page, then the work
_READER = MarkdownIt("commonmark", {"html": False}).enable("table")


def render_markdown(text: str, below: int = 0) -> Markup:
    """Raw HTML in the text stays text; what the reader makes is cleaned once more.

    :param below: the level of the heading on the page under which the text stands: its own
        headings begin one level deeper.
    """
    tokens = _READER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(DEEPEST_HEADING, int(token.tag[1:]) + below)}"
    html = _READER.renderer.render(tokens, _READER.options, {})
    schemes = {"http", "https", "mailto"}
    return Markup(nh3.clean(html, url_schemes=schemes, attribute_filter=_shown_by_us))


def _shown_by_us(element: str, attribute: str, value: str) -> str | None:
    """Pictures come from our host, also those of others."""
    if (element, attribute) != ("img", "src"):
        return value
    return picture_source(value) if is_address(value) else None
