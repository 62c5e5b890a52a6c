"""What a draft begins to need is told with how many real orders lack it, and how many messages that wait."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.models import Brand
from app.models.vocabulary import Milestone
from app.rehearsal.lacking import lacking, lacking_in
from tests.pipeline.conftest import world  # noqa: F401 - a fixture

SMS = "messages/en/out_for_delivery.sms.txt"
WHO = {"name": "Maja", "email": "m@example.test", "phone": "+46701740605", "country": "SE", "locale": "en"}
BEFORE = "{{ brand.name }}: it comes. {{ links.short }}"


@pytest.fixture
def told(world):  # noqa: F811
    """What a text needs beyond BEFORE, in a world where one of two shoppers has no name; both are told by SMS."""
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Brand).values(locale="en"))
    for number, who in (("1001", WHO), ("1002", {**WHO, "name": None})):
        (parcel,) = world.order(number, shopper=who)
        world.scan(parcel, Milestone.out_for_delivery)
    waiting = {one.channel for one in world.messages(state="ready") + world.messages(state="held")}
    assert "sms" in waiting

    def needs(after: str, path: str = SMS, before: str | None = BEFORE):
        with world.house.sessions() as session:
            brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
            was = {path: before} if before is not None else {}
            return lacking(session, world.house.catalog, brand, was, {path: after})

    return needs


def test_a_new_field_is_told_with_those_who_lack_it(told):
    """Of the newest orders of which the message told, and of its messages that wait; what each order has lacks none."""
    (name,) = told(BEFORE + "{% if person.first_name %}{{ person.first_name }}{% endif %}")
    assert (name.need.field.path, name.breaks) == ("person.first_name", True)
    assert (name.orders, name.orders_without, name.waiting, name.waiting_without) == (2, 1, 2, 1)
    assert name.sentence == "It may be blank: 1 of the last 2 such orders has it, and 1 of 2 that wait has it."
    (what,) = told(BEFORE + "{{ what }}")
    assert not what.breaks and what.sentence == "Every order has it." and "what" in str(what)
    (place,) = told(BEFORE + "{{ place or 'there' }}")
    assert (place.orders, place.breaks) == (2, False) and "all of the last 2 such orders have it" in place.sentence


def test_what_needs_nothing_new_tells_nothing(told):
    """Nor does a message that is new itself, a layout, or a text that cannot be read."""
    assert told("{{ links.short }}") == []
    assert told("{{ what }}", before=None) == []
    assert told("[[ content ]]{{ what }}", path="layouts/parcel.mjml") == []
    assert told("{{ what") == []


def test_where_no_such_order_has_come_the_field_is_told_all_the_same(told):
    """Another message's news says nothing of it."""
    (note,) = told(BEFORE + "{{ note or '' }}", path="messages/en/return_received.sms.txt")
    assert (note.orders, note.waiting) == (0, 0) and "no such order has come yet" in note.sentence
    assert not replace(note, orders=1).breaks


def test_of_what_cannot_be_filled_in_no_order_is_counted(told, world):  # noqa: F811
    """It is not said that no such order has come: nobody has looked."""
    broken = b"{{ brand.name }}: {{ note or '' }} {{ ordr.number }} {{ links.short }}"
    with world.house.sessions() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        found = lacking_in(session, world.house.catalog, brand, {}, {SMS: broken})
    (note,) = (one for one in found if one.need.field.path == "note")
    assert "once the text can be filled in" in note.sentence and not note.breaks
