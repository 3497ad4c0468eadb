"""Markdown of authors and workers as safe HTML."""

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_READER = MarkdownIt("commonmark", {"html": False}).enable("table")


def render_markdown(text: str) -> Markup:
    """Raw HTML in the text stays text; what the reader makes is cleaned once more."""
    return Markup(nh3.clean(_READER.render(text), url_schemes={"http", "https", "mailto"}))
