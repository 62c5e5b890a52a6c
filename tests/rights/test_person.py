"""Who a person is: whatever orders share which addresses, nobody is told or loses what is another's."""

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.models.vocabulary import Channel
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.person import find_person
from tests.rights.test_erasing import sql

EMAILS = ("a@example.test", "b@example.test", "c@example.test")
PHONES = ("+46701740605", "+46701740606", "+46701740607")
ORDERS = st.lists(
    st.tuples(st.sampled_from((None, *EMAILS)), st.sampled_from((None, *PHONES))).filter(any), min_size=1, max_size=6
)


def stored(world):
    """Each order's addresses, in the order in which they were placed."""
    return [tuple(row) for row in sql(world, "SELECT email, phone FROM orders ORDER BY id")]


@settings(max_examples=15)
@given(orders=ORDERS, address=st.sampled_from([*EMAILS, *PHONES]))
def test_exactly_the_persons_own_goes(world, brand_id, orders, address):
    """The orders with the address, whole; of the others not a letter; an address on both sides is nobody's own."""
    sql(world, "TRUNCATE orders, erasures CASCADE")
    for number, (email, phone) in enumerate(orders):
        world.order(str(number), shopper={"name": "M", "email": email, "phone": phone, "country": "SE"}, parcels=0)
    channel = Channel.email if "@" in address else Channel.sms
    hers = [address in pair for pair in orders]
    if channel is Channel.sms and len({email for email, phone in orders if phone == address and email}) > 1:
        with pytest.raises(InvalidInput):
            erase_person(world.house, brand_id, channel, address)
        assert stored(world) == orders
        return
    with world.house.sessions() as session:
        person = find_person(session, brand_id, channel, address)
    on_hers = {one for pair, mine in zip(orders, hers, strict=True) if mine for one in pair if one} - {address}
    on_others = {one for pair, mine in zip(orders, hers, strict=True) if not mine for one in pair if one}
    assert {one for _, one in person.own} == (on_hers - on_others) | {address}
    assert {one for _, one in person.shared} == on_hers & on_others
    assert erase_person(world.house, brand_id, channel, address).orders == sum(hers)
    left = [(None, None) if mine else pair for pair, mine in zip(orders, hers, strict=True)]
    assert stored(world) == left
    assert sql(world, "SELECT count(*) FROM erasures") == [(len(person.own),)]


@pytest.mark.parametrize("written", ["Maja@Example.test ", "MAJA@EXAMPLE.TEST"])
def test_an_address_is_found_however_it_is_written(world, brand_id, written):
    """Case and blanks are no other person; dots and plus signs are."""
    world.order("1")
    with world.house.sessions() as session:
        assert len(find_person(session, brand_id, Channel.email, written).order_ids) == 1
        assert find_person(session, brand_id, Channel.email, "m.aja@example.test").order_ids == ()
        assert session.scalar(sa.text("SELECT count(*) FROM orders")) == 1
