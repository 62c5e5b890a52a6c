"""Opens anew, under other thresholds, what the engine itself opens: from the scans, estimates and promises stored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.models.facts import Facts, Told
from app.models.vocabulary import Milestone
from app.pipeline.deciding.answering import news_of
from app.pipeline.deciding.picture import Past, picture
from app.pipeline.deciding.whole_orders import baseline
from app.pipeline.house import House
from app.pipeline.leaving.team import team_of
from app.rehearsal.journey import OWN, Journey, journeys_of, known_as
from app.rehearsal.mails import Opened
from app.rehearsal.reading import Stored
from app.rehearsal.untold import forget_untold
from app.rules.decide import Crossed
from app.rules.ruleset import RuleSet
from app.tracking.milestones import NewCrossing

Span = tuple[datetime, datetime]


def redrawn(house: House, stored: Stored, own: Sequence[Opened], rules: RuleSet, span: Span) -> list[Opened]:
    """What these rules' thresholds would have opened within the span. What really was opened for the same keeps its
    number, instant and facts; what was not has the facts as far as they are stored."""
    really = {one.id: one for one in own}
    rows = [one for one in stored.crossings if one.id in really]
    journeys = journeys_of(house, stored, span[0])
    for journey in journeys.values():
        # What carriers said stands whenever it was: only the engine's own is opened anew.
        said = [one for one in stored.crossings if one.shipment_id == journey.row.id and one.scope == "parcel"]
        journey.known += [
            known_as(one, journey.earlier)
            for one in said
            if one.crossed_at >= span[0] and one.milestone not in OWN and one.retired_at is None
        ]
    forget_untold(stored, journeys)
    found: list[Opened] = []
    for journey in journeys.values():
        for at, new in _steps(journey, rules, span):
            same = _same(new, [row for row in rows if row.shipment_id == journey.row.id])
            if same is not None:
                found.append(really[same.id])
                forget_untold(stored, {journey.row.id: journey})  # before it is asked what opens next
            elif at > span[0]:  # else it would have been opened before
                crossed = crossing_of(stored, journeys, journey, new, rules, at)
                scope = ("parcel", journey.row.id)
                found.append(Opened(None, journey.row.id, scope, crossed, house.channels, at))
    return found


def _steps(journey: Journey, rules: RuleSet, span: Span) -> Iterator[tuple[datetime, NewCrossing]]:
    """Every instant at which something was heard or time ran out, and what that opens."""
    heard = sorted({one.heard_at for one in journey.heard} | {one.heard_at for one in journey.estimates})
    waiting, now = [at for at in heard if span[0] < at <= span[1]], span[0]
    while True:
        for new in journey.own_fresh(rules, now):
            yield now, new
        watch = journey.look(rules, now).next_at
        ahead = [at for at in (watch, waiting[0] if waiting else None) if at is not None and now < at <= span[1]]
        if not ahead:
            return
        now = min(ahead)
        waiting = [at for at in waiting if at > now]


def _same(new: NewCrossing, rows: Iterable[Any]) -> Any | None:
    """The row that was written for the same: opened by the same cause at the same instant."""
    episode = new.episode
    said = (episode.milestone.value, episode.cause.value, episode.occurred_at)
    return next((row for row in rows if (row.milestone, row.cause, row.occurred_at) == said), None)


def crossing_of(
    stored: Stored,
    journeys: Mapping[int, Journey],
    journey: Journey,
    new: NewCrossing,
    rules: RuleSet,
    at: datetime,
) -> Crossed:
    """A crossing that no row stands for, with the facts as they were at an instant. Whole orders have a baseline of
    their own."""
    facts = _facts(stored, journeys, journey, (new, rules), at)
    team = team_of(journey.house, stored.brand.key)
    if new.episode.milestone is Milestone.all_delivered:
        return Crossed(facts, history_until=baseline([one.as_of(at) for one in journeys.values()]), team=team)
    return Crossed(facts, new.late, journey.row.history_until, journey.cancelled(at), team=team)


def _facts(
    stored: Stored,
    journeys: Mapping[int, Journey],
    journey: Journey,
    opened: tuple[NewCrossing, RuleSet],
    at: datetime,
) -> Facts:
    new, rules = opened
    others = [one.as_of(at) for one in journeys.values() if one is not journey]
    names = {one.id: one.public_id for one in stored.parcels}
    told = [
        (
            one.shipment_id,
            Told(
                milestone=Milestone(one.milestone),
                channel=one.channel,
                planned_at=one.planned_at,
                rule=one.rule,
                parcel_id=names.get(one.shipment_id, ""),
            ),
        )
        for one in stored.told
        if one.counts(at)
    ]
    past = Past(tuple(one for of, one in told if of == journey.row.id), tuple(one for _, one in told))
    return picture(stored.brand, stored.order, journey.as_of(at, rules), others, news_of(new), past)
