"""Whole runs of the newsroom on a running system: pages, broker, two worker processes."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO

import pytest
import sqlalchemy as sa
from PIL import Image

from orchestra.domain import definitions, lifecycle, pickup, projects, sample_data
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.domain.definitions import storing
from orchestra.domain.task_view import task_view
from orchestra.errors import NotFound, Unavailable
from orchestra.models import Project, ProjectStatus, Role, Task, TaskClass, Worker
from orchestra.workflow_kit import files
from tests.faults.conftest import DATABASES, database_url_of
from tests.faults.kit import CLI, ROOT, System
from tests.newsroom import CAPTIONS, HEADLINE, PHOTOS, PLAN, Member, captioned
from tests.photographs import no_image

PROJECTS = 5  # fifty in the long form
PATIENCE_SECONDS = 60
WORK = [
    ("journalism-editor", Role.ENTRY_LEVEL),
    ("journalism-reporter-1", Role.ENTRY_LEVEL),
    ("journalism-reporter-2", Role.REVIEWER),
    ("journalism-photographer-1", Role.ENTRY_LEVEL),
    ("journalism-photographer-2", Role.REVIEWER),
    ("journalism-copy-editor", Role.ENTRY_LEVEL),
]


@pytest.fixture(scope="module", params=DATABASES)
def system(request, tmp_path_factory):
    """The newsroom's workflow and people on a system with two worker processes."""
    folder = tmp_path_factory.mktemp(f"newsroom-{request.param}")
    system = System(folder, database_url_of(request, request.param, folder))
    with system.transaction() as session:
        storing.store(
            session, definitions.read_package(ROOT / "workflows/journalism_workflow"), "v1"
        )
        sample_data.load(session, "journalism", "v1")
    system.start()
    system.start_web()
    start_second_worker(system)
    yield system
    print(system.logs())
    system.stop()


def start_second_worker(system):
    ready = system.folder / "second.ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", CLI, "worker", "--concurrency=2", f"--ready-file={ready}"]
    system.launch("second", command)
    system.wait_until(ready.exists, "the second worker process is ready")


def test_an_article_is_made_through_the_pages_api_and_the_commands(system):
    """X-25 to X-27: six people, a return, three photos and a file that is none."""
    began = time.monotonic()
    ordered = json.loads(
        system.command("journalism", "new", "--description", "The last ferry").stdout
    )
    project_id, made = ordered["project_id"], ordered["tasks"]["document_creation"]["latest_data"]
    assert set(made) == {"article_document", "articleURL", "raw_photo_folder"}
    team = {username: Member(system.address, username) for username, _ in WORK}

    plan(team["journalism-editor"])
    report(team["journalism-reporter-1"], team["journalism-reporter-2"], made["article_document"])
    photograph(
        team["journalism-photographer-1"],
        team["journalism-photographer-2"],
        made["raw_photo_folder"],
    )
    waiting = system.command("journalism", "finish", "-p", str(project_id))
    assert waiting.returncode == 1
    assert f"Project {project_id} is not finished." in waiting.stderr
    photos = edit(system, team["journalism-copy-editor"])
    finished = system.command("journalism", "--finish", "-p", str(project_id))
    print(f"An article took {time.monotonic() - began:.1f} s")

    assert json.loads(finished.stdout) == {
        "articleDocument": made["articleURL"],
        "headline": HEADLINE,
        "photos": [{"src": photo["src"], "caption": CAPTIONS[photo["name"]]} for photo in photos],
    }


def plan(editor):
    editor.hand_over(editor.pick_up(), PLAN)


def report(reporter, reviewer, document):
    """The reviewer returns the article once."""
    task = reporter.pick_up()
    reporter.write(document, "# One last time\n\nThe ferry left at seven.\n")
    reporter.hand_over(task, {})
    assert reviewer.pick_up("reviewer") == task
    reviewer.hand_over(task, command="return", comment="What does the captain say?")
    assert "What does the captain say?" in reporter.comments_on(task)
    reporter.write(document, "# One last time\n\n*I shall learn to bake*, says the captain.\n")
    reporter.hand_over(task, {})
    reviewer.hand_over(task, command="accept")


def photograph(photographer, reviewer, folder):
    task = photographer.pick_up()
    for name, photo in PHOTOS.items():
        photographer.upload(task, folder, name, photo())
    photographer.upload(task, folder, "shopping list.txt", no_image())
    photographer.hand_over(task, {})
    assert reviewer.pick_up("reviewer") == task
    reviewer.hand_over(task, command="accept")


def edit(system, copy_editor):
    """Write headline and captions; the adjusted photos."""
    task = taken(system, copy_editor)
    adjusted = copy_editor.look_at(task)["prerequisites"]["photo_adjustment"]
    photos = adjusted["photos_for_caption"]
    assert [photo["name"] for photo in photos] == list(PHOTOS)
    assert adjusted["skipped_files"] == ["shopping list.txt"]
    for photo in photos:
        check_adjusted(copy_editor.get(photo["src"]).content, photo["name"])
    copy_editor.hand_over(task, {"headline": HEADLINE, "photos": captioned(photos)})
    return photos


def taken(system, member):
    """Press the button until a task waits; its id."""
    found = []

    def is_there():
        found.append(member.try_to_pick_up())
        return found[-1] is not None

    system.wait_until(is_there, f"a task waits for {member.username}", every=0.2)
    return found[-1]


def check_adjusted(content, name):
    """Grey, upright, and still this picture (X-21)."""
    adjusted = Image.open(BytesIO(content))
    assert (adjusted.format, adjusted.mode) == ("JPEG", "L")
    assert (adjusted.height > adjusted.width) == (name == "life-ring.jpg")


# --- Many projects ----------------------------------------------------------------------------


@pytest.mark.timeout(900)
def test_many_newsroom_projects_at_once_all_finish_with_every_photo_once(system, many, is_long):
    """I-24: the people work as fast as they can, on all projects, while two worker processes run;
    in the long form one of them is killed again and again."""
    started = [order(system, number) for number in range(PROJECTS * many)]
    ends_at = time.monotonic() + PATIENCE_SECONDS * many

    def work_on(username, role):
        with system.app.app_context():
            while time.monotonic() < ends_at and not all_over(system, started):
                if not do_something(system, username, role):
                    time.sleep(0.1)

    def kill_now_and_then():
        while is_long and time.monotonic() < ends_at and not all_over(system, started):
            time.sleep(10)
            system.kill("second")
            start_second_worker(system)

    with ThreadPoolExecutor(len(WORK) + 1) as threads:
        killing = threads.submit(kill_now_and_then)
        list(threads.map(lambda who: work_on(*who), WORK))
        killing.result()

    photos = [check_finished(system, project_id) for project_id in started]
    addresses = [photo["src"] for of_project in photos for photo in of_project]
    assert len(addresses) == len(set(addresses)) == len(PHOTOS) * len(started)


def order(system, number):
    with system.transaction() as session:
        return projects.create_project(
            session,
            SYSTEM,
            workflow_slug="journalism",
            version_slug="v1",
            short_description=f"Story {number}",
            priority=0,
            task_class=TaskClass.REAL,
            project_data={},
        ).id


def all_over(system, project_ids):
    is_open = sa.select(sa.func.count()).where(
        Project.id.in_(project_ids), Project.status == ProjectStatus.ACTIVE
    )
    with system.reading() as session:
        return session.scalar(is_open) == 0


def do_something(system, username, role):
    """Take a task and hand it over; False if none waits."""
    try:
        task_id, project_id, step, context = patiently(lambda: taken_task(system, username, role))
    except NotFound:
        return False
    if step == "photography" and role is Role.ENTRY_LEVEL:
        folder = context["prerequisites"]["document_creation"]["raw_photo_folder"]
        for name in PHOTOS:
            patiently(lambda name=name: photo_put(project_id, name, folder))
    data = work_of(step, context)
    patiently(lambda: handed_over(system, username, role, task_id, data))
    return True


def patiently(act):
    """Do what is done again when SQLite, which is not fair to its writers, let nobody in."""
    while True:
        with suppress(Unavailable):
            return act()


def taken_task(system, username, role):
    with system.transaction() as session:
        worker = worker_called(session, username)
        assignment = pickup.pick_up(session, Actor.of(worker), role)
        view = task_view(session, worker, assignment.task_id)
        return assignment.task_id, view.project.id, view.step.slug, view.context


def photo_put(project_id, name, folder):
    files(project_id).upload(name, BytesIO(PHOTOS[name]()), key=f"raw-{name}", folder=folder)


def handed_over(system, username, role, task_id, data):
    with system.transaction() as session:
        worker = worker_called(session, username)
        lifecycle.hand_over(
            session,
            Actor.of(worker),
            task_id,
            "submit" if role is Role.ENTRY_LEVEL else "accept",
            data=data,
            revision=task_view(session, worker, task_id).assignment.revision,
        )


def worker_called(session, username):
    return session.scalars(sa.select(Worker).where(Worker.username == username)).one()


def work_of(step, context):
    if step == "article_planning":
        return PLAN
    if step == "copy_editing":
        photos = context["prerequisites"]["photo_adjustment"]["photos_for_caption"]
        return {"headline": HEADLINE, "photos": captioned(photos)}
    return {}


def check_finished(system, project_id):
    """The photos of a project, none of them twice and none missing."""
    with system.reading() as session:
        assert session.get_one(Project, project_id).status is ProjectStatus.COMPLETED
        last = sa.select(Task).where(Task.project_id == project_id, Task.step == "copy_editing")
        photos = session.scalars(last).one().result["photos"]
    with system.app.app_context():
        adjusted = system.task(project_id, "photo_adjustment").result
        kept = files(project_id).list_folder(adjusted["processed_photo_folder"])
    assert sorted(photo["caption"] for photo in photos) == sorted(CAPTIONS.values())
    assert sorted(entry.name for entry in kept) == sorted(PHOTOS)
    return photos
