"""What keeps people out of a page, asked of each look of it: large and small, by day and by night."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from axe_playwright_python.base import AXE_SCRIPT
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


_ASK = f"""async () => {{
  const options = {json.dumps(AXE)};
  for (const {{ id, impact }} of axe._audit?.rules ?? [])
    if (["minor", "moderate"].includes(impact)) (options.rules ??= {{}})[id] = {{ enabled: false }};
  const of = (make, kept = new Map()) => (one) => kept.get(one) ?? kept.set(one, make(one)).get(one);
  const look = of((one) => {{
    const {{ color, backgroundColor, backgroundImage, fontSize, fontWeight, display, visibility, opacity }} =
      getComputedStyle(one);
    return [color, backgroundColor, backgroundImage, fontSize, fontWeight, display, visibility, opacity].join();
  }});
  const targets = "a, button, input, select, textarea, summary, [tabindex]";
  const shape = of((one) => {{
    const inner = [...one.children].map(shape);
    return JSON.stringify([
      one.localName, look(one),
      [...one.attributes].filter(({{ name }}) => !/^(id|href|data-.*)$/.test(name))
        .map(({{ name, value }}) => [name, name === "title" ? !!value.trim() : value]),
      [...one.childNodes].some((inner) => inner.nodeType === Node.TEXT_NODE && inner.data.trim()),
      one.matches(targets) && [one.offsetWidth < 24, one.offsetHeight < 24],
      one.querySelector(targets) ? inner : [...new Set(inner)],
    ]);
  }});
  const place = of((one) => one && [place(one.parentElement), one.localName, one.className, look(one)].join("/"));
  const known = new Set(), hidden = [];
  for (const one of document.querySelectorAll("main :is(article, article > *, li, tbody > tr, dl > div, nav > a)")) {{
    const low = one.offsetHeight < 24 && (one.matches(targets) || one.querySelector(targets));
    if (low || hidden.at(-1)?.contains(one)) continue;
    const kind = place(one.parentElement) + shape(one);
    if (known.has(kind)) hidden.push(one);
    known.add(kind);
  }}
  const before = hidden.map((one) => one.style.display);
  for (const one of hidden) one.style.display = "none";
  Object.defineProperty(document, "hidden", {{ value: true, configurable: true }});
  try {{
    return (await axe.run(options)).violations;
  }} finally {{
    delete document.hidden;
    hidden.forEach((one, at) => {{ one.style.display = before[at]; }});
  }}
}}"""
"""What axe-core finds serious. Of rows in places that are alike, it is asked about the first alone when the others are
of the same elements, attributes and colours, and have as many links and controls, none smaller: they can only be
answered alike, and a page of a thousand rows takes it ten seconds. A row with something to press that is less high than
that has to be is always asked. Meanwhile the page counts as one that nobody looks at: it would put what is new in place
of what is being asked about."""


def hindrances(page: Page, looks: tuple[Look, ...], more: Callable[[Page], list[str]] = lambda _page: []) -> list[str]:
    """What keeps people out of an open page in any of these looks: what axe-core finds serious, what runs off the
    side, and what `more` says. Each names the look, the element and the remedy."""
    found = []
    page.wait_for_load_state()  # without its style, a page that has just been come to is another one
    for look in looks:
        look.put_on(page)
        found += [f"{look}: {one}" for one in [*_serious(page), *more(page)]]
        if not page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"):
            found.append(f"{look}: it runs off the side")
    return found


def _serious(page: Page) -> list[str]:
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE_SCRIPT)
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
        for one in page.evaluate(_ASK)
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
