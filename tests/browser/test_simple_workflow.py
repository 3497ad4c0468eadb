"""The main job: a client asks, a machine looks, a person rates, on everything that is real."""

import time

from playwright.sync_api import expect

GALLERY = "/orchestra/gallery/"
LOOKS = {
    "desktop": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 320, "height": 640}, "device_scale_factor": 2},
}


def test_a_person_rates_the_pictures_that_a_machine_found(system, visiting):
    """W-4, W-5, W-19, W-24, W-27; from the signed call to the result, on every kind of screen."""
    visit = visiting(system.url)
    visit.page.goto(f"{system.url}/")
    visit.check()
    visit.shot("simple-1-sign-in")
    page = visit.sign_in("demo")
    expect(page.get_by_text("No tasks yet")).to_be_visible()
    visit.check()
    visit.shot("simple-2-empty")
    for number, (name, options) in enumerate(LOOKS.items(), 1):
        rate(visiting(system.url, **options), system, name, f"Picture {number}")


def rate(visit, system, name, description):
    page = visit.sign_in("demo")
    url = system.url + GALLERY
    project_id = system.client.create_project(
        "simple_workflow", "v1", description, 10, {"url": url}, "real"
    )
    # Nobody reloads: the page learns by itself that a task waits.
    button = page.get_by_role("button", name="New delivery task")
    expect(button).to_contain_text("1")
    visit.check()
    visit.shot(f"simple-3-{name}-dashboard")
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Image Rating")
    picture = page.locator(".step-panel img")
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("picture => picture.naturalWidth") > 0
    visit.check()
    visit.shot(f"simple-4-{name}-task")
    page.get_by_label("very awesome", exact=True).check()
    expect(page.locator("[data-save-state]")).to_contain_text("Saved at")
    page.get_by_role("button", name="Submit").click()
    visit.shot(f"simple-5-{name}-confirm")
    page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    expect(page.locator("#notices")).to_contain_text("It is complete.")
    visit.check()
    visit.shot(f"simple-6-{name}-done")
    assert result_of(system, project_id) == {"rating": "5"}


def result_of(system, project_id):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = system.client.project_information(project_id)
        if found["project"]["status"] == "Completed":
            return found["tasks"]["rate"]["latest_data"]
        time.sleep(0.2)
    raise AssertionError(found)
