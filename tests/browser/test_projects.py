"""The pages of projects in a browser: they look right, fold on a phone, and stay fresh."""

import pytest
from playwright.sync_api import expect

from orchestra.domain import lifecycle, projects
from orchestra.domain.audit import Actor
from orchestra.models import Attempt, AttemptOutcome, CreationProblem, TaskClass, TaskStatus
from tests.browser.conftest import PHONE
from tests.builders import step
from tests.web.conftest import form_step

TRACEBACK = """Traceback (most recent call last):
  File "journalism/v1/pictures.py", line 20, in find
    page = fetch(project_data["url"])
ValueError: no page at https://example.org/the-pope-in-new-york"""


@pytest.fixture(params=["sqlite"], scope="session")
def database_url(tmp_path_factory):
    """The browser does not see which database it is."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"


@pytest.fixture
def people(make):
    return {
        name: make.worker(name, first_name=name.title(), password=name, **more)
        for name, more in {"ana": {}, "ben": {}, "mia": {"is_in_project_admins": True}}.items()
    }


@pytest.fixture
def version(make):
    return make.version(
        step("plan", name="Editor's story plan"),
        form_step("reporting", "plan", name="Reporting"),
        step("photos", "plan", name="Photo search", human=False),
        step("layout", "reporting", "photos", name="Layout"),
        step("legal", "reporting", name="Legal check"),
        step("publish", "layout", "legal", "plan", name="Publishing", human=False),
        slug="journalism",
    )


@pytest.fixture
def project(make, session, version, people):
    """A project in the middle of everything: done, in review, failed and not yet due."""
    mia = Actor.of(people["mia"])
    project = projects.create_project(
        session,
        mia,
        workflow_slug="journalism",
        version_slug="v1",
        short_description="The Pope in New York",
        priority=10,
        task_class=TaskClass.REAL,
        project_data={"url": "https://example.org/the-pope-in-new-york", "words": 900},
    )
    session.flush()
    for slug, holder in (("plan", "ana"), ("reporting", "ana")):
        task = make.task(project, slug)
        held = lifecycle.assign_task(session, mia, task.id, people[holder])
        session.flush()
        lifecycle.hand_over(
            session,
            Actor.of(people[holder]),
            task.id,
            "submit",
            data={"headline": "Rain"},
            revision=held.revision,
        )
        session.flush()
    lifecycle.assign_task(session, mia, make.task(project, "reporting").id, people["ben"])
    photos = make.task(project, "photos")
    photos.status, photos.attempts = TaskStatus.FAILED, 3
    photos.last_error = TRACEBACK.splitlines()[-1]
    for number in (1, 2, 3):
        session.add(
            Attempt(
                task_id=photos.id,
                number=number,
                fencing_number=number,
                host="worker-1",
                process=1,
                outcome=AttemptOutcome.FAILED,
                error=photos.last_error,
                traceback=TRACEBACK,
            )
        )
    session.add(CreationProblem(project_id=project.id, step="legal", error="KeyError: 'country'"))
    for name in ("Harvest festival", "Chess open in the old town hall, with a portrait"):
        make.project(version=version, priority=3).short_description = name
    session.commit()
    return project


def test_the_list_is_filtered_and_folds(served, project, visiting):
    """W-52, W-4, W-5"""
    visit = visiting(served)
    page = visit.sign_in("mia")
    page.get_by_role("link", name="Projects").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Projects")
    visit.check()
    visit.shot("projects-list")
    page.get_by_label("Description or id").fill("pope")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="Chess open")).to_have_count(0)
    page.get_by_role("link", name="The Pope in New York").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Pope in New York")


@pytest.mark.parametrize(
    ("name", "options"),
    [("desktop", {}), ("phone", {"viewport": PHONE}), ("dark", {"color_scheme": "dark"})],
)
def test_every_part_of_the_pages_can_be_read(served, project, visiting, name, options):
    """W-4, W-5"""
    visit = visiting(served, **options)
    page = visit.sign_in("mia")
    for part in ("timeline", "team", "data", "history"):
        page.goto(f"{served}/orchestra/app/project/{project.id}?tab={part}")
        expect(page.get_by_role("navigation", name="More about")).to_be_visible()
        visit.check()
        visit.shot(f"project-{name}-{part}")
    page.goto(f"{served}/orchestra/app/projects")
    visit.check()
    visit.shot(f"projects-{name}")
    page.goto(f"{served}/orchestra/app/projects/new")
    visit.check()
    visit.shot(f"project-new-{name}")


def test_a_worker_sees_the_reduced_page(served, project, visiting):
    """W-60"""
    visit = visiting(served)
    page = visit.sign_in("ana")
    page.goto(f"{served}/orchestra/app/project/{project.id}")
    expect(page.get_by_role("link", name="History")).to_have_count(0)
    visit.check()
    visit.shot("project-worker")


def test_the_picture_and_the_bars_lead_on(served, project, session, make, visiting):
    """W-55, W-56"""
    task_id = make.task(project, "photos").id
    session.commit()
    page = visiting(served).sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{project.id}")
    page.locator(f"#box-task-{task_id}").click()
    expect(page.locator(f"#task-{task_id}")).to_be_focused()
    page.locator(".bar[data-opens]").first.click()
    expect(page.get_by_role("heading", name="Ana submitted this")).to_be_visible()
    page.get_by_text("since the start").click()
    expect(page.locator(".axis").first).to_have_text("+0 min")


def test_fresh_data_come_by_themselves_and_take_nothing_away(
    served, project, session, make, visiting
):
    """W-61"""
    visit = visiting(served)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{project.id}?tab=history")
    page.locator(".attempts > summary").click()
    page.get_by_label("Person").select_option("ana")
    with session.begin():
        projects.pause(session, Actor.of(make.admin("zoe", first_name="Zoe")), project.id)
    expect(page.get_by_text("Zoe paused this project")).to_be_visible(timeout=20_000)
    expect(page.locator(".attempts")).to_have_attribute("open", "")
    expect(page.get_by_label("Person")).to_have_value("ana")


def test_a_project_is_made_and_mistakes_are_shown(served, project, visiting):
    """W-52"""
    visit = visiting(served)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/projects")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Description").fill("Chess open")
    page.get_by_label("Project data").fill('{"url": }')
    page.get_by_role("button", name="Create the project").click()
    expect(page.locator("#error-project_data")).to_contain_text("Line 1, column 9")
    visit.check()
    visit.shot("project-new-errors")
    page.get_by_label("Project data").fill('{"url": "https://example.org"}')
    page.get_by_label("Workflow and version").select_option("journalism/v1")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Chess open")
    visit.shot("project-new-created")


@pytest.mark.parametrize(("length", "scrolls"), [(12, False), (16, True)])
def test_a_long_workflow_scrolls_inside_its_picture(
    served, make, session, people, visiting, length, scrolls
):
    """W-4, and up to twelve columns fit"""
    names = ["Interview", "Transcription of the recording", "Fact check", "Copy editing"]
    steps, before = [], []
    for number in range(length):
        slug, name = f"step-{number}", f"{names[number % 4]} {number + 1}"
        steps.append(step(slug, *before, name=name))
        steps.append(step(f"beside-{number}", *before, name=f"Pictures {number + 1}"))
        before = [slug] if number % 3 else [slug, f"beside-{number}"]
    project = make.project(*steps)
    session.commit()
    visit = visiting(served)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{project.id}")
    graph = page.get_by_role("region", name="Steps")
    assert graph.evaluate("it => it.scrollWidth > it.clientWidth") is scrolls
    visit.check()
    visit.shot(f"project-columns-{length}")


def test_everything_can_be_read_without_javascript(served, project, visiting):
    """W-1"""
    visit = visiting(served, java_script_enabled=False)
    page = visit.sign_in("mia")
    page.get_by_role("link", name="Projects").first.click()
    page.get_by_role("link", name="The Pope in New York").click()
    page.get_by_text("As a table").click()
    page.get_by_role("link", name="submitted").last.click()
    expect(page.get_by_role("heading", name="Ana submitted this")).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.get_by_label("Person").select_option("ben")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".events li")).to_have_count(1)
    visit.shot("project-without-javascript")


# How the element with the focus is marked, and what it says.
MARK = """() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return [document.activeElement.innerText, `${outlineWidth} ${outlineStyle}`];
}"""


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_focus_is_seen_wherever_it_goes(served, project, visiting, look):
    """W-5, W-6: a grey ground alone, which quiet buttons had, is hardly seen."""
    page = visiting(served, color_scheme=look).sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{project.id}")
    marks = {}
    for _ in range(25):  # as far as into the table of tasks
        page.keyboard.press("Tab")
        text, mark = page.evaluate(MARK)
        marks[text] = mark
    assert any(text.startswith(("Actions", "More\nfor")) for text in marks), marks
    assert set(marks.values()) == {"2px solid"}, marks


def test_a_closed_project_says_so_and_offers_nothing(served, project, session, make, visiting):
    """W-62"""
    with session.begin():
        projects.abort(session, Actor.of(make.admin()), project.id)
    visit = visiting(served)
    page = visit.sign_in("mia")
    page.goto(f"{served}/orchestra/app/project/{project.id}?tab=team")
    expect(page.locator("#closed")).to_have_text(
        "This project was aborted. Nothing in it can change any more."
    )
    expect(page.locator("[data-act=pause], [data-act=assign]")).to_have_count(0)
    visit.check()
    visit.shot("project-closed")
