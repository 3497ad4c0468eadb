"""Files, folders and documents that data gives by their ids, by their names (W-21, W-22, W-57)."""

from io import BytesIO

import pytest

from orchestra.domain import documents
from orchestra.domain.audit import SYSTEM
from orchestra.domain.folders import Wanted
from orchestra.domain.folders import reserve as reserve_folder
from orchestra.models import FileKind, TaskStatus
from orchestra.project_files import ProjectFiles
from tests.builders import step


@pytest.fixture
def work(make, session):
    """Work that gave a folder, of which the reviewer made a document and more."""
    work = make.work(TaskStatus.PROCESSING, after=[step("later", "write")])
    project_id = work.project.id
    article = Wanted(kind=FileKind.DOCUMENT, key="article", name="The <Article>")
    raw = Wanted(kind=FileKind.FOLDER, key="raw", name="Raw Photos")
    work.article = documents.reserve(session, SYSTEM, project_id, article, "Words").id
    work.raw = reserve_folder(session, SYSTEM, project_id, raw).id
    session.commit()
    work.file = ProjectFiles(project_id).upload("a b.txt", BytesIO(b"one"), key="1")
    session.add_all([work.project, work.task])
    work.hand_over(work.writer, data={"kept": work.raw})
    work.assign(work.reviewer)
    work.hand_over(
        work.reviewer, "accept", data={"kept": work.article, "all": [work.file, "f" * 32]}
    )
    work.later = make.task(work.project, "later").id
    session.commit()
    return work


@pytest.fixture
def read(client, work, statements):
    """Read a page as a project admin; all ids of it are looked up at once."""
    client.sign_in(work.workers[work.admin.name])

    def page(path):
        with statements() as seen:
            answer = client.get(f"/orchestra/app/{path}")
        assert answer.status_code == 200
        assert sum("stored_file.id IN" in one for one in seen) == 1
        return answer.text

    return page


def test_what_came_before_names_them(read, work):
    """W-21"""
    html = read(f"task/{work.later}")

    assert f'href="/orchestra/documents/{work.article}/"' in html
    assert ">The &lt;Article&gt;</a>" in html
    assert f'href="/orchestra/files/{work.file}/a%20b.txt"' in html
    assert f">{work.article}<" not in html
    assert "f" * 32 in html  # which is nothing of this project


def test_work_that_can_only_be_read_names_them(read, work):
    assert ">The &lt;Article&gt;</a>" in read(f"task/{work.task.id}")


def test_a_round_names_what_it_changed(read, work):
    """W-22"""
    html = read(f"task/{work.task.id}/round/2")

    assert '>Raw Photos</a></del><ins><a class="text-break"' in html.replace("\n", "")
    assert html.count(">The &lt;Article&gt;</a>") == 2


def test_project_data_names_them_behind_their_ids(read, work):
    """W-57"""
    html = read(f"project/{work.project.id}?tab=data")

    folder = work.project.project_data["project_folder_id"]
    assert (
        f'&#34;project_folder_id&#34;: "{folder}" <a href="/orchestra/folders/{folder}/">' in html
    )


def test_what_belongs_to_another_project_has_no_name(read, work, make, session):
    other = make.project(step("a"), project_data={"raw": work.raw})
    session.commit()

    html = read(f"project/{other.id}?tab=data")

    assert work.raw in html
    assert "Raw Photos" not in html
