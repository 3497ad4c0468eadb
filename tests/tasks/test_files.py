"""The jobs that prepare projects and share their folders (I-26, I-32, I-33, I-35, L-24, L-25)."""

from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, lifecycle, machine, preparing, sharing
from orchestra.domain.execution import Runner
from orchestra.errors import RefusedByService, ServiceUnreachable, WrongStatus
from orchestra.models import (
    FileKind,
    FolderShare,
    Message,
    Project,
    StoredFile,
    Task,
    TaskStatus,
    Worker,
)
from orchestra.outbox import LAST_FAILURE, OutboxMessage
from orchestra.project_files import ProjectFiles
from orchestra.tasks.files import prepare_project, share_folder
from orchestra.tasks.upkeep import sweep_all
from tests.builders import step

RUNNER = Runner("host", 1)


@pytest.fixture
def create(session, make):
    """A project of one machine step and one for a person; somebody manages projects."""
    make.admin()

    def created(**data):
        project = make.project(step("fetch", human=False), step("write"), project_data=data)
        session.commit()
        return project

    return created


def fresh(session, project):
    session.commit()
    session.expire_all()
    return session.get(Project, project.id)


def claimed(session, project):
    lease = machine.claim(session, project.id, "fetch", RUNNER)
    session.commit()
    return lease


def jobs_of(session, job):
    return session.scalars(sa.select(OutboxMessage).where(OutboxMessage.job == job)).all()


def test_a_project_has_its_folder_at_once_where_folders_are_rows(session, create):
    """L-25, L-26: nothing waits for it."""
    project = create(url="https://example.org")

    folder, messages = session.scalars(
        sa.select(StoredFile).where(StoredFile.project_id == project.id).order_by(StoredFile.key)
    ).all()
    assert (folder.kind, messages.kind) == (FileKind.FOLDER, FileKind.DOCUMENT)
    assert folder.name == f"{project.started_at:%Y-%m-%d} A project"
    assert messages.name == "Team Messages"
    assert project.project_data == {"url": "https://example.org", "project_folder_id": folder.id}
    assert project.project_folder_url == f"/orchestra/folders/{folder.id}/"
    assert project.team_messages_url == f"/orchestra/documents/{messages.id}/"
    session.commit()
    assert ProjectFiles(project.id).folder == folder.id
    assert jobs_of(session, "files.prepare_project") == []
    assert claimed(session, project) is not None


def test_a_first_machine_step_waits_for_the_folder_at_a_service(session, create, service):
    """L-25"""
    project = create()
    assert project.project_data == {}
    assert claimed(session, project) is None

    prepare_project.run(project.id)
    prepare_project.run(project.id)

    project = fresh(session, project)
    assert set(project.project_data) == {"project_folder_id"}
    assert project.project_folder_url.startswith("https://files.example.org/")
    assert project.team_messages_url.startswith("https://files.example.org/")
    names = [thing["name"] for thing in service.things.values()]
    assert names == [f"{project.started_at:%Y-%m-%d} A project", "Team Messages"]
    assert claimed(session, project).project_data["project_folder_id"]
    assert jobs_of(session, "files.prepare_project") == []


def test_a_first_machine_step_waits_no_longer_than_the_settings_say(
    session, create, service, change_settings
):
    """E-27"""
    change_settings(prepare_wait_seconds=0)

    assert claimed(session, create()) is not None


def test_what_a_service_cannot_do_now_is_tried_again_and_then_told(session, create, service):
    """L-24, W-58"""
    project = create()
    with service.failing(ServiceUnreachable("Drive is not reachable at the moment.")):
        for _ in range(LAST_FAILURE - 1):
            prepare_project.run(project.id)
        assert fresh(session, project).preparation_problem is None
        assert claimed(session, project) is None
        prepare_project.run(project.id)

    project = fresh(session, project)
    assert project.preparation_problem == "Drive is not reachable at the moment."
    told = session.scalars(sa.select(Message).where(Message.kind == "preparation_problem")).all()
    assert {message.project_id for message in told} == {project.id}
    assert claimed(session, project) is not None


def test_a_refusal_is_told_at_once_and_a_project_admin_has_it_tried_again(
    session, create, service, make
):
    admin = make.actor(make.admin())
    project = create()
    with service.failing(RefusedByService("There is no such root folder.")):
        prepare_project.run(project.id)
    assert fresh(session, project).preparation_problem == "There is no such root folder."

    session.commit()
    preparing.try_again(session, admin, project.id)
    session.commit()
    prepare_project.run(project.id)

    project = fresh(session, project)
    assert project.preparation_problem is None
    assert project.prepared_at is not None
    with pytest.raises(WrongStatus):
        preparing.try_again(session, admin, project.id)


def test_a_preparation_that_nobody_asked_for_is_found(session, create, service):
    """L-136"""
    project = create()
    session.execute(sa.delete(OutboxMessage))
    session.commit()

    sweep_all()

    (job,) = jobs_of(session, "files.prepare_project")
    assert job.kwargs == {"project_id": project.id}


def test_a_folder_that_somebody_deleted_is_made_anew_and_admins_are_told(session, create, service):
    """I-35"""
    project = create()
    prepare_project.run(project.id)
    kept = ProjectFiles(project.id)
    first = session.get(StoredFile, kept.folder).place
    service.lose(first)
    session.commit()

    raw = kept.make_folder("Raw", key="raw")

    session.expire_all()
    second = session.get(StoredFile, kept.folder).place
    assert first != second
    assert service.things[session.get(StoredFile, raw).place]["folder"] == second
    told = session.scalars(sa.select(Message).where(Message.kind == "preparation_problem")).all()
    assert told


# --- Sharing ----------------------------------------------------------------------------------


@dataclass
class Shared:
    """A project on which Ana works, and whose folder is there."""

    service: Any
    project: Any
    admin: Any
    ana: Any
    task_id: int

    @property
    def addresses(self):
        """Those who may write in the folder."""
        return next(iter(self.service.shared.values()), set())


@pytest.fixture
def shared(session, create, service, make):
    project = create()
    prepare_project.run(project.id)
    ana, admin = make.worker("ana"), make.actor(make.admin())
    task_id = make.task(project, "write").id
    lifecycle.assign_task(session, admin, task_id, ana)
    session.commit()
    return Shared(service, project, admin, ana, task_id)


def test_who_joins_may_write_and_who_leaves_may_not(shared, session, make, service):
    """I-32"""
    share_folder.run(shared.project.id)
    assert shared.addresses == {"ana@example.org"}

    (assignment,) = session.get(Task, shared.task_id).assignments
    ben = make.worker("ben")
    interventions.reassign(session, shared.admin, assignment.id, ben)
    session.commit()
    share_folder.run(shared.project.id)
    share_folder.run(shared.project.id)

    assert shared.addresses == {"ben@example.org"}
    interventions.unassign(session, shared.admin, assignment.id)
    session.commit()
    share_folder.run(shared.project.id)
    assert shared.addresses == set()
    assert jobs_of(session, "files.share_folder") == []


def test_an_address_that_is_refused_is_told_and_not_tried_again(shared, session, service):
    """I-33"""
    service.refused["ana@example.org"] = "This address has no Google account."

    share_folder.run(shared.project.id)
    share_folder.run(shared.project.id)

    (share,) = sharing.refusals(session, shared.project.id)
    assert (share.worker.username, share.refused) == (
        "ana",
        "This address has no Google account.",
    )
    assert [call[0] for call in service.calls].count("share") == 1


def test_a_new_address_takes_the_place_of_the_old_one(shared, session, service):
    share_folder.run(shared.project.id)
    session.get(Worker, shared.ana.id).email = "ana@example.com"
    sharing.follow_worker(session, shared.ana.id)
    session.commit()
    assert jobs_of(session, "files.share_folder")
    session.commit()

    share_folder.run(shared.project.id)

    assert shared.addresses == {"ana@example.com"}


def test_a_service_that_does_not_answer_is_asked_again(shared, session, service):
    with service.failing(ServiceUnreachable("not now")):
        share_folder.run(shared.project.id)

    (job,) = jobs_of(session, "files.share_folder")
    assert job.failures == 1
    session.commit()
    share_folder.run(shared.project.id)
    assert shared.addresses == {"ana@example.org"}


def test_nothing_is_shared_where_folders_are_rows(session, make, jobs):
    make.work(TaskStatus.PROCESSING)

    assert "files.share_folder" not in [job for job, _ in jobs()]
    assert session.scalar(sa.select(sa.func.count()).select_from(FolderShare)) == 0
