"""Opens anew, under other thresholds, what the engine itself opens: from the scans, estimates and promises stored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.models.expectations import Expectations
from app.models.facts import Facts, News, Told
from app.models.vocabulary import Milestone
from app.pipeline.deciding.answering import news_of
from app.pipeline.deciding.picture import picture
from app.pipeline.house import House
from app.rehearsal.journey import OWN, Journey, journeys_of, known_as
from app.rehearsal.reading import Stored
from app.rehearsal.stage import Opened
from app.rules.decide import Crossed
from app.tracking.milestones import NewCrossing

Span = tuple[datetime, datetime]


def redrawn(
    stored: Stored, own: Sequence[Opened], expectations: Expectations, span: Span, house: House
) -> list[Opened]:
    """What these thresholds would have opened within the span. What really was opened for the same keeps its number,
    instant and facts; what was not has the facts as far as they are stored."""
    really = {one.id: one for one in own}
    rows = {one.id: one for one in stored.crossings if one.id in really}
    journeys = journeys_of(stored, span[0])
    for journey in journeys.values():
        # What carriers said stands whenever it was: only the engine's own is opened anew.
        said = [one for one in stored.crossings if one.shipment_id == journey.row.id and one.scope == "parcel"]
        journey.known += [known_as(one) for one in said if one.crossed_at >= span[0] and one.milestone not in OWN]
    found: list[Opened] = []
    for journey in journeys.values():
        for at, new in _steps(journey, expectations, span):
            same = _same(new, [row for row in rows.values() if row.shipment_id == journey.row.id])
            if same is not None:
                found.append(really[same.id])
            elif at > span[0]:  # else it would have been opened before
                found.append(_opened(stored, journeys, journey, new, at, house))
    return found


def _steps(journey: Journey, expectations: Expectations, span: Span) -> Iterator[tuple[datetime, NewCrossing]]:
    """Every instant at which something was heard or time ran out, and what that opens."""
    heard = sorted({one.heard_at for one in journey.heard} | {one.heard_at for one in journey.estimates})
    waiting = [at for at in heard if span[0] <= at <= span[1]]
    now = span[0]
    while True:
        watch = journey.watch_at(expectations, now)
        ahead = [at for at in (watch, waiting[0] if waiting else None) if at is not None and at <= span[1]]
        for new in journey.own_fresh(expectations, now):
            yield now, new
        if not ahead:
            return
        now = min(ahead)
        waiting = [at for at in waiting if at > now]


def _same(new: NewCrossing, rows: Iterable[Any]) -> Any | None:
    """The row that was written for the same episode."""
    episode = new.episode
    for row in rows:
        anchor = bytes(row.anchor) if row.anchor is not None else None
        alike = Milestone(row.milestone) is episode.milestone and anchor == episode.anchor
        if alike and (anchor is not None or row.occurred_at == episode.occurred_at):
            return row
    return None


def _opened(
    stored: Stored, journeys: Mapping[int, Journey], journey: Journey, new: NewCrossing, at: datetime, house: House
) -> Opened:
    crossed = crossing_of(stored, journeys, journey, new, at)
    return Opened(None, journey.row.id, ("parcel", journey.row.id), crossed, house.channels, at)


def crossing_of(
    stored: Stored, journeys: Mapping[int, Journey], journey: Journey, new: NewCrossing, at: datetime
) -> Crossed:
    """A crossing that no row stands for, with the facts as they were at an instant."""
    facts = _facts(stored, journeys, journey, news_of(new), at)
    return Crossed(facts, new.late, journey.row.history_until, journey.cancelled(at))


def _facts(stored: Stored, journeys: Mapping[int, Journey], journey: Journey, news: News, at: datetime) -> Facts:
    others = [one.as_of(at) for one in journeys.values() if one is not journey]
    told = [
        Told(milestone=Milestone(one.milestone), channel=one.channel, planned_at=one.planned_at)
        for one in stored.messages
        if one.shipment_id == journey.row.id and one.planned_at < at
    ]
    return picture(stored.brand, stored.order, journey.as_of(at), others, news, told)
