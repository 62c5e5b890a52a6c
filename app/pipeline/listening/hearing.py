"""Taking news in: the rows it concerns are locked in the one order of the house, and each scan is stored once."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Brand, Order, Shipment, UnknownCode
from app.models.vocabulary import Source
from app.pipeline.codes.applying import Standing, as_read, standing_for_hearing
from app.tracking.adapter.base import NO_NOTES, CarrierReply, HeardScan, ParcelNotes, clean
from app.tracking.elsewhere import goes_elsewhere


@dataclass(frozen=True, slots=True)
class Heard:
    """What one source said about one parcel. Without scans, only the passing of time is looked at again.

    `tracking_number` is the one that was asked about: should the parcel have got another since, this is not its news.
    `asked`: its carrier was asked just now, so that silence is its answer. `as_of` is when the source says that it
    stood so, UTC. `covered`: the carrier calls about the parcel by itself. `by` is the adapter whose words these are,
    where it is known: who is asked about the parcel may have changed since, or one calls while another is asked.
    `bound_for` is the country that it goes to, by the carrier's word.
    """

    shipment_id: int
    source: Source
    scans: tuple[HeardScan, ...] = ()
    eta_from: datetime | None = None
    eta_through: datetime | None = None
    eta_day: date | None = None
    service: str | None = None
    notes: ParcelNotes = NO_NOTES
    tracking_number: str | None = None
    as_of: datetime | None = None
    asked: bool = False
    covered: bool = False
    by: str | None = None
    bound_for: str | None = None
    again: bool = False
    """Nothing was heard: what is stored means something else now. What that opens is history, and nobody is told."""

    @property
    def estimates(self) -> bool:
        """Whether it says when the parcel will come."""
        return bool(self.eta_from or self.eta_through or self.eta_day)

    def with_estimate_of(self, other: "Heard") -> "Heard":
        """The same, with another's word on when the parcel will come."""
        return replace(self, eta_from=other.eta_from, eta_through=other.eta_through, eta_day=other.eta_day)

    @classmethod
    def of_reply(cls, shipment_id: int, source: Source, reply: CarrierReply, number: str) -> "Heard":
        """What a carrier's answer about a parcel, or its call, tells. `number` is the one it was about."""
        return cls(
            shipment_id,
            source,
            reply.scans,
            reply.eta_from,
            reply.eta_through,
            reply.eta_day,
            reply.service,
            reply.notes,
            number,
            reply.as_of or max((scan.occurred_at for scan in reply.scans if scan.occurred_at), default=None),
            asked=source is Source.poll,
            bound_for=reply.bound_for,
        )

    def concerns(self, shipment: Any | None) -> bool:
        """Whether a parcel's row, as it stands now, is the parcel that was spoken of."""
        return shipment is not None and self.tracking_number in (None, shipment.tracking_number)


@dataclass(slots=True)
class Tally:
    """What a batch came to, counted."""

    parcels: int = 0
    scans: int = 0
    crossings: int = 0
    decisions: int = 0
    messages: int = 0
    wakes: set[tuple[str, str]] = field(default_factory=set)
    """Which senders have work now: (`urgent` or `send`, channel)."""

    def add(self, other: "Tally") -> None:
        """Take another batch's counts in."""
        self.parcels += other.parcels
        self.scans += other.scans
        self.crossings += other.crossings
        self.decisions += other.decisions
        self.messages += other.messages
        self.wakes |= other.wakes


@dataclass(frozen=True, slots=True)
class Locked:
    """The rows of one batch, locked in the order of the house: orders, then all their parcels."""

    brands: Mapping[int, Any]
    orders: Mapping[int, Any]
    shipments: Mapping[int, Any]
    by_order: Mapping[int, Sequence[Any]]

    def erased(self, shipment_id: int) -> bool:
        """Whether the parcel's shopper was erased: its order is closed, and nothing is stored of it any more."""
        return self.orders[self.shipments[shipment_id].order_id].erased_at is not None

    def order_of(self, shipment_id: int) -> Any:
        """The order that a parcel belongs to."""
        return self.orders[self.shipments[shipment_id].order_id]

    def others(self, shipment: Any) -> list[Any]:
        """The other parcels of the same order."""
        return [other for other in self.by_order[shipment.order_id] if other.id != shipment.id]


def lock_parcels(session: Session, shipment_ids: Iterable[int]) -> Locked:
    """Lock the orders of these parcels, then every parcel of those orders."""
    of_these = sa.select(Shipment.order_id).where(Shipment.id == sa.func.any(sorted(set(shipment_ids))))
    orders = session.execute(
        sa.select(Order.__table__).where(Order.id.in_(of_these)).order_by(Order.id).with_for_update(key_share=True)
    ).all()
    shipments = session.execute(
        sa.select(Shipment.__table__)
        .where(Shipment.order_id == sa.func.any([order.id for order in orders]))
        .order_by(Shipment.id)
        .with_for_update(key_share=True)
    ).all()
    by_order: dict[int, list[Any]] = defaultdict(list)
    for shipment in shipments:
        by_order[shipment.order_id].append(shipment)
    brand_ids = {order.brand_id for order in orders}
    brands = session.execute(sa.select(Brand.__table__).where(Brand.id == sa.func.any(list(brand_ids)))).all()
    return Locked(
        brands={brand.id: brand for brand in brands},
        orders={order.id: order for order in orders},
        shipments={shipment.id: shipment for shipment in shipments},
        by_order=by_order,
    )


_AHEAD = timedelta(hours=26)
"""From one end of the world's clocks to the other: a local time taken for UTC is at most so far ahead."""

_BEFORE = timedelta(hours=24)
"""No carrier hears of a parcel sooner before its order was placed: a day, for clocks and zones that are wrong."""

_STORE = sa.text("""
    WITH stored AS (
        INSERT INTO scans (brand_id, shipment_id, digest, source, carrier, code, milestone, description, place,
            written_time, occurred_at, zone_source, moves, mapping_id, read_as, heard_at)
        SELECT brand_id, shipment_id, decode(digest, 'hex'), source, carrier, code, milestone, description, place,
            written_time, occurred_at, zone_source, moves, mapping_id, read_as, cast(:now AS timestamptz)
        FROM jsonb_to_recordset(cast(:scans AS jsonb)) AS scan (
            brand_id bigint, shipment_id bigint, digest text, source text, carrier text, code text, milestone text,
            description text, place text, written_time text, occurred_at timestamptz, zone_source text,
            moves boolean, mapping_id bigint, read_as text
        )
        ORDER BY shipment_id, digest
        ON CONFLICT (shipment_id, digest) WHERE retired_at IS NULL DO NOTHING
        RETURNING shipment_id, digest, brand_id, carrier, source
    ), counted AS (
        INSERT INTO event_counts (kind, brand_id, labels, number)
        SELECT 'scans', brand_id, ARRAY[coalesce(carrier, ''), source], count(*) FROM stored
        GROUP BY brand_id, carrier, source
    )
    SELECT shipment_id, digest FROM stored
""")


def store_scans(session: Session, heard: Sequence[Heard], locked: Locked, now: datetime) -> dict[int, int]:
    """Store each scan that is not known yet; how many were new, by parcel."""
    spoken = {one for entry in heard if entry.scans and (one := speaker(entry, locked.shipments[entry.shipment_id]))}
    mapped = standing_for_hearing(session, spoken)
    rows = [_row(entry, scan, locked, now, mapped) for entry in heard for scan in entry.scans]
    if not rows:
        return {}
    # One document instead of a parameter for every field: a parcel's answer repeats its whole history each time.
    inserted = session.execute(_STORE, {"scans": json.dumps(rows), "now": now}).all()
    counts: dict[int, int] = defaultdict(int)
    for shipment_id, _digest in inserted:
        counts[shipment_id] += 1
    new_keys = {(shipment_id, bytes(digest)) for shipment_id, digest in inserted}
    _count_unknown(session, heard, locked, new_keys, mapped)
    return counts


def speaker(entry: Heard, shipment: Any) -> str | None:
    """Whose words an entry's scans are in: the adapter's that was asked, or that called. None for the shop's own."""
    return (entry.by or shipment.asked_of or shipment.carrier) if entry.source in (Source.poll, Source.push) else None


def without_another(entry: Heard, locked: Locked) -> Heard:
    """What was heard, without what a carrier tells of the parcel that had the number before, where it tells of no
    other: nothing of that one is this shopper's business."""
    timed = [scan for scan in entry.scans if scan.occurred_at]
    if not timed or not all(_of_another(entry, scan, locked) for scan in timed):
        return entry
    return replace(entry, eta_from=None, eta_through=None, eta_day=None, service=None, notes=NO_NOTES)


def _of_another(entry: Heard, scan: HeardScan, locked: Locked) -> str | None:
    """How a carrier's scan is known to be another parcel's (`HeardScan.zone_source`), or None: numbers are used again,
    and it lies before the order (`former`), or that parcel goes to another country (`elsewhere`)."""
    if entry.source not in (Source.poll, Source.push):
        return None
    shipment = locked.shipments[entry.shipment_id]
    order = locked.orders[shipment.order_id]
    if scan.occurred_at is not None and scan.occurred_at < order.placed_at - _BEFORE:
        return "former"
    if shipment.direction == "outbound" and goes_elsewhere(entry.scans, entry.bound_for, order.country):
        return "elsewhere"
    return None


def _row(entry: Heard, scan: HeardScan, locked: Locked, now: datetime, mapped: Standing) -> dict[str, Any]:
    """A scan's columns as plain JSON values. One that lies further ahead than any zone can explain has no time:
    told at once it would be wrong, and it would hide the real one later. Nor has one of another parcel."""
    shipment, another = locked.shipments[entry.shipment_id], _of_another(entry, scan, locked)
    ahead = scan.occurred_at is not None and scan.occurred_at > now + _AHEAD
    occurred_at = None if ahead or another else scan.occurred_at
    carrier, code = speaker(entry, shipment), clean(scan.code)
    meant = mapped.of(carrier, code, shipment.brand_id)
    return {
        "brand_id": shipment.brand_id,
        "shipment_id": entry.shipment_id,
        "digest": scan.digest.hex(),
        "source": entry.source.value,
        "carrier": carrier or shipment.carrier,
        "code": code,
        "milestone": meant.milestone if meant else scan.milestone,
        "description": clean(scan.description),
        "place": clean(scan.place) if scan.place is not None else None,
        "written_time": clean(scan.written_time),
        "occurred_at": occurred_at.isoformat() if occurred_at else None,
        "zone_source": another or ("impossible" if ahead else scan.zone_source),
        "moves": not another and (meant.moves if meant else scan.moves),
        **({"mapping_id": meant.id, "read_as": as_read(scan.milestone, scan.moves)} if meant else {}),
    }


def _count_unknown(
    session: Session,
    heard: Sequence[Heard],
    locked: Locked,
    new_keys: set[tuple[int, bytes]],
    mapped: Standing,
) -> None:
    counted: dict[tuple[int, str, str], tuple[int, str]] = {}
    for entry in heard:
        shipment = locked.shipments[entry.shipment_id]
        for scan in entry.scans:
            if scan.unknown and (entry.shipment_id, scan.digest) in new_keys:
                carrier, code = speaker(entry, shipment), clean(scan.code)
                if mapped.of(carrier, code, shipment.brand_id):
                    continue
                key = (shipment.brand_id, carrier or shipment.carrier or "", code)
                counted[key] = (counted.get(key, (0, ""))[0] + 1, scan.description)
    if not counted:
        return
    statement = insert(UnknownCode)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["brand_id", "carrier", "code"],
            set_={
                "count": UnknownCode.count + statement.excluded.count,
                "example": statement.excluded.example,
                "last_seen_at": sa.func.now(),
            },
        ),
        [
            {"brand_id": brand_id, "carrier": carrier, "code": code, "count": count, "example": example}
            for (brand_id, carrier, code), (count, example) in sorted(counted.items())
        ],
    )
