"""Reading the environment, and the file it may name, into a table of settings (E-1, E-3)."""

import dataclasses
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from orchestra.config.declaring import PREFIX, declaration, read, variable

CONFIG_FILE = "ORCHESTRA_CONFIG_FILE"

Given = dict[str, tuple[str, str]]  # variable: its text, and where that was found


def read_environment(
    table: type[Any], env: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Values and their sources by field name, and one line for each offence."""
    given, problems = _given(env)
    problems += _unknown(table, given)
    values, sources = {}, {}
    hints = get_type_hints(table)
    for field in dataclasses.fields(table):
        if "setting" not in field.metadata:
            continue
        name = next((name for name in _names(field) if name in given), None)
        if name is None:
            continue
        text, sources[field.name] = given[name]
        try:
            values[field.name] = read(text, hints[field.name], declaration(field))
        except ValueError as error:
            unshown = declaration(field).secret or declaration(field).address
            shown = "the value" if unshown else repr(text)
            problems.append(f"{name}: {shown} {error}.")
    return values, sources, problems


def _names(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    return (variable(field), *declaration(field).synonyms)


def _given(env: Mapping[str, str]) -> tuple[Given, list[str]]:
    """What file and environment say; a variable without a text counts as unset."""
    given: Given = {}
    problems: list[str] = []
    path = env.get(CONFIG_FILE, "")
    if path:
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            return {}, [f"{CONFIG_FILE}: cannot read {path}: {error}."]
        given, problems = _parsed(lines, path)
    given |= {name: (text.strip(), "environment") for name, text in env.items()}
    return {name: found for name, found in given.items() if found[0]}, problems


def _parsed(lines: list[str], path: str) -> tuple[Given, list[str]]:
    given: Given = {}
    problems = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        name, equals, text = line.removeprefix("export ").partition("=")
        if not equals:
            problems.append(f"{path}, line {number}: is not KEY=VALUE.")
            continue
        given[name.strip()] = (_unquoted(text.strip()), f"file {path}")
    return given, problems


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _unknown(table: type[Any], given: Given) -> list[str]:
    known = {CONFIG_FILE}
    for field in dataclasses.fields(table):
        if "setting" in field.metadata:
            known.update(_names(field))
    problems = []
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, sorted(known), n=1, cutoff=0.0)
            problems.append(f"{name}: there is no such setting; did you mean {near[0]}?")
    return problems
