"""`orchestra create-admin`: the first administrator, who makes all others (P-17, X-32)."""

import click
from flask import current_app

from orchestra.cli.actor import operator
from orchestra.cli.checks import PUBLIC_PASSWORDS, ready_application
from orchestra.config import Settings
from orchestra.database import transaction
from orchestra.domain import accounts, people
from orchestra.domain.accounts import Registration
from orchestra.errors import Forbidden, Invalid

_PUBLIC = PUBLIC_PASSWORDS["admin"]
DEMO = Registration(username="admin", email="admin@example.org", password=_PUBLIC, repeated=_PUBLIC)


@click.command()
@click.option("--username", help="Name for the sign-in; asked for if absent.")
@click.option("--email", help="E-mail address; asked for if absent.")
@click.option("--demo", is_flag=True, help="Make admin with the password admin, to try things.")
def create_admin(username: str | None, email: str | None, *, demo: bool) -> None:
    """Make an administrator; the password is asked for on the terminal.

    Example: orchestra create-admin --username mia --email mia@example.org
    """
    with ready_application():
        wish = _demo() if demo else _asked(username, email)
        password_hash = people.hash_password(wish.password)
        with transaction() as session:
            accounts.create_administrator(session, operator(), wish, password_hash)
    click.echo(f"{wish.username} is an administrator and can sign in.")


def _demo() -> Registration:
    """:raises Forbidden: everybody knows this password."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.environment == "production":
        raise Forbidden("--demo makes a public password: it is refused in production.")
    return DEMO


def _asked(username: str | None, email: str | None) -> Registration:
    """:raises Invalid: some of it cannot be taken."""
    wish = Registration(
        username=username or click.prompt("User name"),
        email=email or click.prompt("E-mail"),
        password=click.prompt("Password", hide_input=True),
        repeated=click.prompt("The same again", hide_input=True),
    )
    try:
        accounts.check_registration(wish)
    except Invalid as error:
        raise Invalid(" ".join(text for texts in error.fields.values() for text in texts)) from None
    return wish
