"""The rules in a real browser: written with offers and faults at their line, by keyboard alone, and without script."""

import pytest
from playwright.sync_api import expect

from app.rules.document import DEFAULT_RULES
from tests.web.browser.looking import LOOKS, hindrances
from tests.web.conftest import order, scan
from tests.web.operations.test_rules_pages import SET

AT = "/b/fjallhem"
SAVED = "#saved:text-matches('^Saved')"


@pytest.fixture
def parcels(shop):
    """Two parcels that are out for delivery."""
    for number in ("1001", "1002"):
        told = shop.post("/v1/orders", json=order(number)).raise_for_status().json()
        stored = told["results"][0]["parcels"][0]["id"]
        shop.post(f"/v1/shipments/{stored}/scans", json=scan("out_for_delivery")).raise_for_status()


def write(page, content):
    """Put a text into the editor and wait until it is kept."""
    with page.expect_response("**/rules/draft/check"):
        page.fill("#content", content)
    page.wait_for_selector(SAVED)


def accept_and_publish(page, why):
    """Tick what is to be accepted, say why, and publish."""
    for box in page.query_selector_all("input[name=accepted]"):
        box.check()
    page.fill("input[name=why]", why)
    page.click("button:has-text('Publish')")
    page.wait_for_url(f"**{AT}/rules")


def test_the_keyboard_alone_writes_a_rule(enter):
    """Offers open as one types: arrows choose, Enter takes, Escape closes. Tab leaves the text, or indents if asked."""
    page = enter("operations")
    page.goto(f"{AT}/rules/draft")
    write(page, SET)
    page.focus("#content")
    page.keyboard.press("Control+End")
    page.keyboard.type("  - name: two\n")
    page.keyboard.type("whe")
    page.wait_for_selector("#offers:not([hidden]) [aria-selected=true]")
    assert page.get_attribute("#content", "aria-activedescendant") == "offer-0"
    page.keyboard.press("Enter")
    page.keyboard.type("deliv")
    page.wait_for_selector("#offers:not([hidden])")
    options = page.locator("#offers [role=option] b")
    expect(options).to_have_text(["delivered", "out_for_delivery", "all_delivered"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.type("send: [email]\n")
    page.keyboard.press("Escape")
    page.keyboard.type("expires: 1h")
    page.keyboard.press("Escape")
    assert page.input_value("#content").endswith(
        "  - name: two\n    when: delivered\n    send: [email]\n    expires: 1h"
    )
    page.wait_for_selector("#sentences :text('is delivered')")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "save"
    page.focus("#content")
    page.keyboard.press("Control+m")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "content"


def test_a_fault_stands_at_its_line_while_one_types(enter):
    """The line is marked, the fault says what to write, and its link leads there; what was typed is kept by then."""
    page = enter("operations")
    page.goto(f"{AT}/rules/draft")
    write(page, SET.replace("out_for_delivery", "out_for_delivry"))
    page.wait_for_selector("text=Did you mean 'out_for_delivery'?")
    expect(page.locator(".gutter .wrong")).to_have_text(["! 6"])
    assert page.get_attribute("#content", "aria-invalid") == "true"
    page.click("#faults a")
    assert page.evaluate("document.getElementById('content').selectionStart") == SET.index("out_for_delivery")
    page.reload()
    assert "out_for_delivry" in page.input_value("#content")


def test_what_is_typed_without_a_connection_waits_for_it(enter):
    """It is said, tried again, and kept once the connection is back."""
    page = enter("operations")
    page.clock.install()
    page.goto(f"{AT}/rules/draft")
    page.context.set_offline(True)
    page.fill("#content", SET)
    page.wait_for_selector("#saved.lost:has-text('no connection')")
    page.context.set_offline(False)
    page.clock.fast_forward(5000)  # after which it is tried again
    page.wait_for_selector(SAVED)
    page.reload()
    assert page.input_value("#content") == SET


def test_what_is_typed_before_the_script_has_come_is_kept(enter):
    """On a slow line the form is there first, and is written in."""
    page = enter("operations")

    def late(route):
        page.fill("#content", SET)
        route.continue_()

    page.route("**/rules.js", late, times=1)
    page.goto(f"{AT}/rules/draft")
    page.wait_for_selector(SAVED)
    page.reload()
    assert page.input_value("#content") == SET


def test_a_second_window_is_told(enter):
    """The one that is behind stops saving, and says what to do."""
    page = enter("operations")
    page.goto(f"{AT}/rules/draft")
    second = page.context.new_page()
    second.goto(f"{AT}/rules/draft")
    write(second, SET)
    page.fill("#content", SET.replace("8h", "7h"))
    page.wait_for_selector("#saved.lost:has-text('another window')")
    page.click("button:has-text('Save')")
    page.wait_for_selector("text=Not saved.")
    assert "expires: 7h" in page.input_value("#content")
    expect(page.locator(".diff ins")).to_have_text(["    expires: 8h"])


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_operations_writes_back_tests_publishes_pauses_and_goes_back(enter, parcels, script):
    """The whole way of a rule, with and without script."""
    page = enter("operations", script=script)
    page.goto(f"{AT}/rules/draft")
    page.fill("#content", SET.replace("send: [email, sms]", "send: [email]"))
    page.click("button:has-text('Back-test')")
    page.wait_for_url("**/rules/backtests")
    page.click("button:has-text('Start')")
    page.wait_for_url("**/rules/backtests/bkt_*")
    for _ in range(300):
        if script or page.locator(".verdict").count():  # with a script the page looks by itself
            break
        page.wait_for_timeout(100)
        page.reload()
    page.locator(".verdict").first.wait_for()
    expect(page.locator("main")).to_contain_text("Lost: 2")
    page.goto(f"{AT}/rules/try?parcel=1001")
    assert "differs" in page.text_content("main")
    page.goto(f"{AT}/rules/publish")
    accept_and_publish(page, "email is enough")
    assert "email is enough" in page.text_content("main")
    page.goto(f"{AT}/pauses")
    page.select_option("select[name=scope]", "channel:sms")
    page.click("button:has-text('See what it stops')")
    page.wait_for_selector("text=Pausing every SMS stops 2 messages")
    page.fill("input[name=why]", "wrong link")
    page.click("button:has-text('Stop 2 messages')")
    page.wait_for_selector(".strip:has-text('Every SMS is paused')")
    page.goto(f"{AT}/today")
    assert "wrong link" in page.text_content(".strip.warn")
    page.goto(f"{AT}/pauses")
    page.click("button:has-text('Lift')")
    page.wait_for_selector("text=2 messages are judged again")
    page.goto(f"{AT}/rules/draft")
    page.fill("#content", DEFAULT_RULES.read_text())
    page.click("button:has-text('Review and publish')")
    page.wait_for_url("**/rules/publish")
    accept_and_publish(page, "as it was")
    page.goto(f"{AT}/rules/history")
    page.click("text=Let it count again")
    page.click("button:has-text('Let it count again')")
    page.wait_for_selector("text=count again, as number 3")


@LOOKS
def test_no_page_of_the_rules_keeps_people_out(enter, parcels, looks):
    """axe-core finds nothing serious on any of them, filled as they are in daily life, and none runs off the side."""
    page = enter("operations")
    page.goto(f"{AT}/rules/draft")
    write(page, SET)
    page.goto(f"{AT}/rules/publish")
    accept_and_publish(page, "a first one")
    page.goto(f"{AT}/rules/draft")
    write(page, SET.replace("8h", "6h"))
    page.goto(f"{AT}/rules/backtests")
    page.click("button:has-text('Start')")
    page.wait_for_selector(".verdict")
    done = page.url
    faults = []
    for path in (
        "/rules", "/rules/draft", "/rules/publish", "/rules/try", "/rules/try?parcel=1001", "/rules/backtests", done,
        "/rules/history", "/rules/history/1?beside=live", "/pauses", "/pauses?scope=all",
    ):  # fmt: skip
        page.goto(path if path == done else f"{AT}{path}")
        if path == "/rules/draft":
            page.fill("#content", SET.replace("8h", "soon"))
            page.wait_for_selector("#faults li")
        faults += [f"{path}, {one}" for one in hindrances(page, looks)]
        if path == "/rules/draft":
            write(page, SET.replace("8h", "6h"))
    assert faults == []


PLACES = {
    "|": "version quiet_hours milestones caps owners rules",
    "version: 1\nrules:\n  - name: x\n    wh|": "when",
    "rules:\n  - name: a\n    expires: 1h\n  - name: b\n    pri|": "priority",
    "rules:\n- name: x\n  when: deli|": "delivered out_for_delivery all_delivered",
    "rules:\n  - name: x\n    send: [{channel: |": "email sms whatsapp",
    "rules:\n  - name: x\n    send:\n      - channel: email\n        |": "channel template audience",
    'rules:\n  - name: x\n    if: shopper.country == "S|': None,
    "rules:\n  - name: x\n    if: shopper.coun|": "shopper.country",
    "rules:\n  - name: x\n    for: {carrier: [d|": None,
    "quiet_hours:\n  sms: |": "21:00-08:00",
    "milestones:\n  delayed: {|": "promise carrier eta silence again",
    "rules:\n  - name: x\n    description: some te|": "",
    "# when|": "",
}
HOLDS = {"S|": "SE", "[d|": "dhl"}


def test_each_place_has_its_own_offers(enter):
    """Keys where a key is due, words where a word is, in lists, on one line or several, and none in free text."""
    page = enter("operations")
    page.goto(f"{AT}/rules/draft")
    ask = """async ([places, words]) => {
        const { src } = document.querySelector('script[src$="rules.js"]');
        const { offers } = await import(src.replace("rules.js", "rules_complete.js"));
        const known = await (await fetch(words)).json();
        const labels = (one) => offers(one.replace("|", ""), one.indexOf("|"), known).map((offer) => offer.label);
        return places.map(labels);
    }"""
    found = page.evaluate(ask, [list(PLACES), f"{AT}/rules/words.json"])
    for (place, words), offered in zip(PLACES.items(), found, strict=True):
        if words is None:
            assert HOLDS[next(end for end in HOLDS if place.endswith(end))] in offered, place
        else:
            assert " ".join(offered) == words, place


def test_a_button_waits_for_what_is_being_saved(enter):
    """Pressed while the text is on its way, it does not meet its own shadow as another window's."""
    page = enter("operations")
    page.goto(f"{AT}/rules/draft")
    with page.expect_request("**/rules/draft/check"):
        page.fill("#content", SET)
    page.click("button:has-text('Review and publish')")
    page.wait_for_url("**/rules/publish")


def test_a_pause_shows_on_pages_that_are_open(enter, parcels):
    """Started and lifted elsewhere, it comes and goes where somebody else looks at another page."""
    page, other = enter("agent"), enter("operations")
    page.goto(f"{AT}/today")
    other.goto(f"{AT}/pauses?scope=all")
    other.fill("input[name=why]", "a wrong link")
    other.click("button:has-text('Stop 4 messages')")
    other.wait_for_selector(".strip.warn")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector(".strip.warn:has-text('Everything is paused')")
    other.click("button:has-text('Lift')")
    other.wait_for_selector("text=4 messages are judged again")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector(".strip.warn", state="detached")
