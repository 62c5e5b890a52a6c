"""How a sample parcel travels: from the label to the door, by the clocks on the walls it passes."""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.demo.carrier.timetable import Step, TimedStep
from app.zones import localise, zone, zone_of_country


class Outcome(StrEnum):
    """What becomes of an order."""

    on_time = "on_time"
    late = "late"
    attempt_first = "attempt_first"
    collected = "collected"
    sent_back = "sent_back"


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where. `transit` is the days from pick-up to the door, as planned."""

    origin: str
    warehouse: str
    hub: str
    destination: str
    city: str
    transit: int


@dataclass(frozen=True, slots=True)
class Journey:
    """A parcel's steps, and the day on which it was meant to arrive (at the destination)."""

    steps: tuple[TimedStep, ...]
    planned: date


def journey(route: Route, placed_at: datetime, outcome: Outcome, dice: random.Random) -> Journey:
    """The whole way of one parcel. Carriers here also work on Sundays, so that a demo need not wait for Monday."""
    walker = _Walker(route, placed_at, dice)
    planned = walker.leave()
    if outcome is Outcome.late:
        walker.dawdle(planned)
        walker.deliver(planned + timedelta(days=1))
    elif outcome is Outcome.attempt_first:
        walker.attempt(planned)
        walker.deliver(planned + timedelta(days=1))
    elif outcome is Outcome.collected:
        walker.drop(planned)
        walker.collect(planned + timedelta(days=1))
    elif outcome is Outcome.sent_back:
        walker.attempt(planned)
        walker.turn_back(planned + timedelta(days=1))
    else:
        walker.deliver(planned)
    return Journey(tuple(walker.steps), planned)


class _Walker:
    """Writes a parcel's steps one after another, each at a believable hour of the place where it happens."""

    def __init__(self, route: Route, placed_at: datetime, dice: random.Random) -> None:
        self.steps: list[TimedStep] = []
        self._route, self._placed_at, self._dice = route, placed_at, dice

    def leave(self) -> date:
        """Label, pick-up and the way to the delivery base; the planned day of arrival."""
        route = self._route
        local = self._placed_at.astimezone(_zone(route.origin))
        pickup = local.date() if local.hour < 14 else local.date() + timedelta(days=1)
        self._add_at(self._placed_at + timedelta(minutes=self._dice.randint(20, 100)), Step.label, "", route.origin)
        self._add(pickup, 16.5, 18.5, Step.pickup, route.warehouse, route.origin)
        self._add(pickup, 20.0, 22.5, Step.sorted, route.hub, route.origin)
        arrival = pickup + timedelta(days=route.transit)
        if route.transit > 1 or self._dice.random() < 0.5:
            self._add(pickup + timedelta(days=1), 1.0, 3.0, Step.forwarded, route.hub, route.origin)
        if route.transit > 2:
            self._add(arrival - timedelta(days=1), 11.0, 19.0, Step.sorted, "", route.destination)
        self._add(arrival, 4.0, 5.5, Step.arrived, route.city, route.destination)
        return arrival

    def dawdle(self, planned: date) -> None:
        """The day on which it should have come passes; sometimes the carrier says why."""
        if self._dice.random() < 0.3:
            self._here(planned, 10.0, 15.0, Step.held)

    def deliver(self, day: date) -> None:
        self._here(day, 6.5, 9.0, Step.van)
        self._here(day, 9.5, 18.0, Step.delivered)

    def attempt(self, day: date) -> None:
        self._here(day, 6.5, 9.0, Step.van)
        self._here(day, 10.0, 17.0, Step.attempt)

    def drop(self, day: date) -> None:
        self._here(day, 6.5, 9.0, Step.van)
        self._here(day, 12.0, 15.0, Step.pickup_point)

    def collect(self, day: date) -> None:
        self._here(day, 10.0, 18.0, Step.delivered)

    def turn_back(self, day: date) -> None:
        self._here(day, 8.0, 12.0, Step.sent_back)
        self._add(day + timedelta(days=1), 9.0, 15.0, Step.returned, self._route.warehouse, self._route.origin)

    def _here(self, day: date, earliest: float, latest: float, step: Step) -> None:
        self._add(day, earliest, latest, step, self._route.city, self._route.destination)

    def _add(self, day: date, earliest: float, latest: float, step: Step, place: str, country: str) -> None:
        minutes = self._dice.randint(round(earliest * 60), round(latest * 60))
        wall = datetime.combine(day, time.min) + timedelta(minutes=minutes, seconds=self._dice.randrange(60))
        self._add_at(localise(wall, _zone(country).key), step, place, country)

    def _add_at(self, at: datetime, step: Step, place: str, country: str) -> None:
        lag = self._dice.randint(600, 1800) if step is Step.label else self._dice.randint(120, 1200)
        self.steps.append(TimedStep(at=at, step=step, place=place, country=country, lag_seconds=lag))


def _zone(country: str) -> ZoneInfo:
    return zone(zone_of_country(country) or "UTC")
