"""The studio's desk in a real browser: the preview follows, drafts are kept, and nothing that was typed is lost."""

import re

import pytest
from playwright.sync_api import expect

from app.models import TemplateDraft

EDIT = "/b/fjallhem/templates/edit"
EMAIL = f"{EDIT}/messages/en/delivered.email.md"
SMS = f"{EDIT}/messages/en/delivered.sms.txt"


@pytest.fixture
def desk(enter):
    """The desk of one email, opened by a marketer."""
    page = enter("marketer")
    page.goto(EMAIL)
    page.frame_locator("#frame").locator("body").wait_for()
    return page


def inside(page):
    return page.frame_locator("#frame").locator("body")


def test_the_preview_follows_and_the_draft_is_kept(desk, sessions):
    """What is typed is in the preview and in a draft, and reloading shows it."""
    desk.locator("[name='f.subject']").fill("It is here: {{ what }}")
    desk.locator("#body").fill("Look by the **door** first.")
    expect(desk.locator("#subject")).to_have_text(re.compile("It is here: Vindpil"))
    expect(inside(desk)).to_contain_text("Look by the door first.")
    expect(desk.locator("#saving")).to_contain_text("Saved as a draft")
    with sessions() as session:
        (draft,) = session.query(TemplateDraft).all()
    text = bytes(draft.content).decode()
    assert 'subject: "It is here: {{ what }}"' in text and text.endswith("---\nLook by the **door** first.")
    assert draft.saved_by == "marketer@shop.example"
    desk.reload()
    expect(desk.locator("[name='f.subject']")).to_have_value("It is here: {{ what }}")
    expect(desk.locator("#journal")).to_be_hidden()


def test_no_place_is_lost(desk):
    """Another language, order, scheme or width moves neither the mail nor the caret, and keeps what is not saved."""
    desk.route("**/save/**", lambda route: route.abort())
    body = desk.locator("#body")
    body.focus()
    body.evaluate("one => one.setSelectionRange(12, 12)")
    desk.keyboard.type("XYZ")
    frame = desk.locator("#frame")
    frame.evaluate("one => { one.contentDocument.scrollingElement.scrollTop = 240; }")
    assert frame.evaluate("one => one.contentDocument.scrollingElement.scrollTop") == 240
    for act in (
        lambda: desk.locator("[name='dark']").check(),
        lambda: desk.locator("[name='sample']").select_option("forty items"),
        lambda: desk.locator("[name='locale']").select_option("sv"),
        lambda: desk.locator("[name='sample']").select_option(""),
    ):
        with desk.expect_response(re.compile("/look/")):
            act()
    expect(desk.locator("#phone")).to_have_class(re.compile("dark"))
    expect(desk.locator("#subject")).to_contain_text("Levererat")
    assert frame.evaluate("one => one.contentDocument.scrollingElement.scrollTop") == 240
    assert body.evaluate("one => [one.selectionStart, one.value.slice(12, 15)]") == [15, "XYZ"]
    assert "locale=sv" in desk.url and "dark=1" in desk.url


def test_a_lost_connection_loses_nothing(desk, sessions):
    """It says so, keeps the text in the browser, offers it with what differs, and saves it when it can again."""
    desk.route("**/save/**", lambda route: route.abort())
    desk.locator("[name='f.lead']").fill("A sentence that must not be lost.")
    expect(desk.locator("#saving")).to_contain_text("Not saved, trying again")
    desk.reload()
    notice = desk.locator("#journal")
    expect(notice).to_contain_text("was not saved")
    expect(notice.locator("ins")).to_have_text("A sentence that must not be lost.")
    desk.unroute("**/save/**")
    notice.get_by_role("button", name="Put my text back").click()
    expect(desk.locator("#saving")).to_contain_text("Saved as a draft")
    with sessions() as session:
        assert b"A sentence that must not be lost." in bytes(session.query(TemplateDraft).one().content)


def test_a_brand_is_kept_as_one_types_too(enter, sessions):
    """Colours that cannot be read are not saved, nor lost; nor is what was typed while the connection was away."""
    page = enter("marketer")
    page.goto("/b/fjallhem/templates/brand")
    line, saving = page.locator("[name='v.tagline.en']"), page.locator("#saving")
    page.locator("[name='v.colours.light.ink']").fill("#EEEEEE")
    expect(saving).to_contain_text("Not saved: ")
    page.locator("[name='v.colours.light.ink']").fill("#101010")
    expect(saving).to_contain_text("Saved as a draft")
    expect(page.locator("#onward")).to_be_visible()
    page.route(
        "**/templates/brand", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    line.fill("A line that must not be lost.")
    expect(saving).to_contain_text("Not saved, trying again")
    page.reload()
    expect(page.locator("#journal ins")).to_have_text("A line that must not be lost.")
    page.unroute("**/templates/brand")
    page.get_by_role("button", name="Put my text back").click()
    expect(saving).to_contain_text("Saved as a draft")
    with sessions() as session:
        content = bytes(session.query(TemplateDraft).one().content)
    assert b"A line that must not be lost." in content and b"#101010" in content


def test_what_is_typed_while_a_refusal_is_on_its_way_is_saved(enter):
    """Its turn comes while the form is busy with what is refused; it is not forgotten."""
    page = enter("marketer")
    page.clock.install()
    page.goto("/b/fjallhem/templates/brand")
    ink = page.locator("[name='v.colours.light.ink']")

    def meanwhile(route):
        ink.fill("#101010")
        page.clock.fast_forward(1_200)
        route.continue_()

    page.route("**/templates/brand", meanwhile, times=1)
    ink.fill("#EEEEEE")
    page.clock.fast_forward(1_200)
    expect(page.locator("#saving")).to_contain_text("Saved as a draft")


def test_two_people_lose_nothing(desk, enter):
    """The second to save sees both texts, and their own is still there to be saved."""
    other = enter("owner")
    other.goto(EMAIL)
    other.locator("[name='f.button']").fill("Theirs")
    expect(other.locator("#saving")).to_contain_text("Saved as a draft")
    desk.locator("[name='f.button']").fill("Mine")
    expect(desk.locator("#saving")).to_contain_text("Somebody else saved")
    desk.get_by_role("button", name="Save draft").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Two wrote at once")
    expect(desk.locator("ins")).to_have_text(["Mine"])
    expect(desk.locator("textarea[readonly]")).to_have_value(re.compile('button: "Theirs"|button: Theirs'))
    desk.get_by_role("button", name="Save mine over theirs").click()
    expect(desk.locator("[name='f.button']")).to_have_value("Mine")


def test_an_sms_is_weighed_as_one_types(enter):
    """Segments, encoding, and the letter that makes it dear, by name and marked in both places."""
    page = enter("marketer")
    page.goto(SMS)
    expect(page.locator("#cost")).to_contain_text("1 segment")
    page.locator("#body").fill("{{ brand.name }}: " + "here Ж " * 15 + "{{ links.short }}")
    expect(page.locator("#cost")).to_contain_text("UCS-2")
    expect(page.locator("#strangers")).to_contain_text("cyrillic capital letter zhe")
    expect(page.locator("#strangers")).to_contain_text("segments instead of")
    expect(page.locator("#bubble mark").first).to_have_text("Ж")
    expect(page.locator("#mirror mark").first).to_have_text("Ж")


def test_findings_stand_beside_the_line(desk):
    """What the check says is under its field, marked in the text and in the preview, and one press leads to it."""
    desk.locator("#body").fill("All is well.\n\nSave 20% on our summer sale now.\n\n[Look](http://shop.example)")
    line = desk.locator("[data-marks='body'] .line").first
    expect(line).to_be_visible()
    expect(desk.locator("#mirror mark").first).to_be_attached()
    expect(inside(desk).locator("[data-found]").first).to_be_attached()
    line.click()
    chosen = desk.locator("#body").evaluate("one => one.value.slice(one.selectionStart, one.selectionEnd)")
    assert "shop.example" in chosen or "sale" in chosen
    desk.locator("[name='f.subject']").fill("{{ order.colour }}")
    expect(desk.locator("[data-marks='subject'] li.error").first).to_contain_text("colour")
    expect(desk.locator("#wrong")).to_contain_text("colour")


def test_what_it_needs_follows_what_is_typed(desk, sessions):
    """A field that the text begins to read is in the list, marked as new; half a brace changes nothing in it, and only
    one request at a time asks."""
    needs, body = desk.locator("#needs"), desk.locator("#body")
    before = needs.locator("li").count()
    needs.locator("summary").click()
    open_now, most = [], []
    desk.on("request", lambda one: "/check/" in one.url and (open_now.append(one), most.append(len(open_now))))
    desk.on("requestfinished", lambda one: one in open_now and open_now.remove(one))
    with desk.expect_response(re.compile("/check/")):
        body.fill("Your door code {{ order.colour")
    expect(desk.locator("[data-marks] li.error").first).to_be_visible()
    expect(needs.locator("li")).to_have_count(before)
    body.fill("{% if parcel.tracking_number %}{{ parcel.tracking_number }}{% endif %}")
    expect(needs.locator("summary")).to_contain_text("1 new")
    expect(needs.locator("li").first).to_contain_text("parcel.tracking_number")
    expect(needs.locator("li").first).to_be_visible()
    assert max(most) == 1


def test_fields_and_blocks_are_inserted_by_keyboard(desk):
    """At the caret of the field that was last written in."""
    subject = desk.locator("[name='f.subject']")
    subject.fill("Order : here")
    subject.evaluate("one => one.setSelectionRange(6, 6)")
    desk.locator("#fields summary").press("Enter")
    desk.locator("#fieldsearch").fill("order.number")
    desk.locator("[data-insert='{{ order.number }}']").press("Enter")
    expect(subject).to_have_value("Order {{ order.number }}: here")
    expect(subject).to_be_focused()
    desk.locator("#body").fill("Text.\n")
    desk.locator(".picker summary", has_text="Ready blocks").press("Enter")
    desk.locator("[data-insert*='::: items']").press("Enter")
    expect(desk.locator("#body")).to_have_value("Text.\n\n::: items\n")


def test_the_frame_can_do_nothing(desk):
    """No script of a mail runs, whatever is laid into it, and its policy allows none."""
    desk.locator("#frame").evaluate(
        "one => { const made = one.contentDocument.createElement('script'); made.textContent = 'top.name = \"bad\"';"
        " one.contentDocument.body.append(made); }"
    )
    assert desk.evaluate("window.name") != "bad"
    answer = desk.request.get(f"/b/fjallhem/templates/frame/{EMAIL.removeprefix(EDIT + '/')}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox allow-same-origin" in policy and "script" not in policy
    assert "frame-ancestors 'self'" in policy


def test_a_change_is_published_without_script(enter, sessions):
    """Save, look, publish and take back by plain forms."""
    page = enter("marketer", script=False)
    page.goto(EMAIL)
    page.locator("[name='f.button']").fill("See it")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".strip.good")).to_contain_text("The draft is saved")
    expect(page.frame_locator("#frame").locator("body")).to_contain_text("See it")
    page.get_by_role("link", name="Publish…").click()
    expect(page.locator(".diff ins")).to_have_text(["it"])
    page.locator("[name='why']").fill("shorter")
    page.get_by_role("button", name="Publish 1 file").click()
    expect(page.locator(".strip.good")).to_contain_text("Published as number 1")
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Back to this").click()
    page.get_by_role("button", name="Roll back to what ships").click()
    expect(page.locator(".strip.good")).to_contain_text("as number 2")
    page.goto(EMAIL)
    expect(page.locator("[name='f.button']")).not_to_have_value("See it")


def test_the_brand_follows_and_is_refused_below_its_contrast(enter):
    """The number changes with the colour, the mails follow, and what cannot be read is not saved."""
    page = enter("marketer")
    page.goto("/b/fjallhem/templates/brand")
    pair = page.locator("[data-scheme='light'][data-text='ink'][data-under='paper']")
    expect(pair).not_to_have_class(re.compile("low"))
    page.locator("[name='v.colours.light.ink']").fill("#DDDDDD")
    expect(pair).to_have_class(re.compile("low"))
    expect(page.locator("#wrong")).to_contain_text("contrast")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("alert").first).to_contain_text("has a contrast of")
    expect(page.locator("[name='v.colours.light.ink']")).to_have_value("#DDDDDD")
    page.locator("[name='v.colours.light.ink']").fill("#102010")
    page.locator("[name='v.name']").fill("Fjällhem Ny")
    expect(page.frame_locator("iframe[data-key='delayed']").locator("body")).to_contain_text("Fjällhem Ny")
    page.get_by_role("button", name="Save draft").click()
    kept = re.compile("Saved as a draft|Nothing is left to save")  # it may have been saved by itself meanwhile
    expect(page.locator("#saving")).to_have_text(kept)


def test_a_draft_and_what_counts_are_one_picture(enter):
    """Before, after and what differs, taken where a Chromium is."""
    page = enter("marketer")
    page.goto(EMAIL)
    page.locator("[name='f.lead']").fill("Another sentence altogether.")
    expect(page.locator("#saving")).to_contain_text("Saved as a draft")
    page.get_by_role("link", name="Compare").click()
    expect(page.frame_locator("iframe[title='The draft']").locator("body")).to_contain_text("Another sentence")
    expect(page.frame_locator("iframe[title='As it counts']").locator("body")).not_to_contain_text("Another sentence")
    page.locator("details summary", has_text="Pictures").click()
    answer = page.request.get(page.locator("main details a").first.get_attribute("href"), timeout=120_000)
    assert answer.status == 200 and answer.body().startswith(b"\x89PNG")
