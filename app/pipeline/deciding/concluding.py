"""From new scans to planned messages, inside one transaction: fold → cross → decide → plan.

Everything here runs with the order rows locked first and the parcels after them, both sorted by id, so that two
workers that hear of one order at once see each other's news.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Crossing, Scan
from app.models.vocabulary import ENDS, Cause, Milestone, Source
from app.pipeline.deciding.answering import answer
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.live_rules import rules_of
from app.pipeline.deciding.merging import let_go_early
from app.pipeline.deciding.picture import Past
from app.pipeline.deciding.remembering import told_before
from app.pipeline.deciding.scene import Row, Scene
from app.pipeline.deciding.untold import untold
from app.pipeline.deciding.watching import Calendar, Seen, open_calendar
from app.pipeline.deciding.whole_orders import completed
from app.pipeline.deciding.writing_down import write_down
from app.pipeline.house import House
from app.pipeline.listening.estimating import estimate
from app.pipeline.listening.hearing import Heard, Locked, Tally, lock_parcels, store_scans, without_another
from app.pipeline.polling.settling_carrier import settled
from app.tracking.cadence import Watched, next_question
from app.tracking.covered import last_look, seldom
from app.tracking.milestones import (
    KnownCrossing,
    KnownScan,
    NewCrossing,
    ParcelState,
    fold,
    new_crossings,
    silence,
    written_off,
)
from app.tracking.watching.look import Look


def hear(session: Session, house: House, heard: Sequence[Heard], now: datetime) -> Tally:
    """Record what was heard and everything that follows from it, in the caller's transaction.

    Hearing the same again changes nothing: scans, crossings and ledger keys are unique, and only inserted.
    """
    locked = lock_parcels(session, [entry.shipment_id for entry in heard])
    # Waiting for the orders takes its time: what has left meanwhile, and what is over, is judged by the instant from
    # which on nothing of theirs can change.
    now = max(now, house.clock.now())
    present = [
        without_another(entry, locked)
        for entry in heard
        if entry.concerns(locked.shipments.get(entry.shipment_id)) and not locked.erased(entry.shipment_id)
    ]
    new_scans = store_scans(session, present, locked, now)
    tally = Tally(parcels=len(present), scans=sum(new_scans.values()))
    tally.add(_conclude(session, house, locked, present, new_scans, now))
    return tally


def conclude_again(session: Session, house: House, locked: Locked, shipment_ids: Sequence[int], now: datetime) -> Tally:
    """Conclude from what is stored of these locked parcels, after its meaning has changed: where they stand follows at
    once, and what that opens is history, of which nobody is told."""
    again = [Heard(shipment_id, Source.api, again=True) for shipment_id in shipment_ids]
    present = [entry for entry in again if not locked.erased(entry.shipment_id)]
    return _conclude(session, house, locked, present, {}, now)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was stored about the batch's parcels before this news. `retired` is how many crossings of a milestone a
    parcel has from a number that it had before; those that count are numbered from 1 again here."""

    scans: Mapping[int, list[KnownScan]]
    crossings: Mapping[int, list[KnownCrossing]]
    retired: Mapping[tuple[int, Milestone], int]
    told: Mapping[int, Past]

    def renumbered(self, shipment_id: int, crossing: NewCrossing) -> NewCrossing:
        """A new crossing with its number in the parcel's whole life."""
        before = self.retired.get((shipment_id, crossing.episode.milestone), 0)
        return replace(crossing, occurrence=crossing.occurrence + before) if before else crossing


def _known(session: Session, locked: Locked, shipment_ids: Sequence[int]) -> _Known:
    ids = list(shipment_ids)
    return _Known(_known_scans(session, ids), *_known_crossings(session, ids), told_before(session, locked, ids))


def _known_scans(session: Session, shipment_ids: list[int]) -> dict[int, list[KnownScan]]:
    columns = (
        Scan.shipment_id, Scan.digest, Scan.milestone, Scan.occurred_at, Scan.description, Scan.place, Scan.moves,
        Scan.heard_at,
    )  # fmt: skip
    found: dict[int, list[KnownScan]] = defaultdict(list)
    counts = sa.and_(Scan.shipment_id == sa.func.any(shipment_ids), Scan.retired_at.is_(None))
    for row in session.execute(sa.select(*columns).where(counts)):
        milestone = Milestone(row.milestone) if row.milestone else None
        found[row.shipment_id].append(
            KnownScan(
                bytes(row.digest), milestone, row.occurred_at, row.description, row.place, row.moves, row.heard_at
            )
        )
    return found


def _known_crossings(
    session: Session, shipment_ids: list[int]
) -> tuple[dict[int, list[KnownCrossing]], dict[tuple[int, Milestone], int]]:
    columns = (
        Crossing.id,
        Crossing.shipment_id,
        Crossing.milestone,
        Crossing.occurrence,
        Crossing.anchor,
        Crossing.occurred_at,
        Crossing.cause,
    )
    own = sa.and_(Crossing.shipment_id == sa.func.any(shipment_ids), Crossing.scope == "parcel")
    rows = session.execute(sa.select(*columns, Crossing.retired_at).where(own)).all()
    retired: dict[tuple[int, Milestone], int] = defaultdict(int)
    for row in rows:
        if row.retired_at is not None:
            key = (row.shipment_id, Milestone(row.milestone))
            retired[key] = max(retired[key], row.occurrence)
    found: dict[int, list[KnownCrossing]] = defaultdict(list)
    told_nobody = set(untold(session, rows))
    for row in rows:
        if row.retired_at is None:
            milestone, anchor = Milestone(row.milestone), bytes(row.anchor) if row.anchor is not None else None
            number = row.occurrence - retired.get((row.shipment_id, milestone), 0)
            how = row.occurred_at, Cause(row.cause), row.id in told_nobody
            found[row.shipment_id].append(KnownCrossing(milestone, number, anchor, *how))
    return found, retired


def _conclude(
    session: Session,
    house: House,
    locked: Locked,
    heard: Sequence[Heard],
    new_scans: Mapping[int, int],
    now: datetime,
) -> Tally:
    house = as_of_now(session, house)
    latest = {entry.shipment_id: entry for entry in heard}
    known = _known(session, locked, sorted(latest))
    told = {one: estimate(house, locked.order_of(one), latest[one], locked.shipments[one], now) for one in latest}
    rules = rules_of(session, house, {locked.shipments[one].brand_id for one in latest}) if latest else {}
    calendar = open_calendar(session, house, locked, told, rules, now)
    updates: list[dict[str, Any]] = []
    knowing: list[dict[str, Any]] = []
    was: dict[int, dict[str, Any]] = {}
    opened: list[tuple[int, NewCrossing]] = []
    for shipment_id in sorted(latest):
        entry, shipment = latest[shipment_id], locked.shipments[shipment_id]
        order = locked.orders[shipment.order_id]
        news_at = now if new_scans.get(shipment_id) else shipment.last_heard_at
        look = _Look(now, news_at, entry)
        state = _state(house, order, shipment, known.scans[shipment_id], look)
        now_so = Row(shipment, told[shipment_id])
        seen = Seen(order, now_so, state, known.scans[shipment_id], known.crossings[shipment_id], look.listening)
        looked = _looked(calendar, seen, look)
        fresh = new_crossings([*state.episodes, *looked.episodes], known.crossings[shipment_id])
        opened += [(shipment_id, known.renumbered(shipment_id, crossing)) for crossing in fresh]
        was[shipment_id] = {"eta_was": looked.was}
        whose = settled(house, shipment, entry)
        knowing += [{"id": shipment_id, **whose}] if whose else []
        updates.append(
            {
                **_standing(shipment, state, news_at),
                **told[shipment_id],
                **_next_question(house, order, now_so, state, look),
                "late_since": looked.late_since,
                "watch_at": looked.next_at,
                **whose,
            }
        )
    write_down(session, updates, knowing)
    fresh_rows = {row["id"]: row | was[row["id"]] for row in updates}
    again = {entry.shipment_id for entry in heard if entry.again}
    scene = Scene(locked, fresh_rows, known.told, again, rules, known.retired)
    tally = answer(session, house, scene, [*opened, *completed(session, scene, sorted(latest))], now)
    let_go_early(session, house, scene, sorted(latest), now)
    return tally


def _standing(shipment: Any, state: ParcelState, news_at: datetime | None) -> dict[str, Any]:
    """Where the parcel stands."""
    return {
        "id": shipment.id,
        "milestone": state.milestone.value,
        "milestone_at": state.milestone_at,
        "delivered_at": state.delivered_at,
        "delivery_doubted_at": state.doubted_at,
        "last_heard_at": news_at,
    }


@dataclass(frozen=True, slots=True)
class _Look:
    """At which instant a parcel is looked at, when anything new was heard of it, and what was heard."""

    now: datetime
    news_at: datetime | None
    entry: Heard

    @property
    def asked(self) -> bool:
        """Whether its carrier was asked just now."""
        return self.entry.asked

    @property
    def again(self) -> bool:
        """Whether only the meaning of what is stored changed."""
        return self.entry.again

    @property
    def listening(self) -> bool:
        """Whether its carrier has just spoken, be it that there is nothing new."""
        return self.asked or self.entry.source in (Source.poll, Source.push)

    @property
    def called(self) -> bool:
        """Whether its carrier called."""
        return self.entry.source is Source.push

    @property
    def covered(self) -> bool:
        """Whether its carrier can be expected to call again; what a poll had to find shows a gap."""
        return self.called or (self.entry.covered and self.news_at != self.now)


def _state(house: House, order: Any, shipment: Any, scans: Sequence[KnownScan], look: _Look) -> ParcelState:
    """What the scans come to, or silence. Only an answer shows that a carrier has nothing to say; what expired by one
    stays so until a later scan."""
    state = fold(scans, shipment.direction)
    if not look.asked and shipment.milestone != Milestone.expired:
        return state
    patience = house.cadence(shipment.asked_of).patience(state.milestone)
    quiet = silence(state, scans, shipment.numbered_at or order.placed_at, look.news_at, patience)
    return written_off(state, quiet) if quiet and quiet.occurred_at <= look.now else state


def _next_question(house: House, order: Any, shipment: Any, state: ParcelState, look: _Look) -> dict[str, Any]:
    """When its carrier is asked again. Only an answer or news moves that: a look at the calendar does not."""
    rests = shipment.cancelled_at is not None or shipment.unfollowed_at is not None
    if shipment.asked_of not in house.carriers or not shipment.tracking_number or rests:
        return {"next_poll_at": None, "poll_rank": shipment.poll_rank}
    reopened = look.again and (Milestone(shipment.milestone) in ENDS) != state.ended
    if not look.asked and look.news_at != look.now and not reopened:
        return {"next_poll_at": shipment.next_poll_at, "poll_rank": shipment.poll_rank}
    watched = Watched(
        shipment.id,
        state.looked_for_as(look.now),
        state.milestone_at,
        look.news_at or shipment.numbered_at or order.placed_at,
        order.zone,
        order.country,
        shipment.eta_from,
        shipment.eta_through,
        shipment.eta_day,
    )
    question = next_question(watched, look.now, house.cadence(shipment.asked_of))
    ended_by_call = look.called and state.ended and Milestone(shipment.milestone) not in ENDS
    if question is None or ended_by_call:
        return {"next_poll_at": last_look(look.now) if ended_by_call else None, "poll_rank": shipment.poll_rank}
    if (
        state.ended and look.called and shipment.next_poll_at is not None
    ):  # a late call puts off no look that is planned
        return {"next_poll_at": min(shipment.next_poll_at, question.at), "poll_rank": shipment.poll_rank}
    at = seldom(question.at, look.now, state.milestone) if look.covered else question.at
    return {"next_poll_at": at, "poll_rank": int(question.rank)}


def _looked(calendar: Calendar, seen: Seen, look: _Look) -> Look:
    """What the calendar says. Where something is due that `watch` has not looked at, that is news, and left to it: what
    is only read again would make history of it."""
    due = seen.parcel.watch_at is not None and seen.parcel.watch_at <= look.now
    if look.again and due:
        return Look(late_since=seen.parcel.late_since, next_at=seen.parcel.watch_at)
    return calendar.look(seen)
