"""`orchestra api-key`: make, list and revoke the keys of client systems (A-11)."""

import json
from datetime import datetime
from typing import Any

import click

from orchestra.cli.actor import operator
from orchestra.cli.checks import ready_application
from orchestra.database import reading, transaction
from orchestra.domain import keys
from orchestra.errors import Invalid
from orchestra.models import ApiKey


@click.group()
def api_key() -> None:
    """Make, list and revoke the keys of client systems.

    Example: orchestra api-key create my-system
    """


@api_key.command()
@click.argument("key_id", metavar="NAME")
@click.option("--label", default="", help="What the key is for.")
@click.option("--legacy", is_flag=True, help="Also accept signatures over the date alone.")
def create(key_id: str, label: str, legacy: bool) -> None:
    """Make a key and print its secret, which is not shown again.

    Example: orchestra api-key create my-system --label "Website"
    """
    with ready_application(), transaction() as session:
        _key, secret = keys.create_key(session, operator(), key_id, label=label, is_legacy=legacy)
    click.echo(json.dumps({"key_id": key_id, "secret": secret}))
    if legacy:
        click.echo("A signature over the date alone can be replayed for five minutes.", err=True)


@api_key.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(as_json: bool) -> None:
    """List all keys, revoked ones too, without their secrets.

    Example: orchestra api-key list
    """
    with ready_application(), reading() as session:
        entries = [entry(key) for key in keys.all_keys(session)]
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    for shown in entries:
        click.echo(line(shown))


@api_key.command()
@click.argument("key_id", metavar="NAME")
def revoke(key_id: str) -> None:
    """End a key at once.

    Example: orchestra api-key revoke my-system
    """
    with ready_application(), transaction() as session:
        keys.revoke_key(session, operator(), key_id)
    click.echo(f"{key_id} is revoked.")


@api_key.command("re-encrypt")
@click.option("--old-key", prompt=True, hide_input=True, help="The ORCHESTRA_SECRET_KEY before.")
def re_encrypt(old_key: str) -> None:
    """Make the keys usable again after ORCHESTRA_SECRET_KEY was changed.

    Example: orchestra api-key re-encrypt
    """
    with ready_application(), transaction() as session:
        lost = keys.re_encrypt(session, old_key)
        if lost:
            names = ", ".join(lost)
            raise Invalid(
                f"Nothing changed: the old key does not fit {names}. Revoke or try again."
            )
    click.echo("All keys are usable.")


def entry(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "label": key.label,
        "legacy": key.is_legacy,
        "created_at": _iso(key.created_at),
        "created_by_id": key.created_by_id,
        "last_used_at": _iso(key.last_used_at),
        "revoked_at": _iso(key.revoked_at),
    }


def line(shown: dict[str, Any]) -> str:
    marks = "".join(
        f"  [{mark}]"
        for mark, applies in (
            ("legacy: can be replayed", shown["legacy"]),
            ("revoked", shown["revoked_at"]),
        )
        if applies
    )
    used = shown["last_used_at"] or "never"
    return f"{shown['key_id']}  {shown['label'] or '-'}  last used: {used}{marks}"


def _iso(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None
