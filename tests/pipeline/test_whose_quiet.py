"""Whose quiet hours a message keeps, as the parcel's story says it."""

import pytest

from app.insight.tell import tell
from app.models import Shipment
from app.models.vocabulary import Milestone
from app.rehearsal.aside import whole_story
from app.rules.document import parse_rules
from tests.pipeline.conftest import World

WHO = {"name": "Maja", "phone": "+46701740605", "country": "SE", "locale": "en"}


@pytest.mark.parametrize(
    ("beside", "within", "said"),
    [
        ("", "", "the brand: 21:00-08:00"),
        ('quiet_hours: {sms: "20:00-06:00"}\n', "", "the brand: 21:00-08:00"),
        ("", '  quiet_hours: {sms: "22:00-07:00"}\n', "the rule: 22:00-07:00"),
    ],
)
def test_explain_says_whose_quiet_hours_a_message_keeps(world: World, beside: str, within: str, said: str) -> None:
    """The rule's own, else the brand's, whatever the set says."""
    shelf = world.house.catalog.shelf("fjallhem")
    content = f'{shelf.file("brand.yaml").text}\nquiet_hours: {{sms: "21:00-08:00"}}\n'.encode()
    rule = f"- name: out\n  when: out_for_delivery\n  send: [sms]\n  expires: 20h\n{within}"
    here = world.with_(
        rules=parse_rules(f"version: 1\n{beside}rules:\n{rule}"),
        catalog=world.house.catalog.over("fjallhem", {"brand.yaml": content}),
    )
    (parcel,) = here.order(shopper=WHO)
    here.scan(parcel, Milestone.out_for_delivery)
    with here.house.sessions() as session:
        name = session.get_one(Shipment, parcel).public_id
        lines = list(tell(whole_story(session, here.house, name)))
    assert any(f"It keeps the quiet hours of {said}." in line for line in lines)
