"""What a rule's condition read goes with the person whom it was read of."""

import pytest

from app.models.vocabulary import Channel, Milestone
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.pruning import prune
from app.rules.document import parse_rules
from tests.rights.conftest import send
from tests.rights.test_erasing import MAIL, sql
from tests.rights.test_pruning import keeping, years_later

RULES = parse_rules("""\
version: 1
rules:
  - name: blankets
    when: out_for_delivery
    if: parcel.items.exists(item, item.name == "Wool blanket")
    send: [email]
    expires: 12h
""")


@pytest.mark.parametrize("way", ["erased", "pruned"])
def test_what_a_condition_read_is_forgotten(world, brand_id, way):
    """By an erasure at once, and in the course of time with the messages; that and why it was decided stays."""
    choosy = world.with_(rules=RULES)
    [parcel] = choosy.order()
    choosy.scan(parcel, Milestone.out_for_delivery)
    read = sql(choosy, "SELECT inputs, reason FROM decisions")
    assert read == [({"parcel.items[].name": ["Wool blanket"]}, "planned")]
    send(choosy)
    if way == "erased":
        erase_person(choosy.house, brand_id, Channel.email, MAIL)
    else:
        years_later(choosy)
        prune(keeping(choosy, messages=30).house)
    assert sql(choosy, "SELECT inputs, reason FROM decisions") == [({}, "planned")]
