"""Back-test: the last days once more, under the live rules and under a draft, and what would be different.

Each stored crossing keeps the facts and inputs that it was decided on, and its own instant as `now`. Where a draft has
other thresholds, what the engine itself opens is opened anew from the scans, estimates and promises that are stored.
Nothing is written, and nothing but the database is called.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from app.errors import Fault, InvalidInput
from app.models import Brand
from app.models.vocabulary import Reason
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.live_rules import as_lived_by, rules_of
from app.pipeline.house import House
from app.rehearsal.differences import Change, Day, Difference, Differences
from app.rehearsal.journey import OWN, journeys_of
from app.rehearsal.mails import Opened
from app.rehearsal.planned_before import planned_before
from app.rehearsal.reading import Stored, count_orders, looking, pages, read_orders
from app.rehearsal.redrawing import Span, redrawn
from app.rehearsal.reproducing import CAPS, Reproduced, Reproducing
from app.rehearsal.stage import Stage
from app.rules.decide import Crossed, Decided
from app.rules.ruleset import RuleSet
from app.zones import zone

LONGEST = timedelta(days=90)


class Backtest(BaseModel):
    """What a draft would have changed. Instants are UTC; days are the brand's own calendar's.

    `live_rules` and `draft_rules` are the first letters of the sets' names. `crossings` were replayed; of those that
    the engine opens itself, the draft's thresholds would have opened `opened` more and left out `not_opened`.
    """

    model_config = ConfigDict(frozen=True)

    brand: str
    since: datetime
    until: datetime
    live_rules: str
    draft_rules: str
    orders: int
    crossings: int
    opened: dict[str, int]
    not_opened: dict[str, int]
    reproduced: Reproduced
    live: int
    draft: int
    gained: Change
    lost: Change
    changed: Change
    by_day: dict[str, Day]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Count:
    orders: int = 0
    crossings: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    not_opened: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Run:
    """What every order is replayed with."""

    house: House
    live: RuleSet
    draft: RuleSet
    since: datetime
    until: datetime
    count: _Count
    reproducing: Reproducing
    differences: Differences

    @property
    def redraws(self) -> bool:
        """Whether the draft's thresholds are not those by which the crossings were opened."""
        return self.live.expectations != self.draft.expectations


@dataclass(frozen=True, slots=True)
class Passed:
    """How many of a brand's orders have been gone through."""

    done: int
    total: int


Step = Passed | Difference | Backtest


def backtest(
    house: House, brand_id: int, draft: RuleSet, since: timedelta, on_step: Callable[[Step], None] = lambda _: None
) -> Backtest:
    """Replay what was concluded for a brand within `since` before now; as `steps`, at one go."""
    found: Step | None = None
    for found in steps(house, brand_id, draft, since):
        on_step(found)
    assert isinstance(found, Backtest)
    return found


def steps(house: House, brand_id: int, draft: RuleSet, since: timedelta) -> Iterator[Step]:
    """Replay page by page, telling after each what differs and how far it is, and at last what came of it all. Whoever
    asks for no more ends it: closing the iterator closes the transaction.

    Raises InvalidInput for no span, or one longer than `LONGEST`.
    """
    if not timedelta(0) < since <= LONGEST:
        problem = "longer than is looked back" if since > LONGEST else "no span of time"
        raise InvalidInput([Fault(None, "since", problem, f"Write between 1h and {LONGEST.days}d.")])
    return _steps(house, brand_id, draft, since)


def _steps(house: House, brand_id: int, draft: RuleSet, since: timedelta) -> Iterator[Step]:
    until = house.clock.now()
    with looking(house.sessions) as session:
        brand = session.execute(sa.select(Brand.key, Brand.zone).where(Brand.id == brand_id)).one()
        live = rules_of(session, house, {brand_id})[brand_id]
        house = as_of_now(session, house)
        draft = as_lived_by(session, house, brand_id, draft)
        differences = Differences(zone(brand.zone))
        run = _Run(house, live, draft, until - since, until, _Count(), Reproducing(), differences)
        done, total = 0, count_orders(session, brand_id)
        yield Passed(done, total)
        for passed, touched in pages(session, brand_id, run.since, run.redraws):
            for stored in read_orders(session, touched):
                _replay(run, stored)
            yield from differences.listed
            differences.listed.clear()
            done += passed
            yield Passed(done, total)
    yield _told(run, brand.key)


def _told(run: _Run, brand_key: str) -> Backtest:
    found = run.differences
    return Backtest(
        brand=brand_key,
        since=run.since,
        until=run.until,
        live_rules=run.live.digest.hex()[:12],
        draft_rules=run.draft.digest.hex()[:12],
        orders=run.count.orders,
        crossings=run.count.crossings,
        opened=dict(run.count.opened),
        not_opened=dict(run.count.not_opened),
        reproduced=run.reproducing.told(),
        live=found.live,
        draft=found.draft,
        gained=found.gained.told(),
        lost=found.lost.told(),
        changed=found.changed.told(),
        by_day=found.by_day(),
        notes=tuple(_notes(run)),
    )


def _notes(run: _Run) -> Iterator[str]:
    if not run.count.crossings:
        yield "No milestone was concluded in that time, so there is nothing to compare; look back further."
    if run.draft.shopper_cap != run.live.shopper_cap or _caps(run.draft) != _caps(run.live):
        yield "Daily caps are not counted again: what a cap held back is held back under the draft too."
    if run.redraws:
        yield (
            "Thresholds differ, so what the engine itself opens was opened anew from what is stored; scans and"
            " estimates of a number that was corrected since are not."
        )


def _caps(rules: RuleSet) -> dict[str, int | None]:
    return {rule.name: rule.cap for rule in rules.rules if rule.cap is not None}


def _replay(run: _Run, stored: Stored) -> None:
    crossings = [one for one in stored.crossings if run.since <= one.crossed_at <= run.until]
    opened = [as_decided_on(one, stored.decisions.get(one.id, ())) for one in crossings if one.facts]
    live = play(run.house, stored, opened, run.live, (run.since, run.until))
    run.reproducing.compare(stored, crossings, live)
    run.count.crossings += len(crossings)
    drafted = _redrawn(run, stored, opened) if run.redraws else opened
    run.count.orders += bool(crossings or drafted)
    draft = play(run.house, stored, drafted, run.draft, (run.since, run.until))
    run.differences.compare(live, draft)


def _redrawn(run: _Run, stored: Stored, opened: Sequence[Opened]) -> list[Opened]:
    """The crossings as the draft's thresholds would have opened them."""
    own = [one for one in opened if one.name[1] in OWN]
    again = redrawn(run.house, stored, own, run.draft, (run.since, run.until))
    run.count.opened.update(one.name[1] for one in again if one.id is None)
    kept = {one.id for one in again}
    run.count.not_opened.update(one.name[1] for one in own if one.id not in kept)
    others = [one for one in opened if one not in own]
    return sorted([*others, *again], key=lambda one: (one.at, one.id or 0))


def as_decided_on(crossing: Any, decisions: Iterable[Any] = ()) -> Opened:
    """A stored crossing with what it was decided on; its `decisions` say which rules were at their cap."""
    crossed, channels = Crossed.recorded(crossing.facts, crossing.inputs)
    spent = ((one.rule, one.channel, one.recipient_id) for one in decisions if one.reason == Reason.rule_cap)
    crossed = replace(crossed, spent=frozenset(spent))
    scope = (crossing.scope, crossing.scope_id)
    return Opened(crossing.id, crossing.shipment_id, scope, crossed, channels, crossing.crossed_at)


def play(house: House, stored: Stored, opened: Sequence[Opened], rules: RuleSet, span: Span) -> Stage:
    """One order's crossings under a set of rules, decided on as they came, batch by batch; what is due in between
    leaves. Crossings are in the order in which they were concluded, all within the span."""
    stage = Stage(
        stored,
        rules,
        house,
        journeys_of(house, stored),
        told=[one for one in stored.told if one.since >= span[0]],
        recorded=_recorded(stored),
    )
    stage.mails += planned_before(stored, rules, span[0])
    stage.taken |= stored.taken(span[0])
    for at, together in groupby(opened, key=lambda one: one.at):
        stage.release(at)
        stage.decide(list(together), at)
    stage.release(span[1], at_last=True)
    return stage


def _recorded(stored: Stored) -> Callable[[Opened, Decided], tuple[Reason, str] | None]:
    """What was answered by what no rehearsal counts: daily caps, and what was told under a number from before."""
    known = {
        (one.crossing_id, one.rule, one.channel, one.recipient_id): (Reason(one.reason), str(one.detail))
        for decisions in stored.decisions.values()
        for one in decisions
        if one.reason in CAPS or (one.reason == Reason.already_told and one.detail)
    }

    def answered(opened: Opened, decided: Decided) -> tuple[Reason, str] | None:
        return known.get((opened.id or 0, decided.rule, decided.channel.value, decided.recipient_id))

    return answered
