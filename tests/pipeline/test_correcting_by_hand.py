"""Somebody of the shop corrects a shopper's address, language, or the promised day."""

import pytest
import sqlalchemy as sa

from app.errors import InvalidInput
from app.models import Brand, Order, Shipment
from app.models.vocabulary import Channel, Milestone, SuppressionKind
from app.pipeline import send, watch
from app.pipeline.by_hand.correcting import Correction, correct
from app.pipeline.people.consenting import suppress, wish


def mend(world, **values):
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        shipment = session.scalars(sa.select(Shipment.public_id).order_by(Shipment.id).limit(1)).one()
        return correct(session, world.house, brand, Correction(shipment, values), world.clock.now())


def order(world):
    with world.house.sessions() as session:
        return session.scalars(sa.select(Order)).one()


def test_what_waits_goes_to_the_corrected_address(world):
    """The address is read as a message leaves; the same again changes nothing."""
    (shipment_id,) = world.order()
    world.scan(shipment_id, Milestone.out_for_delivery)
    came = mend(world, email=" maja.lind@Example.test ")
    assert came.changed == ("email",) and came.waiting.movable >= 1 and came.waiting.frozen == 0
    send(world.house, Channel.email)
    assert world.email.sent[0].to_email == "maja.lind@example.test"
    assert mend(world, email="maja.lind@example.test").changed == ()


def test_the_shop_does_not_undo_it(world):
    """The shop tells the order again as it always has: the correction stays. Another word of the shop's counts, and so
    does going back to what it said."""
    world.order()
    mend(world, email="maja.lind@example.test", phone="070-174 06 06")
    world.order(tags=["gift"])
    found = order(world)
    assert (found.email, found.phone, found.tags) == ("maja.lind@example.test", "+46701740606", ["gift"])
    assert mend(world, email="maja@example.test").changed == ("email",)
    world.order()
    assert order(world).email == "maja@example.test"
    shopper = {"name": "Maja Lind", "email": "third@example.test", "phone": "+46701740605", "country": "SE"}
    world.order(shopper=shopper)
    assert (order(world).email, order(world).phone) == ("third@example.test", "+46701740606")


def test_a_promise_that_is_moved_is_watched(world):
    """A parcel that was late by its old promise is late no more by the new one."""
    (shipment_id,) = world.order(promised_on="2026-03-01")
    world.scan(shipment_id, Milestone.in_transit)
    watch(world.house)
    assert mend(world, promised_on="2026-03-09").changed == ("promised_on",)
    watch(world.house)
    with world.house.sessions() as session:
        assert session.get_one(Shipment, shipment_id).late_since is None
    assert mend(world, promised_on="").changed == ("promised_on",)


def test_what_is_wrong_is_refused_by_its_field(world):
    """Nothing is changed, each field is named, and one way to reach the shopper has to stay."""
    world.order()
    with pytest.raises(InvalidInput) as refused:
        mend(world, email="no address", phone="12", locale="klingon", promised_on="tomorrow")
    assert {fault.column.split(".")[-1] for fault in refused.value.faults} >= {
        "email",
        "phone",
        "locale",
        "promised_on",
    }
    with pytest.raises(InvalidInput):
        mend(world, email="", phone="")
    assert order(world).email == "maja@example.test"


def test_an_address_that_must_not_be_written_to_is_named(world):
    """Correcting to one is allowed, and said."""
    world.order()
    with world.house.sessions.begin() as session:
        brand_id = session.scalars(sa.select(Brand.id).where(Brand.key == "fjallhem")).one()
        suppress(session, [wish(brand_id, Channel.email, "gone@example.test", SuppressionKind.bounce)])
    (said,) = mend(world, email="gone@example.test").held_back
    assert said.startswith("gone@example.test must not be written to")


def test_of_an_erased_shopper_nothing_is_corrected(world):
    """Nobody is brought back by a correction."""
    world.order()
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Order).values(erased_at=world.clock.now()))
    assert mend(world, email="maja.lind@example.test") is None
