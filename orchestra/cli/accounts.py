"""`orchestra create-admin`: the first administrator, who makes all other accounts (P-17)."""

import click

from orchestra.cli.actor import operator
from orchestra.cli.checks import ready_application
from orchestra.config import Settings
from orchestra.database import transaction
from orchestra.domain import administration, passwords, people
from orchestra.domain.administration import NewAccount, Roles
from orchestra.errors import Forbidden, Invalid

DEMO = "admin"


@click.command()
@click.option("--username", help="Name to sign in with; asked for if absent.")
@click.option("--email", help="Address for mails; asked for if absent.")
@click.option("--demo", is_flag=True, help="Make admin with the password admin, to look around.")
def create_admin(username: str | None, email: str | None, demo: bool) -> None:
    """Make an administrator. The password is asked for, so that no shell remembers it.

    Example: orchestra create-admin --username ana --email ana@example.org
    """
    with ready_application():
        if demo:
            _refuse_in_production()
            username, email, password = DEMO, f"{DEMO}@example.org", DEMO
        else:
            username = username or click.prompt("User name")
            email = email or click.prompt("E-mail")
            password = _typed_password(username, email)
        wish = NewAccount(username=username, email=email, roles=Roles(is_administrator=True))
        with transaction() as session:
            administration.create_administrator(
                session, operator(), wish, people.hash_password(password)
            )
    with_password = f" with the password {password}" if demo else ""
    click.echo(f"Sign in as {username}{with_password}.")


def _refuse_in_production() -> None:
    if Settings.from_env().environment == "production":
        raise Forbidden("The password of --demo is public: it is not made in production.")


def _typed_password(username: str, email: str) -> str:
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    for sentences in passwords.problems(password, password, username, email).values():
        raise Invalid(" ".join(sentences))
    return password
