"""The pages of administration that project admins see (W-69 to W-72, P-62, P-63)."""

import re

import pytest
import sqlalchemy as sa

from orchestra.models import (
    AuditEvent,
    Certification,
    Channel,
    Message,
    MessageState,
    Role,
    TaskClass,
    TaskStatus,
    WorkerCertification,
)
from tests.builders import step

ADMIN = "/orchestra/admin/"
PEOPLE = "/orchestra/admin/people/"
RECORDS = "/orchestra/admin/records/"


@pytest.fixture
def version(make):
    return make.version(
        step("write", required_certifications=["reporter"]),
        step("check", "write", human=False),
        certifications=["reporter", "editor"],
        slug="news",
    )


@pytest.fixture
def certified(version):
    return {c.slug: c for c in version.workflow.certifications}


@pytest.fixture
def ana(make):
    return make.worker("ana", first_name="Ana", last_name="López")


@pytest.fixture
def mia(client, make, session, version, ana):
    """A project admin at the browser."""
    admin = make.admin("mia")
    session.commit()
    client.sign_in(admin)
    return client


@pytest.fixture
def root(browser, make, session):
    """An administrator at another browser."""
    worker = make.worker("root", is_administrator=True)
    session.commit()
    return browser().sign_in(worker)


def names(page):
    return re.findall(r'class="step" href="[^"]+">([^<]+)<', page)


def get_routes(app):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(ADMIN) and "GET" in rule.methods and not rule.arguments:
            yield rule.rule


# --- Who sees what ----------------------------------------------------------------------------


def test_administration_is_not_for_workers(client, app, session, ana):
    """P-19"""
    session.commit()
    client.sign_in(ana)
    assert "Administration" not in client.get("/orchestra/app").text
    found = list(get_routes(app))
    assert len(found) >= 6
    assert {client.get(path).status_code for path in found} == {403}


def test_project_admins_and_administrators_see_their_sections(mia, root):
    """W-69, W-70"""
    page = mia.get(ADMIN).text
    for section in ("People", "Workflows", "Attempts", "Iterations"):
        assert section in page
    for section in ("API keys<", "admin/settings/", "Audit events", "New account"):
        assert section not in page
        assert section in root.get(ADMIN).text
    assert f'href="{ADMIN}"' in mia.get("/orchestra/app").text


def test_pages_for_administrators_are_closed_to_project_admins(mia):
    """P-19"""
    for path in ("keys/", "settings/", "accounts/new/"):
        assert mia.get(ADMIN + path).status_code == 403, path
    assert mia.get(f"{RECORDS}audit/").status_code == 404


def test_work_of_deactivated_people_needs_attention(mia, make, session):
    """P-15"""
    work = make.work(TaskStatus.PROCESSING)
    holder = work.workers[work.writer.name]
    assert "Needs attention" not in mia.get(ADMIN).text
    holder.is_active = False
    session.commit()
    page = mia.get(ADMIN).text
    assert "Needs attention" in page
    assert holder.name in page


# --- People -----------------------------------------------------------------------------------


def test_the_list_shows_what_one_looks_for(mia, make, session, certified, ana):
    """P-62"""
    ben = make.worker("ben")
    make.worker("gone", is_active=False)
    make.grant(ana, certified["reporter"])
    make.grant(ben, certified["reporter"], Role.REVIEWER, TaskClass.TRAINING)
    session.commit()
    found = {
        "": {"Ana López", "ben", "gone", "mia"},
        "?q=L%C3%B3pez": {"Ana López"},
        "?q=ana@example": {"Ana López"},
        "?q=%25": set(),
        "?q=%00": {"Ana López", "ben", "gone", "mia"},
        f"?certification={certified['reporter'].id}": {"Ana López", "ben"},
        f"?certification={certified['editor'].id}": set(),
        "?role=reviewer": {"ben"},
        "?kind=inactive": {"gone"},
        "?kind=active&q=b": {"ben"},
        "?kind=project_admins": {"mia"},
        "?kind=administrators": set(),
    }
    for query, expected in found.items():
        page = mia.get(PEOPLE + query)
        assert set(names(page.text)) == expected, query


@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?role=boss", "?certification=-1"])
def test_what_cannot_be_asked_is_refused(mia, query):
    assert mia.get(PEOPLE + query).status_code == 400


def test_the_list_has_fifty_on_a_page_and_a_constant_cost(
    mia, make, session, certified, statements
):
    """W-72"""

    def cost():
        with statements() as seen:
            assert mia.get(PEOPLE).status_code == 200
        return len(seen)

    few = cost()
    for number in range(60):
        worker = make.worker(f"worker{number:02}")
        make.grant(worker, certified["reporter"])
    session.commit()
    assert cost() == few
    page = mia.get(PEOPLE).text
    assert len(names(page)) == 50
    assert "Page 1 of 2" in page
    assert len(names(mia.get(f"{PEOPLE}?page=2").text)) == 12


def test_the_list_tells_tasks_in_progress_and_last_activity(mia, make):
    """P-62"""
    work = make.work(TaskStatus.PROCESSING)
    work.session.commit()
    page = mia.get(f"{PEOPLE}?q={work.writer.name}").text
    assert "1<span" in page
    assert "just now" in page


def test_the_page_of_a_worker_shows_tasks_and_lost_messages(mia, make, session):
    """P-63"""
    work = make.work(TaskStatus.COMPLETE)
    writer = work.workers[work.writer.name]
    lost = Message(
        kind="mail",
        channel=Channel.MAIL,
        worker_id=writer.id,
        dedupe_key="1",
        subject="Lost mail",
        text="",
        state=MessageState.DEAD,
        last_error="No such address",
    )
    session.add(lost)
    session.commit()
    page = mia.get(f"{PEOPLE}{writer.id}").text
    assert "Past tasks" in page
    assert "No such address" in page
    assert "Act as" not in page


def test_the_page_of_a_worker_has_a_constant_cost(mia, make, session, statements):
    """W-72"""

    def cost(certifications):
        version = make.version(step("a"), certifications=certifications)
        worker = make.worker()
        for certification in version.workflow.certifications:
            make.grant(worker, certification)
        session.commit()
        with statements() as seen:
            assert mia.get(f"{PEOPLE}{worker.id}").status_code == 200
        return len(seen)

    assert cost(["a", "b"]) == cost([f"c{number}" for number in range(20)])


def test_nobody_is_a_page_of_its_own(mia):
    assert mia.get(f"{PEOPLE}4711").status_code == 404


# --- Certifications ---------------------------------------------------------------------------


def granting(certification, role="entry_level", task_class="real"):
    return {"certification": certification.id, "role": role, "task_class": task_class}


def holdings(session, worker):
    with session.begin():
        rows = sa.select(WorkerCertification).where(WorkerCertification.worker_id == worker.id)
        return session.scalars(
            rows.order_by(WorkerCertification.id).execution_options(populate_existing=True)
        ).all()


def test_a_certification_is_granted_and_its_order_is_kept(mia, session, ana, certified):
    """P-23"""
    path = f"{PEOPLE}{ana.id}/grant"
    early = mia.post_form(path, **granting(certified["reporter"], "reviewer"))
    assert early.status_code == 422
    assert "first needs at entry level" in early.text
    assert '<option value="reviewer" selected>' in early.text
    assert mia.post_form(path, **granting(certified["reporter"])).status_code == 302
    assert mia.post_form(path, **granting(certified["reporter"], "reviewer")).status_code == 302
    assert [held.role for held in holdings(session, ana)] == [Role.ENTRY_LEVEL, Role.REVIEWER]


def test_what_is_ticked_is_revoked_together(mia, make, session, ana, certified):
    """P-25"""
    entry = make.grant(ana, certified["reporter"])
    reviewer = make.grant(ana, certified["reporter"], Role.REVIEWER)
    session.commit()
    path = f"{PEOPLE}{ana.id}/revoke"
    refused = mia.post_form(path, revoke=entry.id)
    assert refused.status_code == 409
    assert "reporter (reviewer, real)" in refused.text
    assert mia.post_form(path).status_code == 302
    assert len(holdings(session, ana)) == 2
    assert mia.post_form(path, revoke=[entry.id, reviewer.id]).status_code == 302
    assert holdings(session, ana) == []


def test_certifications_of_others_are_not_touched(mia, make, session, ana, certified):
    other = make.grant(make.worker(), certified["reporter"])
    session.commit()
    mia.post_form(f"{PEOPLE}{ana.id}/revoke", revoke=other.id)
    with session.begin():
        assert session.get(WorkerCertification, other.id)


def test_staffbot_and_priority_are_set(mia, make, session, ana, certified):
    """P-22"""
    one, two = make.grant(ana, certified["reporter"]), make.grant(ana, certified["editor"])
    session.commit()
    fields = {f"priority-{one.id}": "-3", f"priority-{two.id}": "0", f"staffbot-{two.id}": "on"}
    assert mia.post_form(f"{PEOPLE}{ana.id}/staffing", **fields).status_code == 302
    found = [(h.staffbot_enabled, h.staffing_priority) for h in holdings(session, ana)]
    assert found == [(False, -3), (True, 0)]
    fields[f"priority-{one.id}"] = "much"
    wrong = mia.post_form(f"{PEOPLE}{ana.id}/staffing", **fields)
    assert wrong.status_code == 422
    assert 'value="much"' in wrong.text


@pytest.mark.parametrize("action", ["grant", "revoke", "staffing"])
def test_changes_need_the_token_and_a_project_admin(mia, browser, ana, session, action):
    path = f"{PEOPLE}{ana.id}/{action}"
    answer = mia.post(path, data={"role": "reviewer"})
    assert (answer.status_code, "open too long" in answer.text) == (400, True)
    worker = browser().sign_in(ana)
    assert worker.post_form(path).status_code == 403


# --- Workflows --------------------------------------------------------------------------------


def test_workflows_and_versions_can_be_looked_at(mia, version):
    """W-69"""
    assert "News" in mia.get("/orchestra/admin/workflows/").text
    assert "No workflow is here" in mia.get("/orchestra/admin/workflows/?q=none").text
    page = mia.get("/orchestra/admin/workflows/news/").text
    assert "reporter" in page
    assert "Add a certification" not in page
    page = mia.get("/orchestra/admin/workflows/news/v1").text
    assert "tests.steps.echo" in page
    assert "required_certifications" in page
    assert "<svg" in page
    for path in ("nothing/", "news/v9", "a%00b/", "news/v%00"):
        assert mia.get(f"/orchestra/admin/workflows/{path}").status_code == 404


def test_a_version_shows_its_checks(mia, make, session, version):
    """W-69, SB-1 to SB-5"""
    channel = "slack_project_channel"
    stale = {"type": channel, "message": "please <look>", "steps": ["write"]}
    late = {"type": channel, "message": "late", "steps": ["write", "print"]}
    make.version(
        step("write"),
        step("print"),
        slug="checked",
        sanity_checks={
            "sanity_check_function": {"path": "tests.check_functions.find", "kwargs": {"days": 3}},
            "built_in": {"stale_task": {"seconds": 129_600, "steps": ["write"]}},
            "check_configurations": {
                "stale_task": {"handlers": [stale]},
                "is_late": {"handlers": [late, stale], "repetition_seconds": 86_400},
            },
        },
    )
    session.commit()
    page = mia.get("/orchestra/admin/workflows/checked/v1").text
    shown = page.partition('aria-labelledby="checks"')[2].partition("</section>")[0]
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in shown.split("<tr ")[1:]]
    assert [row.partition("> ")[2] for row in rows] == [
        "stale_task Built in, after 36 hours, on write Once please &lt;look&gt; to write",
        "is_late Function Again after 1 day late to write, print please &lt;look&gt; to write",
    ]
    assert "<code>tests.check_functions.find</code>" in shown
    assert "days" in shown
    without = mia.get("/orchestra/admin/workflows/news/v1").text
    assert 'aria-labelledby="checks"' not in without


def test_workflows_are_listed_at_a_constant_cost(mia, make, session, statements):
    """W-72"""

    def cost(path):
        with statements() as seen:
            assert mia.get(f"/orchestra/admin/workflows/{path}").status_code == 200
        return len(seen)

    few = cost(""), cost("news/")
    many = make.version(step("a"), certifications=[f"c{n}" for n in range(10)], slug="many")
    first, *others = many.workflow.certifications
    for certification in others:
        certification.required = [first]
    for _ in range(5):
        make.version(step("a"))
    session.commit()
    assert (cost(""), cost("many/")) == few


def test_administrators_add_certifications_by_hand(root, mia, session, version):
    """P-28"""
    path = "/orchestra/admin/workflows/news/certifications"
    form = {"slug": "photo", "name": "Photo", "description": "Takes them", "required": "reporter"}
    assert mia.post_form(path, **form).status_code == 403
    wrong = root.post_form(path, **(form | {"slug": "Not A Slug"}))
    assert wrong.status_code == 422
    assert 'value="Not A Slug"' in wrong.text
    assert root.post(path, data=form).status_code == 400
    assert root.post_form(path, **form).status_code == 302
    assert root.post_form(path, **form).status_code == 409
    with session.begin():
        added = session.scalars(sa.select(Certification).where(Certification.is_manual)).one()
        assert [c.slug for c in added.required] == ["reporter"]
    assert "Manual" in root.get("/orchestra/admin/workflows/news/").text


# --- Records ----------------------------------------------------------------------------------


def test_records_of_every_kind_can_be_searched(root, make, session):
    """W-71, W-72"""
    work = make.work(TaskStatus.COMPLETE)
    machine = make.project(step("crawl", human=False))
    session.commit()
    answers = {
        "projects/?q=a+project": "A project",
        f"projects/?q={machine.id}&status=active": "A project",
        "tasks/?q=crawl": "crawl",
        f"tasks/?q={work.task.id}": "write",
        f"assignments/?q={work.writer.name}": work.writer.name,
        f"iterations/?q={work.task.id}": work.reviewer.name,
        "attempts/": "Nothing is here",
        "messages/": "No.",
        "audit/?q=task_completed": "task_completed",
        f"audit/?q={work.project.id}": "project_created",
    }
    for path, expected in answers.items():
        page = root.get(RECORDS + path)
        assert (page.status_code, expected in page.text) == (200, True), path
    assert "Post-review Processing</option>" in root.get(f"{RECORDS}tasks/").text  # as everywhere
    assert "No row is like that" in root.get(f"{RECORDS}tasks/?q={'9' * 30}").text


def test_numbers_of_records_lead_to_projects_and_tasks(root, make, session):
    project = make.project(step("a"))
    session.commit()
    page = root.get(f"{RECORDS}tasks/").text
    assert f'href="/orchestra/app/project/{project.id}"' in page
    assert f'href="/orchestra/app/task/{make.task(project, "a").id}"' in page


def test_records_are_paged_without_gaps_and_at_a_constant_cost(root, session, statements):
    """W-72"""
    session.add_all(
        AuditEvent(actor=f"bot{n}", source="job", verb="task_created", object_kind="task")
        for n in range(120)
    )
    session.commit()
    seen, path, costs = [], f"{RECORDS}audit/?q=bot", set()
    while path:
        with statements() as counted:
            page = root.get(path).text
        costs.add(len(counted))
        seen += re.findall(r"<td>(bot\d+)</td>", page)
        older = re.search(r'href="([^"]+before[^"]+)">Older', page)
        path = older and older[1].replace("&amp;", "&")
    assert seen == [f"bot{n}" for n in reversed(range(120))]
    assert len(costs) == 1


@pytest.mark.parametrize("path", ["tasks/?status=odd", "tasks/?before=x"])
def test_what_cannot_be_searched_is_refused(root, path):
    assert root.get(RECORDS + path).status_code == 400


def test_no_page_of_records_changes_anything(root, app):
    """W-71"""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(RECORDS)]
    assert rules
    assert all(rule.methods <= {"GET", "HEAD", "OPTIONS"} for rule in rules)
