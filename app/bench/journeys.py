"""A year of parcels to measure the cadence on: journeys as carriers' scans tell them, by the clocks of the places.

Hubs scan at night, vans leave in the morning, doors are reached by day, and weekends are quiet. Half of the parcels
take the one to four days of a neighbouring country; the other half as long as a marketplace's recorded orders did, of
which one in ten took three days from hand-over to the door, one in two seven, and one in ten seventeen.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.models.vocabulary import Milestone
from app.zones import localise, rest_day, zone_of_country

_M = Milestone
_YEAR = date(2026, 1, 1)
_COUNTRIES = ("SE", "SE", "DE", "DE", "GB", "FR", "NO", "PL", "US", "AU")
_NEAR_DAYS = (1, 1, 1, 2, 2, 3, 4)
_RECORDED_DAYS = (1, 3, 4, 5, 6, 7, 8, 10, 13, 17, 22)


@dataclass(frozen=True, slots=True)
class Shown:
    """A step of the journey, and from when on the carrier's answers show it (UTC). `news`: it opens an episode."""

    milestone: Milestone
    at: datetime
    news: bool


@dataclass(frozen=True, slots=True)
class Journey:
    """One parcel: where it goes, when it was handed to us, its steps in order, and the day of arrival that the carrier
    names from the pick-up on (None: it names none)."""

    id: int
    country: str
    zone: str
    begins: datetime
    steps: tuple[Shown, ...]
    eta_day: date | None


def make_journeys(count: int, seed: int) -> list[Journey]:
    """So many parcels, spread over a year; the same seed makes the same ones."""
    return [_Walk(number, _Dice(f"{seed}:{number}")).journey() for number in range(1, count + 1)]


class _Dice:
    """Numbers that look random and are the same for the same seed, on every machine."""

    def __init__(self, seed: str) -> None:
        self._seed, self._throws = seed, 0

    def draw(self) -> float:
        """A number in [0, 1)."""
        self._throws += 1
        digest = hashlib.blake2b(f"{self._seed}:{self._throws}".encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48

    def one_of(self, choices: tuple[int, ...]) -> int:
        return choices[int(self.draw() * len(choices))]

    def hour(self, earliest: float, latest: float, peak: float) -> float:
        """An hour of the day, likeliest near `peak` (a triangle)."""
        u, cut = self.draw(), (peak - earliest) / (latest - earliest)
        if u < cut:
            return float(earliest + (u * (latest - earliest) * (peak - earliest)) ** 0.5)
        return float(latest - ((1 - u) * (latest - earliest) * (latest - peak)) ** 0.5)


class _Walk:
    """Writes one parcel's steps, each at a believable hour of where it is going."""

    def __init__(self, number: int, dice: _Dice) -> None:
        self._number, self._dice = number, dice
        self._country = _COUNTRIES[int(dice.draw() * len(_COUNTRIES))]
        self._zone = zone_of_country(self._country) or "UTC"
        self._steps: list[Shown] = []

    def journey(self) -> Journey:
        dice = self._dice
        ordered = _YEAR + timedelta(days=int(dice.draw() * 365))
        begins = self._instant(ordered, dice.hour(7, 23.5, 20))
        self._steps.append(Shown(_M.registered, begins + timedelta(minutes=20 + 80 * dice.draw()), news=False))
        pickup = self._workday(ordered + timedelta(days=1 + dice.one_of((0, 0, 0, 1, 1, 2))), saturdays=0.1)
        self._add(pickup, dice.hour(9, 20, 16), _M.dispatched)
        days = dice.one_of(_NEAR_DAYS) if dice.draw() < 0.5 else dice.one_of(_RECORDED_DAYS)
        planned = self._workday(pickup + timedelta(days=days), saturdays=0.3)
        arrival = self._transit(pickup, planned)
        self._last_mile(arrival)
        told = planned if dice.draw() < 0.85 else None
        return Journey(self._number, self._country, self._zone, begins, tuple(self._steps), told)

    def _transit(self, pickup: date, planned: date) -> date:
        """From the evening after the pick-up to the morning of arrival; one in five comes a day or more late."""
        dice = self._dice
        self._add(pickup, dice.hour(20.5, 27, 22), _M.in_transit)
        for day in range(1, (planned - pickup).days, 2):
            self._add(pickup + timedelta(days=day), dice.hour(0, 24, 3), _M.in_transit)
        arrival = planned
        if dice.draw() < 0.04:
            self._add(planned, dice.hour(7, 18, 10), _M.exception)
            arrival += timedelta(days=dice.one_of((1, 2, 3)))
        elif dice.draw() < 0.2:
            arrival += timedelta(days=dice.one_of((1, 1, 1, 2)))
        arrival = self._workday(arrival, saturdays=0.3)
        self._add(arrival, dice.hour(3, 6, 5), _M.in_transit)
        return arrival

    def _last_mile(self, arrival: date) -> None:
        dice = self._dice
        self._add(arrival, dice.hour(6, 10.5, 8), _M.out_for_delivery)
        fate = dice.draw()
        if fate < 0.08:
            self._add(arrival, dice.hour(10, 19, 13), _M.attempt_failed)
            again = self._workday(arrival + timedelta(days=1), saturdays=0.3)
            self._add(again, dice.hour(6, 10.5, 8), _M.out_for_delivery)
            self._add(again, dice.hour(9, 20.5, 14), _M.delivered)
        elif fate < 0.2:
            self._add(arrival, dice.hour(10, 18, 13), _M.ready_for_pickup)
            fetched = arrival + timedelta(days=dice.one_of((0, 1, 1, 2, 3, 5)))
            self._add(fetched, dice.hour(18.2 if fetched == arrival else 8, 21, 18.5), _M.delivered)
        else:
            self._add(arrival, dice.hour(9, 20.5, 14), _M.delivered)

    def _workday(self, day: date, saturdays: float) -> date:
        """The day, or the next on which parcels move: none on the day of rest, few on the day before it."""
        rest = rest_day(self._country)
        while day.weekday() == rest or (day.weekday() == (rest - 1) % 7 and self._dice.draw() >= saturdays):
            day += timedelta(days=1)
        return day

    def _add(self, day: date, hour: float, milestone: Milestone) -> None:
        lag = timedelta(minutes=2 + 18 * self._dice.draw())
        at = max(self._instant(day, hour) + lag, self._steps[-1].at + timedelta(minutes=1))
        once = milestone is _M.in_transit and any(step.milestone is milestone for step in self._steps)
        self._steps.append(Shown(milestone, at, news=not once))

    def _instant(self, day: date, hour: float) -> datetime:
        return localise(datetime.combine(day, time.min) + timedelta(hours=hour), self._zone)
