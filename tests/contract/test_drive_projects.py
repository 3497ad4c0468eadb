"""A project whose folder is in Google Drive, from its preparation to a folder that was deleted."""

from io import BytesIO

import pytest
import sqlalchemy as sa

from orchestra.domain import lifecycle, sharing
from orchestra.models import Message, Project, StoredFile
from orchestra.project_files import ProjectFiles
from orchestra.tasks.files import prepare_project, share_folder
from tests.builders import step
from tests.contract.drive_objects import ROOT


@pytest.fixture
def project(app, drive_files, change_settings, session, make):
    """One that a person is to work on; nothing is made in Drive yet."""
    change_settings(file_backend="google_drive")
    app.extensions["orchestra_files"] = drive_files
    make.admin()
    project = make.project(step("write"))
    session.commit()
    yield project
    del app.extensions["orchestra_files"]


def made_in(drive, place):
    return [
        file for file in drive.drive.files.values() if place in file["parents"] and is_there(file)
    ]


def is_there(file):
    return not file["trashed"]


def test_a_preparation_that_is_cut_anywhere_and_repeated_makes_one_of_each(project, drive, session):
    """I-24, I-26"""
    for call in ("files.get", "files.create", "files.list"):
        for cut in ("before", "after"):
            drive.fault(call, cut=cut)
            prepare_project.run(project.id)
    prepare_project.run(project.id)
    prepare_project.run(project.id)

    session.commit()
    project = session.get(Project, project.id)
    (folder,) = made_in(drive, ROOT)
    (messages,) = made_in(drive, folder["id"])
    assert folder["name"] == f"{project.started_at:%Y-%m-%d} A project"
    assert messages["name"] == "Team Messages"
    assert folder["id"] in project.project_folder_url
    assert messages["id"] in project.team_messages_url


def test_the_team_may_write_and_a_refused_address_is_told(project, drive, session, make):
    """I-32, I-33"""
    prepare_project.run(project.id)
    drive.drive.unknown = {"ana@example.org"}
    ana, admin = make.worker("ana"), make.actor(make.admin())
    lifecycle.assign_task(session, admin, make.task(project, "write").id, ana)
    session.commit()

    share_folder.run(project.id)

    (refusal,) = sharing.refusals(session, project.id)
    assert refusal.refused.startswith("There is no Google account")
    assert made_in(drive, ROOT)[0]["permissions"] == []


def test_a_deleted_folder_is_made_anew_for_the_next_picture(project, drive, session):
    """I-35"""
    prepare_project.run(project.id)
    kept = ProjectFiles(project.id)
    raw = kept.make_folder("Raw Photos", key="raw")
    kept.upload("one.txt", BytesIO(b"one"), key="one", folder=raw)
    place = session.get(StoredFile, raw).place
    session.commit()
    drive.drive.files[place]["trashed"] = True

    kept.upload("two.txt", BytesIO(b"two"), key="two", folder=raw)

    session.expire_all()
    anew = session.get(StoredFile, raw).place
    session.commit()
    drive.drive.make({"name": "of a person.txt", "parents": [anew]}, b"three", "text/plain")
    assert anew != place
    assert [file["name"] for file in made_in(drive, anew)] == ["two.txt", "of a person.txt"]
    assert "of a person.txt" in [entry.name for entry in kept.list_folder(raw)]
    told = session.scalars(sa.select(Message).where(Message.kind == "preparation_problem")).all()
    assert told
