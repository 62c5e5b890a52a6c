"""Stores orders and parcels, many at a time and as often as anyone likes: what is already so stays untouched."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.intake.cancelling import (
    Cancelled,
    CancelledParcel,
    cancel_order,
    cancel_orders,
    cancel_parcel,
    in_flight,
    lock_telling,
    silence,
)
from app.intake.forgetting import forget_the_erased
from app.intake.matching import match_parcels
from app.intake.restarting import retire
from app.intake.routes import Router, nobody
from app.intake.rows import (
    ORDER_CONTENT,
    PARCEL_COLUMNS,
    Row,
    Terms,
    Writable,
    in_rounds,
    new_order_row,
    new_parcel_row,
    number_corrected,
    order_row,
    parcel_row,
)
from app.intake.schema import IncomingOrder, IncomingParcel, IncomingScan
from app.models.brands import Brand

__all__ = [
    "Cancelled",
    "CancelledParcel",
    "Outcome",
    "ParcelScans",
    "Stored",
    "StoredOrder",
    "add_parcels",
    "cancel_order",
    "cancel_orders",
    "cancel_parcel",
    "upsert_orders",
]


class Outcome(StrEnum):
    """What telling an order came to."""

    new = "new"
    changed = "changed"
    unchanged = "unchanged"


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """One order as it was told, and what came of it."""

    id: int
    public_id: str
    source: str
    number: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ParcelScans:
    """What the shop said happened to one parcel; the pipeline has yet to hear it. Without scans: what its order has
    come to is to be looked at again, for the parcel has left it, or come back."""

    shipment_id: int
    scans: tuple[IncomingScan, ...]


@dataclass(slots=True)
class Stored:
    """What a call came to. `carriers_due` are the adapters with a parcel to ask about at once."""

    orders: list[StoredOrder] = field(default_factory=list)
    scans: list[ParcelScans] = field(default_factory=list)
    parcels_new: int = 0
    parcels_changed: int = 0
    carriers_due: set[str] = field(default_factory=set)
    in_flight: dict[int, list[str]] = field(default_factory=dict)
    """By order: messages about parcels that were cancelled whose sending had begun. They may still arrive."""
    left: set[int] = field(default_factory=set)
    """The parcels, by row id, that left their orders by this call."""
    restarted: set[int] = field(default_factory=set)
    """Those whose tracking number was corrected."""

    def count(self, outcome: Outcome) -> int:
        """How many orders came out so."""
        return sum(order.outcome is outcome for order in self.orders)


def upsert_orders(
    session: Session,
    brand: Brand,
    orders: Sequence[IncomingOrder],
    *,
    now: datetime,
    history: bool = False,
    route: Router = nobody,
) -> Stored:
    """Store `orders` of one brand in the caller's transaction, with row locks in the one order (law 14).

    `now` is engine time; `history` declares that what has happened so far is nobody's news; `route` says
    who is asked about a parcel. Scans are not stored here: they are returned for the pipeline to hear.
    """
    stored = Stored()
    for batch in in_rounds(orders):
        _upsert_once(session, brand, batch, Terms(now, history, route), stored)
    _fall_silent(session, stored, now)
    return stored


def add_parcels(
    session: Session,
    brand: Brand,
    number: str,
    parcels: Sequence[IncomingParcel],
    *,
    now: datetime,
    route: Router = nobody,
    source: str | None = None,
) -> Stored | None:
    """Add (or correct) parcels of an order that is known already; None when it is not."""
    query = sa.text(
        "SELECT * FROM orders WHERE brand_id = :brand AND number = :number"
        " AND (CAST(:source AS text) IS NULL OR source = :source) ORDER BY id LIMIT 1 FOR NO KEY UPDATE"
    )
    row = session.execute(query, {"brand": brand.id, "number": number, "source": source}).mappings().first()
    if row is None:
        return None
    stored = Stored()
    touched = _upsert_parcels(session, [(row, row, parcels, Terms(now, False, route))], stored)
    stored.orders.append(_told(row, Outcome.changed if row["id"] in touched else Outcome.unchanged))
    _fall_silent(session, stored, now)
    return stored


def _fall_silent(session: Session, stored: Stored, now: datetime) -> None:
    """What the parcels that left their orders, or had a wrong number, would still have told. Locks messages: last."""
    if not stored.restarted and not stored.left:
        return
    lock_telling(session, sorted(stored.restarted | stored.left))
    retire(session, sorted(stored.restarted), now)
    if stored.left:
        silence(session, sorted(stored.left), now)
        stored.in_flight = in_flight(session, sorted(stored.left))


def _upsert_once(session: Session, brand: Brand, orders: Sequence[IncomingOrder], terms: Terms, stored: Stored) -> None:
    by_key = {(order.source, order.number): order for order in sorted(orders, key=lambda o: (o.source, o.number))}
    # Insert first, lock then: whoever still waits to insert holds no lock on a row that others can see.
    new = _insert_orders(session, brand, by_key, terms.now)
    known = _lock_orders(session, brand, [key for key in by_key if key not in new])
    changed = _update_orders(session, brand, by_key, known)
    now_so = known | changed | new
    work = []
    for key, after in sorted(now_so.items(), key=lambda entry: int(entry[1]["id"])):
        order = by_key[key]
        own_terms = Terms(terms.now, terms.history or order.history, terms.route)
        work.append((known.get(key, after), after, order.parcels, own_terms))
    touched = _upsert_parcels(session, work, stored)
    for key in by_key:
        row = now_so[key]
        outcome = Outcome.changed if key in changed or row["id"] in touched else Outcome.unchanged
        stored.orders.append(_told(row, Outcome.new if key in new else outcome))


Key = tuple[str, str]


def _told(row: Row, outcome: Outcome) -> StoredOrder:
    return StoredOrder(row["id"], row["public_id"], row["source"], row["number"], outcome)


def _by_key(rows: Iterable[Row]) -> dict[Key, Row]:
    return {(row["source"], row["number"]): row for row in rows}


def _names(keys: Iterable[Key], brand: Brand) -> dict[str, Any]:
    keys = list(keys)
    return {"brand": brand.id, "sources": [key[0] for key in keys], "numbers": [key[1] for key in keys]}


_NAMED = (
    "orders JOIN unnest(CAST(:sources AS text[]), CAST(:numbers AS text[])) AS named(s, n)"
    " ON orders.source = named.s AND orders.number = named.n WHERE orders.brand_id = :brand"
)


def _insert_orders(session: Session, brand: Brand, by_key: dict[Key, IncomingOrder], now: datetime) -> dict[Key, Row]:
    """Insert those that are not there yet, sorted by number; one that another session inserts first is left alone."""
    query = sa.text(f"SELECT source, number FROM {_NAMED}")  # noqa: S608 (our own words)
    there = {(row[0], row[1]) for row in session.execute(query, _names(by_key, brand))}
    rows = [new_order_row(order, brand) for key, order in by_key.items() if key not in there]
    forget_the_erased(session, brand.id, rows, now)
    if not rows:
        return {}
    columns = ", ".join(rows[0])
    statement = sa.text(
        f"INSERT INTO orders ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::orders, :rows)"  # noqa: S608
        " ON CONFLICT (brand_id, source, number) DO NOTHING RETURNING *"
    )
    return _by_key(session.execute(statement, {"rows": json.dumps(rows)}).mappings())


def _lock_orders(session: Session, brand: Brand, keys: list[Key]) -> dict[Key, Row]:
    if not keys:
        return {}
    query = sa.text(f"SELECT orders.* FROM {_NAMED} ORDER BY orders.id FOR NO KEY UPDATE OF orders")  # noqa: S608
    return _by_key(session.execute(query, _names(keys, brand)).mappings())


def _update_orders(
    session: Session, brand: Brand, by_key: dict[Key, IncomingOrder], known: dict[Key, Row]
) -> dict[Key, Row]:
    rows = []
    for key, before in known.items():
        if before["erased_at"] is not None:
            continue  # closed: what is told again does not bring the person back
        row = order_row(by_key[key], brand, before)
        if row["digest"] != "\\x" + before["digest"].hex() or row["corrected"] != before["corrected"]:
            rows.append(row | {"id": before["id"]})
    return _by_key(_update(session, "orders", (*ORDER_CONTENT, "corrected", "digest"), rows, also="updated_at = now()"))


def _update(
    session: Session, table: str, columns: Iterable[str], rows: list[Writable], also: str | None = None
) -> Sequence[Row]:
    if not rows:
        return []
    sets = ", ".join([*(f"{column} = said.{column}" for column in columns), *([also] if also else [])])
    statement = sa.text(
        f"UPDATE {table} SET {sets} FROM jsonb_populate_recordset(NULL::{table}, :rows) AS said"  # noqa: S608
        f" WHERE {table}.id = said.id RETURNING {table}.*"
    )
    return session.execute(statement, {"rows": json.dumps(rows)}).mappings().all()


Work = tuple[Row, Row, Sequence[IncomingParcel], Terms]


def _upsert_parcels(session: Session, work: Sequence[Work], stored: Stored) -> set[int]:
    """Store each order's parcels (its row before and after, what was said, on what terms).

    Returns the ids of orders of which a parcel is new or changed.
    """
    known = _lock_parcels(session, [after["id"] for _, after, _, _ in work])
    fresh: list[Writable] = []
    changed: list[Writable] = []
    scans: list[tuple[int | tuple[int, str], tuple[IncomingScan, ...]]] = []
    touched: set[int] = set()
    looked_at: set[int] = set()
    for before, after, parcels, terms in work:
        if after["erased_at"] is not None:
            continue
        order_id, existing = after["id"], known[after["id"]]
        said: dict[int, IncomingParcel] = {}
        for match in match_parcels([_Known(row) for row in existing], parcels):
            if match.position is None:
                fresh.append(new_parcel_row(match.incoming, match.reference, after, terms))
                touched.add(order_id)
            else:
                said[match.position] = match.incoming
            where = (order_id, match.reference) if match.position is None else existing[match.position]["id"]
            scans.append((where, match.incoming.scans))
        rows = [parcel_row(said.get(at), row, before, after, terms) for at, row in enumerate(existing)]
        changes = [row for row in rows if row]
        changed += changes
        _note_turns(existing, changes, stored)
        looked_at |= _turned(existing, changes)
        if existing and before["items"] != after["items"]:
            looked_at.add(existing[0]["id"])
        touched |= {order_id} if changes else set()
    ids = _write_parcels(session, fresh, changed, stored)
    heard = [(ids[where] if isinstance(where, tuple) else where, told) for where, told in scans if told]
    heard += [(shipment_id, ()) for shipment_id in sorted(looked_at - {shipment_id for shipment_id, _ in heard})]
    stored.scans += [ParcelScans(shipment_id, told) for shipment_id, told in heard]
    return touched


def _turned(existing: Sequence[Row], changes: Sequence[Writable]) -> set[int]:
    """The changed parcels by which their order may have come to something else, with nothing heard of them."""
    stored = {row["id"]: row for row in existing}
    return {
        row["id"]
        for row in changes
        if row["items"] != stored[row["id"]]["items"]
        or (row["cancelled_at"] is None) != (stored[row["id"]]["cancelled_at"] is None)
        or number_corrected(stored[row["id"]], row)
    }


def _note_turns(existing: Sequence[Row], changes: Sequence[Writable], stored: Stored) -> None:
    before = {row["id"]: row for row in existing}
    for row in changes:
        if row["cancelled_at"] is not None and before[row["id"]]["cancelled_at"] is None:
            stored.left.add(row["id"])
        if number_corrected(before[row["id"]], row):
            stored.restarted.add(row["id"])


@dataclass(frozen=True, slots=True)
class _Known:
    row: Row

    @property
    def reference(self) -> str:
        return str(self.row["reference"])

    @property
    def tracking_number(self) -> str | None:
        number: str | None = self.row["tracking_number"]
        return number


def _lock_parcels(session: Session, order_ids: list[int]) -> dict[int, list[Row]]:
    query = sa.text("SELECT * FROM shipments WHERE order_id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
    found: dict[int, list[Row]] = defaultdict(list)
    for row in session.execute(query, {"ids": order_ids}).mappings():
        found[row["order_id"]].append(row)
    return found


def _write_parcels(
    session: Session, fresh: list[Writable], changed: list[Writable], stored: Stored
) -> dict[tuple[int, str], int]:
    """Write new and changed parcels; returns the new ones' ids by order and reference."""
    _update(session, "shipments", PARCEL_COLUMNS, sorted(changed, key=lambda row: int(row["id"])))
    stored.parcels_new += len(fresh)
    stored.parcels_changed += len(changed)
    stored.carriers_due |= {row["asked_of"] for row in (*fresh, *changed) if row["asked_of"] and row["next_poll_at"]}
    if not fresh:
        return {}
    columns = ", ".join(fresh[0])
    statement = sa.text(
        f"INSERT INTO shipments ({columns}) SELECT {columns}"  # noqa: S608
        " FROM jsonb_populate_recordset(NULL::shipments, :rows) RETURNING id, order_id, reference"
    )
    written = session.execute(statement, {"rows": json.dumps(fresh)})
    return {(row.order_id, row.reference): row.id for row in written}
