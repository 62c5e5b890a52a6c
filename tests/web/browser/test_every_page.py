"""Every page of the console in a real browser: nothing that keeps people out, by day and by night, large and small."""

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = (
    "/sign-in",
    "/b/fjallhem/today",
    "/b/fjallhem/parcels",
    "/b/fjallhem/parcels?q=nothing",
    "/b/fjallhem/templates",
    "/b/fjallhem/templates/edit/messages/en/delivered.email.md",
    "/b/fjallhem/templates/edit/messages/en/delivered.sms.txt",
    "/b/fjallhem/templates/edit/layouts/parcel.mjml",
    "/b/fjallhem/templates/brand",
    "/b/fjallhem/templates/publish",
    "/b/fjallhem/templates/history",
    "/b/fjallhem/templates/waiting",
)
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_keeps_people_out(enter, path, phone, dark):
    """axe-core finds nothing serious, the browser's console stays silent, and nothing runs off the side."""
    page = enter(None if path == "/sign-in" else "owner", phone=phone, dark=dark)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path)
    found = Axe().run(page, options=AXE)
    faults = [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
    assert faults == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
