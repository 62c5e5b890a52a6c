"""What keeps people out of a page, asked of each look of it: large and small, by day and by night."""

from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # a way to each element that is right costs as much as all the rules
    "iframes": False,  # where axe-core is not loaded, so that it would only wait for an answer
}
SERIOUS = ("serious", "critical")


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at a page."""

    phone: bool
    dark: bool

    def __str__(self) -> str:
        return f"{'phone' if self.phone else 'desktop'} {'dark' if self.dark else 'light'}"

    def put_on(self, page: Page) -> None:
        """Let an open page be seen so: the same as turning a device, or the system's switch at dusk."""
        page.set_viewport_size(PHONE if self.phone else DESKTOP)
        page.emulate_media(color_scheme="dark" if self.dark else "light")


LARGE_BY_DAY, SMALL_BY_NIGHT = Look(phone=False, dark=False), Look(phone=True, dark=True)
LARGE_BY_NIGHT, SMALL_BY_DAY = Look(phone=False, dark=True), Look(phone=True, dark=False)
LOOKS = pytest.mark.parametrize(
    "looks",
    [
        pytest.param((LARGE_BY_DAY, SMALL_BY_NIGHT), id="desktop light, phone dark"),
        pytest.param((LARGE_BY_NIGHT, SMALL_BY_DAY), id="desktop dark, phone light", marks=pytest.mark.sweep),
    ],
)
"""Each page in two of the four looks in every run, so that each size and each scheme is seen; all four in a sweep."""


def hindrances(page: Page, looks: tuple[Look, ...]) -> list[str]:
    """What keeps people out of an open page in any of these looks: what axe-core finds serious, and what runs off the
    side. Each names the look, the element and the remedy."""
    found = []
    page.wait_for_load_state()  # without its style, a page that has just been come to is another one
    for look in looks:
        look.put_on(page)
        found += [f"{look}: {one}" for one in _serious(page)]
        if not page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"):
            found.append(f"{look}: it runs off the side")
    return found


def _serious(page: Page) -> list[str]:
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
        for one in Axe().run(page, options=AXE).response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
