"""What carriers and alarms were worth: compact worlds whose every count is known by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.errors import InvalidInput, NotFound
from app.insight import lanes
from app.insight.lanes import Lanes
from app.models import Brand, Scan, Shipment
from app.models.vocabulary import Channel, Milestone, Source
from app.rehearsal.measured import measure
from app.rules.document import parse_rules
from app.rules.thresholds import STAGES
from app.tracking.milestones import KnownScan, fold
from tests.pipeline.conftest import START, Heard, World, heard_scan, world  # noqa: F401 - a fixture

M = Milestone

RULES = """
version: 1
milestones:
  delayed:
    again: 3
    silence:
      - {after: 2bd}
      - {carrier: dhl, service: "exp*", stage: in_transit, after: 1bd}
rules:
  - {name: late, when: delayed, send: [email], expires: 48h, hold: 1h}
"""
SPAN = timedelta(days=90)


@pytest.fixture
def shop(world: World) -> World:  # noqa: F811
    """A world whose brand watches for silence, and tells of delays after an hour."""
    return world.with_(rules=parse_rules(RULES))


@pytest.fixture
def any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Percentiles and rates of however few."""
    monkeypatch.setattr(lanes, "FEWEST", 1)


def brand_id(world: World) -> int:  # noqa: F811
    with world.house.sessions() as session:
        return session.scalars(sa.select(Brand.id).where(Brand.key == "fjallhem")).one()


def report(world: World, carrier: str | None = None) -> Lanes:  # noqa: F811
    return measure(world.house, brand_id(world), SPAN, carrier)


def at(world: World, hours: float) -> None:  # noqa: F811
    """Let it be so many hours after the start; every carrier has answered just now that there is nothing new."""
    world.clock.turn(hours=(START + timedelta(hours=hours) - world.clock.now()) / timedelta(hours=1))
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(last_polled_at=world.clock.now()))


def live(world: World, hours: tuple[int, ...], *happens: tuple[float, int, Milestone | None]) -> None:  # noqa: F811
    """At each of these hours after the start let what happened be heard, the calendar be watched and mail leave."""
    waiting = sorted(happens, key=lambda one: one[0])
    for hour in hours:
        at(world, hour)
        while waiting and waiting[0][0] <= hour:
            when, parcel, milestone = waiting.pop(0)
            world.scan(parcel, milestone, hours_ago=hour - when, name=f"{parcel} {when}")
        pipeline.watch(world.house)
        pipeline.send(world.house, Channel.email)


def test_a_delivery_is_doubted_until_it_is_settled(world: World, any_number: None):  # noqa: F811
    """Of seven deliveries three are contradicted: one delivered again, one not, one that went back after it had been
    scanned on its way. Neither a delivery that is simply returned nor one before the import counts as doubted."""
    again, open_, back, plain, returned = (world.order(str(n))[0] for n in range(5))
    old = world.order("old", history=True)[0]
    world.scan(old, M.delivered, hours_ago=30)
    world.scan(old, M.in_transit, hours_ago=29)
    elsewhere = world.order("ups", parcels=[{"carrier": "ups", "tracking_number": "U1"}])[0]
    for parcel in (again, open_, back, plain, returned, elsewhere):
        world.scan(parcel, M.dispatched, hours_ago=20)
        world.scan(parcel, M.delivered, hours_ago=10)
    world.clock.turn(hours=2)
    world.scan(again, M.out_for_delivery, hours_ago=8)  # four hours after the first, and heard two hours later
    world.scan(open_, M.in_transit, hours_ago=2)
    world.scan(back, M.exception, hours_ago=6)
    world.scan(plain, None, hours_ago=1)
    world.clock.turn(hours=3)
    world.scan(again, M.delivered, hours_ago=1)
    world.scan(back, M.returning, hours_ago=1)
    world.scan(returned, M.returning, hours_ago=1)
    by_carrier = {one.carrier: one for one in report(world).early_scans}
    dhl, ups = by_carrier["dhl"], by_carrier["ups"]
    assert (dhl.deliveries, dhl.doubted, dhl.rate) == (6, 3, 0.5)
    assert (dhl.contradicted_p50, dhl.heard_p50, dhl.heard_p95) == (6.0, 2.0, 2.0)  # of 4, 6 and 10 hours
    assert (dhl.caught_1h, dhl.caught_4h, dhl.caught_24h) == (0, 3, 3)
    assert (ups.deliveries, ups.doubted, ups.rate, ups.contradicted_p50) == (1, 0, 0.0, None)


def test_of_too_few_nothing_is_said(world: World):  # noqa: F811
    """Counts stand as they are, rates and percentiles do not."""
    (parcel,) = world.order()
    world.scan(parcel, M.dispatched, hours_ago=20)
    world.scan(parcel, M.delivered, hours_ago=10)
    found = report(world)
    assert [(one.deliveries, one.rate) for one in found.early_scans] == [(1, None)]
    assert {(one.gaps, one.p50, one.p99) for one in found.silences} == {(1, None, None)}


JOURNEYS = {
    "plain": [(0, M.registered), (5, M.dispatched), (20, M.in_transit), (30, M.in_transit), (40, M.out_for_delivery)],
    "no dispatch": [(0, M.registered), (9, M.in_transit), (12, None), (20, M.in_transit), (40, M.out_for_delivery)],
    "late label": [(0, M.dispatched), (1, M.registered), (8, M.in_transit), (9, M.dispatched), (20, None)],
    "the van's own": [(0, M.dispatched), (8, M.out_for_delivery), (9, M.in_transit), (22, M.in_transit), (30, None)],
    "once more": [(0, M.dispatched), (8, M.out_for_delivery), (19, M.out_for_delivery), (22, M.in_transit), (34, None)],
    "nobody home": [(0, M.in_transit), (8, M.attempt_failed), (9, M.in_transit), (30, M.in_transit), (34, M.delivered)],
    "mishap": [(0, M.dispatched), (8, M.exception), (9, None), (12, M.registered), (20, M.in_transit), (34, None)],
    "early mishap": [(0, M.registered), (8, M.exception), (9, M.in_transit), (12, M.in_transit), (34, None)],
    "said late": [(0, M.dispatched), (8, M.in_transit), (9, M.delayed), (30, M.in_transit), (34, M.out_for_delivery)],
    "called off": [(0, M.registered), (8, M.cancelled), (20, M.dispatched), (30, M.in_transit)],
    "collected": [(0, M.in_transit), (8, M.ready_for_pickup), (9, M.in_transit), (30, M.out_for_delivery), (40, None)],
    "goes back": [(0, M.in_transit), (8, M.returning), (9, M.in_transit), (30, M.out_for_delivery), (40, M.returned)],
    "arrived": [(0, M.in_transit), (8, M.delivered), (9, M.in_transit), (30, M.delivered), (40, None)],
    "at one instant": [(0, M.dispatched), (8, M.in_transit), (8, M.out_for_delivery), (9, None), (40, None)],
}


@pytest.mark.parametrize("direction", ["outbound", "return"])
def test_a_stage_is_where_the_fold_has_the_parcel(world: World, direction: str):  # noqa: F811
    """For each journey the gaps are counted under the stages at which the fold sees them begin."""
    expected: Counter[str] = Counter()
    for number, (name, journey) in enumerate(JOURNEYS.items()):
        parcel = {"carrier": "dhl", "tracking_number": f"J{number}", "direction": direction}
        (row,) = world.order(name, parcels=[parcel])
        scans = [heard_scan(said, START + timedelta(hours=hours - 45)) for hours, said in journey]
        pipeline.listen(world.house, [Heard(row, Source.push, tuple(scans))], START)
        known = [
            KnownScan(b"%d" % place, milestone, START + timedelta(hours=hours), moves=True)
            for place, (hours, milestone) in enumerate(journey)
        ]
        for one in {scan.occurred_at for scan in known} - {known[-1].occurred_at}:
            expected[fold([scan for scan in known if scan.occurred_at <= one], direction).milestone.value] += 1
    counted = {one.stage.value: one.gaps for one in report(world).silences if one.whole and one.gaps}
    wanted = {stage for stage in STAGES if direction == "return" or stage is not M.returning}
    assert counted == {stage: count for stage, count in expected.items() if stage in wanted}


def test_silence_is_measured_in_business_days_beside_the_limit_that_applies(shop: World, any_number: None):
    """Friday noon to Monday noon is one day; what was silent for longer than its service may be is counted, and so is
    what is silent now. A weekend's scan neither shortens nor lengthens a gap."""
    parcels = [{"carrier": "dhl", "tracking_number": f"S{n}"} for n in range(2)]
    first, second = shop.order("1", parcels=parcels)
    with shop.house.sessions.begin() as session:
        for parcel, service in ((first, "express"), (second, "plain")):
            session.execute(sa.update(Shipment).where(Shipment.id == parcel).values(service=service))
    shop.clock.turn(days=4, hours=3)  # Friday, noon in Stockholm
    for parcel in (first, second):
        shop.scan(parcel, M.dispatched, hours_ago=24)
        shop.scan(parcel, M.in_transit, hours_ago=0)
    shop.clock.turn(days=1)
    shop.scan(second, M.in_transit, hours_ago=0)
    shop.clock.turn(days=2, hours=6)  # Monday evening
    for parcel in (first, second):
        shop.scan(parcel, M.in_transit, hours_ago=0)
    shop.clock.turn(days=2)
    found = {(one.service, one.stage): one for one in report(shop).silences if not one.whole}
    express, plain = found["express", M.in_transit], found["plain", M.in_transit]
    assert (express.country, express.gaps, express.p50, express.limit_most) == ("SE", 1, 1.25, 1)
    assert (express.beyond, express.silent) == (1, 1)
    assert (plain.gaps, plain.p50, plain.limit_most, plain.beyond, plain.silent) == (2, 0.62, 2, 0, 0)  # 0.5 and 0.75
    whole = {one.stage: one for one in report(shop).silences if one.whole}
    both = whole[M.in_transit]
    assert (both.gaps, both.limit_least, both.limit_most, both.beyond, both.silent) == (3, 1, 2, 1, 1)
    assert (whole[M.dispatched].gaps, whole[M.dispatched].p50, whole[M.dispatched].limit_most) == (2, 1.0, 2)


def test_what_came_of_each_delay(shop: World):
    """By source: in time all the same, late indeed, moved within a day, silent for longer, not to be judged yet; who
    was told, in vain, and who never was."""
    in_time, late, coming = (shop.order(str(n), promised_on="2026-03-06")[0] for n in range(3))
    moved, lasted, stopped = (shop.order(str(n))[0] for n in range(3, 6))
    old = shop.order("old", history=True, promised_on="2026-03-01")[0]
    shop.scan(old, M.in_transit, hours_ago=100)
    start = [(0.0, one, M.dispatched) for one in (in_time, late, coming, moved, lasted, stopped)]
    moves = [(48.5, moved, M.in_transit), (49, in_time, M.in_transit), (60, late, M.in_transit)]
    live(shop, (0, 48, 49, 50, 60), *start, *moves, (60, coming, M.in_transit))
    assert {one.cause for one in report(shop).alarms} == {"silence"}
    with shop.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).where(Shipment.id == stopped).values(cancelled_at=shop.clock.now()))
    live(shop, (80, 84, 86), (80, in_time, M.delivered), (84, lasted, M.in_transit), (86, moved, M.delivered))
    by = {one.carrier: one for one in report(shop).alarms}
    silence = by["dhl"]
    assert silence.opened == 6
    assert (silence.in_time, silence.moved_soon, silence.lasted, silence.unjudged) == (1, 1, 1, 3)
    assert (silence.late, silence.false, silence.rate) == (0, 2, None)
    # Of `in_time` and `moved` the carrier was heard within the hour for which the message is held.
    assert (silence.told, silence.told_false, silence.never_told) == (4, 0, 2)
    live(shop, (100, 111, 112, 124), (100, late, None), (100, coming, None), (124, late, M.delivered))
    # Friday ended at 111, in Stockholm.
    after = {(one.carrier, one.cause): one for one in report(shop).alarms}
    silence = after["dhl", "silence"]
    assert (silence.opened, silence.in_time, silence.late, silence.unjudged) == (6, 1, 2, 1)
    promise = after["dhl", "promise_passed"]
    assert (promise.opened, promise.late, promise.false, promise.told) == (2, 2, 0, 2)
    assert after[None, "silence"].whole and after[None, "silence"].opened == 6


def test_a_brand_sees_its_own_alone_and_a_carrier_can_be_picked(world: World):  # noqa: F811
    """Another brand's report is empty; a carrier that nobody has and nobody knows is refused with the nearest."""
    (parcel,) = world.order()
    world.scan(parcel, M.dispatched, hours_ago=20)
    world.scan(parcel, M.delivered, hours_ago=10)
    with world.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        other_id = other.id
    theirs = measure(world.house, other_id, SPAN)
    assert (theirs.parcels, theirs.early_scans, theirs.silences, theirs.alarms) == (0, (), (), ())
    assert (report(world, "DHL").parcels, report(world, "ups").parcels) == (1, 0)
    with pytest.raises(NotFound, match="'dhl'"):
        report(world, "dhk")
    with pytest.raises(InvalidInput, match="365d"):
        measure(world.house, brand_id(world), timedelta(days=366))


def test_what_is_no_lane_does_not_count(world: World):  # noqa: F811
    """Orders outside the span, scans from a file, and zones that PostgreSQL knows none of: nothing, nothing, UTC."""
    (old,) = world.order("old", placed_at=(START - timedelta(days=120)).isoformat())
    (filed,) = world.order("filed")
    (afar,) = world.order("afar")
    for parcel in (old, filed, afar):
        world.scan(parcel, M.dispatched, hours_ago=20)
        world.scan(parcel, M.in_transit, hours_ago=10)
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Scan).where(Scan.shipment_id == filed).values(source="file"))
        session.execute(sa.text("UPDATE orders SET zone = 'Mars/Olympus' WHERE number = 'afar'"))
    found = report(world)
    assert found.parcels == 2
    assert [(one.stage, one.gaps) for one in found.silences if one.whole and one.gaps] == [(M.dispatched, 1)]


_MANY = """
    INSERT INTO orders (public_id, brand_id, source, number, placed_at, locale, country, zone, zone_source, digest)
    SELECT 'ord_' || n, :brand, 'many', n::text, :now - n * interval '20 minutes', 'sv', 'SE', 'Europe/Stockholm',
        'order', ''
    FROM generate_series(1, 4000) AS n;
    INSERT INTO shipments (public_id, link_token, brand_id, order_id, reference, carrier, tracking_number, milestone,
        delivered_at)
    SELECT 'shp_' || id, 'l' || id, brand_id, id, '1', 'dhl', number, 'delivered', placed_at + interval '2 days'
    FROM orders;
    INSERT INTO scans (brand_id, shipment_id, digest, source, code, milestone, description, written_time, occurred_at,
        zone_source, heard_at)
    SELECT shipments.brand_id, shipments.id, decode(md5(n::text), 'hex'), 'poll', 'x', 'in_transit', '', '',
        delivered_at - n * interval '9 hours', 'offset', delivered_at
    FROM shipments, generate_series(1, 5) AS n;
    INSERT INTO crossings (brand_id, order_id, shipment_id, scope, scope_id, milestone, occurrence, cause, occurred_at,
        crossed_at, facts)
    SELECT brand_id, order_id, shipments.id, 'parcel', shipments.id, name, 1, cause, delivered_at, delivered_at, '{}'
    FROM shipments, (VALUES ('dispatched', 'scan'), ('delayed', 'silence'), ('delivered', 'scan')) AS one (name, cause);
    ANALYZE orders; ANALYZE shipments; ANALYZE scans; ANALYZE crossings;
"""


def test_a_narrow_span_reads_no_table_whole(world: World, engine: sa.Engine):  # noqa: F811
    """Among thousands of orders those of a day are found by index, and what belongs to them by theirs."""
    values = {"brand": brand_id(world), "now": datetime(2026, 3, 2, 8, tzinfo=UTC)}
    with engine.begin() as connection:
        for statement in _MANY.split(";")[:-1]:
            connection.execute(sa.text(statement), values if ":brand" in statement else {})
    asked: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, *_more) -> None:
        if "WITH counted" in statement:
            asked.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        found = measure(world.house, brand_id(world), timedelta(days=1))
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert found.parcels == 72 and len(asked) == 4
    with engine.connect() as connection:
        for statement, parameters in asked:
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
            for table in ("orders", "shipments", "scans", "crossings"):
                assert f"Seq Scan on {table}" not in plan, plan
