"""The pages of projects: what they show, and to whom (W-52 to W-62, P-19, P-20, N-15, N-27)."""

import re

import pytest
import sqlalchemy as sa

from orchestra.domain import interventions, lifecycle, projects, versions
from orchestra.domain.audit import SYSTEM, Actor
from orchestra.models import (
    Attempt,
    AttemptOutcome,
    Channel,
    CreationProblem,
    Message,
    MessageState,
    Project,
    ProjectStatus,
    StoredFile,
    TaskClass,
    TaskStatus,
)
from tests.builders import own, step
from tests.web.conftest import text_of

LIST = "/orchestra/app/projects"
PAGE = "/orchestra/app/project"
API = "/orchestra/api/interface/project_management"
S = TaskStatus


@pytest.fixture
def mia(make):
    return make.admin("mia", first_name="Mia")


@pytest.fixture
def as_admin(client, session, mia):
    """The browser of a project admin, who sees what the test has made until then."""

    def signed_in():
        session.commit()
        return client.sign_in(mia)

    return signed_in


def page_of(client, project, **asked):
    answer = client.get(f"{PAGE}/{project.id}", query_string=asked)
    assert answer.status_code == 200
    return answer.text


def read_on(page):
    """What is read, without the initials beside a name."""
    return text_of(re.sub(r'<span class="avatar[^<]+</span>', "", page))


# --- The list ---------------------------------------------------------------------------------


def test_the_list_shows_each_project_with_whom_it_waits_for(as_admin, make):
    """W-52"""
    work = make.work(S.PROCESSING)
    read = read_on(as_admin().get(LIST).text)
    assert "A project" in read
    assert (
        f"Write: {work.writer.name} has been working on it since a moment ago , and 1 more" in read
    )
    assert "2 of 2" in read


def test_messages_of_a_project_are_shown_to_project_admins(as_admin, make, client, session):
    """M-27, M-10, W-59"""
    work = make.work(S.PROCESSING)
    path = f"/orchestra/app/project/{work.project.id}?tab=messages"
    admin = as_admin()
    answer = admin.call(
        "project_management/message_team/",
        {"project_id": work.project.id, "message": "Hurry <b>up</b>"},
    )
    assert answer.json == {}
    page = admin.get(path).text
    assert "wrote to the team of A project" in page
    assert "Hurry &lt;b&gt;up" in page
    assert "Not sent" in page
    assert 'data-act="message_team"' in page
    assert "Hurry" not in client.sign_in(work.workers[work.writer.name]).get(path).text


def test_messages_that_were_given_up_are_noticed(as_admin, make, session):
    """W-58, M-7"""
    work = make.work(S.PROCESSING)
    session.add(
        Message(
            kind="returned",
            channel=Channel.MAIL,
            worker_id=work.writer.worker_id,
            dedupe_key="one",
            subject="Returned",
            text="…",
            project_id=work.project.id,
            state=MessageState.DEAD,
            last_error="550 no such mailbox",
        )
    )
    session.flush()
    admin = as_admin()
    assert "1 message about this project was given up." in read_on(page_of(admin, work.project))
    page = read_on(page_of(admin, work.project, tab="messages"))
    assert "Given up 550 no such mailbox" in page


def test_a_folder_that_could_not_be_made_is_asked_for_again(as_admin, make):
    """W-58, P-60"""
    work = make.work(S.PROCESSING)
    work.project.preparation_problem = "The quota is used up."
    admin = as_admin()
    page = read_on(page_of(admin, work.project))
    assert "could not be made; the work goes on without it. The quota is used up." in page
    path = f"{PAGE}/{work.project.id}"
    assert admin.post(f"{path}/prepare").status_code == 403
    for words in ("asked for once more", "is there, or is being made"):
        assert admin.post_form(f"{path}/prepare").location == path
        assert words in admin.get(path).text
    assert "could not be made" not in read_on(page_of(admin, work.project))
    told = read_on(page_of(admin, work.project, tab="history"))
    assert "asked once more for the folder of the project." in told


def test_an_empty_list_says_how_to_begin(as_admin, make):
    """W-8, W-9"""
    client = as_admin()
    assert "Load a workflow first" in client.get(LIST).text
    make.version(step("a"))
    make.session.commit()
    page = client.get(LIST).text
    assert "No projects yet" in page
    assert "New project" in page


def test_filters_stay_in_the_address(as_admin, make):
    """W-52"""
    version = make.version(step("a"), slug="many")
    for _ in range(51):
        make.project(version=version)
    make.project(step("a"), slug="other")
    client = as_admin()
    page = client.get(LIST, query_string={"workflow": "many", "q": "project"}).text
    assert "Other" not in re.sub(r"(?s)<form.*?</form>", "", page)
    assert f'href="{LIST}?workflow=many&amp;q=project&amp;page=2"' in page
    assert 'value="many" selected' in page
    second = client.get(LIST, query_string={"workflow": "many", "page": 2}).text
    assert "Page 2 of 2" in second
    assert "There is no page 9" in client.get(LIST, query_string={"page": 9}).text
    assert "No project fits" in client.get(LIST, query_string={"q": "snow"}).text


def test_aborted_projects_are_listed_only_when_asked_for(as_admin, make, session):
    """N-19"""
    project = make.project(step("a"))
    projects.abort(session, SYSTEM, project.id)
    client = as_admin()
    seen = f'id="project-{project.id}"'
    assert seen not in client.get(LIST).text
    assert seen in client.get(LIST, query_string={"status": "aborted"}).text
    assert seen in client.get(LIST, query_string={"status": "all"}).text


@pytest.mark.parametrize("query", ["status=x", "task_class=x", "page=0", "page=x", "page=-1"])
def test_what_is_no_filter_is_refused(as_admin, query):
    assert as_admin().get(f"{LIST}?{query}").status_code == 400


@pytest.mark.parametrize("path", [LIST, f"{LIST}/new"])
def test_the_list_is_for_project_admins(client, make, session, path):
    """P-19, P-20"""
    worker = make.worker()
    session.commit()
    client.sign_in(worker)
    assert client.get(path).status_code == 403
    assert LIST not in client.get("/orchestra/app").text


def test_project_admins_find_the_list_in_the_frame(as_admin):
    """W-2"""
    assert f'href="{LIST}"' in as_admin().get("/orchestra/app").text


def test_the_list_costs_the_same_for_one_and_for_many_projects(as_admin, make, statements):
    def cost(client):
        versions._graphs.clear()
        with statements() as seen:
            assert client.get(LIST).status_code == 200
        return len(seen)

    make.work(S.REVIEWING)
    client = as_admin()
    alone = cost(client)
    for _ in range(12):
        make.work(S.REVIEWING)
    make.session.commit()
    assert cost(client) == alone <= 12


# --- A new project ----------------------------------------------------------------------------

NEW = {
    "version": "news/v1",
    "description": "Rain in May",
    "priority": "7",
    "task_class": "training",
    "project_data": '{"url": "https://example.org"}',
}


def test_a_project_is_made_without_javascript(as_admin, make, session):
    """W-52"""
    make.version(step("a"), slug="news")
    client = as_admin()
    assert 'value="news/v1"' in client.get(f"{LIST}/new").text
    answer = client.post_form(f"{LIST}/new", **NEW)
    with session.begin():
        project = session.scalars(sa.select(Project)).one()
        assert answer.location == f"{PAGE}/{project.id}"
        assert (project.short_description, project.priority) == ("Rain in May", 7)
        assert project.task_class is TaskClass.TRAINING
        assert own(project.project_data) == {"url": "https://example.org"}
        assert project.created_by == "mia"
    assert "The project was created." in client.get(answer.location).text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("version", "", "Choose a workflow and its version."),
        ("version", "news/v9", "has no version"),
        ("description", " ", "Write 1 to 1000 characters."),
        ("description", "x" * 1001, "Write 1 to 1000 characters."),
        ("priority", "high", "Give a whole number"),
        ("priority", "1000001", "Give a whole number"),
        ("task_class", "unreal", "Choose real or training."),
        ("project_data", "{", "Line 1, column 2 is no JSON"),
        ("project_data", "[]", "Give a JSON object"),
        ("project_data", '{"a": NaN}', "Give a JSON object"),
        ("project_data", '{"a": "\\ud800"}', "/a is"),
    ],
)
def test_each_wrong_field_is_named_and_nothing_typed_is_lost(
    as_admin, make, session, field, value, says
):
    """W-52, W-5"""
    make.version(step("a"), slug="news")
    answer = as_admin().post_form(f"{LIST}/new", **NEW | {field: value})
    assert answer.status_code == 422
    complaint = re.search(rf'id="error-{field}">([^<]*)', answer.text)[1]
    assert says in complaint
    assert "Rain in May" in answer.text or field == "description"
    with session.begin():
        assert session.scalar(sa.select(sa.func.count()).select_from(Project)) == 0


def test_a_stale_token_shows_the_form_again(as_admin, make):
    """W-13"""
    make.version(step("a"), slug="news")
    answer = as_admin().post_form(f"{LIST}/new", **NEW | {"csrf_token": "stale"})
    assert answer.status_code == 400
    assert "Rain in May" in answer.text


def test_workers_may_not_make_projects(client, make, session):
    """P-19, P-20"""
    worker = make.worker()
    make.version(step("a"), slug="news")
    session.commit()
    assert client.sign_in(worker).post_form(f"{LIST}/new", **NEW).status_code == 403


def test_without_workflows_the_form_says_what_to_do(as_admin):
    assert "No workflow is loaded" in as_admin().get(f"{LIST}/new").text


# --- The page ---------------------------------------------------------------------------------


def test_the_page_shows_the_tasks_with_their_ids_and_what_comes_next(as_admin, make):
    """W-53, W-55"""
    work = make.work(S.REVIEWING, after=[step("later", "write")])
    page = page_of(as_admin(), work.project)
    read = read_on(page)
    assert "Other: waiting for a worker since a moment ago , and 1 more" in read
    assert f'id="task-{work.task.id}"' in page
    assert f"{work.reviewer.name} accepts or returns it" in read
    assert f"{work.writer.name}" in read
    assert "After Write" in read


def test_the_steps_are_drawn(as_admin, make):
    """W-55"""
    work = make.work(S.PROCESSING, after=[step("later", "write")])
    page = page_of(as_admin(), work.project)
    svg = re.search(r'(?s)<svg id="step-graph".*?</svg>\s*</div>', page)[0]
    assert "Later: Not yet, after Write." in svg
    assert f'data-goes-to="task-{work.task.id}"' in svg
    assert svg.count('class="graph-edge"') == 1
    assert "style=" not in svg


def test_failed_steps_tell_their_error_and_traceback(as_admin, make, session):
    """W-55, W-58"""
    project = make.project(step("crawl", human=False))
    task = make.task(project, "crawl")
    task.status, task.attempts, task.last_error = S.FAILED, 1, "ValueError: <no page>"
    session.add(
        Attempt(
            task_id=task.id,
            number=1,
            fencing_number=1,
            host="box",
            process=1,
            outcome=AttemptOutcome.FAILED,
            error="ValueError: <no page>",
            traceback="Traceback (most recent call last): …",
        )
    )
    page = page_of(as_admin(), project)
    assert "Retry it, or skip it with data." in page
    assert page.count("ValueError: &lt;no page&gt;") >= 2
    assert "<summary>Traceback</summary>" in page


def test_creation_and_policy_problems_are_noticed(as_admin, make, session):
    """W-58"""
    work = make.work(S.PENDING_REVIEW, after=[step("later", "other")])
    work.task.policy_problem = "Nobody is free."
    session.add(CreationProblem(project_id=work.project.id, step="later", error="KeyError: url"))
    read = read_on(page_of(as_admin(), work.project))
    assert "Later could not be created" in read
    assert "KeyError: url" in read
    assert "was not assigned by its policy. Assign somebody. Nobody is free." in read


def test_a_paused_project_says_who_paused_it_and_why(as_admin, make, session, mia):
    """L-20, L-102"""
    project = make.project(step("a"))
    projects.pause(session, Actor.of(mia), project.id, "The customer asks for time.")
    read = read_on(page_of(as_admin(), project))
    assert "Mia paused this project just now" in read
    assert "The customer asks for time." in read


def test_a_closed_project_has_a_banner(as_admin, make, session):
    """W-62"""
    project = make.project(step("a"), step("b", "a"))
    projects.abort(session, SYSTEM, project.id)
    page = page_of(as_admin(), project)
    assert "This project was aborted." in page
    assert "Not created" in page
    assert 'class="waiting-for"' not in page


def test_workers_on_the_project_see_it_without_data_problems_and_actions(client, make, session):
    """W-60, P-19"""
    work = make.work(S.PROCESSING, after=[step("crawl", human=False)])
    work.project.project_data = {"secret": "of the customer"}
    crawl = make.task(work.project, "crawl")
    crawl.status, crawl.last_error = S.FAILED, "Boom"
    session.commit()
    client.sign_in(work.workers[work.writer.name])
    page = page_of(client, work.project, tab="data")
    assert "of the customer" not in page
    assert "Boom" not in page
    assert "data-act" not in page
    assert f'href="/orchestra/app/task/{work.task.id}"' in page
    assert f'href="/orchestra/app/task/{crawl.id}"' not in page
    assert "tab=history" not in page


def test_a_worker_cannot_open_what_was_handed_over(client, make, session):
    """W-60"""
    work = make.work(S.REVIEWING)
    iteration = work.at(0).iterations[0]
    session.commit()
    client.sign_in(work.workers[work.writer.name])
    answer = client.get(f"{PAGE}/{work.project.id}?iteration={iteration.id}")
    assert answer.status_code == 404


def test_others_get_404(client, make, session):
    """P-20"""
    work = make.work(S.PROCESSING)
    stranger = make.worker()
    session.commit()
    client.sign_in(stranger)
    for project_id in (work.project.id, 4711):
        assert client.get(f"{PAGE}/{project_id}").status_code == 404


def test_an_unchanged_page_is_not_sent_again(as_admin, make, session):
    """W-61"""
    work = make.work(S.PROCESSING)
    client = as_admin()
    path = f"{PAGE}/{work.project.id}"
    tag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    interventions.skip_task(session, work.admin, work.task.id)
    session.commit()
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


# --- Tabs -------------------------------------------------------------------------------------


def test_the_timeline_has_a_lane_for_each_task_and_says_the_same_as_a_table(as_admin, make):
    """W-56"""
    work = make.work(S.REVIEWING)
    page = page_of(as_admin(), work.project)
    assert page.count('class="bar"') == 2
    assert page.count('class="lane-ground"') == 2
    assert page.count('fill="url(#level-1)"') == 2  # in the legend and in the lane
    table = page[page.index('id="timeline-table"') :]
    assert read_on(table).count("Write") >= 2


def test_times_count_from_the_start_when_wanted(as_admin, make):
    """W-56"""
    work = make.work(S.REVIEWING)
    assert "+0 min" in page_of(as_admin(), work.project, time="relative")


def test_choosing_a_bar_shows_what_was_handed_over(as_admin, make):
    """W-56"""
    work = make.work(S.REVIEWING)
    iteration = work.at(0).iterations[0]
    page = page_of(as_admin(), work.project, iteration=iteration.id)
    assert f"{work.writer.name} submitted this" in read_on(page)
    assert f"&#34;by&#34;: &#34;{work.writer.name}&#34;" in page


def test_the_team_is_listed_by_step_and_level(as_admin, make):
    """W-59"""
    work = make.work(S.REVIEWING)
    read = read_on(page_of(as_admin(), work.project, tab="team"))
    assert re.search(rf"Write Delivery {work.writer.name} .* has handed it over", read)
    assert re.search(rf"Write Review {work.reviewer.name} .* works on it", read)


def test_the_files_of_the_project_are_listed(as_admin, make, session):
    """The page reads them; who is on a task adds them there."""
    work = make.work(S.PROCESSING)
    empty = read_on(page_of(as_admin(), work.project, tab="files"))
    assert "No files yet." in empty
    session.add(
        StoredFile(
            id="a-random-name",
            place="a-random-place",
            project_id=work.project.id,
            name="plan.pdf",
            content_type="application/pdf",
            size_bytes=2048,
            uploaded_by_id=work.writer.worker_id,
        )
    )
    session.commit()
    page = page_of(as_admin(), work.project, tab="files")
    assert 'href="/orchestra/files/a-random-name' in page
    assert "plan.pdf 2.0 kB" in read_on(page)


def test_the_data_are_shown_as_json(as_admin, make):
    project = make.project(step("a"), project_data={"städte": ["Köln"]})
    page = page_of(as_admin(), project, tab="data")
    assert "&#34;städte&#34;: [\n    &#34;Köln&#34;" in page


def test_the_history_is_told_and_filtered(as_admin, make):
    """W-59, P-60"""
    work = make.work(S.REVIEWING)
    client = as_admin()
    read = read_on(page_of(client, work.project, tab="history"))
    assert f"{work.writer.name} submitted Write." in read
    other = make.task(work.project, "other").id
    read = read_on(page_of(client, work.project, tab="history", task=other))
    assert "submitted Write." not in read
    read = read_on(page_of(client, work.project, tab="history", person="nobody"))
    assert "Nothing in the history fits." in read


def test_an_unknown_tab_is_the_first_one(as_admin, make):
    project = make.project(step("a"))
    page = page_of(as_admin(), project, tab="x")
    assert 'aria-current="page">Timeline' in page


@pytest.mark.parametrize("asked", ["task=x", "before=0", "iteration=99999999999999999999"])
def test_what_is_no_number_is_refused(as_admin, make, asked):
    project = make.project(step("a"))
    assert as_admin().get(f"{PAGE}/{project.id}?{asked}").status_code == 400


@pytest.mark.parametrize("tab", ["timeline", "team", "data", "messages", "history"])
def test_the_page_costs_the_same_for_two_and_for_thirty_tasks(
    as_admin, make, session, statements, tab
):
    def cost(client, project):
        versions._graphs.clear()
        with statements() as seen:
            page_of(client, project, tab=tab)
        return len(seen)

    small = make.work(S.REVIEWING)
    large = make.work(S.REVIEWING, after=[step(f"s{n}") for n in range(28)])
    for number in range(28):
        task = make.task(large.project, f"s{number}")
        lifecycle.assign_task(session, large.admin, task.id, large.workers[large.writer.name])
    client = as_admin()
    few = cost(client, small.project)
    assert cost(client, large.project) == few <= 20


# --- JSON -------------------------------------------------------------------------------------


def test_the_list_in_json_has_the_filters_of_the_client_api(as_admin, make, session):
    """N-15, A-40, A-41"""
    work = make.work(S.PROCESSING)
    paused = make.project(step("a"), slug="other")
    projects.pause(session, SYSTEM, paused.id)
    client = as_admin()
    answer = client.get(f"{API}/projects/").json
    assert [found["id"] for found in answer["projects"]] == [paused.id, work.project.id]
    assert (answer["page"], answer["pages"], answer["total"]) == (1, 1, 2)
    first = answer["projects"][0]
    assert (first["status"], first["open_tasks"], first["total_tasks"]) == ("Paused", 1, 1)
    assert "project_data" not in first
    for query, expected in [
        ("status=Paused", [paused.id]),
        ("status=paused&status=Active", [paused.id, work.project.id]),
        ("workflow_slug=other&workflow_version_slug=v1", [paused.id]),
        ("task_class=training", []),
        ("started_before=2001-01-01T00:00:00Z", []),
        ("q=project&page=2", []),
    ]:
        found = client.get(f"{API}/projects/?{query}").json["projects"]
        assert [one["id"] for one in found] == expected, query


@pytest.mark.parametrize(
    "query", ["status=x", "page=0", "started_after=May", "colour=red", "task_class=1"]
)
def test_what_is_no_parameter_of_the_list_is_malformed(as_admin, query):
    """C-13"""
    answer = as_admin().get(f"{API}/projects/?{query}")
    assert (answer.status_code, answer.json["error"]) == (400, "malformed")


def test_the_history_in_json(as_admin, make):
    """N-15, N-27"""
    work = make.work(S.PENDING_REVIEW)
    client = as_admin()
    answer = client.get(f"{API}/history/?project_id={work.project.id}").json
    assert answer["next_before"] is None
    submitted = next(event for event in answer["events"] if event["verb"] == "task_submitted")
    assert submitted["text"] == f"{work.writer.name} submitted Write."
    assert submitted["task_id"] == work.task.id
    assert set(submitted) == {
        *("id", "at", "actor", "acting_as", "source", "verb", "text", "task_id", "note")
    }
    before = answer["events"][-2]["id"]
    older = client.get(f"{API}/history/?project_id={work.project.id}&before={before}").json
    assert [event["verb"] for event in older["events"]] == ["project_created"]
    assert client.get(f"{API}/history/?project_id=4711").status_code == 404
    assert client.get(f"{API}/history/").status_code == 400


def test_statuses_are_shown_by_pills_of_their_own(as_admin, make, session):
    for status in ProjectStatus:
        make.project(step("a")).status = status
    page = as_admin().get(LIST, query_string={"status": "all"}).text
    for status in ProjectStatus:
        assert status.label in read_on(page)
