"""Orders on a real database: stored once, corrected in place, cancelled, and safe to tell from many sides."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db import Sessions
from app.intake.routes import Route
from app.intake.schema import IncomingOrder, parse_order, parse_parcel
from app.intake.store import Outcome, Stored, add_parcels, cancel_order, upsert_orders
from app.models import Brand, Crossing, Message, Order, RuleSetVersion, Shipment
from tests.intake.rows import CARRIERS, NOW, order, table

LATER = NOW + timedelta(hours=5)


def dhl_is_asked(carrier: str | None, number: str | None, country: str | None) -> Route:
    """The routes of an installation that has a key of DHL's alone."""
    return Route("dhl" if carrier == "dhl" and number else None)


def tell(sessions: Sessions, brand: Brand, *orders: IncomingOrder, at: datetime = NOW, history: bool = False) -> Stored:
    """Store orders in one transaction."""
    with sessions.begin() as session:
        return upsert_orders(session, brand, orders, now=at, history=history, route=dhl_is_asked)


def only(sessions: Sessions, kind: type[Any]) -> Any:
    """The one row of a table."""
    with sessions() as session:
        return session.scalars(sa.select(kind)).one()


def everything(sessions: Sessions) -> list[str]:
    """Every column of every order and parcel."""
    with sessions() as session:
        return table(session, "orders") + table(session, "shipments")


def test_an_order_is_stored_with_what_follows_from_it(sessions: Sessions, brand: Brand) -> None:
    """Zone from the country, a first look at the calendar within a day, a first poll at once, random outside names."""
    stored = tell(sessions, brand, order())
    row, parcel = only(sessions, Order), only(sessions, Shipment)
    assert (row.zone, row.zone_source, row.locale) == ("Europe/Stockholm", "country", "sv")
    assert row.public_id.startswith("ord_")
    assert parcel.public_id.startswith("shp_")
    assert len(parcel.link_token) == 26
    assert parcel.watch_at == NOW + timedelta(days=1)
    assert (parcel.next_poll_at, parcel.history_until, parcel.reference) == (NOW, None, "T1001")
    assert parcel.items == [{"name": "Lantern", "quantity": 2}]
    assert [(one.number, one.outcome) for one in stored.orders] == [("1001", Outcome.new)]
    assert (stored.parcels_new, stored.carriers_due) == (1, {"dhl"})


@pytest.mark.parametrize(
    ("shopper", "zone", "source"),
    [
        ({"zone": "Atlantic/Azores", "country": "PT"}, "Atlantic/Azores", "order"),
        ({"country": "BR"}, "America/Sao_Paulo", "country"),
        ({}, "Europe/Stockholm", "brand"),
    ],
)
def test_the_zone_comes_from_the_nearest_source(
    sessions: Sessions, brand: Brand, shopper: dict[str, str], zone: str, source: str
) -> None:
    """The order's own zone, else its country's, else the brand's; and which it was is kept."""
    tell(sessions, brand, order(shopper={"email": "a@example.test"} | shopper))
    row = only(sessions, Order)
    assert (row.zone, row.zone_source) == (zone, source)


def test_the_same_again_changes_no_row(sessions: Sessions, brand: Brand) -> None:
    """Told twice, later and among others, an order leaves every column as it was, rested parcels included."""
    orders = [order(str(number)) for number in range(5)]
    tell(sessions, brand, *orders)
    with sessions.begin() as session:  # the engine has polled one parcel and told of another's delay since
        session.execute(sa.text("UPDATE shipments SET next_poll_at = NULL, watch_at = NULL, milestone = 'delivered'"))
    before = everything(sessions)
    stored = tell(sessions, brand, *reversed(orders), at=LATER, history=True)
    assert everything(sessions) == before
    assert stored.count(Outcome.unchanged) == 5
    assert (stored.parcels_new, stored.parcels_changed, stored.carriers_due) == (0, 0, set())


def test_a_correction_changes_what_it_names_and_keeps_the_rest(sessions: Sessions, brand: Brand) -> None:
    """A new address and phone are taken over; what a later telling leaves out stays; a null takes it away."""
    tell(sessions, brand, order())
    shopper = {"email": "new@example.test", "phone": None}
    stored = tell(sessions, brand, order(shopper=shopper, parcels=[]), at=LATER)
    row = only(sessions, Order)
    assert stored.count(Outcome.changed) == 1
    assert (row.email, row.phone, row.shopper_name, row.country) == ("new@example.test", None, "Ann Ek", "SE")
    assert (row.zone, row.zone_source) == ("Europe/Stockholm", "country")
    assert row.updated_at > row.created_at
    assert only(sessions, Shipment).tracking_number == "T1001"


@pytest.mark.parametrize(
    ("promised", "looked_at"), [(None, NOW + timedelta(days=1)), ("2026-03-10", datetime(2026, 3, 10, 23, tzinfo=UTC))]
)
def test_the_calendar_is_first_looked_at_as_the_promise_ends(
    sessions: Sessions, brand: Brand, promised: str | None, looked_at: datetime
) -> None:
    """And within a day where it ends later or there is none: a parcel can be late without one."""
    tell(sessions, brand, order(promised_on=promised))
    assert only(sessions, Shipment).watch_at == looked_at


def test_a_new_promise_is_judged_at_once_for_the_parcels_that_wait_for_it(sessions: Sessions, brand: Brand) -> None:
    """A later day lets the calendar look at open parcels, not at those with their own day or those that ended."""
    parcels = [{"reference": "A"}, {"reference": "B", "promised_on": "2026-03-20"}, {"reference": "C"}]
    tell(sessions, brand, order(parcels=parcels))
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE shipments SET milestone = 'delivered', watch_at = NULL WHERE reference = 'C'"))
    stored = tell(sessions, brand, order(promised_on="2026-03-15", parcels=[]), at=LATER)
    with sessions() as session:
        due = dict(session.execute(sa.text("SELECT reference, watch_at FROM shipments")).all())
    assert due == {"A": LATER, "B": NOW + timedelta(days=1), "C": None}
    assert stored.parcels_changed == 1


def test_a_corrected_number_is_asked_about_at_once(sessions: Sessions, brand: Brand) -> None:
    """A new number under the same reference wakes the parcel and clears its troubles, wherever the wrong one had come
    to; one that was cancelled stays at rest."""
    tell(sessions, brand, order(parcels=[{"reference": "A", "carrier": "dhl", "tracking_number": "WRONG"}]))
    trouble = "UPDATE shipments SET next_poll_at = NULL, poll_failures = 9, problem = 'unknown number', milestone = :at"
    right = order(parcels=[{"reference": "A", "carrier": "dhl", "tracking_number": "RIGHT"}])
    with sessions.begin() as session:
        session.execute(sa.text(trouble), {"at": "expired"})
    assert tell(sessions, brand, right, at=LATER).parcels_changed == 1
    parcel = only(sessions, Shipment)
    assert (parcel.tracking_number, parcel.next_poll_at) == ("RIGHT", LATER)
    assert (parcel.poll_failures, parcel.problem) == (0, None)
    with sessions.begin() as session:
        session.execute(sa.text(trouble), {"at": "delivered"})
    tell(sessions, brand, order(parcels=[{"reference": "A", "tracking_number": "RIGHT2"}]), at=LATER)
    parcel = only(sessions, Shipment)
    assert (parcel.milestone, parcel.next_poll_at) == ("registered", LATER)
    tell(sessions, brand, order(parcels=[{"reference": "A", "cancelled": True}]), at=LATER)
    tell(sessions, brand, order(parcels=[{"reference": "A", "tracking_number": "RIGHT3"}]), at=LATER)
    assert only(sessions, Shipment).next_poll_at is None
    tell(sessions, brand, order(parcels=[{"reference": "A", "cancelled": False}]), at=LATER)
    parcel = only(sessions, Shipment)
    assert (parcel.cancelled_at, parcel.next_poll_at) == (None, LATER)


def test_only_parcels_that_can_be_asked_about_are_polled(sessions: Sessions, brand: Brand) -> None:
    """No carrier, no number or a carrier without an adapter that polls: the parcel rests."""
    parcels = [
        {"reference": "none"},
        {"reference": "no carrier", "tracking_number": "1"},
        {"reference": "no number", "carrier": "dhl"},
        {"reference": "pushed", "carrier": "postnord", "tracking_number": "2"},
        {"reference": "asked", "carrier": "dhl", "tracking_number": "3"},
    ]
    tell(sessions, brand, order(parcels=parcels))
    with sessions() as session:
        polled = session.scalars(sa.text("SELECT reference FROM shipments WHERE next_poll_at IS NOT NULL")).all()
    assert polled == ["asked"]


def test_history_is_declared_for_new_parcels_only(sessions: Sessions, brand: Brand) -> None:
    """An import's parcels get their baseline; one that was live before keeps none; an order can say it itself."""
    tell(sessions, brand, order("live"))
    tell(sessions, brand, order("live"), order("old"), at=LATER, history=True)
    tell(sessions, brand, order("said", history=True), at=LATER)
    with sessions() as session:
        query = "SELECT o.number, s.history_until FROM shipments s JOIN orders o ON o.id = s.order_id"
        baselines = dict(session.execute(sa.text(query)).all())
    assert baselines == {"live": None, "old": LATER, "said": LATER}


def test_an_order_told_twice_in_a_batch_is_told_twice_in_a_row(sessions: Sessions, brand: Brand) -> None:
    """Two rows of one order in one batch are one order with both parcels; the later word holds."""
    first = order(currency="SEK", parcels=[{"reference": "A"}])
    second = order(currency="EUR", parcels=[{"reference": "B"}])
    stored = tell(sessions, brand, first, order("other"), second)
    with sessions() as session:
        assert session.scalars(sa.text("SELECT currency FROM orders WHERE number = '1001'")).all() == ["EUR"]
        assert session.scalar(sa.text("SELECT count(*) FROM shipments")) == 3
    assert [one.outcome for one in stored.orders].count(Outcome.changed) == 1


def test_scans_are_handed_on_and_never_stored_here(sessions: Sessions, brand: Brand) -> None:
    """Each parcel's scans come back under the parcel's id, at the first telling and at every later one."""
    scan = {"milestone": "dispatched", "occurred_at": "2026-03-10T08:00:00Z"}
    told = order(parcels=[{"reference": "A", "scans": [scan]}, {"reference": "B"}])
    for stored in (tell(sessions, brand, told), tell(sessions, brand, told)):
        with sessions() as session:
            wanted = session.scalar(sa.text("SELECT id FROM shipments WHERE reference = 'A'"))
            assert session.scalar(sa.text("SELECT count(*) FROM scans")) == 0
        assert [(one.shipment_id, len(one.scans)) for one in stored.scans] == [(wanted, 1)]


def test_brands_and_sources_do_not_meet(sessions: Sessions, brand: Brand) -> None:
    """The same number under another brand or source is another order."""
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
    tell(sessions, brand, order())
    assert tell(sessions, other, order()).count(Outcome.new) == 1
    assert tell(sessions, brand, order(source="web")).count(Outcome.new) == 1
    with sessions() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM orders")) == 3


def test_parcels_can_be_added_to_a_known_order(sessions: Sessions, brand: Brand) -> None:
    """A second parcel joins the first; the same again is nothing; an unknown order is said to be so."""
    tell(sessions, brand, order())
    parcel = parse_parcel({"carrier": "dhl", "tracking_number": "T2"}, CARRIERS)
    for number, outcome in (("1001", Outcome.changed), ("1001", Outcome.unchanged)):
        with sessions.begin() as session:
            stored = add_parcels(session, brand, number, [parcel], now=LATER, route=dhl_is_asked)
        assert stored is not None
        assert stored.orders[0].outcome is outcome
    with sessions.begin() as session:
        assert add_parcels(session, brand, "nobody's", [parcel], now=LATER) is None
        assert session.scalar(sa.text("SELECT count(*) FROM shipments WHERE watch_at IS NOT NULL")) == 2


@settings(max_examples=40)
@given(
    names=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=6
    ),
    total=st.none() | st.integers(0, 10**15),
    zone=st.sampled_from([None, "Pacific/Kiritimati", "Pacific/Pago_Pago"]),
)
def test_what_goes_in_comes_out_and_in_again(
    sessions: Sessions, brand: Brand, names: list[str], total: int | None, zone: str | None
) -> None:
    """Any text and amount is stored as it was checked, and telling it again is no change."""
    orders = [
        parse_order(
            {
                "number": f"n{index}",
                "placed_at": "2026-03-09T10:15:00.123456+05:45",
                "shopper": {"email": "a@example.test", "name": name, "city": name, "zone": zone},
                "currency": "SEK",
                "total_minor": total,
                "tags": [name] if name.strip("\0 \n") and name.isprintable() else [],
                "items": [{"name": f"x{name}", "price_minor": total}],
            },
            CARRIERS,
        )
        for index, name in enumerate(names)
    ]
    tell(sessions, brand, *orders)
    assert tell(sessions, brand, *orders).count(Outcome.unchanged) == len(orders)
    with sessions() as session:
        rows = {row.number: row for row in session.scalars(sa.select(Order))}
    for told in orders:
        row = rows[told.number]
        assert (row.shopper_name, row.city, row.total_minor) == (told.shopper.name, told.shopper.city, total)
        assert row.items[0]["name"] == told.items[0].name
        assert row.placed_at == told.placed_at


def at_once(*work: Callable[[], object]) -> list[BaseException]:
    """Run everything at the same moment in threads; what was raised."""
    barrier, raised = Barrier(len(work)), list[BaseException]()

    def run(one: Callable[[], object]) -> None:
        try:
            barrier.wait(60)
            one()
        except BaseException as error:
            raised.append(error)

    threads = [Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def test_the_same_orders_from_many_sides_are_stored_once_and_never_deadlock(sessions: Sessions, brand: Brand) -> None:
    """Four sessions tell the same orders in different order, some new and some known, while one cancels them."""
    known = [order(f"k{number}") for number in range(30)]
    new = [order(f"n{number}", parcels=[{"tracking_number": f"x{number}"}, {}]) for number in range(30)]
    tell(sessions, brand, *known)
    changed = [order(f"k{number}", currency="EUR") for number in range(30)]
    mixes = [
        [*known, *new],
        [*reversed(new), *changed],
        [*new[::2], *reversed(known), *new[1::2]],
        [*changed, *reversed(new)],
    ]

    def cancel() -> None:
        for number in (f"k{n}" for n in reversed(range(30))):
            with sessions.begin() as session:
                assert cancel_order(session, brand.id, number, LATER)

    assert at_once(*(lambda mix=mix: tell(sessions, brand, *mix) for mix in mixes), cancel) == []
    with sessions() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM orders")) == 60
        assert session.scalar(sa.text("SELECT count(*) FROM shipments")) == 90
        assert session.scalar(sa.text("SELECT count(*) FROM shipments WHERE cancelled_at IS NOT NULL")) == 30


def await_lock(sessions: Sessions, seconds: float = 60) -> None:
    """Return once some session of this database waits for a lock."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = monotonic() + seconds
    while True:
        with sessions() as session:
            if session.scalar(waiting):
                return
        assert monotonic() < deadline, "nobody waits for a lock"


def test_who_comes_second_waits_and_sees_what_the_first_has_done(sessions: Sessions, brand: Brand) -> None:
    """While one session adds a parcel to an order, another that tells the same waits, then finds it there."""
    tell(sessions, brand, order())
    both = order(parcels=[{"tracking_number": "T1001"}, {"tracking_number": "T2"}])
    told: list[Stored] = []
    with sessions() as first:
        upsert_orders(first, brand, [both], now=NOW)
        second = Thread(target=lambda: told.append(tell(sessions, brand, both)))
        second.start()
        await_lock(sessions)
        first.commit()
    second.join(60)
    assert [stored.count(Outcome.unchanged) for stored in told] == [1]
    with sessions() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM shipments")) == 2


def planned(session: Session, brand: Brand, shipment: Shipment, state: str, attempt: int | None = None) -> str:
    """One message of that state about a parcel, with the crossing and versions that it hangs on."""
    rules = RuleSetVersion(brand_id=brand.id, digest=state.encode() + bytes([attempt or 0]), content="rules")
    common = {
        "brand_id": brand.id,
        "order_id": shipment.order_id,
        "shipment_id": shipment.id,
        "milestone": "dispatched",
    }
    with session.no_autoflush:
        count = session.scalar(sa.select(sa.func.count()).select_from(Crossing)) or 0
    crossing = Crossing(
        scope="parcel", scope_id=shipment.id, occurrence=count + 1, cause="scan", anchor=b"a",
        occurred_at=NOW, crossed_at=NOW, facts={}, **common,
    )  # fmt: skip
    session.add_all([rules, crossing])
    session.flush()
    name = f"msg_{state}{attempt or ''}"
    session.add(
        Message(
            public_id=name, crossing_id=crossing.id, rule="r", channel="email", recipient_id="shopper", locale="en",
            rule_set_version_id=rules.id, priority=1, state=state, reason="planned", planned_at=NOW, send_at=NOW,
            expires_at=LATER, lease_token="t" if state == "sending" else None, open_attempt_id=attempt, **common,
        )
    )  # fmt: skip
    session.flush()
    return name


def test_cancelling_stops_what_has_not_begun_and_names_what_has(sessions: Sessions, brand: Brand) -> None:
    """Held, ready and merely claimed messages end; begun ones are listed; sent ones stand; parcels rest."""
    tell(sessions, brand, order(), order("other"))
    with sessions.begin() as session:
        shipment = session.scalars(sa.select(Shipment).where(Shipment.tracking_number == "T1001")).one()
        stopped = {planned(session, brand, shipment, state) for state in ("held", "ready", "sending")}
        begun = [planned(session, brand, shipment, "sending", 7), planned(session, brand, shipment, "unconfirmed", 8)]
        planned(session, brand, shipment, "accepted")
    with sessions.begin() as session:
        cancelled = cancel_order(session, brand.id, "1001", LATER)
    assert cancelled is not None
    assert (cancelled.parcels, cancelled.messages, cancelled.already) == (1, 3, False)
    assert cancelled.in_flight == tuple(begun)
    with sessions() as session:
        messages = session.scalars(sa.select(Message).where(Message.state == "cancelled")).all()
        shipment = session.scalars(sa.select(Shipment).where(Shipment.tracking_number == "T1001")).one()
        assert {message.public_id for message in messages} == stopped
        assert {(m.reason, m.ended_at, m.lease_token) for m in messages} == {("cancelled", LATER, None)}
        assert session.scalar(sa.text("SELECT state FROM messages WHERE public_id = 'msg_accepted'")) == "accepted"
        assert (shipment.next_poll_at, shipment.watch_at, shipment.cancelled_at) == (None, None, LATER)
        assert session.scalar(sa.text("SELECT count(*) FROM shipments WHERE next_poll_at IS NOT NULL")) == 1


def test_cancelling_twice_is_once_and_a_cancelled_order_stays_so(sessions: Sessions, brand: Brand) -> None:
    """The second cancel keeps the first's time; telling the order again, or a new parcel, wakes nothing."""
    tell(sessions, brand, order())
    for at, already in ((NOW, False), (LATER, True)):
        with sessions.begin() as session:
            cancelled = cancel_order(session, brand.id, "1001", at)
            assert cancelled is not None
            assert (cancelled.cancelled_at, cancelled.already) == (NOW, already)
            assert cancel_order(session, brand.id, "unheard of", at) is None
            assert cancel_order(session, brand.id + 1, "1001", at) is None
    parcels = [{"carrier": "dhl", "tracking_number": "T2"}]
    tell(sessions, brand, order(promised_on="2026-04-01", parcels=parcels), at=LATER)
    with sessions() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM shipments WHERE cancelled_at IS NULL")) == 0
        awake = "SELECT count(*) FROM shipments WHERE next_poll_at IS NOT NULL OR watch_at IS NOT NULL"
        assert session.scalar(sa.text(awake)) == 0
