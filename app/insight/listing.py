"""The list of a brand's parcels: by what needs somebody, carrier, place and time, sorted, page by page."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Fault, InvalidInput, nearest
from app.models import Claim, Message, Order, Shipment
from app.models.orders import ENDED_WITHOUT, NEWS, RETURNING, UNENDED
from app.models.vocabulary import CARRIER_MILESTONES, ENDS, Milestone
from app.zones import begin_of_day, end_of_day, written_day, zone

Condition = sa.ColumnElement[bool] | sa.TextClause

PAGE = 50
SILENT_AFTER = timedelta(days=3)
"""A parcel on its way that nothing was heard of for so long is listed as silent."""

FAILING_FOR = timedelta(days=7)
"""Messages that failed within so long are listed as failing."""

ON_ITS_WAY = (Milestone.dispatched, Milestone.in_transit, Milestone.out_for_delivery)
_IN_A_FILE = 1000
_BEYOND_IDS = 2**63
_NEWS = NEWS.replace("milestone_at", "shipments.milestone_at").replace("ordered_at", "shipments.ordered_at")
_UNENDED = sa.text(f"shipments.{UNENDED}")
_RETURNING = sa.text(RETURNING.replace("milestone", "shipments.milestone").replace("direction", "shipments.direction"))

STATES: Mapping[str, str] = {
    "moving": "On their way",
    "late": "Late",
    "silent": "Silent",
    "pickup": "To be collected",
    "returning": "Going back",
    "claim": "Said to be missing",
    "unconfirmed": "Message unconfirmed",
    "failing": "Message failed",
    "delivered_today": "Delivered today",
}
"""What the list can be narrowed to, in the words of its filter."""

SORTS: Mapping[str, str] = {
    "order": "Newest orders first",
    "order-up": "Oldest orders first",
    "news": "Latest news first",
    "news-up": "Longest without news first",
}
"""How the list is sorted. What it is sorted by is also what `since` and `until` are asked of."""

MILESTONES = (*CARRIER_MILESTONES, Milestone.return_received)
"""Those that a parcel can stand at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which parcels: a state of STATES, a carrier, a country, a milestone ("" for any); sorted as SORTS say; from the
    day `since` to the day `until`, both included ("" for no bound), of what it is sorted by; `after` is the cursor of
    the page before."""

    state: str = ""
    carrier: str = ""
    country: str = ""
    milestone: str = ""
    sort: str = "order"
    since: str = ""
    until: str = ""
    after: str = ""

    @property
    def by_news(self) -> bool:
        """Whether the last news of a parcel is what counts, and not when it was ordered."""
        return self.sort.startswith("news")

    @property
    def upwards(self) -> bool:
        """Whether the oldest comes first."""
        return self.sort.endswith("-up")

    def with_(self, **changed: str) -> "Wanted":
        """The same with something else, from its first page."""
        return replace(self, **{"after": "", **changed})

    def in_address(self) -> dict[str, str]:
        """What of it stands in an address."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in told.items() if value and (name, value) != ("sort", "order")}


@dataclass(frozen=True, slots=True)
class Row:
    """One parcel of the list. Instants are UTC; `name` is the shopper's, as far as it is kept."""

    id: int
    shipment: str
    order: str
    name: str | None
    country: str | None
    carrier: str | None
    tracking_number: str | None
    direction: str
    milestone: str
    milestone_at: datetime | None
    late_since: datetime | None
    problem: str | None
    ordered_at: datetime
    eta_through: datetime | None
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One page, and the cursor of the next ("" at the end)."""

    rows: tuple[Row, ...]
    after: str


def check_wanted(wanted: Wanted) -> Wanted:
    """Raises InvalidInput naming the filter that there is none of, and the nearest that there is."""
    faults = [
        Fault(None, name, f"is {value!r}", nearest(value, known))
        for name, value, known in (
            ("state", wanted.state, STATES),
            ("milestone", wanted.milestone, [one.value for one in MILESTONES]),
            ("sort", wanted.sort, SORTS),
        )
        if value and value not in known
    ]
    for name, written in (("since", wanted.since), ("until", wanted.until)):
        if written and written_day(written) is None:
            faults.append(Fault(None, name, f"is {written!r}", "Write a day like 2026-11-27."))
    if faults:
        raise InvalidInput(faults)
    return wanted


def listed(session: Session, brand_id: int, wanted: Wanted, now: datetime, here: str, page: int = PAGE) -> Listed:
    """One page of a brand's parcels; `here` is the brand's zone, in which today is today."""
    query = _narrowed(sa.select(Shipment.id).where(Shipment.brand_id == brand_id), brand_id, wanted, now, here)
    key: Any = sa.literal_column(_NEWS, sa.DateTime(timezone=True)) if wanted.by_news else Shipment.ordered_at
    query = query.where(*_between(key, wanted, here))
    if wanted.after:
        query = query.where(_beyond(key, wanted))
    order = [key, Shipment.id] if wanted.upwards else [key.desc(), Shipment.id.desc()]
    # The page first, by an index; only its own rows are then looked up with their orders.
    ids = session.scalars(query.order_by(*order).limit(page + 1)).all()
    rows = tuple(rows_of(session, ids[:page]))
    return Listed(rows, _cursor(rows[-1], wanted) if len(ids) > page else "")


def all_listed(session: Session, brand_id: int, wanted: Wanted, now: datetime, here: str, most: int) -> Iterator[Row]:
    """The first `most` rows of the list, page after page."""
    while most > 0:
        found = listed(session, brand_id, wanted, now, here, min(most, _IN_A_FILE))
        yield from found.rows
        most -= len(found.rows)
        if not found.after:
            return
        wanted = replace(wanted, after=found.after)


def rows_of(session: Session, ids: Sequence[int]) -> list[Row]:
    """These parcels as rows of the list, in this order."""
    found = {one[0]: Row(*one) for one in session.execute(_columns().where(Shipment.id.in_(ids)))}
    return [found[one] for one in ids if one in found]


def _columns() -> sa.Select[Any]:
    columns: list[Any] = [
        Shipment.id, Shipment.public_id, Order.number, Order.shopper_name, Order.country, Shipment.carrier,
        Shipment.tracking_number, Shipment.direction, Shipment.milestone, Shipment.milestone_at, Shipment.late_since,
        Shipment.problem, Shipment.ordered_at, Shipment.eta_through,
        sa.or_(Shipment.cancelled_at.is_not(None), Order.cancelled_at.is_not(None)),
    ]  # fmt: skip
    return sa.select(*columns).join(Order, Order.id == Shipment.order_id)


def _narrowed(query: sa.Select[Any], brand_id: int, wanted: Wanted, now: datetime, here: str) -> sa.Select[Any]:
    if wanted.state:
        query = query.where(*_STATE[wanted.state](brand_id, now, here))
    if wanted.carrier:
        query = query.where(Shipment.carrier == wanted.carrier)
    if wanted.milestone:
        query = query.where(Shipment.milestone == wanted.milestone, *_indexed(Milestone(wanted.milestone)))
    if wanted.country:
        query = query.join(Order, Order.id == Shipment.order_id).where(
            Order.country == wanted.country, Order.brand_id == brand_id
        )
    return query


def _indexed(milestone: Milestone) -> list[Condition]:
    """What a milestone says of itself by its name, in the words of the index that knows those that are few."""
    if milestone is Milestone.delivered:
        return []
    return [sa.text(f"shipments.{ENDED_WITHOUT}") if milestone in ENDS else _UNENDED]


def _moving(*_: Any) -> list[Condition]:
    return [_UNENDED, Shipment.milestone.in_(ON_ITS_WAY)]


def _late(*_: Any) -> list[Condition]:
    return [Shipment.late_since.is_not(None), _UNENDED]


def _silent(_brand: int, now: datetime, _here: str) -> list[Condition]:
    heard = sa.func.coalesce(Shipment.last_heard_at, Shipment.milestone_at)
    return [
        _UNENDED,
        Shipment.milestone.in_(ON_ITS_WAY),
        Shipment.milestone_at < now - SILENT_AFTER,
        heard < now - SILENT_AFTER,
    ]


def _pickup(*_: Any) -> list[Condition]:
    return [_UNENDED, Shipment.milestone == Milestone.ready_for_pickup.value]


def _returning(*_: Any) -> list[Condition]:
    return [_UNENDED, _RETURNING]


def _claim(brand_id: int, *_: Any) -> list[Condition]:
    return [Shipment.id.in_(sa.select(Claim.shipment_id).where(Claim.closed_at.is_(None), Claim.brand_id == brand_id))]


def _unconfirmed(brand_id: int, *_: Any) -> list[Condition]:
    return [_of_messages(brand_id, Message.state == "unconfirmed")]


def _failing(brand_id: int, now: datetime, _here: str) -> list[Condition]:
    return [_of_messages(brand_id, Message.state == "failed", Message.ended_at > now - FAILING_FOR)]


def _of_messages(brand_id: int, *which: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return Shipment.id.in_(sa.select(Message.shipment_id).where(Message.brand_id == brand_id, *which))


def _delivered_today(_brand: int, now: datetime, here: str) -> list[Condition]:
    begins = now.astimezone(zone(here)).replace(hour=0, minute=0, second=0, microsecond=0)
    return [Shipment.delivered_at >= begins, Shipment.milestone == Milestone.delivered.value]


_STATE: Mapping[str, Callable[[int, datetime, str], list[Condition]]] = {
    "moving": _moving,
    "late": _late,
    "silent": _silent,
    "pickup": _pickup,
    "returning": _returning,
    "claim": _claim,
    "unconfirmed": _unconfirmed,
    "failing": _failing,
    "delivered_today": _delivered_today,
}


def _between(key: Any, wanted: Wanted, here: str) -> Iterator[sa.ColumnElement[bool]]:
    """The days from `since` to `until`, as the clocks of the brand know them."""
    first, last = written_day(wanted.since), written_day(wanted.until)
    if first is not None:
        yield key >= begin_of_day(first, here)
    if last is not None:
        yield key < end_of_day(last, here)


def _cursor(row: Row, wanted: Wanted) -> str:
    at = (row.milestone_at or row.ordered_at) if wanted.by_news else row.ordered_at
    return base64.urlsafe_b64encode(json.dumps([row.id, at.isoformat()]).encode()).decode().rstrip("=")


def _beyond(key: Any, wanted: Wanted) -> sa.ColumnElement[bool]:
    cursor = wanted.after
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        number, at = int(told[0]), datetime.fromisoformat(told[1]).astimezone(UTC)
        if not 0 < number < _BEYOND_IDS:
            raise ValueError("no parcel has that id")
    except (ValueError, IndexError, TypeError, KeyError, OverflowError) as error:
        problem = Fault(None, "after", "is no page of this list", "Begin with the first page.")
        raise InvalidInput([problem]) from error
    last, this = sa.tuple_(sa.literal(at), sa.literal(number)), sa.tuple_(key, Shipment.id)
    return this > last if wanted.upwards else this < last
