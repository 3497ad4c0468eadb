"""What a browser without JavaScript would post from rendered HTML."""

from bs4 import BeautifulSoup
from werkzeug.datastructures import MultiDict

UNTOUCHED = object()


class Page:
    """Rendered HTML: its fields by pointer, and what its controls post."""

    def __init__(self, html):
        self.soup = BeautifulSoup(html, "html.parser")
        for template in self.soup.find_all("template"):
            template.decompose()

    def field(self, pointer):
        return self.soup.find(attrs={"data-pointer": pointer})

    @property
    def pointers(self):
        return {field["data-pointer"] for field in self.soup.find_all(attrs={"data-field": True})}

    def controls(self):
        return self.soup.find_all(["input", "select", "textarea"])

    def posted(self, answer=lambda control: UNTOUCHED):
        """The post after the person gave their answers: a text, or for a box whether it is
        ticked; ``UNTOUCHED`` leaves what the page shows."""
        posted = MultiDict()
        for control in self.controls():
            value = _value(control, answer(control))
            if value is not None:
                posted.add(control["name"], value)
        return posted


def choices_of(select):
    return [option["value"] for option in select.find_all("option")]


def is_box(control):
    return control.get("type") in ("checkbox", "radio")


def _value(control, given):
    if is_box(control):
        ticked = control.has_attr("checked") if given is UNTOUCHED else given
        return control["value"] if ticked else None
    if given is not UNTOUCHED:
        return given.replace("\n", "\r\n")
    if control.name == "select":
        chosen = [option["value"] for option in control.find_all("option", selected=True)]
        return [*chosen, *choices_of(control)][0]
    if control.name == "textarea":
        return control.get_text().removeprefix("\n")
    return control.get("value", "")
