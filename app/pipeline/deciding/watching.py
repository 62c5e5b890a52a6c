"""What the calendar opens for a batch's parcels: their estimates are kept, and each is looked at with its brand's
expectations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Estimate as EstimateRow
from app.models.expectations import Expectations
from app.models.vocabulary import ENDS
from app.pipeline.house import House
from app.pipeline.listening.hearing import Locked
from app.rules.ruleset import RuleSet
from app.tracking.milestones import KnownCrossing, KnownScan, ParcelState
from app.tracking.watching.estimates import Estimate
from app.tracking.watching.look import Look, look
from app.tracking.watching.outlook import Outlook

LISTENED = timedelta(hours=36)
"""For so long after a carrier has answered, its silence is its own: that it was not asked since changes nothing."""

NEVER = datetime.min.replace(tzinfo=UTC)

_ESTIMATE = ("eta_from", "eta_through", "eta_day")


@dataclass(frozen=True, slots=True)
class Seen:
    """One parcel as it is looked at: its order and its row, with what was just heard on top, and what its scans come
    to. `listening`: its carrier has just spoken."""

    order: Any
    parcel: Any
    state: ParcelState
    scans: Sequence[KnownScan]
    crossings: Sequence[KnownCrossing]
    listening: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """By what a batch's parcels are looked at, at one instant."""

    house: House
    rules: Mapping[int, RuleSet]
    estimates: Mapping[int, Sequence[Estimate]]
    now: datetime

    def look(self, seen: Seen) -> Look:
        """What the calendar opens for one parcel. One that was cancelled, or that nobody follows, is waited for
        by nobody."""
        parcel = seen.parcel
        if any(one is not None for one in (parcel.cancelled_at, seen.order.cancelled_at, parcel.unfollowed_at)):
            return Look()
        expectations = self.rules[parcel.brand_id].expectations
        return look(self._outlook(seen), expectations, seen.crossings, parcel.history_until)

    def _outlook(self, seen: Seen) -> Outlook:
        order, parcel = seen.order, seen.parcel
        asked = bool(parcel.tracking_number) and parcel.asked_of in self.house.carriers
        return Outlook(
            now=self.now,
            state=seen.state,
            scans=seen.scans,
            zone=order.zone,
            listened_until=self._listened_until(seen, asked),
            known_at=(parcel.numbered_at or order.placed_at) if asked or seen.scans else None,
            country=order.country,
            carrier=parcel.carrier,
            service=parcel.service,
            outbound=parcel.direction == "outbound",
            promised_on=parcel.promised_on or order.promised_on,
            pickup_until=_last_day(parcel.notes),
            estimates=self.estimates.get(parcel.id, ()),
        )

    def _listened_until(self, seen: Seen, asked: bool) -> datetime:
        """Until when its silence is the carrier's own. Nobody is asked about some parcels; of those others tell."""
        parcel = seen.parcel
        if seen.listening or not asked:
            return self.now
        if parcel.last_polled_at is None or parcel.poll_failures:
            return NEVER
        last: datetime = parcel.last_polled_at
        return min(self.now, last + LISTENED)


def _last_day(notes: Mapping[str, Any]) -> date | None:
    """The last day on which a parcel can be collected, where the carrier told."""
    until = (notes.get("pickup") or {}).get("until")
    return date.fromisoformat(until) if until else None


def open_calendar(
    session: Session,
    house: House,
    locked: Locked,
    told: Mapping[int, Mapping[str, Any]],
    rules: Mapping[int, RuleSet],
    now: datetime,
) -> Calendar:
    """Keep what is expected anew of these locked parcels, and read what was, where their rules can ask for it.

    `told` are the columns of what was heard of each beside its scans.
    """
    rows = {shipment_id: locked.shipments[shipment_id] for shipment_id in told}
    _keep(session, [_row(rows[one], told[one], now) for one in sorted(told) if _changed(rows[one], told[one])])
    asked_for = [
        one
        for one, row in rows.items()
        if (_expects(row) or any(told[one][name] for name in _ESTIMATE))
        and _matters(rules[row.brand_id].expectations, row, locked.orders[row.order_id])
    ]
    return Calendar(house, rules, _estimates(session, asked_for), now)


def _expects(row: Any) -> bool:
    return any(getattr(row, name) for name in _ESTIMATE)


def _changed(row: Any, told: Mapping[str, Any]) -> bool:
    return any(getattr(row, name) != told[name] for name in _ESTIMATE)


def _matters(expectations: Expectations, parcel: Any, order: Any) -> bool:
    """Whether anything can follow from what a carrier expects of a parcel."""
    if expectations.eta_changed is not None:
        return True
    late = expectations.delayed is not None and expectations.delayed.eta is not None
    promised = parcel.promised_on or order.promised_on
    return promised is not None and (late or expectations.arriving_early is not None)


def _row(row: Any, told: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "brand_id": row.brand_id,
        "shipment_id": row.id,
        "as_of": told["estimated_as_of"],
        "heard_at": now,
        "starts_at": told["eta_from"],
        "ends_at": told["eta_through"],
        "day": told["eta_day"],
        "retired_at": None,
    }


def _keep(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Of two words of one instant, the one that was heard later stands."""
    if not rows:
        return
    statement = insert(EstimateRow)
    said = ("heard_at", "starts_at", "ends_at", "day", "retired_at")
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["shipment_id", "as_of"], set_={name: statement.excluded[name] for name in said}
        ),
        list(rows),
    )


def _estimates(session: Session, shipment_ids: Iterable[int]) -> dict[int, list[Estimate]]:
    ids = sorted(shipment_ids)
    found: dict[int, list[Estimate]] = defaultdict(list)
    if not ids:
        return found
    columns = (EstimateRow.shipment_id, EstimateRow.as_of, EstimateRow.starts_at, EstimateRow.ends_at, EstimateRow.day)
    query = sa.select(*columns).where(EstimateRow.shipment_id == sa.func.any(ids), EstimateRow.retired_at.is_(None))
    for row in session.execute(query.order_by(EstimateRow.shipment_id, EstimateRow.as_of)):
        found[row.shipment_id].append(Estimate(row.as_of, row.starts_at, row.ends_at, row.day))
    return found


def look_again(session: Session, brand_id: int) -> None:
    """Let every living parcel of a brand be looked at again, for its rules have just been published: called in the
    transaction that publishes, after the new publication is written. It marks one row; `mark_due` does the rest."""
    session.execute(_LOOK_AGAIN, {"brand": brand_id})


AT_ONCE = 500
"""Parcels marked in one transaction."""

WINDOW = 20_000
"""Parcels looked through for them: no index tells a brand's living ones, because every parcel would pay for it."""

# What an earlier publication left to be looked at is looked at on account of this one.
_LOOK_AGAIN = sa.text("""
    UPDATE rule_set_publications SET look_after = CASE WHEN replaced_at IS NULL THEN 0 END
    WHERE brand_id = :brand AND (replaced_at IS NULL OR look_after IS NOT NULL)
""")
_JOB = sa.text("""
    SELECT id, brand_id, look_after FROM rule_set_publications
    WHERE look_after IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_UPTO = sa.text("SELECT max(id) FROM (SELECT id FROM shipments WHERE id > :after ORDER BY id LIMIT :window) AS ahead")
_LIVING = sa.text("""
    SELECT shipments.id FROM shipments JOIN orders ON orders.id = shipments.order_id
    WHERE shipments.id > :after AND shipments.id <= :upto AND shipments.brand_id = :brand
        AND shipments.cancelled_at IS NULL AND shipments.unfollowed_at IS NULL
        AND NOT shipments.milestone = ANY(:ends) AND orders.erased_at IS NULL
    ORDER BY shipments.id LIMIT :amount FOR NO KEY UPDATE OF shipments
""")
_DUE = sa.text("UPDATE shipments SET watch_at = least(watch_at, :now) WHERE id = ANY(:ids)")
_MOVE_ON = sa.text("UPDATE rule_set_publications SET look_after = :after WHERE id = :id")


def mark_due(session: Session, now: datetime) -> bool:
    """Make the next parcels due of a brand whose rules were published, in the caller's transaction; False when there
    were none. The publication remembers how far this has come, so that it goes on wherever it was broken off."""
    job = session.execute(_JOB).one_or_none()
    if job is None:
        return False
    after = {"after": job.look_after}
    upto = session.scalars(_UPTO, {**after, "window": WINDOW}).one()
    if upto is None:
        session.execute(_MOVE_ON, {"id": job.id, "after": None})
        return True
    ends = [one.value for one in ENDS]
    living = {**after, "upto": upto, "brand": job.brand_id, "ends": ends, "amount": AT_ONCE}
    ids = session.scalars(_LIVING, living).all()
    session.execute(_DUE, {"ids": list(ids), "now": now})
    session.execute(_MOVE_ON, {"id": job.id, "after": ids[-1] if len(ids) == AT_ONCE else upto})
    return True
