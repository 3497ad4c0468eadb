"""`orchestra settings`: every setting, its value and where it came from (E-4)."""

import json

import click

from orchestra.config import Settings, showing


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(as_json: bool) -> None:
    """Print every setting, its value, its source and its meaning; secrets as ***.

    Example: orchestra settings --json
    """
    rows = showing.rows(Settings.from_env())
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        name = click.style(row["name"], bold=True)
        click.echo(f"{name} = {showing.text(row['value'])}  ({row['source']})")
        click.echo(f"    {row['meaning']}")
