"""What the calendar opens is written once, told while it is so, and waited for by one column."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.insight.audit import audit
from app.insight.explain import explain, find_shipments
from app.insight.tell import tell
from app.intake.schema import parse_order
from app.intake.store import cancel_order, upsert_orders
from app.models import Brand, Crossing, Decision, Estimate, RuleSetPublication, Shipment
from app.models.facts import Facts
from app.models.vocabulary import Channel, Milestone, Source
from app.pipeline.deciding import publishing, watching
from app.pipeline.deciding.publishing import Said
from app.pipeline.listening.hearing import Heard
from app.rules.document import parse_rules
from app.tracking.adapter.base import ParcelNotes, PickupPoint
from tests.pipeline.conftest import START, World, heard_scan

M = Milestone

RULES = """
version: 1
milestones:
  delayed: {silence: 2bd, again: 2}
  arriving_early: {by: 1d}
  eta_changed: {by: 1d, again: 2}
  pickup_expiring: {before: 2d, waited: 5d}
rules:
  - {name: late, when: delayed, send: [email], expires: 48h, hold: 1h}
  - {name: early, when: arriving_early, send: [{channel: email, template: in_transit}], expires: 48h, hold: 1h}
  - {name: changed, when: eta_changed, send: [{channel: email, template: in_transit}], expires: 48h, hold: 1h}
  - {name: waits, when: pickup_expiring, send: [{channel: email, template: in_transit}], expires: 48h}
"""


@pytest.fixture
def shop(world: World) -> World:
    """A world whose brand watches for everything."""
    return world.with_(rules=parse_rules(RULES))


def answered(world: World, parcel: int, *scans: tuple[Milestone | None, float], **told: object) -> None:
    """Let a carrier answer about a parcel, as a poll does."""
    now = world.clock.now()
    heard = tuple(heard_scan(milestone, now - timedelta(hours=ago)) for milestone, ago in scans)
    pipeline.listen(world.house, [Heard(parcel, Source.poll, heard, asked=True, **told)], now)
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).where(Shipment.id == parcel).values(last_polled_at=now))


def asked_in_vain(world: World) -> None:
    """Let every carrier have answered just now that there is nothing new."""
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(last_polled_at=world.clock.now()))


def row(world: World, parcel: int) -> Shipment:
    with world.house.sessions() as session:
        return session.get_one(Shipment, parcel)


def crossings(world: World, milestone: Milestone = M.delayed) -> list[Crossing]:
    with world.house.sessions() as session:
        query = sa.select(Crossing).where(Crossing.milestone == milestone.value).order_by(Crossing.id)
        return list(session.scalars(query))


def send_all(world: World) -> None:
    for channel in Channel:
        pipeline.send(world.house, channel)


def outcomes(world: World) -> list[tuple[str, str, str]]:
    return [(one.milestone, one.state, one.reason) for one in world.messages()]


def test_a_delay_that_nobody_was_told_of_leaves_again_as_it_was(world: World):
    """It may open once more after it closed. Twice it is over before its message leaves, so the third and the fourth
    are told; the fifth is one too many."""
    shop = world.with_(rules=parse_rules(RULES.replace("again: 2}\n  arriving", "again: 1}\n  arriving")))
    (parcel,) = shop.order()
    answered(shop, parcel, (M.in_transit, 1))
    for blip in range(5):
        due = row(shop, parcel).watch_at
        assert due is not None
        shop.clock.turn(seconds=(due - shop.clock.now()).total_seconds())
        asked_in_vain(shop)
        pipeline.watch(shop.house)
        shop.clock.turn(minutes=30)
        if blip > 1:
            shop.clock.turn(minutes=30)
            send_all(shop)
        answered(shop, parcel, (None, 0.1))
        shop.clock.turn(hours=1)
        send_all(shop)
    over, told = ("delayed", "superseded", "no_longer_so"), ("delayed", "accepted", "accepted")
    assert outcomes(shop) == [over, over, told, told]
    assert [one.occurrence for one in crossings(shop)] == [1, 2, 3, 4]
    with shop.house.sessions() as session:
        assert audit(session, 3600).whole


def test_silence_is_noticed_as_it_ends_told_once_and_over_with_the_next_scan(shop: World):
    """Two business days after the last scan the parcel is late; moving, it is not, and what waits to say so does not
    leave; falling silent again, it is late again."""
    (parcel,) = shop.order()
    answered(shop, parcel, (M.in_transit, 1), (M.dispatched, 2))
    due = START + timedelta(hours=47)
    assert row(shop, parcel).watch_at == due
    shop.clock.turn(hours=47)
    asked_in_vain(shop)
    assert (pipeline.watch(shop.house).crossings, pipeline.watch(shop.house).parcels) == (1, 0)
    [crossing] = crossings(shop)
    assert (crossing.cause, crossing.occurred_at) == ("silence", due)
    assert Facts.model_validate(crossing.facts).parcel.late_since == due
    assert (row(shop, parcel).late_since, row(shop, parcel).watch_at) == (due, None)
    shop.clock.turn(minutes=30)
    answered(shop, parcel, (None, 0.1))
    assert row(shop, parcel).late_since is None
    shop.clock.turn(hours=1)
    send_all(shop)
    assert outcomes(shop) == [("delayed", "superseded", "no_longer_so")]
    shop.clock.turn(days=3)
    asked_in_vain(shop)
    pipeline.watch(shop.house)
    shop.clock.turn(hours=1)
    send_all(shop)
    assert outcomes(shop)[1:] == [("delayed", "accepted", "accepted")]
    with shop.house.sessions() as session:
        assert audit(session, 3600).whole
        story = "\n".join(tell(explain(session, find_shipments(session, "1001")[0])))
    assert "It is late, since" in story and "because nothing new had been heard of it for too long" in story


def test_a_carrier_that_cannot_be_asked_is_not_silent(shop: World):
    """While its questions fail, the parcel is looked at again later and later, and never in a hurry; once it answers
    that there is nothing new, the parcel is late since its silence began."""
    (parcel,) = shop.order()
    answered(shop, parcel, (M.in_transit, 1), (M.dispatched, 2))
    with shop.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(poll_failures=3))
    shop.clock.turn(hours=60)
    looks = 0
    while pipeline.watch(shop.house).parcels:
        assert pipeline.watch(shop.house).parcels == 0, "it waits until it is due again"
        shop.clock.turn(hours=(row(shop, parcel).watch_at - shop.clock.now()) / timedelta(hours=1))
        looks += 1
        if looks == 6:
            with shop.house.sessions.begin() as session:
                session.execute(sa.update(Shipment).values(poll_failures=0, last_polled_at=shop.clock.now()))
        assert len(crossings(shop)) == 0
        if looks == 6:
            break
    pipeline.watch(shop.house)
    [crossing] = crossings(shop)
    assert (crossing.cause, crossing.occurred_at) == ("silence", START + timedelta(hours=47))


def test_estimates_are_kept_and_told_as_what_they_are(shop: World):
    """The first is no news; beyond the promise is a delay; a day further a change, with what was expected before; the
    same once more is nothing. A change that is taken back does not leave."""
    (parcel,) = shop.order(promised_on="2026-03-06")
    for day in (6, 9, 9, 10):
        answered(shop, parcel, (M.in_transit, 1), (M.dispatched, 2), eta_day=date(2026, 3, day))
        shop.clock.turn(hours=2)
    with shop.house.sessions() as session:
        kept = session.execute(sa.select(Estimate.day, Estimate.as_of).order_by(Estimate.id)).all()
    assert [(one.day.day, (one.as_of - START) / timedelta(hours=1)) for one in kept] == [(6, 0), (9, 2), (10, 6)]
    [late], [changed] = crossings(shop), crossings(shop, M.eta_changed)
    assert (late.cause, late.occurred_at) == ("eta_beyond_promise", START + timedelta(hours=2))
    eta = Facts.model_validate(changed.facts).eta
    assert (eta.day, eta.was_day) == (date(2026, 3, 10), date(2026, 3, 9))
    shop.clock.turn(minutes=-30)
    answered(shop, parcel, (M.in_transit, 1), eta_day=date(2026, 3, 9))
    shop.clock.turn(hours=2)
    send_all(shop)
    told = {(one.milestone, one.state, one.reason) for one in shop.messages()}
    assert ("eta_changed", "superseded", "overtaken") in told or ("eta_changed", "superseded", "no_longer_so") in told
    with shop.house.sessions() as session:
        story = "\n".join(tell(explain(session, find_shipments(session, "1001")[0])))
    assert "it expected it by Tuesday 10 March 2026" in story


def test_an_early_arrival_is_told_while_the_carrier_still_says_so(shop: World):
    """Once; it does not leave when the estimate has moved back to the promised day."""
    (parcel, other) = shop.order(promised_on="2026-03-06", parcels=2)
    for one in (parcel, other):
        answered(shop, one, (M.in_transit, 1), (M.dispatched, 2), eta_day=date(2026, 3, 4))
    answered(shop, other, (M.in_transit, 1), eta_day=date(2026, 3, 6))
    shop.clock.turn(hours=1)
    send_all(shop)
    told = {(one.shipment_id, one.milestone, one.state, one.reason) for one in shop.messages()}
    assert (parcel, "arriving_early", "accepted", "accepted") in told
    assert (other, "arriving_early", "superseded", "no_longer_so") in told


def test_the_carriers_own_delay_is_a_delay_and_moves_nothing(shop: World):
    """Its scan opens one with its words; the parcel stays where it was."""
    (parcel,) = shop.order()
    answered(shop, parcel, (M.in_transit, 5), (M.dispatched, 6), (M.delayed, 1))
    [crossing] = crossings(shop)
    assert (crossing.cause, Facts.model_validate(crossing.facts).news.description) == ("carrier_says", "It is delayed")
    assert row(shop, parcel).milestone == "in_transit"


def test_a_parcel_that_waits_is_reminded_of_once_and_not_after_it_was_collected(shop: World):
    """By day, two days before its last one ends."""
    first, second = shop.order(parcels=2)
    notes = ParcelNotes(pickup=PickupPoint("ICA", until=date(2026, 3, 9)))
    for parcel in (first, second):
        answered(shop, parcel, (M.ready_for_pickup, 1), notes=notes)
    due = datetime(2026, 3, 8, 8, tzinfo=UTC)
    assert row(shop, first).watch_at == due
    shop.clock.turn(hours=(due - START) / timedelta(hours=1))
    assert [pipeline.watch(shop.house).crossings for _ in range(2)] == [2, 0]
    shop.scan(second, M.delivered)
    send_all(shop)
    told = {(one.shipment_id, one.state, one.reason) for one in shop.messages(milestone="pickup_expiring")}
    assert told == {(first, "accepted", "accepted"), (second, "superseded", "overtaken")}
    assert row(shop, first).watch_at is None


def test_what_was_late_before_it_was_handed_over_is_history(shop: World):
    """A promise that broke and a silence that began before the import are told to nobody; what comes after is."""
    (parcel,) = shop.order(history=True, promised_on="2026-02-20", placed_at=(START - timedelta(days=20)).isoformat())
    answered(shop, parcel, (M.in_transit, 24 * 12), (M.dispatched, 24 * 13))
    shop.clock.turn(days=2)
    asked_in_vain(shop)
    pipeline.watch(shop.house)
    with shop.house.sessions() as session:
        assert set(session.scalars(sa.select(Decision.reason))) == {"history"}
    answered(shop, parcel, (M.in_transit, 0.1))
    shop.clock.turn(days=2, hours=1)
    asked_in_vain(shop)
    pipeline.watch(shop.house)
    assert [one.milestone for one in shop.messages()] == ["delayed"]


def test_what_ended_or_was_cancelled_rests(shop: World):
    """Nothing is waited for, however long a clock runs."""
    shop.order("1", promised_on="2026-03-04"), shop.order("2", promised_on="2026-03-04")
    done, gone = (shop.order(number, promised_on="2026-03-04")[0] for number in ("3", "4"))
    answered(shop, done, (M.delivered, 1))
    with shop.house.sessions.begin() as session:
        cancel_order(session, row(shop, gone).brand_id, "4", shop.clock.now())
    assert [row(shop, one).watch_at for one in (done, gone)] == [None, None]
    shop.clock.turn(days=30)
    assert pipeline.watch(shop.house).parcels == 2


def publish(world: World, content: str) -> None:
    """Let the world's brand live by other rules."""
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        publishing.publish(session, world.house, brand, content, Said("ops", "sooner"), None)


def test_new_rules_let_a_brands_living_parcels_be_looked_at_again(world: World, monkeypatch):
    """In batches that go on where they were broken off; other brands' parcels and those that ended are left alone."""
    monkeypatch.setattr(watching, "AT_ONCE", 2)
    monkeypatch.setattr(watching, "WINDOW", 3)
    parcels = [world.order(str(number))[0] for number in range(5)]
    for parcel in parcels:
        answered(world, parcel, (M.in_transit, 30), (M.dispatched, 31))
    answered(world, parcels[0], (M.delivered, 1))
    with world.house.sessions.begin() as session:
        other = Brand(key="other", name="Other", zone="UTC", locale="en")
        session.add(other)
        session.flush()
        given = {"number": "9", "placed_at": START.isoformat(), "shopper": {"email": "a@b.test"}, "parcels": [{}]}
        upsert_orders(session, other, [parse_order(given, ())], now=world.clock.now())
        session.execute(sa.update(Shipment).values(watch_at=None))
    assert pipeline.watch(world.house).parcels == 0
    publish(world, RULES)
    with world.house.sessions.begin() as session:
        assert watching.mark_due(session, world.clock.now())
    with world.house.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Shipment.watch_at.is_not(None))) == 2
    assert pipeline.watch(world.house).parcels == 4
    with world.house.sessions() as session:
        waited_for = dict(session.execute(sa.select(Shipment.id, Shipment.watch_at)).all())
        assert session.scalars(sa.select(RuleSetPublication.look_after)).all() == [None]
    assert {one for one, at in waited_for.items() if at} == set(parcels[1:])
    assert pipeline.watch(world.house).parcels == 0
    world.clock.turn(hours=20)
    publish(world, RULES.replace("expires: 48h", "expires: 24h"))
    assert pipeline.watch(world.house).parcels == 0, "what counts as late is what it was"
    publish(world, RULES.replace("2bd", "1bd"))
    assert pipeline.watch(world.house).crossings == 4


@pytest.fixture
def statements(world: World):
    """Every statement of the house, as it is executed."""
    seen: list[str] = []
    engine = world.house.sessions.kw["bind"]

    def note(_connection, _cursor, statement, *_):
        seen.append(" ".join(statement.split()))

    sa.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(engine, "before_cursor_execute", note)


def test_estimates_cost_a_statement_only_where_something_can_follow_from_them(world: World, statements):
    """Twenty parcels or one, and whatever they expect: one read, and one write where a word is new."""
    world = world.with_(
        rules=parse_rules("version: 1\nrules:\n  - {name: late, when: delayed, send: [email], expires: 48h}")
    )
    promised = world.order("1", parcels=20, promised_on="2026-03-06")
    unpromised = world.order("2", parcels=20)

    def cost(parcels, **told):
        statements.clear()
        now = world.clock.turn(hours=1)
        pipeline.listen(world.house, [Heard(one, Source.poll, asked=True, **told) for one in parcels], now)
        return [one.split(" ", 1)[0] for one in statements if "estimates" in one]

    assert cost(promised) == []
    assert cost(promised, eta_day=date(2026, 3, 6)) == ["INSERT", "SELECT"]
    whole = len(statements)
    assert cost(promised[:1], eta_day=date(2026, 3, 6)) == ["SELECT"]
    assert whole <= len(statements) + 1
    assert cost(unpromised, eta_day=date(2026, 3, 6)) == ["INSERT"]
    assert cost(unpromised, eta_day=date(2026, 3, 6)) == []
    assert cost(promised[1:], eta_day=None) == ["INSERT", "SELECT"]


def test_a_publication_of_the_same_words_opens_nothing_anew(shop: World):
    """A parcel that was told to be late is not told again because somebody published."""
    (parcel,) = shop.order(promised_on="2026-03-02")
    answered(shop, parcel, (M.in_transit, 1), (M.dispatched, 2))
    shop.clock.turn(hours=16)
    pipeline.watch(shop.house)
    publish(shop, RULES.replace("delayed: {", "delayed: {promise: {grace: 30m}, "))
    shop.clock.turn(hours=1)
    assert pipeline.watch(shop.house).parcels == 1
    assert len(crossings(shop)) == 1
