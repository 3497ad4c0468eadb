"""What `orchestra up` makes on the first start in development: examples, people, a client key."""

import json
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from orchestra.cli.actor import operator
from orchestra.cli.broker import write_private
from orchestra.cli.checks import PUBLIC_PASSWORDS
from orchestra.config import Settings
from orchestra.database import reading, transaction
from orchestra.domain import definitions, keys, sample_data
from orchestra.domain.definitions import storing
from orchestra.errors import OrchestraError
from orchestra.models import ApiKey, Worker, Workflow


def load_examples(settings: Settings) -> Iterator[str]:
    """Load every workflow with its sample people, unless one is loaded already; tell each.

    A broken one is told and does not keep the others from starting.
    """
    with reading() as session:
        if session.scalar(sa.select(Workflow.id).limit(1)):
            return
    definitions.extend_import_path(settings.workflow_dirs)
    for folder in definitions.find_packages(settings.workflow_dirs, settings.workflows):
        try:
            yield _load(folder)
        except OrchestraError as error:
            yield f"The workflow in {folder} is not loaded: {error}"


def _load(folder: Path) -> str:
    package = definitions.read_package(folder)
    versions, with_people = list(package.versions), ""
    with transaction() as session:
        for version in versions:
            storing.store(session, package, version, actor=operator())
        if package.workflow.get("sample_data_load_function"):
            sample_data.load(session, package.slug, versions[-1], actor=operator())
            with_people = " and its sample people"
    return f"Loaded the workflow {package.slug} ({', '.join(versions)}){with_people}."


def make_client_key(settings: Settings) -> Iterator[str]:
    """Make the key that the client is told by the settings, or a random one kept beside the data.

    A key that exists is left alone (A-12).
    """
    named = settings.project_api_secret != ""
    key_id = settings.project_api_key
    with reading() as session:
        found = sa.select(ApiKey.id).where(ApiKey.key_id == key_id) if named else sa.select(ApiKey)
        if session.scalar(found.limit(1)):
            return
    with transaction() as session:
        _, secret = keys.create_key(
            session, operator(), key_id, secret=settings.project_api_secret or None
        )
    if named:
        yield f"Made the client key {key_id} with the secret of ORCHESTRA_PROJECT_API_SECRET."
        return
    path = settings.data_dir / "client_key.json"
    write_private(path, json.dumps({"key_id": key_id, "secret": secret}) + "\n")
    yield f"Made the client key {key_id}; its secret is in {path}."


def sign_ins() -> Iterator[str]:
    """How to get in: as a sample person, if there are any, and as an administrator."""
    with reading() as session:
        samples = [name for name in PUBLIC_PASSWORDS if name != "admin"]
        found = sa.select(Worker.username).where(Worker.username.in_(samples), Worker.is_active)
        known = set(session.scalars(found))
        for name in filter(known.__contains__, samples):
            yield f"Sign in as {name} with the password {PUBLIC_PASSWORDS[name]}."
        if not session.scalar(sa.select(Worker.id).where(Worker.is_administrator).limit(1)):
            yield "Nobody is an administrator yet: orchestra create-admin makes one."
