"""What authors' functions do with files, folders and documents (I-24, I-38)."""

from io import BytesIO

import pytest
import sqlalchemy as sa

from orchestra.domain import execution, projects
from orchestra.errors import NotFound, ProjectClosed, ServiceUnreachable, TooLarge
from orchestra.models import DocumentRevision, FileKind, StoredFile, TaskStatus
from orchestra.project_files import ProjectFiles
from orchestra.tasks.files import copy_document
from orchestra.workflow_kit import files


@pytest.fixture(params=["local", "service"])
def kept(request, work):
    """Files of a project, in each kind of store."""
    if request.param == "service":
        request.getfixturevalue("service")
    return ProjectFiles(work.project.id)


def rows(session, **columns):
    session.commit()
    return session.query(StoredFile).filter_by(**columns).all()


def names_in(kept, folder):
    """Without the team messages, which every project has."""
    return [entry.name for entry in kept.list_folder(folder) if entry.name != "Team Messages"]


def content_of(kept, id_):
    with kept.download(id_) as content:
        return content.read()


def test_a_step_that_runs_twice_makes_one_of_everything(kept, session):
    """I-24"""

    def step():
        folder = kept.make_folder("Raw Photos", key="raw-photos")
        return (
            folder,
            kept.make_document("Article Draft", "Begin", key="article-draft"),
            kept.upload("a.txt", BytesIO(b"abc"), key="photo/1", folder=folder),
        )

    assert step() == step()
    assert len(rows(session)) == 3 + 2  # and the project's own folder and team messages


def test_what_lies_in_a_folder_is_listed_newest_last(kept):
    raw = kept.make_folder("Raw Photos", key="raw")
    inner = kept.make_folder("Rejected", key="rejected", folder=raw)
    first = kept.upload("a.txt", BytesIO(b"abc"), key="1", folder=raw)
    kept.upload("b.txt", BytesIO(b"defg"), key="2", folder=raw)

    listed = kept.list_folder(raw)

    assert [entry.name for entry in listed] == ["Rejected", "a.txt", "b.txt"]
    assert (listed[0].id, listed[0].kind) == (inner, FileKind.FOLDER)
    assert (listed[1].id, listed[1].size_bytes, listed[1].content_type) == (first, 3, "text/plain")
    assert names_in(kept, inner) == []
    assert "Raw Photos" in names_in(kept, kept.folder)


def test_a_file_comes_back_as_it_was_and_is_given_by_a_link(kept):
    id_ = kept.upload("../plan a.txt", BytesIO(b"abc"), key="plan")

    assert content_of(kept, id_) == b"abc"
    assert kept.link(id_) == f"/orchestra/files/{id_}/plan%20a.txt"


def test_a_name_that_is_taken_gets_a_number(kept):
    """I-27"""
    for key in "12":
        kept.upload("a.txt", BytesIO(b"abc"), key=key)

    assert names_in(kept, kept.folder) == ["a.txt", "a (2).txt"]


def test_a_document_is_read_and_written(kept):
    id_ = kept.make_document("Article Draft", "First", key="draft")
    assert kept.read_document(id_) == "First"

    kept.write_document(id_, "Second")

    assert kept.read_document(id_) == "Second"
    assert kept.make_document("Article Draft", "First", key="draft") == id_
    assert kept.read_document(id_) == "Second"


def test_a_document_begins_as_a_copy_of_another_one(kept):
    """X-16"""
    template = kept.make_document("Template", "Who, what, when", key="template")

    draft = kept.make_document("Draft", "", key="draft", template=template)

    assert kept.read_document(draft) == "Who, what, when"


def test_what_was_deleted_is_gone_and_its_key_is_free(kept):
    """I-29"""
    first = kept.upload("a.txt", BytesIO(b"first"), key="photo")
    draft = kept.make_document("Draft", "First", key="draft")
    kept.delete(first)
    kept.delete(draft)

    with pytest.raises(NotFound):
        kept.download(first)
    with pytest.raises(NotFound):
        kept.read_document(draft)
    second = kept.upload("a.txt", BytesIO(b"second"), key="photo")
    assert content_of(kept, second) == b"second"
    assert names_in(kept, kept.folder) == ["a.txt"]


def test_a_project_does_not_reach_what_another_one_has(kept, make, session):
    other = make.work(TaskStatus.PROCESSING).project
    session.commit()
    folder = kept.make_folder("Raw", key="raw")
    id_ = kept.upload("a.txt", BytesIO(b"abc"), key="1")
    others = ProjectFiles(other.id)

    for call in (
        lambda: others.list_folder(folder),
        lambda: others.download(id_),
        lambda: others.delete(id_),
        lambda: others.link(id_),
        lambda: others.upload("b.txt", BytesIO(b"b"), key="2", folder=folder),
    ):
        with pytest.raises(NotFound):
            call()
    assert others.make_folder("Raw", key="raw") != folder


def test_a_closed_project_gets_nothing_any_more(kept, work, session):
    document = kept.make_document("Draft", "First", key="draft")
    projects.abort(session, work.admin, work.project.id)
    session.commit()

    assert kept.read_document(document) == "First"
    with pytest.raises(ProjectClosed):
        kept.upload("a.txt", BytesIO(b"abc"), key="1")
    with pytest.raises(ProjectClosed):
        kept.make_folder("Raw", key="raw")


def test_a_file_that_is_too_large_is_not_kept(kept, change_settings):
    change_settings(max_upload_bytes=3)

    with pytest.raises(TooLarge):
        kept.upload("a.txt", BytesIO(b"abcd"), key="1")

    assert names_in(kept, kept.folder) == []


def test_where_a_document_is_edited(work, session, service, app):
    kept = ProjectFiles(work.project.id)
    at_service = kept.make_document("Draft", "", key="draft")
    assert kept.document_link(at_service).startswith("https://files.example.org/service-")
    assert kept.link(kept.folder).startswith("https://files.example.org/service-")


def test_documents_and_folders_of_the_app_have_pages(work):
    kept = ProjectFiles(work.project.id)
    document, folder = kept.make_document("Draft", "", key="draft"), kept.folder

    assert kept.document_link(document) == f"/orchestra/documents/{document}/"
    assert kept.link(folder) == f"/orchestra/folders/{folder}/"


def test_the_folder_of_the_project_says_when_and_what(work, session):
    """I-26"""
    work.project.short_description = "Pope / New York"
    session.query(StoredFile).delete()  # as of a project that is older than folders are
    session.commit()

    kept = ProjectFiles(work.project.id)
    assert kept.folder == kept.folder
    (folder,) = rows(session, key="folder")
    assert folder.name == f"{work.project.started_at:%Y-%m-%d} Pope - New York"


def test_a_step_goes_on_where_one_was_killed(work, service):
    """Between the row and the store: the same key there, and nothing twice."""
    kept = ProjectFiles(work.project.id)
    with service.failing(ServiceUnreachable("not now")):
        for make in (
            lambda: kept.make_folder("Raw", key="raw"),
            lambda: kept.make_document("Draft", "First", key="draft"),
            lambda: kept.upload("a.txt", BytesIO(b"abc"), key="1"),
        ):
            with pytest.raises(ServiceUnreachable):
                make()
    folder = kept.folder
    assert names_in(kept, folder) == ["Raw", "Draft"]

    kept.make_folder("Raw", key="raw")
    kept.make_document("Draft", "First", key="draft")
    kept.upload("a.txt", BytesIO(b"abc"), key="1")

    assert sorted(names_in(kept, folder)) == ["Draft", "Raw", "a.txt"]
    assert sorted(thing["name"] for thing in service.things.values())[1:] == [
        "Draft",
        "Raw",
        "a.txt",
    ]


def test_what_people_put_into_a_folder_at_the_service_is_found(work, service):
    kept = ProjectFiles(work.project.id)
    raw = kept.make_folder("Raw Photos", key="raw")
    (place,) = [place for place, thing in service.things.items() if thing["name"] == "Raw Photos"]
    service.drop(place, "pier.jpg", b"photo")

    (first,), (again,) = kept.list_folder(raw), kept.list_folder(raw)

    assert first == again
    assert (first.name, first.size_bytes) == ("pier.jpg", 5)
    assert content_of(kept, first.id) == b"photo"


def test_the_folder_of_a_client_holds_the_project_folder(work, session, service):
    """I-26"""
    theirs = service.make_folder("theirs", "Client", None)
    work.project.project_data = {"client_folder_id": theirs}
    session.commit()

    ProjectFiles(work.project.id).make_folder("Raw", key="raw")

    by_name = {thing["name"]: thing for thing in service.things.values()}
    own = next(name for name in by_name if name.startswith("20"))
    assert by_name[own]["folder"] == theirs


def test_the_store_gets_a_copy_of_the_newest_text(work, session, jobs, app):
    """I-31"""
    kept = ProjectFiles(work.project.id)
    id_ = kept.make_document("Draft", "First", key="draft")
    copying = ("files.copy_document", {"document_id": id_})
    assert copying in jobs()
    session.commit()

    copy_document.run(id_)
    kept.write_document(id_, "Second")
    kept.write_document(id_, "Second")
    copy_document.run(id_)
    copy_document.run(id_)

    (row,) = rows(session, id=id_)
    assert app.extensions["orchestra_files"].read_document(row.place) == "Second"
    assert copying not in jobs()
    assert session.scalar(sa.select(sa.func.count(DocumentRevision.id))) == 1  # one sitting


def test_a_machine_step_has_the_files_of_its_project(work, monkeypatch):
    """I-38"""
    lease = execution.Lease(
        task_id=1,
        project_id=work.project.id,
        step=type("Step", (), {"execution_function": execution.FunctionReference("x:y")})(),
        attempt=1,
        fencing_number=1,
        runner=execution.Runner("host", 1),
        project_data={},
        prerequisites={},
    )

    def function(_project_data, _prerequisites):
        return {"folder": files().make_folder("Raw", key="raw")}

    monkeypatch.setattr(execution, "resolve", lambda _path: function)
    outcome = execution.call(lease)

    assert outcome.result == {"folder": ProjectFiles(work.project.id).make_folder("Raw", key="raw")}
    with pytest.raises(RuntimeError, match="no machine step is running"):
        files()


def test_many_at_once_make_one(work, app):
    from concurrent.futures import ThreadPoolExecutor

    def step(_number):
        with app.app_context():
            kept = ProjectFiles(work.project.id)
            folder = kept.make_folder("Raw", key="raw")
            return folder, kept.upload("a.txt", BytesIO(b"abc"), key="1", folder=folder)

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(step, range(8)))) == 1
