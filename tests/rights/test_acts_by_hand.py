"""What people of the shop wrote about a shopper by hand is forgotten with them."""

import sqlalchemy as sa

from app.models import Brand, Message, Shipment
from app.models.vocabulary import Channel, Milestone
from app.pipeline import recover
from app.pipeline.by_hand.correcting import Correction, correct
from app.pipeline.leaving.asking_again import Wish, ask_again
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.person_export import export_person
from tests.rights.conftest import send, traces, whole

OLD, NEW = "maja@example.test", "maja.lind@example.test"


def corrected_and_asked_again(world):
    """A shopper whose address was corrected, and whose mail was sent once more for a reason that names her."""
    (shipment_id,) = world.order()
    world.scan(shipment_id, Milestone.out_for_delivery)
    send(world)
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        shipment = session.scalars(sa.select(Shipment.public_id)).one()
        correct(session, world.house, brand, Correction(shipment, {"email": NEW}), world.clock.now())
    with world.house.sessions.begin() as session:
        message = session.scalars(sa.select(Message.public_id).where(Message.channel == "email")).first()
        asked = Wish(message, "agent@shop.example", "Maja wrote that it went astray")
        assert ask_again(session, world.house, brand.id, asked, world.clock.now()).to == NEW
    send(world)
    recover(world.house)
    return brand.id


def test_nothing_of_it_is_left(world):
    """Neither the address that was wrong, nor the right one, nor what the agent typed; and the books balance."""
    brand_id = corrected_and_asked_again(world)
    found = traces(world, OLD, NEW, "Maja")
    assert {"orders.corrected", "orders.email", "resends.why", "messages.personal"} <= found
    erase_person(world.house, brand_id, Channel.email, NEW)
    assert traces(world, OLD, NEW, "Maja") == set()
    whole(world)


def test_a_person_is_told_what_was_corrected(world):
    """The export names what the shop had said, too."""
    brand_id = corrected_and_asked_again(world)
    (order,) = export_person(world.house, brand_id, Channel.email, NEW)["orders"]
    assert order["shopper"]["email"] == NEW and order["shopper"]["corrected"] == {"email": OLD}
