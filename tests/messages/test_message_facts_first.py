"""The fact stands first: in the subject, in the largest type and the letter's first line, in the shopper's time."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from app.messages.base import RenderedEmail
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, facts, facts_for
from app.messages.rendering.render import Renderer
from app.models.facts import Eta, Facts, Item, OtherParcel, Promise, ShopperFacts
from app.models.vocabulary import Milestone
from tests.messages.message_corpus import BRANDS, MILESTONES, TEMPLATES


def _email(catalog: Catalog, renderer: Renderer, told: Facts, now: datetime = NOW) -> RenderedEmail:
    template = catalog.resolve("fjallhem", "en", told.news.milestone.value, "email")
    return renderer.render_email(template, told, PERSON, LINKS, now)


def _headline(email: RenderedEmail) -> str:
    found = re.search(r'aria-level="1">(.*?)</span></div>', email.html, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1])


def _shopper(country: str, zone: str, locale: str = "en") -> ShopperFacts:
    return ShopperFacts(has_email=True, has_phone=True, locale=locale, country=country, zone=zone)


GOLDEN = {
    "dispatched": ("On its way, expected today, 14:00–16:00: Vindpil shell jacket and 1 more", "Today, 14:00–16:00"),
    "in_transit": ("Expected today, 14:00–16:00: Vindpil shell jacket and 1 more", "Today, 14:00–16:00"),
    "out_for_delivery": ("Arriving today, 14:00–16:00: Vindpil shell jacket and 1 more", "Today, 14:00–16:00"),
    "delivered": ("Delivered today, 06:42, Stockholm: Vindpil shell jacket and 1 more", "Today, 06:42"),
    "delayed": ("Running late, now expected today, 14:00–16:00: Vindpil shell jacket and 1 more", "Today, 14:00–16:00"),
}


@pytest.mark.parametrize("milestone", MILESTONES)
def test_when_and_what_stand_in_subject_headline_and_first_line(
    catalog: Catalog, renderer: Renderer, milestone: str
) -> None:
    """Subject and first line say when and what; the largest type says when."""
    email = _email(catalog, renderer, facts(milestone))
    assert (email.subject, _headline(email)) == GOLDEN[milestone]
    assert email.text.splitlines()[0] == email.subject
    assert email.html.index("14:00" if milestone != "delivered" else "06:42") < email.html.index("In this parcel")


@pytest.mark.parametrize(
    ("shopper", "said"),
    [
        (_shopper("SE", "Europe/Stockholm", "sv-SE"), "today, 14:00–16:00"),
        (_shopper("FI", "Europe/Helsinki"), "today, 15.00–17.00"),
        (_shopper("US", "America/New_York", "en-US"), "today, 8:00 AM – 10:00 AM"),
        (_shopper("NZ", "Pacific/Auckland"), "tomorrow, 2:00 am – 4:00 am"),
    ],
)
def test_times_are_the_shoppers_own(catalog: Catalog, renderer: Renderer, shopper: ShopperFacts, said: str) -> None:
    """The same window is said in each shopper's zone and by the customs of their country."""
    subject = _email(catalog, renderer, facts(shopper=shopper)).subject
    assert subject.replace("\u202f", " ").startswith(f"Arriving {said}: ")


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        (None, datetime(2026, 11, 25, 15, tzinfo=UTC), "tomorrow, by 16:00"),
        (datetime(2026, 11, 26, 8, tzinfo=UTC), None, "Thursday 26 November, from 09:00"),
        (None, datetime(2026, 11, 26, 22, 59, 59, tzinfo=UTC), "Thursday 26 November"),
        (None, datetime(2026, 11, 26, 23, 0, tzinfo=UTC), "Thursday 26 November"),
        (datetime(2026, 11, 25, 23, 0, tzinfo=UTC), datetime(2026, 11, 26, 23, 0, tzinfo=UTC), "Thursday 26 November"),
        (
            datetime(2026, 11, 26, 8, tzinfo=UTC),
            datetime(2026, 11, 27, 16, tzinfo=UTC),
            "Thursday 26 November – Friday 27 November",
        ),
        (datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 24, 15, tzinfo=UTC), "today, by 16:00"),
    ],
)
def test_windows_say_what_is_known_and_no_more(
    catalog: Catalog, renderer: Renderer, starts: datetime | None, ends: datetime | None, said: str
) -> None:
    """A window with one end, of a whole day or over days is said as that; midnight ends the day before."""
    email = _email(catalog, renderer, facts("in_transit", eta=Eta(starts_at=starts, ends_at=ends)))
    assert email.subject.startswith(f"Expected {said}: ")


def test_a_promised_day_is_a_day_in_every_zone(catalog: Catalog, renderer: Renderer) -> None:
    """A promise without an hour stays that calendar day from UTC-12 to UTC+14."""
    for hours in range(-12, 15):
        zone = f"Etc/GMT{-hours:+d}" if hours else "UTC"
        told = facts("in_transit", eta=Eta(), promise=Promise(on=date(2026, 11, 27)), shopper=_shopper("SE", zone))
        assert _email(catalog, renderer, told).subject.startswith("Expected Friday 27 November: "), zone


def test_a_window_that_has_passed_is_not_repeated(catalog: Catalog, renderer: Renderer) -> None:
    """Once the window lies behind, the message claims none."""
    email = _email(catalog, renderer, facts(), NOW + timedelta(hours=12))
    assert email.subject == "Out for delivery today: Vindpil shell jacket and 1 more"
    assert "14:00" not in email.html and "We have no hour for it" in email.text


def test_late_without_a_new_day_names_none(catalog: Catalog, renderer: Renderer) -> None:
    """A late parcel that nobody has a new day for is late, with the promise named and no day invented."""
    email = _email(catalog, renderer, facts("delayed", eta=Eta()))
    assert email.subject == "Running late, promised for yesterday: Vindpil shell jacket and 1 more"
    assert _headline(email) == "No new day yet"
    assert "we do not name one either" in email.text and "What you can do" in email.text
    assert email.text.count("sorry") == 1


def test_late_never_repeats_the_promise_as_expected(catalog: Catalog, renderer: Renderer) -> None:
    """When a carrier says late before the promised day, that day is not what is expected."""
    email = _email(catalog, renderer, facts("delayed", eta=Eta(), promise=Promise(on=date(2026, 11, 27))))
    assert "expected" not in email.subject
    assert "was promised for Friday 27 November and will probably come later" in email.text


def test_delivered_says_where_and_what_if_not(catalog: Catalog, renderer: Renderer) -> None:
    """Delivered names the place, quotes the carrier and says what to do when it is not there."""
    text = _email(catalog, renderer, facts("delivered", place="STOCKHOLM - SE")).text
    assert "delivered today at 06:42 (Stockholm - SE)" in text
    assert "DHL noted: “Left at the front door”" in text
    assert "If it is not there" in text and "https://fjallhem.example/help" in text


@pytest.mark.parametrize("milestone", MILESTONES)
def test_one_button_large_enough_and_no_do_not_reply(catalog: Catalog, renderer: Renderer, milestone: str) -> None:
    """One button, at least 44 px high, and an address that may be replied to."""
    email = _email(catalog, renderer, facts(milestone))
    buttons = re.findall(
        r'<a href="[^"]*"[^>]*display:inline-block[^>]*line-height:(\d+)px[^>]*padding:(\d+)px', email.html
    )
    assert len(buttons) == 1 and int(buttons[0][0]) + 2 * int(buttons[0][1]) >= 44
    assert email.reply_to == "hjalp@fjallhem.example"
    assert not re.search(r"(?i)do.?not.?reply|no-?reply", email.html + email.text + email.from_email)


@pytest.mark.parametrize(
    ("milestone", "states"),
    [
        ("dispatched", "done now next next next"),
        ("in_transit", "done done now next next"),
        ("out_for_delivery", "done done done now next"),
        ("delivered", "done done done done done"),
        ("delayed", "done done late next next"),
    ],
)
def test_the_journey_shows_how_far_it_is(catalog: Catalog, renderer: Renderer, milestone: str, states: str) -> None:
    """Five steps in a table, with words; the dots filled are those behind it."""
    html = _email(catalog, renderer, facts(milestone)).html
    html = html[html.index('class="journey"') : html.index("See " if "See " in html else "Follow")]
    kinds = {"dot-done": "done", "ring-now": "now", "ring-late": "late", "ring-next": "next"}
    found = [kinds[name] for name in re.findall(r'class="(dot-done|ring-\w+)" (?:width="1[04]"|style="padding)', html)]
    assert " ".join(found) == states
    for word in ("Ordered", "Sent", "On its way", "Out for delivery", "Delivered"):
        assert word in html


def test_other_parcels_of_the_order_are_named(catalog: Catalog, renderer: Renderer) -> None:
    """A split order says what travels in the other parcel and how far that one is."""
    other = OtherParcel(id="shp_2", milestone=Milestone.dispatched, items=(Item(name="Wool blanket"),))
    text = _email(catalog, renderer, facts(other_parcels=(other,))).text
    assert "Also in your order:\n- Wool blanket (sent)" in text


def test_the_letter_reads_like_one(catalog: Catalog, renderer: Renderer) -> None:
    """The plain text has paragraphs, one list of things and a signature, and no layout left over."""
    text = _email(catalog, renderer, facts()).text
    assert text == (
        "Arriving today, 14:00–16:00: Vindpil shell jacket and 1 more\n\n"
        "Hedda, your parcel with Vindpil shell jacket and 1 more is out for delivery with DHL.\n\n"
        "Will you be out, or is something not right? Reply to this email and we will help.\n\n"
        "Warm regards from all of us in Östersund.\n\n"
        f"See where it is: {LINKS.parcel}\n\n"
        "In this parcel:\n- Vindpil shell jacket\n- Enamel mug\n\n"
        "Order: FH-10482\nCarried by: DHL\nTracking number: 00340434161094042557\n\n"
        "Questions? Reply to this email and a person will answer, or see https://fjallhem.example/help\n\n"
        "Fjällhem\nMade for weather, kept for years.\n\n"
        "You are reading this because you ordered from us. It is about your parcel and nothing else.\n"
        f"Choose what we tell you: {LINKS.choices}\n"
        "Fjällhem AB, Storgatan 12, 831 30 Östersund, Sweden\n"
    )


@pytest.mark.parametrize(
    ("milestone", "said"),
    [
        ("dispatched", "On its way, expected today 14:00-16:00: Vindpil shell jacket and 1 more."),
        ("in_transit", "Expected today 14:00-16:00: Vindpil shell jacket and 1 more."),
        ("out_for_delivery", "Arriving today 14:00-16:00: Vindpil shell jacket and 1 more."),
        ("delivered", "Delivered today 06:42, Stockholm: Vindpil shell jacket and 1 more. Not there?"),
        ("delayed", "Sorry, running late, now expected today 14:00-16:00: Vindpil shell jacket and 1 more."),
    ],
)
def test_sms_says_brand_fact_window_link(catalog: Catalog, renderer: Renderer, milestone: str, said: str) -> None:
    """An SMS is brand, fact, window, thing and link, in that order and in one segment."""
    sms = renderer.render_sms(catalog.resolve("fjallhem", "en", milestone, "sms"), facts(milestone), PERSON, LINKS, NOW)
    assert sms.text == f"Fjällhem: {said} {LINKS.short}"
    assert (sms.segments, sms.sender) == (1, "Fjallhem")


@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_mail_says_who_writes_and_how_to_choose(
    catalog: Catalog, renderer: Renderer, brand: str, template: str
) -> None:
    """A shopper's mail holds the brand's postal address, a way to choose, and what a mail program asks by."""
    compiled = catalog.resolve(brand, "en", template, "email")
    email = renderer.render_email(compiled, facts_for(template), PERSON, LINKS, NOW)
    for shown in (email.html, email.text):
        assert catalog.brands()[brand].postal_address_in("en") in shown and LINKS.choices in shown
    assert email.headers == {
        "List-Unsubscribe": f"<{LINKS.choices}/unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_a_team_is_not_offered_to_unsubscribe(catalog: Catalog, renderer: Renderer) -> None:
    """What tells the shop's own people of trouble carries no shopper's choices."""
    compiled = catalog.resolve("fjallhem", "en", "exception_team", "email")
    email = renderer.render_email(compiled, facts("exception"), PERSON, LINKS, NOW)
    assert email.headers == {} and LINKS.choices not in email.html
