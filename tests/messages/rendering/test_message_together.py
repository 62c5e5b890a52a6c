"""What is true of one parcel is not said of several that one message tells of."""

from datetime import date, timedelta

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, facts_for, other
from app.messages.rendering.render import Renderer
from app.messages.rendering.view import fields
from app.models.facts import Eta, Facts, Pickup, Told
from app.models.vocabulary import Milestone

PLACE = "ICA Nära Kungsholmen"


def _together(key: str, beside: Milestone) -> Facts:
    """A parcel that waits in a place of its own, was once expected earlier, and is told of with another."""
    facts = facts_for(key)
    waiting = facts.parcel.model_copy(
        update={
            "milestone": Milestone.ready_for_pickup,
            "milestone_at": NOW - timedelta(days=1),
            "pickup": Pickup(name=PLACE, address="Storgatan 1", until=date(2026, 12, 1)),
        }
    )
    return facts.model_copy(
        update={
            "parcel": waiting,
            "merged": (other(2, beside, "Lamp"),),
            "eta": Eta(was_day=date(2026, 11, 25)),
            "history": (Told(milestone=Milestone.ready_for_pickup, channel="email", planned_at=NOW),),
        }
    )


@pytest.mark.parametrize("locale", ["en", "sv", "de", "fr", "es", "nl"])
@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("key", ["pickup_expiring", "attempt_failed", "ready_for_pickup"])
def test_the_first_parcels_place_is_not_told_of_the_others(
    catalog: Catalog, key: str, channel: str, locale: str
) -> None:
    """Who goes where the first one waits would not find the second; each has a page that says where it is."""
    template = catalog.resolve("fjallhem", locale, key, channel)
    renderer, facts = Renderer(), _together(key, Milestone.ready_for_pickup)
    render = renderer.render_email if channel == "email" else renderer.render_sms
    rendered = render(template, facts, PERSON, LINKS, NOW)
    assert PLACE not in str(rendered)


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "They wait for you"), ("sv", "De väntar på dig"), ("de", "Du kannst sie jetzt abholen"),
        ("fr", "Ils vous attendent"), ("es", "Te esperan"), ("nl", "Ze liggen voor je klaar"),
    ],
)  # fmt: skip
def test_several_that_wait_are_spoken_of_as_several(catalog: Catalog, locale: str, said: str) -> None:
    """Where a second parcel could not be handed over either, the sentence about where they wait is in the plural."""
    template = catalog.resolve("fjallhem", locale, "attempt_failed", "email")
    facts = _together("attempt_failed", Milestone.ready_for_pickup)
    assert said in Renderer().render_email(template, facts, PERSON, LINKS, NOW).text


@pytest.mark.parametrize(("beside", "waits"), [(Milestone.ready_for_pickup, True), (Milestone.in_transit, False)])
def test_several_wait_only_where_each_does(catalog: Catalog, beside: Milestone, waits: bool) -> None:
    """And no day, no earlier plan and no collection of the first is given as if it were everyone's."""
    template = catalog.resolve("fjallhem", "en", "attempt_failed", "email")
    said = fields(template, _together("attempt_failed", beside), PERSON, LINKS, NOW)
    assert said["pickup"]["waits"] is waits
    assert (said["pickup"]["known"], said["pickup"]["until"], said["pickup"]["since"]) == (False, "", "")
    assert (said["was"]["known"], said["collected"]) == (False, False)


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "Handed over"), ("sv", "Utlämnade"), ("de", "Abgeholt"), ("fr", "Retirés"), ("es", "Recogidos"),
        ("nl", "Afgehaald"),
    ],
)  # fmt: skip
def test_several_collected_at_a_counter_are_not_delivered(catalog: Catalog, locale: str, said: str) -> None:
    """Subject, headline and SMS say that they were handed over, of all of them as of one."""
    facts, beside = facts_for("delivered"), other(2, Milestone.delivered, "Lamp")
    waited = [
        Told(milestone=Milestone.ready_for_pickup, channel="email", planned_at=NOW, parcel_id=one)
        for one in (facts.parcel.id, beside.id)
    ]
    told = {"merged": (beside,), "history": (waited[0],), "order_history": (waited[0],)}
    template = catalog.resolve("fjallhem", locale, "delivered", "email")
    assert not fields(template, facts.model_copy(update=told), PERSON, LINKS, NOW)[
        "collected"
    ]  # the second was brought
    facts = facts.model_copy(update=told | {"order_history": tuple(waited)})
    mail = Renderer().render_email(template, facts, PERSON, LINKS, NOW)
    assert said in mail.subject and said.lower() in mail.text.lower()
    sms = Renderer().render_sms(catalog.resolve("fjallhem", locale, "delivered", "sms"), facts, PERSON, LINKS, NOW)
    assert said in str(sms)
