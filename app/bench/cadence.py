"""`doorstep bench cadence`: how soon milestones are heard of, by the cadence and by asking at a fixed interval."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median, quantiles

from app.bench.journeys import Journey, make_journeys
from app.models.vocabulary import ENDS, Milestone
from app.tracking.cadence import DEFAULT, INTERVALS, Cadence, Watched, next_question

STRETCHES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""How much longer than by default every interval is: what a larger or smaller budget comes to."""

Ask = Callable[[Watched, datetime], datetime | None]
"""When a parcel is asked about after `now`, or None for never again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What asking in one way came to: questions a parcel, and minutes from a milestone's showing to its being heard."""

    questions: float
    median: float
    p90: float


@dataclass(frozen=True, slots=True)
class Point:
    """The cadence and the fixed interval (in minutes) that asks as often, side by side."""

    stretch: float
    cadence: Heard
    interval: float
    fixed: Heard

    @property
    def times(self) -> float:
        """How many times as soon, at the median, the cadence hears."""
        return self.fixed.median / self.cadence.median


def bench_cadence(parcels: int, seed: int, stretches: Sequence[float] = STRETCHES) -> list[Point]:
    """A simulated year of so many parcels, asked about with larger and smaller budgets."""
    journeys = make_journeys(parcels, seed)
    return [_point(journeys, stretch) for stretch in stretches]


def _point(journeys: Sequence[Journey], stretch: float) -> Point:
    cadence = stretched(stretch)
    by_cadence = hear(journeys, lambda parcel, now: _at(parcel, now, cadence))
    interval = _as_often(journeys, by_cadence.questions)
    return Point(stretch, by_cadence, interval / timedelta(minutes=1), hear(journeys, _every(interval)))


def stretched(factor: float) -> Cadence:
    """The default cadence with every interval so many times as long."""
    return replace(
        DEFAULT, every={stage: every * factor for stage, every in INTERVALS.items()}, night=DEFAULT.night * factor
    )


def _at(parcel: Watched, now: datetime, cadence: Cadence) -> datetime | None:
    question = next_question(parcel, now, cadence)
    return question.at if question else None


def _every(interval: timedelta) -> Ask:
    """Asking at a fixed interval, and once more after the end, as the cadence does."""

    def ask(parcel: Watched, now: datetime) -> datetime | None:
        return _at(parcel, now, DEFAULT) if parcel.milestone in ENDS else now + interval

    return ask


def _as_often(journeys: Sequence[Journey], questions: float) -> timedelta:
    """The fixed interval by which a parcel is asked about as often, to a thousandth."""
    short, long = 1.0, 20_000.0
    while long / short > 1.001:
        middle = (short * long) ** 0.5
        if hear(journeys, _every(timedelta(minutes=middle))).questions > questions:
            short = middle
        else:
            long = middle
    return timedelta(minutes=(short * long) ** 0.5)


def hear(journeys: Sequence[Journey], ask: Ask) -> Heard:
    """Follow every parcel to its end. Each episode of a milestone counts once, as a shopper is told of it; a label that
    was made is no news to anybody."""
    delays: list[float] = []
    questions = 0
    for journey in journeys:
        asked, found = _follow(journey, ask)
        questions += asked
        delays += found
    return Heard(questions / len(journeys), median(delays), quantiles(delays, n=10)[8])


def _follow(journey: Journey, ask: Ask) -> tuple[int, list[float]]:
    """How often one parcel was asked about, and how many minutes each of its milestones took to be heard of."""
    parcel = Watched(journey.id, Milestone.registered, None, journey.begins, journey.zone, journey.country)
    unheard = list(journey.steps)
    at: datetime | None = journey.begins
    asked, delays = 0, list[float]()
    while at is not None:
        asked += 1
        while unheard and unheard[0].at <= at:
            step = unheard.pop(0)
            if step.news:
                delays.append((at - step.at) / timedelta(minutes=1))
            known = journey.eta_day if step.milestone is not Milestone.registered else None
            parcel = replace(
                parcel, milestone=step.milestone, milestone_at=step.at, quiet_since=at, eta_day=parcel.eta_day or known
            )
        at = ask(parcel, at)
    return asked, delays
