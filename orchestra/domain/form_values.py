"""Values going in and out of a form: what is posted, what stands there first, what is kept."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from orchestra.domain.form_fields import JSON, Field, Kind, find, is_shown
from orchestra.domain.json_pointers import below

NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
LOCAL_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(:[0-9]{2}(\.[0-9]+)?)?")
LARGEST_EXACT = 2**53 - 1  # beyond it the browser would round a whole number, so we do too


class Posted(Protocol):
    """The part of a multi-dictionary that reading a form needs."""

    def getlist(self, key: str) -> list[str]: ...
    def __iter__(self) -> Iterator[str]: ...


def read(described: Field, pointer: str, posted: Posted) -> Any:
    """The value of a field whose form controls are named by its pointer; None if it is empty."""
    texts = posted.getlist(pointer)
    if described.value_from:
        return None
    if described.widget == "hidden":
        return _hidden(described, texts[-1]) if texts else None
    if described.kind is Kind.OBJECT:
        return _object(described, pointer, posted)
    if described.kind is Kind.CHOICES:
        chosen = list(dict.fromkeys(filter(None, texts)))
        return _unless_empty(described, chosen, pointer, posted)
    if described.item:
        items = _items(described, described.item, pointer, posted)
        return _unless_empty(described, items, pointer, posted)
    # A tick box follows a hidden control of the same name, which is the last if it is not ticked.
    return scalar(described, texts[-1]) if texts else None


def scalar(described: Field, text: str) -> Any:
    """The typed value of a text; a text that is not of the type is kept, to be refused."""
    if described.kind is Kind.TEXT:
        return _text(described, text)
    if described.kind is Kind.BOOLEAN:
        return _boolean(described, text)
    return _number(text.strip())


def _text(described: Field, text: str) -> str | None:
    text = text.replace("\r\n", "\n")
    if text == "" and "" not in described.choices:
        return None
    if described.schema.get("format") == "date-time" and (local := LOCAL_TIME.fullmatch(text)):
        return f"{local[1]}{local[2] or ':00'}Z"
    return text


def _boolean(described: Field, text: str) -> bool | str | None:
    if text not in ("true", "false"):
        return text or None
    must_be_ticked = described.schema.get("const") is True
    if text == "false" and must_be_ticked and not described.required:
        return None
    return text == "true"


def _number(text: str) -> int | float | str | None:
    if not NUMBER.fullmatch(text):
        return text or None
    value = float(text)
    if not math.isfinite(value):
        return text
    return int(value) if value.is_integer() and abs(value) <= LARGEST_EXACT else value


def _hidden(described: Field, text: str) -> Any:
    if described.kind not in (Kind.OBJECT, Kind.CHOICES, Kind.LIST, Kind.ROWS):
        return scalar(described, text)
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _object(described: Field, pointer: str, posted: Posted) -> JSON | None:
    values = {
        child.name: read(child, below(pointer, child.name), posted) for child in described.children
    }
    data = {name: value for name, value in values.items() if value is not None}
    is_needed = described.required and bool(posted.getlist(pointer))
    return None if is_blank(described, data) and not is_needed else data


def _items(described: Field, item: Field, pointer: str, posted: Posted) -> list[Any]:
    start = f"{pointer}/"
    names = (key.removeprefix(start).split("/")[0] for key in posted if key.startswith(start))
    numbers = sorted({int(name) for name in names if re.fullmatch("[0-9]{1,9}", name)})
    if "items_from" in described.hints:
        rows = (_source_item(item, f"{pointer}/{number}", posted) for number in numbers)
    else:
        rows = (read(item, f"{pointer}/{number}", posted) for number in numbers)
    return [row for row in rows if row is not None]


def _source_item(item: Field, pointer: str, posted: Posted) -> Any:
    """An item made from earlier data stays, even if the person filled in nothing."""
    values = ((child, below(pointer, child.name)) for child in item.children)
    read_values = ((child.name, read(child, place, posted)) for child, place in values)
    return {name: value for name, value in read_values if value is not None}


def _unless_empty(
    described: Field, items: list[Any], pointer: str, posted: Posted
) -> list[Any] | None:
    is_needed = described.required and bool(posted.getlist(pointer))
    return items if items or is_needed else None


def is_blank(described: Field, value: Any) -> bool:
    """Whether a person has filled in nothing here; boxes left as they were and hidden fields
    are nothing."""
    if isinstance(value, Mapping) and described.kind is Kind.OBJECT:
        shown = (child for child in described.children if child.widget != "hidden")
        return all(is_blank(child, value.get(child.name)) for child in shown)
    if value is False:
        return not described.schema.get("default", False)
    return value is None or value in ("", [], {})


def with_defaults(described: Field, context: Mapping[str, Any]) -> JSON:
    """What an untouched form holds."""
    data: JSON = {}
    for child in described.children:
        value = child.start
        if value is None and child.kind is Kind.OBJECT:
            value = with_defaults(child, context) or None
        if value is not None and is_shown(child, context) and not child.value_from:
            data[child.name] = value
    return data


def with_source_items(described: Field, data: JSON, context: Mapping[str, Any]) -> JSON:
    """Fill the lists that are made from earlier data, keeping what was saved (W-36)."""
    filled = dict(data)
    for child in described.children:
        saved = data.get(child.name)
        if child.kind is Kind.OBJECT and isinstance(saved, dict):
            filled[child.name] = with_source_items(child, saved, context)
        if child.item and "items_from" in child.hints and is_shown(child, context):
            items = _merged(child, child.item, saved if isinstance(saved, list) else [], context)
            filled.update({child.name: items} if items else {})
    return filled


def _merged(
    described: Field, item: Field, saved: list[Any], context: Mapping[str, Any]
) -> list[Any]:
    key = described.hints["items_from"]["key"]
    sources = find(context, described.hints["items_from"]["from"])
    kept = list(saved)
    merged = []
    for source in sources if isinstance(sources, list) else []:
        fresh = _item_of(source, key, item)
        if key not in fresh:
            continue
        old = next((one for one in kept if _same(one, fresh, key)), None)
        if old is not None:
            kept.remove(old)
        merged.append({**fresh, **(old or {})})
    return merged + kept


def _item_of(source: Any, key: str, item: Field) -> JSON:
    if not isinstance(source, Mapping):
        return {key: source} if source is not None else {}
    return {child.name: source[child.name] for child in item.children if child.name in source}


def _same(saved: Any, fresh: JSON, key: str) -> bool:
    return isinstance(saved, Mapping) and saved.get(key) == fresh[key]


def settled(described: Field, value: Any, context: Mapping[str, Any]) -> Any:
    """The value without fields that are not shown and with those only the server may set (W-37)."""
    if described.kind is Kind.ROWS and isinstance(value, list) and described.item:
        return [settled(described.item, item, context) for item in value]
    if described.kind is not Kind.OBJECT or not isinstance(value, Mapping):
        return value
    data = dict(value)
    for child in described.children:
        given = find(context, child.value_from) if child.value_from else data.get(child.name)
        if not is_shown(child, context) or (child.value_from and given is None):
            data.pop(child.name, None)
        elif child.value_from or child.name in data:
            data[child.name] = settled(child, given, context)
    return data


def demanded(described: Field, context: Mapping[str, Any]) -> JSON:
    """The schema without the demands for fields that are not shown."""
    schema = dict(described.schema)
    if described.item:
        schema["items"] = demanded(described.item, context)
    if described.children:
        schema["properties"] = {
            child.name: demanded(child, context) for child in described.children
        }
        away = {child.name for child in described.children if not is_shown(child, context)}
        schema["required"] = [name for name in schema.get("required", ()) if name not in away]
    return schema
