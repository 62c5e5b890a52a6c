"""What the page says where no plain delivery comes: waiting, tried, late without a broken promise, coming back."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.messages.catalog import Catalog
from app.models.facts import (
    BrandFacts,
    Eta,
    Facts,
    News,
    OrderFacts,
    ParcelFacts,
    Pickup,
    Promise,
    ShopperFacts,
)  # fmt: skip
from app.models.vocabulary import Milestone
from app.web.shoppers.page import ParcelPage, Seen, draw
from tests.messages.message_corpus import ROOT

PAGES = Catalog(ROOT, "")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
AT = NOW - timedelta(hours=4)
KEPT = Promise(on=date(2026, 11, 27), ends_at=NOW + timedelta(days=3))
BROKEN = Promise(on=date(2026, 11, 23), ends_at=NOW - timedelta(hours=13))


def drawn(
    milestone: Milestone,
    *,
    promise: Promise = KEPT,
    eta: Eta | None = None,
    also: tuple[Milestone, ...] = (),
    **parcel: object,
) -> ParcelPage:
    """The page of a parcel that stands so since four hours ago, and has come to these `also`."""
    facts = Facts(
        brand=BrandFacts(key="fjallhem", name="Fjällhem"),
        order=OrderFacts(number="1042", placed_at=NOW - timedelta(days=5)),
        parcel=ParcelFacts.model_validate(
            {"id": "shp_1", "link": "/t/x", "carrier": "dhl", "milestone": milestone, "milestone_at": AT, **parcel}
        ),
        shopper=ShopperFacts(has_email=True, has_phone=True, locale="en", country="SE", zone="Europe/Stockholm"),
        promise=promise,
        eta=eta or Eta(),
        news=News(milestone=milestone, occurred_at=AT),
    )
    language, words = PAGES.page_words("fjallhem", ("en",))
    return draw(facts, Seen(reached=dict.fromkeys((milestone, *also), AT)), language, words, NOW)


def states(page: ParcelPage) -> str:
    return " ".join(step.state for step in page.steps)


def test_the_last_day_is_the_fact_of_what_waits():
    """Where the carrier named a last day it stands in the largest type, until it has passed."""
    waits = {"pickup": Pickup(name="ICA Nära", until=date(2026, 12, 1))}
    page = drawn(Milestone.ready_for_pickup, **waits)
    assert page.fact == "Collect it by Tuesday 1 December" and page.pickup.name == "ICA Nära"
    assert [step.word for step in page.steps][3:] == ["Ready to collect", "Handed over"]
    gone = drawn(Milestone.ready_for_pickup, pickup=Pickup(name="ICA Nära", until=date(2026, 11, 20)))
    assert gone.fact == "Ready to collect"


@pytest.mark.parametrize(
    ("milestone", "drawn_as"),
    [
        (Milestone.attempt_failed, "done done done late next"),
        (Milestone.exception, "done done late next next"),
        (Milestone.ready_for_pickup, "done done done now next"),
        (Milestone.returning, "done done now next"),
        (Milestone.returned, "done done done done"),
    ],
)
def test_trouble_is_marked_where_it_happened(milestone: Milestone, drawn_as: str):
    """A failed attempt and a hold-up are marked on their step, in a word for those who hear the page."""
    page = drawn(milestone)
    assert states(page) == drawn_as
    marked = [step.mark for step in page.steps if step.state == "late"]
    assert marked == (["something is in its way"] if "late" in drawn_as else [])


def test_late_without_a_broken_promise_does_not_say_that_one_was_broken():
    """A carrier that is silent or says late, before the promised day: an apology, and no promise called broken."""
    page = drawn(Milestone.in_transit, late_since=AT)
    assert (page.eyebrow, page.fact, page.tone) == ("Running late", "Expected Friday 27 November", "late")
    assert "sorry" in page.lead and "should have had it" not in page.lead
    assert states(page) == "done done late next next"
    unknown = drawn(Milestone.in_transit, promise=Promise(), late_since=AT)
    assert unknown.fact == "Longer on its way than usual" and "new day" in unknown.lead
    assert "you should have had it by yesterday" in drawn(Milestone.in_transit, promise=BROKEN, late_since=AT).lead


def test_a_late_parcel_has_come_no_further_for_it():
    """A parcel that the carrier never had, and whose promise has passed, is still being packed."""
    assert states(drawn(Milestone.registered, promise=BROKEN, also=(Milestone.delayed,))) == "late next next next next"


@pytest.mark.parametrize("late", [{"promise": BROKEN}, {"late_since": AT}])
def test_what_has_arrived_is_not_late(late: dict):
    """Once it is delivered, collected or back, nothing is held against it."""
    for milestone in (Milestone.delivered, Milestone.returned, Milestone.ready_for_pickup):
        page = drawn(milestone, **late)
        assert page.tone == "good" and "sorry" not in page.lead


RETURNS = {
    Milestone.registered: ("Your return is ready to go", "now next next next"),
    Milestone.dispatched: ("On its way back to us", "done now next next"),
    Milestone.in_transit: ("On its way back to us", "done done now next"),
    Milestone.out_for_delivery: ("Nearly back with us", "done done now next"),
    Milestone.ready_for_pickup: ("Nearly back with us", "done done now next"),
    Milestone.attempt_failed: ("Nearly back with us", "done done late next"),
    Milestone.exception: ("Held up on its way", "done done late next"),
    Milestone.delivered: ("Back with us since today, 09:00", "done done done done"),
    Milestone.return_received: ("Back with us since today, 09:00", "done done done done"),
    Milestone.returning: ("On its way back to you", "done done now next"),
    Milestone.returned: ("Back with you since today, 09:00", "done done done done"),
    Milestone.expired: ("No more news of your return", "late next next next"),
}


@pytest.mark.parametrize("milestone", RETURNS)
def test_a_return_has_its_own_facts_and_journey(milestone: Milestone):
    """It goes to the shop, nobody was promised when, and no word of it calls it a delivery to the shopper."""
    page = drawn(milestone, direction="return", promise=BROKEN)
    assert (page.fact, states(page)) == RETURNS[milestone]
    assert "sorry" not in page.lead and "Delivered" not in {step.word for step in page.steps}


def test_a_late_return_is_late_without_a_promise():
    """A return that stands still is called that, and no promise is named."""
    page = drawn(Milestone.in_transit, direction="return", promise=BROKEN, late_since=AT)
    assert page.fact == "Longer on its way than usual" and "should have had" not in page.lead


def test_every_state_can_be_drawn_in_both_directions():
    """Whatever a parcel has come to, its page opens."""
    for direction in ("outbound", "return"):
        for milestone in Milestone:
            if milestone.value in PAGES.page_words("fjallhem", ("en",))[1]["states"]:
                assert drawn(milestone, direction=direction).fact


@pytest.mark.parametrize(("direction", "fact"), [("outbound", "Marked as delivered"), ("return", "Marked as received")])
def test_a_delivery_that_moves_on_is_not_called_one(direction: str, fact: str):
    """What its carrier marked as delivered and has seen on its way since is called just that."""
    end = Milestone.delivered if direction == "outbound" else Milestone.return_received
    page = drawn(end, direction=direction, delivery_doubted=True)
    assert page.fact == f"{fact}, but still moving" and page.tone == "late"
    assert "has reported it on its way since" in page.lead
