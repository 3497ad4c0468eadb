"""Where a remark stands: the name of its field, and its address on the page of the task."""

from collections.abc import Sequence
from urllib.parse import quote

from orchestra.domain.form_fields import Field, Kind
from orchestra.domain.forms import Form
from orchestra.domain.json_pointers import keys_of


def name_of(form: Form, pointer: str | None) -> str:
    """The labels on the way to a field, such as "Photos, item 2, Caption"."""
    if pointer is None:
        return "The whole work"
    return ", ".join(_labels(form.root, keys_of(pointer))) or pointer


def _labels(here: Field, keys: Sequence[str]) -> list[str]:
    labels = []
    for key in keys:
        if here.kind in (Kind.LIST, Kind.ROWS) and key.isdecimal():
            labels.append(f"item {int(key) + 1}")
            here = here.item or here
        else:
            here = here.child(key)
            labels.append(here.label)
    return labels


def address_of(form: Form, pointer: str | None) -> str | None:
    """The fragment of the field in the form of the page; an element has places of its own."""
    if pointer is None or form.element:
        return None
    return f"#field{quote(pointer, safe='/')}"
