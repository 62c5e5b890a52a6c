"""Each milestone says its own fact and nothing that is not so: waiting, tried, late, changed, split, coming back."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from app.messages.base import RenderedEmail
from app.messages.catalog import Catalog
from app.messages.checking.corpus import ITEMS, LINKS, NOW, PAGE, PERSON, facts, facts_for, other
from app.messages.rendering.render import Renderer
from app.models.facts import Eta, Facts, Item, News, OrderFacts, OtherParcel, ParcelFacts, Pickup, Promise, Told
from app.models.vocabulary import Cause, Milestone

SITE = LINKS.parcel.removesuffix(f"/t/{PAGE}")
WHERE = Pickup(
    name="ICA Nära Maria", address="Hornsgatan 62, Stockholm", hours=("Mon–Fri 7–22",), until=date(2026, 11, 26)
)
LAMP = other(2, Milestone.out_for_delivery, "Lamp")
RUG = other(3, Milestone.out_for_delivery, "Rug", carrier="postnord")
CHAIR = other(4, Milestone.in_transit, "Chair")


@pytest.fixture
def written(catalog: Catalog, renderer: Renderer):
    """Renders an email, by template, of these facts."""

    def write(template: str, told: Facts) -> RenderedEmail:
        return renderer.render_email(catalog.resolve("fjallhem", "en", template, "email"), told, PERSON, LINKS, NOW)

    return write


@pytest.fixture
def texted(catalog: Catalog, renderer: Renderer):
    """Renders an SMS, by template, of these facts, without the brand before it and the link behind."""

    def write(template: str, told: Facts) -> str:
        compiled = catalog.resolve("fjallhem", "en", template, "sms")
        text = renderer.render_sms(compiled, told, PERSON, LINKS, NOW).text
        return text.removeprefix("Fjällhem: ").removesuffix(f" {LINKS.short}")

    return write


def parcel(milestone: Milestone, **given: object) -> ParcelFacts:
    base = {"id": "shp_1", "link": f"/t/{PAGE}", "carrier": "dhl", "tracking_number": "JJD1", "items": ITEMS}
    return ParcelFacts.model_validate({**base, "milestone": milestone, **given})


def headline(email: RenderedEmail) -> str:
    found = re.search(r'aria-level="1">(.*?)</span></div>', email.html, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1])


def note(email: RenderedEmail) -> str:
    """What is wrong with the step where it stands, on a line of its own under the journey."""
    found = re.search(r'<td class="late" colspan="\d"[^>]*>(.*?)</td>', email.html)
    return found[1] if found else ""


def steps(email: RenderedEmail) -> list[tuple[str, str]]:
    """Each step of the drawn journey: its state, its words."""
    kinds = {"dot-done": "done", "ring-now": "now", "ring-late": "late", "ring-next": "next"}
    html = email.html[email.html.index('class="journey"') :]
    states = [kinds[one] for one in re.findall(r'class="(dot-done|ring-\w+)" (?:width="1[04]"|style="padding)', html)]
    under = re.findall(r'class="step-word[^>]*>(.*?)</div>', html)
    words = [" ".join(one.replace("<br />", " ").split()) for one in under]
    return list(zip(states, words, strict=True))


@pytest.mark.parametrize(
    ("template", "subject", "large", "sms"),
    [
        (
            "arriving_early",
            "Earlier than promised, expected today, 14:00–16:00: Vindpil shell jacket and 1 more",
            "Today, 14:00–16:00",
            "Earlier than promised, expected today 14:00-16:00: Vindpil shell jacket and 1 more.",
        ),
        (
            "attempt_failed",
            "Delivery was tried today, 06:42: Vindpil shell jacket and 1 more",
            "Today, 06:42",
            "Delivery tried today 06:42, not handed over: Vindpil shell jacket and 1 more.",
        ),
        (
            "exception",
            "Held up on its way: Vindpil shell jacket and 1 more",
            "Held up on its way",
            "Sorry, held up on its way, expected today 14:00-16:00: Vindpil shell jacket and 1 more.",
        ),
        (
            "returning",
            "Coming back to us: Vindpil shell jacket and 1 more",
            "On its way back to us",
            "Sorry, it could not be delivered and is coming back to us: Vindpil shell jacket and 1 more.",
        ),
        (
            "returned",
            "Back with us: Vindpil shell jacket and 1 more",
            "Back with us",
            "It could not be delivered and is back with us: Vindpil shell jacket and 1 more. Tell us what to do:",
        ),
        (
            "expired",
            "Did it reach you? Vindpil shell jacket and 1 more",
            "Did it reach you?",
            "No news of your parcel for a long time: Vindpil shell jacket and 1 more. Did it reach you?",
        ),
        (
            "return_dispatched",
            "Your return is on its way to us: Vindpil shell jacket and 1 more",
            "Handed in today",
            "Your return is on its way to us, handed in today 06:42: Vindpil shell jacket and 1 more.",
        ),
        (
            "return_received",
            "Your return has arrived: Vindpil shell jacket and 1 more",
            "Today, 06:42",
            "Your return has arrived with us: Vindpil shell jacket and 1 more. What comes next:",
        ),
    ],
)
def test_the_fact_stands_first(written, texted, template: str, subject: str, large: str, sms: str) -> None:
    """Subject, largest type and SMS say what happened, of what, and when where a time is the news."""
    told = facts_for(template)
    email = written(template, told)
    assert (email.subject, headline(email), texted(template, told)) == (subject, large, sms)
    assert email.text.splitlines()[0] == subject


def test_a_parcel_that_waits_says_where_until_when_and_what_to_bring(written, texted) -> None:
    """Place, address, hours and last day stand in mail and letter; the SMS has place and last day."""
    told = facts("ready_for_pickup", parcel=parcel(Milestone.ready_for_pickup, pickup=WHERE))
    email = written("ready_for_pickup", told)
    assert email.subject.startswith("Ready to collect until Thursday 26 November, ICA Nära Maria: ")
    assert headline(email) == "Thursday 26 November"
    for shown in (email.html, email.text):
        assert all(one in shown for one in ("ICA Nära Maria", "Hornsgatan 62, Stockholm", "Mon–Fri 7–22", "Last day"))
    assert texted("ready_for_pickup", told) == (
        "Ready to collect at ICA Nära Maria, last day Thu 26 Nov: Vindpil shell jacket and 1 more."
    )
    assert steps(email)[3:] == [("now", "Ready to collect"), ("next", "Handed over")]


def test_a_place_that_nobody_named_is_not_made_up(written, texted) -> None:
    """Without a place or a day the message claims none."""
    told = facts("ready_for_pickup", parcel=parcel(Milestone.ready_for_pickup))
    email = written("ready_for_pickup", told)
    assert headline(email) == "Ready to collect" and "do not know the place" in email.text
    assert "Where it waits" not in email.html and "Last day" not in email.text
    assert texted("ready_for_pickup", told) == "Ready to collect: Vindpil shell jacket and 1 more."


def test_what_goes_back_soon_says_by_when(written, texted) -> None:
    """The reminder names the last day, or since when it has waited; a last day that has passed is not named."""
    waits = parcel(Milestone.ready_for_pickup, pickup=WHERE, milestone_at=NOW - timedelta(days=5))
    email = written("pickup_expiring", facts("pickup_expiring", parcel=waits))
    assert headline(email) == "Thursday 26 November" and "it goes back to us" in email.text
    gone = waits.model_copy(update={"pickup": WHERE.model_copy(update={"until": date(2026, 11, 20)})})
    email = written("pickup_expiring", facts("pickup_expiring", parcel=gone))
    assert email.subject.startswith("Still waiting for you since Thursday 19 November: ")
    assert "20 November" not in email.text + email.html
    assert texted("pickup_expiring", facts("pickup_expiring", parcel=gone)).startswith(
        "Still waiting at ICA Nära Maria. Please collect it soon, or it goes back"
    )


def test_a_missed_parcel_that_waits_by_now_says_where(written) -> None:
    """By the time the message leaves the parcel may lie at a counter: then that is what it says."""
    at_counter = facts("attempt_failed", parcel=parcel(Milestone.ready_for_pickup, pickup=WHERE))
    email = written("attempt_failed", at_counter)
    assert headline(email) == "Collect it by Thursday 26 November" and "ICA Nära Maria" in email.text
    assert "brought once more" not in email.text
    email = written("attempt_failed", facts("attempt_failed"))
    assert "brought once more" in email.text
    assert steps(email)[3] == ("late", "Out for delivery") and note(email) == "Out for delivery: not handed over"


def test_delivered_is_the_carriers_word(written) -> None:
    """It says who marked it as delivered, when and where, and what to do if it is not there."""
    text = written("delivered", facts("delivered")).text
    assert (
        "DHL marked your parcel with Vindpil shell jacket and 1 more as delivered today at 06:42 (Stockholm)." in text
    )
    assert "If it is not there" in text and "recorded a little early" in text


def test_what_was_fetched_is_not_looked_for_at_the_door(written, texted) -> None:
    """A parcel that waited at a counter was handed over there; nobody is sent to look in the letterbox."""
    told = Told(milestone=Milestone.ready_for_pickup, channel="email", planned_at=NOW)
    collected = facts("delivered", history=(told,), place="ICA Nära", note="")
    email = written("delivered", collected)
    assert email.subject == "Handed over today, 06:42: Vindpil shell jacket and 1 more"
    assert "letterbox" not in email.text and "If it was not you" in email.text
    assert texted("delivered", collected).startswith("Handed over today 06:42: ")
    assert steps(email)[-1] == ("done", "Handed over")


def test_a_changed_day_shows_the_new_and_the_old(written, texted) -> None:
    """The new window is the fact, the old day stands beside it; the same day twice is not called a change of day."""
    start, end = datetime(2026, 11, 26, 8, tzinfo=UTC), datetime(2026, 11, 26, 12, tzinfo=UTC)
    told = facts("eta_changed", eta=Eta(starts_at=start, ends_at=end, was_day=date(2026, 11, 25)), promise=Promise())
    email = written("eta_changed", told)
    assert email.subject == (
        "Now expected Thursday 26 November, 09:00–13:00 (was tomorrow): Vindpil shell jacket and 1 more"
    )
    assert "Before, it was expected tomorrow." in email.text and "sorry" not in email.text
    assert texted("eta_changed", told).startswith("Now expected Thu 26 Nov 09:00-13:00 (was tomorrow)")
    unknown = written("eta_changed", facts("eta_changed", eta=Eta(), promise=Promise()))
    assert headline(unknown) == "The day has changed" and "was" not in unknown.subject


def test_an_early_parcel_names_the_day_that_it_beats(written) -> None:
    """Both days stand in the first line."""
    text = written("arriving_early", facts("arriving_early", promise=Promise(on=date(2026, 11, 27)))).text
    assert "DHL expects to bring it today, 14:00–16:00; we had promised Friday 27 November." in text


def test_silence_is_not_called_late_while_the_promise_can_be_kept(written, texted) -> None:
    """A carrier that says nothing has not said late: the promise stands, and the message says what is not known."""
    news = News(milestone=Milestone.delayed, cause=Cause.silence, occurred_at=NOW)
    told = facts("delayed", news=news, eta=Eta(), promise=Promise(on=date(2026, 11, 27)))
    email = written("delayed", told)
    assert email.subject == "No news lately: Vindpil shell jacket and 1 more"
    assert headline(email) == "Friday 27 November"
    assert "may still come Friday 27 November, as promised" in email.text
    assert not re.search(r"(?i)running late|\blate\b", email.text)
    assert steps(email)[2] == ("late", "On its way") and note(email) == "On its way: no news"
    assert texted("delayed", told).startswith("Sorry, no news of your parcel lately: ")
    broken = told.model_copy(update={"promise": Promise(on=date(2026, 11, 23))})
    assert written("delayed", broken).subject.startswith("Running late, promised for yesterday: ")


def together(milestone: str, *beside: OtherParcel, **given: object) -> Facts:
    """One message that tells of this parcel and of others."""
    order = OrderFacts(number="FH-1", placed_at=NOW, parcel_count=5, not_shipped=(Item(name="Stool", quantity=2),))
    return facts(milestone, order=order, merged=beside, other_parcels=(*beside, CHAIR), **given)


MERGED = ("dispatched", "in_transit", "out_for_delivery", "ready_for_pickup", "delivered", "delayed", "eta_changed")


@pytest.mark.parametrize("template", MERGED)
def test_a_merged_message_lists_each_parcel_once_with_its_things(written, texted, template: str) -> None:
    """Every parcel with its number and page, the rest of the order with its state, and what is not sent yet."""
    told = together(template, LAMP, RUG)
    email = written(template, told)
    assert "3 parcels" in email.subject and "3 parcels" in texted(template, told)
    for shown in (email.html, email.text):
        for one in (LAMP, RUG):
            assert shown.count(one.items[0].name) == 1 and f"{SITE}{one.link}" in shown
            assert str(one.tracking_number) in shown
        assert shown.count("Vindpil shell jacket") == 1 and shown.count("Enamel mug") == 1
    assert "Also in your order:\n- Chair (on its way): " in email.text
    assert "Still to be sent:\n- 2 × Stool" in email.text
    assert not re.search(r"\byour parcel (is|was|has|with)\b", email.text)


@pytest.mark.parametrize("template", MERGED)
def test_a_merged_message_claims_of_all_only_what_is_true_of_all(written, texted, template: str) -> None:
    """One parcel's hour, place, note, promise and carrier are not said of three."""
    told = together(template, LAMP, RUG)
    email = written(template, told)
    lead = email.text.split("\n\n")[1]
    for shown in (email.subject, headline(email), lead, texted(template, told)):
        assert not re.search(r"\d\d:\d\d|Stockholm|front door|yesterday|DHL|PostNord", shown), shown
    assert "Carried by" not in email.text


def test_a_whole_order_lists_all_of_it(written) -> None:
    """All parcels of the order stand in it, with when each came."""
    here = [one.model_copy(update={"milestone": Milestone.delivered}) for one in (LAMP, RUG)]
    email = written("all_delivered", facts("all_delivered", other_parcels=tuple(here)))
    assert email.subject == "Everything has arrived: order FH-10482"
    assert "all 3 parcels of your order are marked as delivered" in email.text
    assert [line for line in email.text.splitlines() if line.startswith("Parcel ")] == [
        "Parcel 1, today, 06:42 (DHL 00340434161094042557)",
        f"Parcel 2, today, 07:30 (DHL {LAMP.tracking_number})",
        f"Parcel 3, today, 06:30 (PostNord {RUG.tracking_number})",
    ]
    assert "Also in your order" not in email.text


def test_a_split_order_sums_up(written) -> None:
    """This parcel's things, the others and what is not sent are each listed once, and cancelled parcels nowhere."""
    gone = other(5, Milestone.cancelled, "Mirror")
    back = other(6, Milestone.in_transit, "Vase", direction="return")
    told = facts(
        order=OrderFacts(number="FH-1", placed_at=NOW, parcel_count=2, not_shipped=(Item(name="Stool"),)),
        other_parcels=(CHAIR, gone, back),
    )
    email = written("out_for_delivery", told)
    assert f"Also in your order:\n- Chair (on its way): {SITE}{CHAIR.link}\n" in email.text
    assert "Still to be sent:\n- Stool\n" in email.text
    assert f'href="{SITE}{CHAIR.link}"' in email.html
    assert "Mirror" not in email.text + email.html and "Vase" not in email.text + email.html


def test_what_nobody_sorted_is_not_claimed(written) -> None:
    """Where the shop did not say which parcel holds what, the order's things are called just that."""
    told = facts(
        items=(), order=OrderFacts(number="FH-1", placed_at=NOW, items=ITEMS, parcel_count=2),
        other_parcels=(other(2, Milestone.in_transit),),
    )  # fmt: skip
    email = written("out_for_delivery", told)
    assert email.subject == "Arriving today, 14:00–16:00: part of your order"
    assert "your parcel is out for delivery" in email.text
    assert "In this order:\n- Vindpil shell jacket\n" in email.text and "In this parcel" not in email.text
    assert "- part of your order (on its way)" in email.text


def test_a_return_goes_its_own_way(written) -> None:
    """Its journey ends with the shop, no delivery promise is held against it, and it is called a return throughout."""
    news = News(milestone=Milestone.delayed, cause=Cause.silence, occurred_at=NOW)
    late = facts("delayed", parcel=parcel(Milestone.in_transit, direction="return"), news=news, eta=Eta())
    email = written("return_delayed", late)
    assert "promised" not in email.text and "need to do" in email.text
    assert [word for _, word in steps(email)] == ["Announced", "Handed in", "On its way", "With us"]
    assert note(email) == "On its way: no news"
    assert email.subject.startswith("No news of your return lately: ")
    said = late.model_copy(update={"news": news.model_copy(update={"cause": Cause.carrier_says})})
    assert written("return_delayed", said).subject.startswith("Your return is late: ")
    told = email.text[: email.text.index("You are reading this")]
    assert "In this return:" in told and "your parcel" not in told
    here = written("return_received", facts_for("return_received"))
    assert [state for state, _ in steps(here)] == ["done"] * 4
    assert "DHL handed your return with Vindpil shell jacket and 1 more over to us today at 06:42." in here.text
    bare = facts("return_received", items=(), parcel=parcel(Milestone.return_received, direction="return", items=()))
    assert written("return_received", bare).subject == "Your return has arrived: order FH-10482"


@pytest.mark.parametrize(
    ("template", "states"),
    [
        ("exception", "done done late next next"),
        ("returning", "done done now next"),
        ("returned", "done done done done"),
        ("eta_changed", "done done now next next"),
        ("pickup_expiring", "done done done now next"),
        ("all_delivered", "done done done done done"),
        ("return_dispatched", "done now next next"),
        ("return_exception", "done done late next"),
        ("return_returning", "done done now next"),
    ],
)
def test_the_journey_is_drawn_for_each(written, template: str, states: str) -> None:
    """Each state is drawn on its own way: to the door, to a counter, to the shop, or back."""
    assert " ".join(state for state, _ in steps(written(template, facts_for(template)))) == states


def test_what_expired_is_drawn_as_far_as_was_told(written) -> None:
    """A parcel that was lost sight of stands where it was last told to be."""
    told = Told(milestone=Milestone.in_transit, channel="email", planned_at=NOW)
    gone = written("expired", facts("expired", history=(told,)))
    assert steps(gone)[2] == ("late", "On its way") and note(gone) == "On its way: no more news"
