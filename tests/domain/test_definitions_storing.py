"""Loading definitions into the database (specification D-46 to D-55, D-60 to D-68)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from orchestra.database import transaction
from orchestra.domain import certifications, definitions, people, projects, sample_data
from orchestra.domain.audit import SYSTEM
from orchestra.domain.definitions import storing
from orchestra.errors import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidDefinition,
    NotCertified,
    NotFound,
)
from orchestra.models import (
    AuditEvent,
    Certification,
    ProjectStatus,
    Role,
    StepRequirement,
    TaskClass,
    Workflow,
    WorkflowVersion,
)

CRAWL, WRITE = 0, 1


@pytest.fixture
def load(session, draft):
    def load(version="v1", **options):
        package = definitions.read_package(draft.write(), [version])
        return storing.store(session, package, version, **options)

    return load


def certification(session, slug):
    return session.scalars(sa.select(Certification).where(Certification.slug == slug)).one()


def events(session):
    session.flush()
    statement = sa.select(AuditEvent).where(AuditEvent.verb == "version_loaded")
    return list(session.scalars(statement.order_by(AuditEvent.id)))


def test_a_version_is_stored_with_its_workflow_and_certifications(session, load):
    """D-46"""
    assert load() == "loaded"

    workflow = session.scalars(sa.select(Workflow)).one()
    version = session.scalars(sa.select(WorkflowVersion)).one()
    writer = certification(session, "writer")
    assert (workflow.slug, workflow.name) == ("magazine", "Magazine")
    assert (version.slug, len(version.checksum)) == ("v1", 64)
    assert [c.slug for c in writer.required] == ["editor"]
    requirement = session.scalars(sa.select(StepRequirement)).one()
    assert (requirement.step, requirement.certification_id) == ("write", writer.id)
    assert [event.after["version"] for event in events(session)] == ["v1"]


def test_loading_the_same_content_again_changes_nothing(session, load):
    """D-47"""
    load()
    version = session.scalars(sa.select(WorkflowVersion)).one()
    loaded_at = version.loaded_at

    assert load() == "unchanged"
    assert load(force=True) == "unchanged"
    assert version.loaded_at == loaded_at
    assert len(events(session)) == 1


def test_other_content_is_refused_with_its_differences(draft, load):
    """D-48"""
    load()
    draft.workflow["name"] = "Journal"
    draft.steps[WRITE]["name"] = "Compose"
    draft.steps.insert(0, draft.steps[CRAWL] | {"slug": "prepare"})

    with pytest.raises(InvalidDefinition) as caught:
        load()

    workflow, new, renamed = caught.value.problems
    assert workflow.startswith(f'{draft.name}/workflow.json#/name: was "Magazine", is "Journal"')
    assert new.startswith(f"{draft.name}/v1/version.json#/steps/0: is new")
    assert renamed.startswith(f"{draft.name}/v1/version.json#/steps/2/name: was ")
    assert all(p.endswith("or use --force [version_changed]") for p in caught.value.problems)


def test_a_difference_of_type_is_a_difference(draft, load):
    draft.steps[CRAWL]["retry_policy"] = {"backoff_seconds": 1}
    load()
    draft.steps[CRAWL]["retry_policy"] = {"backoff_seconds": 1.0}

    with pytest.raises(InvalidDefinition, match=r"backoff_seconds: was 1, is 1\.0"):
        load()


def test_force_accepts_allowed_changes_and_records_them(session, draft, load):
    """D-49, D-50"""
    load()
    draft.steps[WRITE] |= {"creation_depends_on": [], "required_certifications": ["editor"]}
    draft.steps.append(draft.steps[CRAWL] | {"slug": "publish", "creation_depends_on": ["write"]})

    assert load(force=True) == "updated"

    version = session.scalars(sa.select(WorkflowVersion)).one()
    assert [step["slug"] for step in version.definition["steps"]] == ["crawl", "write", "publish"]
    requirement = session.scalars(sa.select(StepRequirement)).one()
    assert requirement.certification_id == certification(session, "editor").id
    assert any("/steps/2: is new" in text for text in events(session)[1].after["differences"])


def test_force_refuses_changes_that_would_break_running_projects(draft, load):
    """D-49"""
    load()
    machine = draft.steps[CRAWL]
    human = draft.steps[WRITE]
    draft.versions["v1"]["steps"] = [
        machine | {"slug": "fetch"},
        human | {"creation_depends_on": ["fetch"]},
    ]

    with pytest.raises(InvalidDefinition) as caught:
        load(force=True)

    missing, gained = caught.value.problems
    assert "#/steps: the existing step 'crawl' is missing [reload_refused]" in missing
    assert "#/steps/1/creation_depends_on: " in gained

    draft.versions["v1"]["steps"] = [
        {key: machine[key] for key in ("slug", "name", "description")},
        human,
    ]
    with pytest.raises(InvalidDefinition, match=r"/steps/0/is_human: .* \[reload_refused\]"):
        load(force=True)


def test_a_certification_that_left_the_file_is_retired_and_can_come_back(session, draft, load):
    """D-52"""
    load()
    writer = draft.workflow["certifications"].pop()
    draft.versions["v2"] = draft.versions.pop("v1") | {"slug": "v2"}
    draft.versions["v2"]["steps"][WRITE]["required_certifications"] = []
    load("v2")

    assert certification(session, "writer").retired_at is not None
    assert session.scalars(sa.select(StepRequirement)).one().step == "write"  # of v1

    draft.workflow["certifications"].append(writer | {"required_certifications": []})
    assert load("v2", force=True) == "updated"
    session.refresh(certification(session, "writer"))
    assert certification(session, "writer").retired_at is None
    assert certification(session, "writer").required == []  # D-53


def test_a_certification_made_by_hand_is_kept_until_a_file_names_it(session, draft, load):
    """P-28"""
    load()
    workflow = session.scalars(sa.select(Workflow)).one()
    by_hand = Certification(
        workflow_id=workflow.id, slug="guest", name="Guest", description="…", is_manual=True
    )
    session.add(by_hand)
    session.flush()
    draft.workflow["name"] = "Journal"
    load(force=True)
    assert (by_hand.retired_at, by_hand.is_manual) == (None, True)

    draft.workflow["certifications"].append(
        {"slug": "guest", "name": "Guest writer", "description": "…"}
    )
    load(force=True)
    assert (by_hand.name, by_hand.is_manual) == ("Guest writer", False)


def test_of_two_loads_at_once_one_waits_and_finds_nothing_to_do(app, draft):
    """D-66"""
    package = definitions.read_package(draft.write())

    def load(_):
        with app.app_context(), transaction() as session:
            return storing.store(session, package, "v1")

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(load, range(2))) == ["loaded", "unchanged"]


SAMPLE = """\
from orchestra.workflow_kit import create_worker, grant

def load(workflow_version, password="demo", role="reviewer", wrong=False):
    assert workflow_version.as_dict() == {"workflow": "magazine", "slug": "v1", "name": "Version 1"}
    demo = create_worker("demo", password, "Demo", "User", "demo@example.org", project_admin=True)
    grant(demo, "editor", "entry_level", "real")
    grant("demo", "editor", role, "training")
    if wrong:
        raise ValueError("no luck")
"""


@pytest.fixture
def sample(session, draft, load):
    def sample(**kwargs):
        draft.file("people.py", SAMPLE)
        path = "{package}.people.load"
        draft.workflow["sample_data_load_function"] = {"path": path, "kwargs": kwargs}
        load(force=True)
        sample_data.load(session, "magazine", "v1")

    return sample


def number_of_events(session):
    session.flush()
    return session.scalar(sa.select(sa.func.count(AuditEvent.id)))


def held(worker):
    return [(c.certification.slug, c.role, c.task_class) for c in worker.certifications]


def test_sample_data_is_created_once_and_then_only_what_differs(session, sample):
    """D-61, D-67, D-68"""
    sample()
    demo = people.get_worker(session, "demo")
    before = (demo.password_hash, demo.session_key)
    assert demo.is_project_admin
    assert people.password_fits("demo", demo.password_hash)
    assert held(demo) == [
        ("editor", Role.ENTRY_LEVEL, TaskClass.REAL),
        ("editor", Role.REVIEWER, TaskClass.TRAINING),
    ]

    count = number_of_events(session)
    sample_data.load(session, "magazine", "v1")
    session.refresh(demo, ["certifications"])
    assert (demo.password_hash, demo.session_key) == before
    assert len(held(demo)) == 2
    assert number_of_events(session) == count

    sample(password="other")
    assert people.password_fits("other", demo.password_hash)
    assert demo.session_key != before[1]


def test_each_failure_of_sample_data_says_what_is_wrong(session, sample, load):
    """D-60"""
    with pytest.raises(NotFound, match="no workflow 'magazine'"):
        sample_data.load(session, "magazine", "v1")
    load()
    with pytest.raises(NotFound, match=r"no version 'v2'"):
        sample_data.load(session, "magazine", "v2")
    with pytest.raises(Invalid, match="has no sample_data_load_function"):
        sample_data.load(session, "magazine", "v1")
    with pytest.raises(Invalid, match=r"people.load failed: ValueError: no luck"):
        sample(wrong=True)
    with pytest.raises(Invalid, match="'boss' is none of entry_level, reviewer"):
        sample(role="boss")


def test_sample_data_is_refused_in_production(session, load, change_settings):
    """D-62"""
    load()
    change_settings(environment="production")

    with pytest.raises(Forbidden):
        sample_data.load(session, "magazine", "v1")


def test_sample_people_are_made_only_while_sample_data_is_loaded():
    with pytest.raises(Conflict):
        sample_data.create_worker("demo", "demo", "Demo", "User", "demo@example.org")


def test_a_certification_is_granted_only_on_top_of_what_it_needs(session, load, make):
    """P-23, P-24"""
    load()
    worker = make.worker()
    actor = make.actor(make.admin())
    editor, writer = certification(session, "editor"), certification(session, "writer")

    def grant(wanted, role=Role.ENTRY_LEVEL, task_class=TaskClass.REAL):
        wanted = certifications.Grant(wanted, role, task_class)
        return certifications.grant(session, worker, wanted, actor=actor)

    with pytest.raises(NotCertified, match="first needs at entry level, for real projects: editor"):
        grant(writer)
    with pytest.raises(NotCertified):
        grant(editor, Role.REVIEWER)
    assert grant(editor, task_class=TaskClass.TRAINING)
    with pytest.raises(NotCertified):
        grant(writer)
    assert grant(editor)
    assert grant(writer)
    assert not grant(writer)
    assert grant(writer, Role.REVIEWER, TaskClass.TRAINING)


def test_certifications_are_copied_between_workflows(session, make):
    """D-64"""
    make.version(slug="old", certifications=("editor", "writer", "painter"))
    make.version(slug="new", certifications=("editor", "writer", "printer"))
    worker = make.worker("anna")
    for slug, role in (("editor", Role.REVIEWER), ("editor", Role.ENTRY_LEVEL)):
        make.grant(worker, certifications.get_certification(session, "old", slug), role)
    make.grant(worker, certifications.get_certification(session, "old", "writer"))

    copies = certifications.copy(session, "old", "new", only=["editor", "painter"])
    assert copies.copied == ["editor: anna, entry_level, real", "editor: anna, reviewer, real"]
    assert copies.skipped == ["painter: not a certification of new"]

    copies = certifications.copy(session, "old", "new")
    assert copies.copied == ["writer: anna, entry_level, real"]
    assert copies.skipped == [
        "printer: not a certification of old",
        "painter: not a certification of new",
    ]


def test_a_forced_reload_creates_tasks_of_new_steps_in_active_projects(session, draft, load):
    """D-50, D-51"""
    load()
    project = projects.create_project(
        session,
        SYSTEM,
        workflow_slug="magazine",
        version_slug="v1",
        short_description="Spring",
        priority=1,
        task_class=TaskClass.REAL,
        project_data={},
    )
    draft.steps.append({"slug": "plan", "name": "Plan", "description": "Plan."})

    load(force=True)
    session.flush()
    session.refresh(project, ["tasks"])

    assert project.status is ProjectStatus.ACTIVE
    assert {task.step for task in project.tasks} == {"crawl", "plan"}
