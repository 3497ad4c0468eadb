"""Documents and folders as people read and edit them in the app (I-31, I-34, W-21)."""

from datetime import timedelta
from io import BytesIO

import pytest

from orchestra.database import utcnow
from orchestra.domain import documents, projects
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.folders import Wanted
from orchestra.errors import StaleRevision
from orchestra.models import (
    AuditEvent,
    DocumentRevision,
    FileKind,
    FolderShare,
    StoredFile,
    TaskStatus,
    Verb,
)
from orchestra.project_files import ProjectFiles
from tests.web.test_files import picture


@pytest.fixture
def work(make, session):
    work = make.work(TaskStatus.REVIEWING)
    session.commit()
    return work


@pytest.fixture
def draft(session, work):
    wanted = Wanted(kind=FileKind.DOCUMENT, key="draft", name="Article Draft")
    text = "# The Pope\n\n<script>x</script> **arrives**"
    document = documents.reserve(session, SYSTEM, work.project.id, wanted, text)
    session.commit()
    return document.id


@pytest.fixture
def at(browser, work):
    """A browser in which somebody of the work is signed in."""
    return lambda actor: browser().sign_in(work.workers[actor.name])


def page(at_somebody, draft, path=""):
    response = at_somebody.get(f"/orchestra/documents/{draft}/{path}")
    assert response.status_code == 200
    return response.text


def save(at_somebody, draft, text, revision):
    body = {"text": text, "revision": revision}
    return at_somebody.call(f"documents/{draft}/", body, method="PUT")


def test_a_document_is_read_as_clean_markdown(at, work, draft):
    html = page(at(work.writer), draft)

    assert "<h2>The Pope</h2>" in html
    assert "<strong>arrives</strong>" in html
    assert "<script>x" not in html
    assert "Last changed by the machine" in html


def test_the_text_of_a_document_is_asked_for(at, work, draft):
    """N-7"""
    at_writer = at(work.writer)
    save(at_writer, draft, "*One*", 1)

    answer = at_writer.get(f"/orchestra/api/interface/documents/{draft}/").get_json()

    assert (answer["text"], answer["revision"]) == ("*One*", 2)
    assert answer["html"] == "<p><em>One</em></p>\n"
    assert answer["saved_at"]


def test_strangers_do_not_know_of_documents_and_folders(browser, make, session, work, draft):
    """R-32"""
    folder = ProjectFiles(work.project.id).folder
    stranger = make.worker()
    session.commit()
    at_stranger = browser().sign_in(stranger)
    for path in ("", "edit", "history", "history/1"):
        assert at_stranger.get(f"/orchestra/documents/{draft}/{path}").status_code == 404
    assert at_stranger.get(f"/orchestra/folders/{folder}/").status_code == 404
    assert at_stranger.post_form(f"/orchestra/folders/{folder}/").status_code == 404
    assert save(at_stranger, draft, "Mine", 1).status_code == 404
    assert at_stranger.get(f"/orchestra/api/interface/documents/{draft}/").status_code == 404
    restored = at_stranger.post_form(f"/orchestra/documents/{draft}/history/1/restore")
    assert restored.status_code == 404


def test_a_document_is_saved_as_it_is_written(at, work, draft, session):
    """I-31"""
    at_writer = at(work.writer)
    answer = save(at_writer, draft, "One\r\ntwo", 1).get_json()
    assert answer["revision"] == 2
    assert save(at_writer, draft, "One two three", 2).get_json()["revision"] == 3

    assert "One two three" in page(at_writer, draft)
    entries = session.query(DocumentRevision).order_by(DocumentRevision.revision).all()
    assert [(entry.revision, entry.written_by_id) for entry in entries] == [
        (1, None),
        (3, work.writer.worker_id),
    ]
    events = session.query(AuditEvent).filter_by(verb=Verb.FILE_CHANGED, actor=work.writer.name)
    assert [event.after["revision"] for event in events] == ["2"]


def test_who_saves_over_a_newer_text_gets_it(at, work, draft):
    """I-31: stale_revision"""
    assert save(at(work.writer), draft, "Theirs", 1).status_code == 200
    refused = save(at(work.reviewer), draft, "Mine", 1)

    assert refused.status_code == 409
    answer = refused.get_json()
    assert answer["error"] == "stale_revision"
    assert answer["data"] == {"text": "Theirs"}
    assert (answer["revision"], answer["saved_by"]) == (2, work.writer.name)
    assert "Theirs" in page(at(work.admin), draft)


def test_a_revision_of_the_future_and_a_text_that_is_too_large_are_refused(
    at, work, draft, change_settings
):
    assert save(at(work.writer), draft, "Mine", 7).status_code == 422
    change_settings(max_task_data_bytes=5)
    assert save(at(work.writer), draft, "123456", 1).status_code == 413


def test_without_scripts_both_versions_are_shown(at, work, draft):
    """W-1, I-31"""
    at_reviewer = at(work.reviewer)
    save(at(work.writer), draft, "The Pope comes to New York.", 1)
    address = f"/orchestra/documents/{draft}/edit"
    refused = at_reviewer.post_form(address, text="The Pope goes home.", revision="1")

    assert refused.status_code == 409
    assert "The Pope comes to New York." in refused.text
    assert "<ins> goes home.</ins>" in refused.text
    assert 'name="revision" value="2"' in refused.text
    saved = at_reviewer.post_form(address, text="The Pope goes home.", revision="2")
    assert saved.status_code == 302
    assert "The Pope goes home." in page(at_reviewer, draft)


def test_a_stale_page_shows_what_was_typed_again(at, work, draft):
    """W-13"""
    at_writer = at(work.writer)
    address = f"/orchestra/documents/{draft}/edit"
    answer = at_writer.post(address, data={"text": "Typed", "revision": "1", "csrf_token": "old"})
    assert answer.status_code == 400
    assert "Typed" in answer.text


def test_the_history_says_who_wrote_what_and_gives_it_back(at, work, draft, session):
    at_writer = at(work.writer)
    save(at_writer, draft, "The Pope comes to New York.", 1)
    save(at(work.reviewer), draft, "The Pope comes to Boston.", 2)

    history = page(at_writer, draft, "history")
    assert [history.index(f'href="history/{number}"') for number in (3, 2, 1)] == sorted(
        history.index(f'href="history/{number}"') for number in (3, 2, 1)
    )
    revision = page(at_writer, draft, "history/3")
    assert "<del> New York.</del><ins> Boston.</ins>" in revision
    against = page(at_writer, draft, "history/3?against=1")
    assert "<del>" in against
    assert "arrives" in against

    restored = at_writer.post_form(f"/orchestra/documents/{draft}/history/2/restore")
    assert restored.status_code == 302
    assert "New York" in page(at_writer, draft)
    assert "went back to revision 2" in page(at_writer, draft, "history")
    save(at_writer, draft, "Newer", 4)
    assert session.query(DocumentRevision).count() == 5  # what came back stays an entry of its own


def test_the_documents_of_a_closed_project_are_only_read(at, work, draft, session):
    at_writer = at(work.writer)
    projects.abort(session, work.admin, work.project.id)
    session.commit()

    html = page(at_writer, draft)
    assert "The project has ended" in html
    assert 'href="edit"' not in html
    assert at_writer.get(f"/orchestra/documents/{draft}/edit").status_code == 302
    assert save(at_writer, draft, "Mine", 1).get_json()["error"] == "project_closed"
    at_writer.post_form(f"/orchestra/documents/{draft}/history/1/restore")
    assert session.query(DocumentRevision).count() == 1


def test_the_team_messages_of_a_project_are_a_document(at, work):
    """G-38, I-26"""
    at_writer = at(work.writer)
    address = work.project.team_messages_url
    html = at_writer.get(f"/orchestra/app/task/{work.task.id}").text
    assert f'href="{address}"' in html

    empty = at_writer.get(address).text
    assert "This document is empty." in empty
    saved = at_writer.post_form(f"{address}edit", text="Hello team", revision="0")
    assert saved.status_code == 302
    assert "Hello team" in at_writer.get(address).text


def test_a_document_of_a_service_is_framed_and_linked(at, work, session, service):
    """I-34"""
    session.commit()
    kept = ProjectFiles(work.project.id)
    id_ = kept.make_document("Article Draft", "", key="article")
    response = at(work.writer).get(f"/orchestra/documents/{id_}/")

    assert f'<iframe class="document-frame" src="{kept.document_link(id_)}"' in response.text
    assert "frame-src 'self' https://docs.google.com" in response.headers["Content-Security-Policy"]


def test_a_folder_shows_what_lies_in_it_and_takes_files(at, work, session, draft):
    kept = ProjectFiles(work.project.id)
    raw = kept.make_folder("Raw Photos", key="raw")
    at_writer = at(work.writer)
    own = at_writer.get(f"/orchestra/folders/{kept.folder}/").text
    assert f'href="/orchestra/folders/{raw}/"' in own
    assert f'href="/orchestra/documents/{draft}/"' in own
    assert "This folder is empty." in at_writer.get(f"/orchestra/folders/{raw}/").text

    sent = {"file": (BytesIO(picture()), "../pier.png")}
    at_writer.post_form(f"/orchestra/folders/{raw}/", **sent)

    (row,) = session.query(StoredFile).filter_by(parent_id=raw).all()
    session.commit()
    assert (row.name, row.content_type) == ("pier.png", "image/png")
    html = at_writer.get(f"/orchestra/folders/{raw}/").text
    assert f'<img src="/orchestra/files/{row.id}/small/pier.png"' in html
    assert f'href="/orchestra/folders/{kept.folder}/"' in html


def test_an_address_that_was_refused_is_shown_on_the_page_of_the_project(
    at, work, session, service
):
    """I-33, W-58"""
    share = {"project_id": work.project.id, "address": "ana@example.org"}
    why = "This address has no Google account."
    session.add(FolderShare(**share, worker_id=work.writer.worker_id, refused=why))
    session.commit()
    address = f"/orchestra/app/project/{work.project.id}"

    assert why in at(work.admin).get(address).text
    assert why not in at(work.writer).get(address).text


@pytest.mark.parametrize("entries", [1, 12])
def test_a_history_and_a_folder_cost_the_same_whatever_their_length(
    at, work, draft, session, statements, entries
):
    kept = ProjectFiles(work.project.id)
    for number in range(entries):
        kept.upload("a.txt", BytesIO(b"a"), key=str(number))
        actor = Actor.of(work.workers[(work.writer, work.reviewer)[number % 2].name])
        document = session.get(StoredFile, draft)
        documents.save(session, actor, draft, revision=document.revision, text=f"Text {number}")
        session.commit()
    at_writer = at(work.writer)
    for path, most in (
        (f"documents/{draft}/history", 10),
        (f"documents/{draft}/history/2", 12),
        (f"folders/{kept.folder}/", 11),
    ):
        with statements() as seen:
            assert at_writer.get(f"/orchestra/{path}").status_code == 200
        assert len(seen) <= most, path


def test_of_two_who_save_at_once_one_is_told(session, work, draft, at_once):
    """I-31"""
    actors = [Actor.of(work.workers[actor.name]) for actor in (work.writer, work.reviewer)]
    session.commit()

    def saving(actor):
        return lambda own: documents.save(own, actor, draft, revision=1, text=f"By {actor.name}")

    answers = at_once(*map(saving, actors))

    assert [isinstance(answer, StaleRevision) for answer in answers].count(True) == 1
    assert session.query(DocumentRevision).count() == 2


def test_what_one_person_writes_after_a_while_is_an_entry_of_its_own(session, work, draft):
    writer = Actor.of(work.workers[work.writer.name])
    for revision, minutes, entries in ((1, 0, 2), (2, 9, 2), (3, 11, 3)):
        newest = documents.newest_revision(session, draft)
        newest.began_at = utcnow() - timedelta(minutes=minutes)
        documents.save(session, writer, draft, revision=revision, text=f"Text {revision}")
        assert session.query(DocumentRevision).count() == entries
