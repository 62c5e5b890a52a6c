"""What a checker does not ask of a page, asked of the page that stands open: at the width of a desktop enlarged four
times, with text set wider, and with the focus on each of its controls in turn. Each answers with what is wrong."""

from playwright.sync_api import Page

NARROW = {"width": 320, "height": 640}
"""A window of 1280 pixels at 400 %: the width that WCAG 1.4.10 names."""

_SPREAD = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""
"""The spacing of WCAG 1.4.12, in a way that a page's policy lets pass."""

_CUT = """() => [...document.querySelectorAll("body *")].filter((one) => {
  if (!one.checkVisibility() || one.closest(".unseen, svg, thead, [aria-hidden], .me > summary, .inbox")) return false;
  const style = getComputedStyle(one);
  const wide = ["hidden", "clip"].includes(style.overflowX) && one.scrollWidth > one.clientWidth + 1;
  const high = ["hidden", "clip"].includes(style.overflowY) && one.scrollHeight > one.clientHeight + 1;
  return (wide || high) && one.textContent.trim() && !one.matches("select, textarea, .mirror");
}).map((one) => one.outerHTML.slice(0, 120))"""

# Of a name in the rail and of a mail's line in an inbox more stands elsewhere: they are shortened on purpose.

_ROOM = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

_FOCUS = """() => {
  const stops = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.type !== "hidden");
  const inSight = ({ left, top, right, bottom }) => {
    const [x, y] = [Math.max(left, 0), Math.max(top, 0)];
    return { x, y, width: Math.min(right, innerWidth) - x, height: Math.min(bottom, innerHeight) - y };
  };
  const wrong = [];
  for (const one of stops) {
    one.focus({ focusVisible: true });
    if (document.activeElement !== one) continue;
    const style = getComputedStyle(one);
    const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const box = inSight(one.getBoundingClientRect());
    const points = [[.5, .5], [.1, .2], [.9, .2], [.1, .8], [.9, .8]];
    const seen = points.some(([across, down]) => {
      const at = document.elementFromPoint(box.x + box.width * across, box.y + box.height * down);
      return at && (one.contains(at) || at.contains(one) || at.closest("label")?.control === one);
    });
    if (!ringed || !seen) wrong.push((ringed ? "hidden: " : "no ring: ") + one.outerHTML.slice(0, 120));
  }
  return wrong;
}"""


def out_of_focus(page: Page) -> list[str]:
    """Controls that show no ring when the focus is on them, or that something lies over (WCAG 2.4.7, 2.4.11)."""
    found: list[str] = page.evaluate(_FOCUS)
    return found


def lost_when_narrow(page: Page) -> list[str]:
    """What runs off the side at 320 pixels, by how much, and what is cut off there with wide text. It leaves the page
    narrow, and its text wide."""
    page.set_viewport_size(NARROW)
    beyond = page.evaluate(_ROOM)
    page.evaluate(_SPREAD)
    wider = page.evaluate(_ROOM)
    found = [f"{beyond} pixels run off the side"] if beyond > 0 else []
    found += [f"{wider} pixels run off the side with wide text"] if wider > 0 and beyond <= 0 else []
    cut: list[str] = page.evaluate(_CUT)
    return found + [f"cut off: {one}" for one in cut]
