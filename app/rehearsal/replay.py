"""Replays recorded orders through the pure core: `now` steps along their own timestamps, and nothing is sent.

It is the fold, the crossings and the rules that the workers use, without their hands: no database, no broker, no
provider. Beside what the core opened stand the counts that follow from the file by plain comparison.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.intake.schema import IncomingOrder, IncomingParcel
from app.models.expectations import Delay, Expectations
from app.models.facts import BrandFacts, Facts, Item, News, OrderFacts, ParcelFacts, Promise, ShopperFacts
from app.models.vocabulary import Channel, Milestone
from app.rules.decide import Crossed, decide
from app.rules.ruleset import RuleSet
from app.tracking.adapter.base import scan_digest
from app.tracking.milestones import KnownCrossing, KnownScan, NewCrossing, ParcelState, fold, new_crossings
from app.tracking.watching.look import look
from app.tracking.watching.outlook import Outlook
from app.zones import end_of_day, zone_of_country

COMPARED = (Milestone.dispatched, Milestone.delivered, Milestone.delayed)
"""The milestones that a file of orders can state by itself."""

ONLY_THE_PROMISE = Expectations(delayed=Delay(carrier=False, eta=None, silence=()))
"""A file of orders says when each was promised, and nothing by which it could be late otherwise."""


@dataclass(slots=True)
class Replayed:
    """One parcel on its way through the replay. Instants are UTC."""

    order: IncomingOrder
    zone: str
    promise: Promise
    scans: tuple[tuple[datetime, KnownScan], ...]
    direction: str = "outbound"
    heard: list[KnownScan] = field(default_factory=list)
    crossings: list[KnownCrossing] = field(default_factory=list)
    crossed_at: dict[Milestone, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One milestone: how many parcels the replay opened it for, how many the file implies, and who differs."""

    milestone: Milestone
    opened: int
    implied: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What the replay opened and decided, and how that compares with the file. `ended_at` is its last instant."""

    parcels: int
    steps: int
    ended_at: datetime | None
    crossings: dict[str, int]
    decisions: dict[str, int]
    would_send: dict[str, int]
    comparisons: tuple[Comparison, ...]

    @property
    def agrees(self) -> bool:
        """Whether the replay opened exactly what the file implies."""
        return not any(one.missing or one.extra for one in self.comparisons)


def replay(
    orders: Sequence[IncomingOrder],
    rules: RuleSet,
    *,
    brand_zone: str = "UTC",
    ends_at: datetime | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> ReplayReport:
    """Step through the orders' own instants, oldest first, and report what opened.

    A parcel exists from its order's purchase: what is dated earlier is heard then. `ends_at` is the last instant
    of the replay (default: the last that the orders name); a promise that ends later is still open.
    """
    parcels = [
        _parcel(order, parcel, brand_zone) for order in orders for parcel in order.parcels or (IncomingParcel(),)
    ]
    end = ends_at or max((at for parcel in parcels for at in _instants(parcel)), default=None)
    if end is None:
        return ReplayReport(0, 0, None, {}, {}, {}, ())
    steps = sorted({(at, index) for index, parcel in enumerate(parcels) for at in _steps(parcel, end)})
    decisions: Counter[str] = Counter()
    would_send: Counter[str] = Counter()
    for done, (now, index) in enumerate(steps, start=1):
        for facts in _step(parcels[index], now):
            for answer in decide(Crossed(facts), rules, frozenset(Channel), now):
                decisions[answer.reason.value] += 1
                if answer.fired:
                    would_send[f"{facts.news.milestone.value} by {answer.channel.value}"] += 1
        on_step(done, len(steps))
    return ReplayReport(
        parcels=len(parcels),
        steps=len(steps),
        ended_at=end,
        crossings=dict(Counter(crossing.milestone.value for parcel in parcels for crossing in parcel.crossings)),
        decisions=dict(decisions),
        would_send=dict(would_send),
        comparisons=tuple(_compare(milestone, parcels, end) for milestone in COMPARED),
    )


def _parcel(order: IncomingOrder, parcel: IncomingParcel, brand_zone: str) -> Replayed:
    zone = order.shopper.zone or zone_of_country(order.shopper.country) or brand_zone
    promised = parcel.promised_on or order.promised_on
    scans = [
        (
            max(scan.occurred_at, order.placed_at),
            KnownScan(
                scan_digest(scan.milestone, scan.occurred_at.isoformat(), scan.place or ""),
                scan.milestone,
                scan.occurred_at,
                scan.description,
                scan.place,
            ),
        )
        for scan in parcel.scans
    ]
    promise = Promise(on=promised, ends_at=end_of_day(promised, zone)) if promised else Promise()
    return Replayed(order, zone, promise, tuple(scans), parcel.direction)


def _instants(parcel: Replayed) -> Iterable[datetime]:
    yield parcel.order.placed_at
    yield from (at for at, _scan in parcel.scans)


def _steps(parcel: Replayed, end: datetime) -> Iterable[datetime]:
    """The instants at which something can happen to a parcel: bought, heard of, promise broken."""
    yield from (at for at in _instants(parcel) if at <= end)
    if parcel.promise.ends_at and parcel.promise.ends_at <= end:
        yield max(parcel.promise.ends_at, parcel.order.placed_at)


def _step(parcel: Replayed, now: datetime) -> list[Facts]:
    """Let one parcel see the instant `now`; the facts of each crossing that opened."""
    parcel.heard = [scan for at, scan in parcel.scans if at <= now]
    state = fold(parcel.heard, parcel.direction)
    looked = look(_outlook(parcel, state, now), ONLY_THE_PROMISE, parcel.crossings)
    fresh = new_crossings([*state.episodes, *looked.episodes], parcel.crossings)
    for new in fresh:
        episode = new.episode
        parcel.crossings.append(
            KnownCrossing(episode.milestone, new.occurrence, episode.anchor, episode.occurred_at, episode.cause)
        )
        parcel.crossed_at.setdefault(episode.milestone, now)
    return [_facts(parcel, new, state.milestone) for new in fresh]


def _outlook(parcel: Replayed, state: ParcelState, now: datetime) -> Outlook:
    return Outlook(
        now=now,
        state=state,
        scans=parcel.heard,
        zone=parcel.zone,
        listened_until=now,
        country=parcel.order.shopper.country,
        promised_on=parcel.promise.on,
    )


def _facts(parcel: Replayed, new: NewCrossing, milestone: Milestone) -> Facts:
    order, episode = parcel.order, new.episode
    return Facts(
        brand=BrandFacts(key="replay", name="replay"),
        order=OrderFacts(
            number=order.number, placed_at=order.placed_at, currency=order.currency, total_minor=order.total_minor
        ),
        parcel=ParcelFacts(
            id="replay",
            link="/t/replay",
            milestone=milestone,
            items=tuple(Item.model_validate(item.model_dump()) for item in order.items),
        ),
        shopper=ShopperFacts(
            has_email=order.shopper.email is not None,
            has_phone=order.shopper.phone is not None,
            locale=order.shopper.locale or "en",
            country=order.shopper.country,
            zone=parcel.zone,
        ),
        promise=parcel.promise,
        news=News(
            milestone=episode.milestone,
            occurrence=new.occurrence,
            cause=episode.cause,
            occurred_at=episode.occurred_at,
            description=episode.description,
            place=episode.place,
        ),
    )


def _compare(milestone: Milestone, parcels: Sequence[Replayed], end: datetime) -> Comparison:
    """What the replay opened against what the orders say when they are read without any of the core."""
    opened = {p.order.number for p in parcels if any(c.milestone is milestone for c in p.crossings)}
    implied = {p.order.number for p in parcels if _implied(milestone, p, end)}
    return Comparison(
        milestone, len(opened), len(implied), tuple(sorted(implied - opened)), tuple(sorted(opened - implied))
    )


def _implied(milestone: Milestone, parcel: Replayed, end: datetime) -> bool:
    if milestone is not Milestone.delayed:
        return any(scan.milestone is milestone and at <= end for at, scan in parcel.scans)
    broken = parcel.promise.ends_at
    if broken is None or broken > end:
        return False
    delivered = [scan.occurred_at for _at, scan in parcel.scans if scan.milestone is Milestone.delivered]
    return not any(at is not None and at < broken for at in delivered)
