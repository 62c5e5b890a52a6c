"""A carrier's pause is for whoever carries a parcel or is asked about it; a rule's knows every brand's own rules."""

import pytest

from app import pipeline
from app.errors import InvalidInput
from app.models import Brand, RuleSetPublication, RuleSetVersion
from app.models.vocabulary import Channel, Milestone
from app.pipeline.brakes.pausing import read_scope
from app.pipeline.polling.due import any_due, claim_due
from app.rules.document import parse_rules
from tests.pipeline.conftest import World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_falling_back import RULES
from tests.pipeline.test_path import report, send_all, whole
from tests.pipeline.test_pausing import hold, lift, told

M = Milestone


def through_another(world: World, number: str = "1") -> int:
    """A parcel that PostNord carries and that DHL's adapter is asked about, due now."""
    (parcel,) = world.order(number)
    sql(world, "UPDATE shipments SET carrier = 'postnord', next_poll_at = :now WHERE id = :id",
        id=parcel, now=world.clock.now())  # fmt: skip
    return parcel


def asked(world: World) -> list[int]:
    with world.house.sessions.begin() as session:
        due, _ = claim_due(session, world.house, world.house.carriers["dhl"], world.clock.now())
    return [one.id for one in due]


def test_a_carriers_pause_stops_the_questions_about_its_parcels_whoever_is_asked(world: World):
    """They are put off and stand in nobody's way; lifted, they are asked about at once."""
    parcel, (other,) = through_another(world), world.order("2")
    sql(world, "UPDATE shipments SET next_poll_at = :now WHERE id = :id", id=other, now=world.clock.now())
    hold(world, "carrier:postnord")
    assert asked(world) == [other]
    with world.house.sessions() as session:
        assert not any_due(session, "dhl", world.clock.now()), "what is paused wakes nobody"
    lift(world, "carrier:postnord")
    assert asked(world) == [parcel]


@pytest.mark.parametrize("scope", ["carrier:postnord", "carrier:dhl"])
def test_a_carriers_pause_holds_what_is_told_of_a_parcel_that_it_carries_or_is_asked_about(world: World, scope: str):
    """By either name the message waits, and no question is asked; lifted, each leaves once."""
    parcel = through_another(world)
    world.scan(parcel, M.out_for_delivery)
    hold(world, scope)
    send_all(world)
    assert told(world) == 0 and asked(world) == []
    lift(world, scope)
    world.clock.turn(minutes=2)
    send_all(world)
    assert told(world) == 2
    whole(world)


def test_a_message_about_several_parcels_waits_for_any_of_their_carriers(world: World):
    """Merged, it tells of the paused carrier's parcel too."""
    world = world.with_(rules=parse_rules(RULES))
    first, second = world.order(parcels=2)
    sql(world, "UPDATE shipments SET carrier = 'postnord' WHERE id = :id", id=second)
    world.scan(first, M.out_for_delivery)
    sql(world, "INSERT INTO ledger_keys SELECT scope, :second, milestone, occurrence, channel, recipient_id, brand_id,"
               " message_id, decided_at FROM ledger_keys", second=second)  # fmt: skip
    hold(world, "carrier:postnord")
    send_all(world)
    assert told(world) == 0
    lift(world, "carrier:postnord")
    world.clock.turn(minutes=2)
    send_all(world)
    assert told(world) == 1


def publish(world: World, content: str) -> None:
    rules = parse_rules(content)
    with world.house.sessions.begin() as session:
        brand_id = session.query(Brand.id).scalar()
        version = RuleSetVersion(brand_id=brand_id, digest=rules.digest, content=rules.content)
        session.add(version)
        session.flush()
        session.add(RuleSetPublication(brand_id=brand_id, rule_set_version_id=version.id, number=1,
                                       published_by="ops", why="own rules"))  # fmt: skip


def test_a_rule_of_a_brands_own_set_can_be_paused_with_what_stands_in_for_it(world: World):
    """It has a name from its publication on, before it planned anything; mail and fallback wait, and leave once."""
    with pytest.raises(InvalidInput, match="there is no rule 'out'"), world.house.sessions() as session:
        read_scope(session, world.house, "rule:out")
    publish(world, RULES)
    hold(world, "rule:out")
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    assert told(world) == 0
    lift(world, "rule:out")
    send_all(world)
    (email,) = world.messages()
    for scope in ("rule:out", "template:out_for_delivery", "brand:fjallhem", "channel:sms", "all"):
        hold(world, scope)
    report(world, email.id, "bounced")
    send_all(world)
    assert len(world.sms.sent) == 0 and world.messages(channel="sms")[0].pause_id is not None
    for scope in ("all", "channel:sms", "brand:fjallhem", "template:out_for_delivery"):
        lift(world, scope)
        pipeline.send(world.house, Channel.sms)
        assert world.sms.sent == [], scope
    lift(world, "rule:out")
    for _ in range(2):
        send_all(world)
    assert len(world.email.sent) == len(world.sms.sent) == 1
    whole(world)
