"""The newsroom: its definition, its people, and whole runs of it (X-14 to X-27)."""

import inspect
import json
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from journalism_workflow.v1 import documents, sample_data
from journalism_workflow.v1.adjust_photos import autoadjust_photos

from orchestra.cli.checks import PUBLIC_PASSWORDS
from orchestra.domain import definitions, people
from orchestra.domain import sample_data as rules
from orchestra.domain.definitions import storing
from orchestra.domain.execution import running_project
from orchestra.domain.forms import Form
from orchestra.models import (
    Certification,
    FileKind,
    Role,
    StoredFile,
    TaskClass,
    Worker,
    WorkerCertification,
)
from orchestra.workflow_kit import files
from tests.builders import step
from tests.newsroom import HEADLINE, PHOTOS, captioned

FOLDER = Path(inspect.getfile(documents)).parents[1]


@pytest.fixture(scope="module")
def steps():
    version = json.loads((FOLDER / "v1" / "version.json").read_text())
    return {step["slug"]: step for step in version["steps"]}


def test_the_definition_is_accepted_without_a_warning():
    """X-14"""
    package = definitions.read_package(FOLDER)

    assert (package.slug, list(package.versions), package.warnings) == ("journalism", ["v1"], [])
    assert package.workflow["name"] == "Journalism Workflow"
    assert package.workflow["description"] == "Create polished newspaper articles from scratch."
    assert [one["slug"] for one in package.workflow["certifications"]] == [
        "editor",
        "reporter",
        "photographer",
        "copy_editor",
    ]


def test_the_steps_are_those_of_the_documentation(steps):
    """X-15"""
    assert [
        (
            slug,
            step["name"],
            step.get("is_human", True),
            step.get("creation_depends_on", []),
            step.get("required_certifications", []),
        )
        for slug, step in steps.items()
    ] == [
        ("document_creation", "Document Creation", False, [], []),
        ("article_planning", "Article Planning", True, ["document_creation"], ["editor"]),
        ("reporting", "Reporting", True, ["article_planning"], ["reporter"]),
        ("photography", "Photography", True, ["article_planning"], ["photographer"]),
        ("photo_adjustment", "Photo Adjustment", False, ["photography"], []),
        (
            "copy_editing",
            "Copy Editing",
            True,
            ["photo_adjustment", "reporting"],
            ["copy_editor"],
        ),
    ]
    always = {"policy": "sampled_review", "rate": 1, "max_reviews": 1}
    policies = {
        slug: step["review_policy"] for slug, step in steps.items() if "review_policy" in step
    }
    assert policies == {
        "article_planning": {"policy": "no_review"},
        "reporting": always,
        "photography": always,
        "copy_editing": {"policy": "no_review"},
    }


def test_the_forms_have_the_headings_of_the_documentation(steps):
    """X-18 to X-20"""

    def headings(slug):
        ui = steps[slug]["user_interface"]["ui"]
        return ui["title"], ui.get("review_title")

    assert headings("article_planning") == ("Plan out the story idea", None)
    assert headings("reporting") == (
        "Draft the article based on the editor's story plan",
        "Review the article",
    )
    assert headings("photography") == (
        "Take and upload photos for the article",
        "Review the photos",
    )
    assert steps["article_planning"]["user_interface"]["form"]["required"] == ["who", "what"]


def test_the_passwords_of_the_people_are_known_to_be_public():
    """X-23, E-5"""
    passwords = {username: person[0] for username, person in sample_data.PEOPLE.items()}

    assert passwords.items() <= PUBLIC_PASSWORDS.items()


def test_the_sample_people_are_the_same_after_a_second_load(session):
    """X-23, X-24"""
    package = definitions.read_package(FOLDER)
    storing.store(session, package, "v1")

    def loaded():
        rules.load(session, "journalism", "v1")
        session.flush()
        found = session.scalars(sa.select(Worker).order_by(Worker.id)).all()
        return {
            worker.username: (worker.id, worker.email, worker.password_hash, worker.session_key)
            for worker in found
        }

    first = loaded()
    assert loaded() == first
    assert list(first) == list(sample_data.PEOPLE)
    for username, (_, email, *_) in first.items():
        assert email == f"{username}@example.org"
    assert people.password_fits("copy-editor", first["journalism-copy-editor"][2])
    assert certifications(session) == {
        "journalism-editor": [("editor", Role.ENTRY_LEVEL)],
        "journalism-reporter-1": [("reporter", Role.ENTRY_LEVEL)],
        "journalism-reporter-2": [("reporter", Role.ENTRY_LEVEL), ("reporter", Role.REVIEWER)],
        "journalism-photographer-1": [("photographer", Role.ENTRY_LEVEL)],
        "journalism-photographer-2": [
            ("photographer", Role.ENTRY_LEVEL),
            ("photographer", Role.REVIEWER),
        ],
        "journalism-copy-editor": [("copy_editor", Role.ENTRY_LEVEL)],
    }


def certifications(session):
    """Username → what the person holds, all of it for real projects."""
    rows = session.execute(
        sa.select(Worker.username, Certification.slug, WorkerCertification.role)
        .join(WorkerCertification, WorkerCertification.worker_id == Worker.id)
        .join(Certification, Certification.id == WorkerCertification.certification_id)
        .where(WorkerCertification.task_class == TaskClass.REAL)
        .order_by(Worker.id, WorkerCertification.role)
    )
    held = {}
    for username, slug, role in rows:
        held.setdefault(username, []).append((slug, role))
    return held


# --- Machine steps ------------------------------------------------------------------------------


@pytest.fixture(params=["local", "service"])
def newsroom(request, session, make):
    """A project whose machine step is running; its files, in each kind of store (X-17)."""
    if request.param == "service":
        request.getfixturevalue("service")
    project_id = make.project(step("write")).id
    session.commit()
    token = running_project.set(project_id)
    yield files()
    running_project.reset(token)


def rows(session):
    """What the project keeps: names by kind."""
    kept = session.execute(sa.select(StoredFile.kind, StoredFile.name).order_by(StoredFile.name))
    found = {kind: [] for kind in FileKind}
    for kind, name in kept:
        found[kind].append(name)
    session.rollback()
    return found


def test_a_document_and_a_folder_are_made_once_however_often_the_step_runs(newsroom, session):
    """X-16"""
    first = documents.create_documents({}, {})
    second = documents.create_documents({}, {})

    assert second == first
    assert set(first) == {"article_document", "articleURL", "raw_photo_folder"}
    assert first["articleURL"] == newsroom.document_link(first["article_document"])
    assert rows(session)[FileKind.FOLDER].count("Raw Photos") == 1
    assert rows(session)[FileKind.DOCUMENT].count("Article Draft") == 1
    assert newsroom.read_document(first["article_document"]) == documents.DRAFT


def test_the_draft_of_the_project_data_takes_the_place_of_ours(newsroom):
    """X-16"""
    template = newsroom.make_document("House style", "# Ours", key="template")

    made = documents.create_documents({"article_draft_template": template}, {})

    assert newsroom.read_document(made["article_document"]) == "# Ours"


def test_photos_are_adjusted_once_however_often_the_step_runs(newsroom, session):
    """X-21"""
    made = documents.create_documents({}, {})
    for name, photo in PHOTOS.items():
        newsroom.upload(name, BytesIO(photo()), key=name, folder=made["raw_photo_folder"])

    first = autoadjust_photos({}, {"document_creation": made})
    before = rows(session)
    second = autoadjust_photos({}, {"document_creation": made})

    assert second == first
    assert rows(session) == before
    assert sorted(photo["name"] for photo in first["photos_for_caption"]) == sorted(PHOTOS)
    assert first["skipped_files"] == []


# --- The last form ------------------------------------------------------------------------------


@pytest.fixture
def editing(steps):
    return Form.of(steps["copy_editing"]["user_interface"])


def context_of(*names):
    photos = [{"src": f"/orchestra/files/{name}/{name}", "name": name} for name in names]
    return {
        "prerequisites": {
            "document_creation": {"articleURL": "/orchestra/documents/7/"},
            "photo_adjustment": {"photos_for_caption": photos},
        },
        "project_data": {},
    }


def test_the_last_step_gives_the_client_document_headline_and_photos(editing):
    """X-22"""
    context = context_of(*PHOTOS)
    photos = captioned(context["prerequisites"]["photo_adjustment"]["photos_for_caption"])
    data = editing.with_server_values({"headline": HEADLINE, "photos": photos}, context)

    assert editing.problems(data, context) == {}
    assert data == {
        "articleDocument": "/orchestra/documents/7/",
        "headline": HEADLINE,
        "photos": photos,
    }


def test_an_article_without_photos_has_an_empty_list_of_them(editing):
    assert editing.problems({"headline": HEADLINE, "photos": []}, context_of()) == {}


def test_headline_and_captions_are_demanded(editing):
    """X-22"""
    context = context_of("ferry.jpg")

    problems = editing.problems(editing.initial({}, context), context)

    assert set(problems) == {"/headline", "/photos/0/caption"}


def test_captions_stay_with_their_photos_when_the_photo_step_runs_again(editing):
    """X-22: one photo is new, and the order is another."""
    before, after = (
        context_of("ferry.jpg", "passengers.jpg"),
        context_of("a.jpg", *reversed(PHOTOS)),
    )
    first = [photo["src"] for photo in editing.initial({}, before)["photos"]]
    saved = {"photos": [{"src": src, "caption": src.upper()} for src in first]}

    shown = editing.initial(saved, after)["photos"]

    captions = {photo["src"].rpartition("/")[2]: photo.get("caption") for photo in shown}
    assert list(captions) == ["a.jpg", *reversed(PHOTOS)]
    assert captions["ferry.jpg"] == first[0].upper()
    assert captions["a.jpg"] is None
