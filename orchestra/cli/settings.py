"""`orchestra settings`: every setting, its value and where it came from (E-4)."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from orchestra.config import Settings, declared
from orchestra.config.declaring import declaration, variable


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(as_json: bool) -> None:
    """Print every setting, its value, its source and its meaning; secrets as ***.

    Example: orchestra settings --json
    """
    rows = _rows(Settings.from_env())
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(
        Column("Setting", no_wrap=True), Column("Value", overflow="fold"), "Source", "Meaning"
    )
    for row in rows:
        table.add_row(row["name"], _text(row["value"]), row["source"], row["meaning"])
    Console().print(table)


def _rows(current: Settings) -> list[dict[str, Any]]:
    shown = current.shown()
    return [
        {
            "name": variable(field),
            "value": _plain(shown[variable(field)]),
            "source": current.sources.get(field.name, "default"),
            "meaning": declaration(field).meaning,
        }
        for field in declared()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict | bool) else str(value)
