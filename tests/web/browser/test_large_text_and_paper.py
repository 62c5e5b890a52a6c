"""Text twice as large, and paper: no word is torn, nothing hangs over the edge, and a parcel's page is one sheet."""

import re

import pytest
from playwright.sync_api import expect

from tests.web.conftest import order, scan

LARGER = """() => {
  const all = [...document.querySelectorAll("body, body *:not(svg, svg *)")];
  const were = all.map((one) => getComputedStyle(one)).map((one) => [one.fontSize, one.lineHeight]);
  all.forEach((one, at) => {
    one.style.fontSize = `${2 * parseFloat(were[at][0])}px`;
    if (were[at][1].endsWith("px")) one.style.lineHeight = `${2 * parseFloat(were[at][1])}px`;
  });
}"""
"""As a browser does that makes text larger, and text alone (WCAG 2.2, 1.4.4)."""

TORN = """(chosen) => [...document.querySelectorAll(chosen)].filter((one) => {
  const range = document.createRange();
  const text = one.firstChild;
  if (!text || text.nodeType !== Node.TEXT_NODE) return false;
  return [...text.data.matchAll(/\\S+/g)].some((word) => {
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1;
  });
}).map((one) => one.textContent)"""
"""What has a word that stands on two lines."""

MIXED = """() => {
  const words = [...document.querySelectorAll(".chart :is(span, b, text)")].filter((one) => one.checkVisibility());
  const boxes = words.map((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    return [one.textContent, range.getBoundingClientRect(), one.closest(".panel").getBoundingClientRect()];
  });
  const wrong = [];
  boxes.forEach(([word, box, panel], at) => {
    if (box.left < panel.left || box.right > panel.right) wrong.push(`${word} hangs out`);
    for (const [other, next] of boxes.slice(at + 1))
      if (Math.min(box.right, next.right) - Math.max(box.left, next.left) > 1 &&
          Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top) > 1) wrong.push(`${word} on ${other}`);
  });
  return words.length > 12 ? wrong : [`only ${words.length} words in charts`];
}"""
"""What in a chart is written over something else, or out of its panel."""

OVER = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture
def parcel(shop):
    """One that is out for delivery, with five things; its id, and the secret of its page."""
    things = [{"sku": f"S{n}", "name": f"Two-person tent, {n}", "quantity": n} for n in range(1, 6)]
    told = shop.post("/v1/orders", json=order(items=things)).raise_for_status().json()["results"][0]["parcels"][0]
    for what, at in (("in_transit", "23"), ("out_for_delivery", "24")):
        scanned = scan(what, f"2026-11-{at}T08:10:00+01:00", description="It goes on")
        shop.post(f"/v1/shipments/{told['id']}/scans", json=scanned).raise_for_status()
    return told["id"], told["page"].rsplit("/", 1)[1]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_text_twice_as_large_stays_whole(enter, parcel, phone):
    """Nobody scrolls sideways, what the page is about is not torn into letters, and no chart writes over its words."""
    shipment, token = parcel
    page = enter("owner", phone=phone)
    for path, chosen in (
        (f"/t/{token}", "h1, h2, .word, .at"),
        ("/b/fjallhem/today", "h1, h2, .counts b, .counts span, .rail nav a span"),
        (f"/b/fjallhem/parcels/{shipment}", "h1, h2, h3, .story .facts dt, .button"),
        ("/b/fjallhem/people/accounts", "h1, h2, legend, fieldset label, .button"),
    ):
        page.goto(path)
        page.evaluate(LARGER)
        assert page.evaluate(OVER) <= 0, path
        assert page.evaluate(TORN, chosen) == [], path
        assert not path.endswith("today") or page.evaluate(MIXED) == []


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_parcels_page_is_printed_on_one_sheet(enter, parcel, paper):
    """Without what cannot be done on paper, and without an empty box."""
    page = enter(None)
    page.goto(f"/t/{parcel[1]}")
    page.emulate_media(media="print")
    expect(page.locator("h1")).to_be_visible()
    for gone in (".reported", ".calendar", "footer a"):
        assert page.locator(gone).count() and not page.locator(gone).first.is_visible(), gone
    sheets = re.findall(rb"/Count (\d+)", page.pdf(format=paper))
    assert sheets == [b"1"]
