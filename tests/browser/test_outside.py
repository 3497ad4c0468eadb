"""What Google Analytics is told, in a real browser (I-40)."""

import json

GOOGLE = "https://www.googletagmanager.com/gtag/js?id=G-ABC"
# In the place of Google's script: hands over what it was told, as that one would read it.
SCRIPT = "window.told = JSON.stringify(window.dataLayer.map(call => [...call]))"


def test_google_is_told_the_kind_of_page_and_nothing_of_what_stands_in_it(
    served, visiting, change_settings
):
    """I-40: neither address nor title nor where the reader came from; the content policy holds."""
    change_settings(google_analytics_key="G-ABC")
    visit = visiting(served)
    visit.context.route(GOOGLE, lambda route: route.fulfill(body=SCRIPT))
    visit.page.goto(f"{served}/orchestra/accounts/register/?from=ana")
    visit.page.wait_for_function("window.told")
    told = json.loads(visit.page.evaluate("window.told"))

    assert [call[0] for call in told] == ["consent", "js", "set", "config"]
    page = {
        "page_location": f"{served}/orchestra/accounts/register/",
        "page_path": "/orchestra/accounts/register/",
        "page_title": "/orchestra/accounts/register/",
        "page_referrer": "",
    }
    assert told[3] == ["config", "G-ABC", page]
    assert told[2][1].items() >= page.items()
    assert set(told[0][2].values()) == {"denied"}
    asked = [line for line in visit.complaints if line.startswith("asked another host")]
    assert set(asked) <= {f"asked another host: {GOOGLE}"}
    visit.complaints[:] = [line for line in visit.complaints if line not in asked]
