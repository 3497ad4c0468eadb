"""Files of projects: names, types, and who may see and change them (I-27 to I-30)."""

from io import BytesIO

import pytest
import sqlalchemy as sa
from PIL import Image

from orchestra.domain import file_types, files, folders, projects
from orchestra.domain.audit import Actor
from orchestra.domain.file_names import clean_name, free_name, with_ending
from orchestra.domain.files import Upload
from orchestra.errors import NotFound, ProjectClosed
from orchestra.integrations.files import LocalFiles
from orchestra.models import AuditEvent, StoredFile, TaskStatus, Verb


def picture(format_="PNG"):
    content = BytesIO()
    Image.new("RGB", (4, 3), "red").save(content, format_)
    return content.getvalue()


def upload(name="plan.pdf", **more):
    return Upload(
        **({"name": name, "content_type": "application/pdf"} | more),
        id=folders.new_id(),
        place=folders.new_id(),
        size_bytes=7,
    )


@pytest.fixture
def work(make):
    return make.work(TaskStatus.PROCESSING)


@pytest.fixture
def writer(work):
    return work.workers[work.writer.name]


def audited(session):
    found = sa.select(AuditEvent).where(AuditEvent.verb == Verb.FILE_CHANGED)
    return session.scalars(found.order_by(AuditEvent.id)).all()


def test_a_file_belongs_to_the_project_of_the_task(session, work, writer):
    file = files.add(session, work.writer, work.task.id, upload(folder="Raw"))

    assert (file.project_id, file.uploaded_by_id) == (work.project.id, writer.id)
    assert files.files_of(session, work.project.id) == [file]
    assert files.files_of(session, work.project.id, "Raw") == [file]
    assert files.files_of(session, work.project.id, "") == []
    assert files.get_file(session, writer, file.id) is file


def test_a_name_that_is_taken_gets_a_number_in_its_folder(session, work):
    """I-27"""
    names = [
        files.add(session, work.writer, work.task.id, upload(folder=folder)).name
        for folder in ("", "", "", "Raw")
    ]

    assert names == ["plan.pdf", "plan (2).pdf", "plan (3).pdf", "plan.pdf"]


def test_the_name_of_a_hidden_file_is_free_again(session, work):
    first = files.add(session, work.writer, work.task.id, upload())
    files.hide(session, work.writer, first.id)

    assert files.add(session, work.writer, work.task.id, upload()).name == "plan.pdf"


def test_a_hidden_file_is_gone_for_everybody_but_kept(session, work, writer):
    """I-29"""
    file = files.add(session, work.writer, work.task.id, upload())
    files.hide(session, work.writer, file.id)
    session.flush()

    assert files.files_of(session, work.project.id) == []
    with pytest.raises(NotFound):
        files.get_file(session, writer, file.id)
    with pytest.raises(NotFound):
        files.hide(session, work.writer, file.id)
    assert session.get(StoredFile, file.id).deleted_at is not None


def test_what_happens_to_files_is_audited(session, work):
    """I-29"""
    file = files.add(session, work.writer, work.task.id, upload())
    files.hide(session, work.writer, file.id)
    session.flush()

    added, hidden = audited(session)
    assert added.after == {"file": file.id, "name": "plan.pdf", "folder": ""}
    assert hidden.before == {"file": file.id, "name": "plan.pdf", "kind": "file"}
    assert {added.project_id, hidden.project_id} == {work.project.id}


def test_strangers_neither_see_nor_change_files(session, make, work):
    """R-32: the same answer as for a file that is not there."""
    stranger = make.worker()
    file = files.add(session, work.writer, work.task.id, upload())

    for call in (
        lambda: files.get_file(session, stranger, file.id),
        lambda: files.project_of_task(session, stranger, work.task.id),
        lambda: files.add(session, Actor.of(stranger), work.task.id, upload()),
        lambda: files.hide(session, Actor.of(stranger), file.id),
    ):
        with pytest.raises(NotFound):
            call()


def test_who_left_the_project_does_not_see_its_files_any_more(session, make, work, writer):
    file = files.add(session, work.writer, work.task.id, upload())
    work.at(0).discarded_at = sa.func.now()
    session.flush()

    with pytest.raises(NotFound):
        files.get_file(session, writer, file.id)


def test_project_admins_see_and_change_the_files_of_every_project(session, work):
    file = files.add(session, work.writer, work.task.id, upload())
    admin = work.workers[work.admin.name]

    assert files.get_file(session, admin, file.id) is file
    files.hide(session, work.admin, file.id)


def test_the_files_of_a_closed_project_stay_as_they_are(session, work):
    file = files.add(session, work.writer, work.task.id, upload())
    projects.abort(session, work.admin, work.project.id)

    with pytest.raises(ProjectClosed):
        files.add(session, work.admin, work.task.id, upload())
    with pytest.raises(ProjectClosed):
        files.hide(session, work.admin, file.id)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\plan.pdf", "plan.pdf"),
        ("a\0b\n\u202ec.txt", "abc.txt"),
        ("  two   words .txt", "two words .txt"),
        ("", "file"),
        ("..", "file"),
        ("/", "file"),
        ("Bär.png", "Bär.png"),
    ],
)
def test_names_are_cleaned(given, kept):
    """I-27"""
    assert clean_name(given) == kept


def test_a_long_name_keeps_its_ending():
    name = clean_name("a" * 300 + ".jpeg")

    assert (len(name), name[-6:]) == (120, "a.jpeg")


def test_free_names_are_numbered_before_the_ending():
    assert free_name("a.tar", {"a.tar", "a (2).tar"}) == "a (3).tar"
    assert free_name("a", {"a"}) == "a (2)"


def test_a_picture_is_called_like_one():
    assert with_ending("photo", "image/jpeg") == "photo.jpg"
    assert with_ending("photo.JPEG", "image/jpeg") == "photo.JPEG"
    assert with_ending("photo.txt", "image/png") == "photo.txt.png"
    assert with_ending("plan", "application/pdf") == "plan"


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (picture("PNG"), "image/png"),
        (picture("JPEG"), "image/jpeg"),
        (picture("GIF"), "image/gif"),
        (picture("WEBP"), "image/webp"),
        (picture("BMP"), "application/octet-stream"),
        (picture("PNG")[:20], "application/octet-stream"),
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"PK\x03\x04 ...", "application/zip"),
        (b"Plain words.", "text/plain"),
        ("Bär".encode() * 5000, "text/plain"),
        (b"x" * 4095 + "ä".encode(), "text/plain"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain"),
        (b"", "text/plain"),
        (b"a\0b", "application/octet-stream"),
        (b"\xff\xfe\xfd", "application/octet-stream"),
    ],
)
def test_the_type_is_found_from_the_content(content, type_):
    """I-27, I-28: whatever the name says."""
    stream = BytesIO(content)

    assert file_types.content_type(stream) == type_
    assert stream.tell() == 0


@pytest.mark.parametrize("file_id", ["../secret", "a/b", "", "x" * 32])
def test_no_id_leads_out_of_the_folder(tmp_path, file_id):
    """I-30"""
    (tmp_path / "secret").write_text("x")

    with pytest.raises(NotFound):
        LocalFiles(tmp_path / "files").open(file_id)


def test_of_two_files_of_one_name_at_the_same_moment_one_gets_a_number(session, work, at_once):
    """I-27"""
    task_id, project_id = work.task.id, work.project.id
    session.commit()

    def adding(session):
        return files.add(session, work.writer, task_id, upload()).name

    assert sorted(at_once(adding, adding, adding)) == ["plan (2).pdf", "plan (3).pdf", "plan.pdf"]
    assert len(files.files_of(session, project_id)) == 3
