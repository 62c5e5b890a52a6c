"""The shop in the storm: places orders whose parcels have news, cancels some, and takes shoppers' wishes."""

import heapq
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from app.broker import build_celery
from app.clock import wall_now
from app.db import Sessions
from app.intake.cancelling import cancel_order, cancel_parcel
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Order, Shipment
from app.models.vocabulary import Channel, Milestone, Source, SuppressionKind
from app.pipeline import listen
from app.pipeline.deciding.publishing import Said, publish
from app.pipeline.listening.hearing import Heard
from app.pipeline.people.consenting import suppress, wish
from app.settings import Settings
from app.tracking.adapter.base import HeardScan, scan_digest
from app.wiring import build_house, build_wake
from tests.daylight import zone_by_day

T = TypeVar("T")

RULES = """
version: 1
rules:
  - {name: out, when: out_for_delivery, send: [email, sms], expires: 24h, priority: urgent}
  - {name: arrived, when: delivered, send: [email, sms], expires: 72h, merge: 2s}
  - {name: sent, when: dispatched, send: [email, sms], expires: 48h, per: order}
  - {name: trouble, when: exception, send: [email], fallback: {email: sms}, expires: 48h, merge: 2s}
"""
"""Tells of each parcel alone, of two together, once for the order, and of two with a text in an email's place."""

_KINDS = (
    (Milestone.out_for_delivery, 1, {Channel.email: 1, Channel.sms: 1}),
    (Milestone.delivered, 2, {Channel.email: 2, Channel.sms: 2}),
    (Milestone.dispatched, 2, {Channel.email: 1, Channel.sms: 1}),
    (Milestone.exception, 2, {Channel.email: 2, Channel.sms: 0}),
)
"""What befalls how many parcels of an order, in turn, and how many ledger keys that takes on each channel."""
EACH = sum(sum(keys.values()) for _, _, keys in _KINDS) / len(_KINDS)
"""Ledger keys an order, before anything is told in the place of something else."""
_CANCELLED, _LEFT, _SUPPRESSED = 0.03, 0.03, 0.05
_LATEST_WISH = 0.7
"""Seconds after an order was placed in which minds are changed: before, while and after its messages leave."""


def number_of(n: int) -> str:
    return f"K{n:06}"


def email_of(n: int) -> str:
    return f"maja{n}@example.test"


def phone_of(n: int) -> str:
    return f"+4670{1740000 + n:07}"


class Shop:
    """One brand's orders, with one parcel or two. What it was told to do it does, however often the database is away.

    `cancelled` and `suppressed` hold when, at the latest, each wish was committed, on the database's clock.
    """

    def __init__(self, engine: sa.Engine, sessions: Sessions, broker_url: str, database_url: str, seed: int) -> None:
        self._dice = random.Random(f"shop {seed}")
        self._sessions = sessions
        wake = build_wake(build_celery(Settings(broker_url=broker_url, database_url=database_url)))
        self._house = build_house(Settings(send="shadow"), engine=engine, wake=wake)
        self._wishes = _Wishes()
        self.placed = 0
        self.left = 0
        self.cancelled: dict[str, datetime] = {}
        self.suppressed: dict[tuple[Channel, str], datetime] = {}
        with sessions.begin() as session:
            brand = Brand(key="fjallhem", name="Fjällhem", zone="Europe/Stockholm", locale="en")
            session.add(brand)
            session.flush()
            publish(session, self._house, brand, RULES, Said("the storm", "several parcels, and second tries"), None)
        self.brand = brand

    def expected(self, channel: Channel) -> int:
        """How many ledger keys the orders so far take on a channel, beside those of what stands in for others."""
        return sum(_kind(n)[2][channel] for n in range(self.placed))

    def place(self, orders: int) -> None:
        """So many orders more, each with news about its parcel."""
        if orders <= 0:
            return
        numbers = range(self.placed, self.placed + orders)
        _surely(lambda: self._place(numbers))
        self.placed += orders
        self._change_minds(numbers)

    def _place(self, numbers: range) -> None:
        now = wall_now()
        payloads = [
            {
                "number": number_of(n),
                "placed_at": (now - timedelta(days=2)).isoformat(),
                "shopper": {"name": "Maja Lind", "email": email_of(n), "phone": phone_of(n), "zone": zone_by_day()},
                "parcels": [{"reference": str(one)} for one in range(_kind(n)[1])],
            }
            for n in numbers
        ]
        with self._sessions.begin() as session:
            upsert_orders(session, self.brand, [parse_order(payload, ()) for payload in payloads], now=now)
            rows = session.execute(
                sa.select(Order.number, Shipment.id, Shipment.reference)
                .join(Shipment, Shipment.order_id == Order.id)
                .where(Order.number.in_([payload["number"] for payload in payloads]))
                .order_by(Shipment.id)
            ).all()
        at = now - timedelta(minutes=1)
        for turn in ("0", "1"):  # one after the other, so that the second joins what waits already
            some = [row for row in rows if row.reference == turn]
            listen(self._house, [Heard(row.id, Source.push, (_scan(int(row.number[1:]), at),)) for row in some], now)

    def _change_minds(self, numbers: range) -> None:
        """Some of these orders will be cancelled, and some shoppers will want no more on one channel."""
        for n in numbers:
            drawn, due = self._dice.random(), time.monotonic() + self._dice.random() * _LATEST_WISH
            if drawn < _CANCELLED:
                self._wishes.put(due, partial(self._cancel, number_of(n)))
            elif drawn < _CANCELLED + _LEFT:
                self._wishes.put(due, partial(self._leave, number_of(n)))
            elif drawn < _CANCELLED + _LEFT + _SUPPRESSED:
                channel = self._dice.choice((Channel.email, Channel.sms))
                address = email_of(n) if channel is Channel.email else phone_of(n)
                self._wishes.put(due, partial(self._suppress, channel, address))

    def _cancel(self, number: str) -> None:
        with self._sessions.begin() as session:
            assert cancel_order(session, self.brand.id, number, wall_now()) is not None
        self.cancelled[number] = self._database_now()

    def _leave(self, number: str) -> None:
        """One parcel leaves its order; what tells of others too goes on without it."""
        first = sa.select(sa.func.min(Shipment.id)).join(Order, Order.id == Shipment.order_id)
        with self._sessions.begin() as session:
            parcel = session.get_one(Shipment, session.scalars(first.where(Order.number == number)).one()).public_id
            assert cancel_parcel(session, self.brand.id, parcel, wall_now()) is not None
        self.left += 1

    def _suppress(self, channel: Channel, address: str) -> None:
        with self._sessions.begin() as session:
            suppress(session, [wish(self.brand.id, channel, address, SuppressionKind.manual)])
        self.suppressed[channel, address] = self._database_now()

    def _database_now(self) -> datetime:
        with self._sessions() as session:
            return session.scalars(sa.select(sa.func.clock_timestamp())).one()

    def close(self) -> None:
        """Let the last wishes be done, and let go."""
        self._wishes.end()
        self._house.loop.run(self._house.http.aclose())
        self._house.loop.close()


class _Wishes:
    """Does each thing at its time, in a thread of its own, so that it falls anywhere among the calls."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._changed = threading.Condition()
        self._number = 0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="wishes", daemon=True)
        self._thread.start()

    def put(self, due: float, work: Callable[[], None]) -> None:
        """Do `work` at `due` on the stopwatch."""
        with self._changed:
            self._number += 1
            heapq.heappush(self._due, (due, self._number, work))
            self._changed.notify()

    def end(self) -> None:
        """Do nothing more, and wait for what is being done."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._ending and not (self._due and self._due[0][0] <= time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._ending:
                    return
                work = heapq.heappop(self._due)[2]
            _surely(work)


def _kind(n: int) -> tuple[Milestone, int, dict[Channel, int]]:
    return _KINDS[n % len(_KINDS)]


def _scan(n: int, at: datetime) -> HeardScan:
    return HeardScan(scan_digest("k"), "van", _kind(n)[0], "On its way", "Malmö", "now", at, "offset")


def _surely(work: Callable[[], T]) -> T:
    """Do it, again if need be: everything that a shop does can be done twice."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return work()
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
