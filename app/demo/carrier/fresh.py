"""What becomes of a number that the carrier was never told of, where it shall play along: a journey of minutes, to the
door or, by how the number ends, elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.demo.carrier.timetable import Step, TimedStep, Timetable

_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_AWAY = ((Step.label, -20 * _HOUR, "Leipzig"), (Step.pickup, -_MINUTE, "Leipzig"), (Step.sorted, _MINUTE, "Hannover"))


@dataclass(frozen=True, slots=True)
class Journey:
    """What happens to a parcel, in words; each step with its time, counted from the first question, when the carrier
    has just taken it over; and on which day, counted so too, the carrier expects to deliver it."""

    said: str
    steps: Sequence[tuple[Step, timedelta, str]]
    expected: timedelta = timedelta()


USUAL = Journey(
    "at the door after five minutes",
    (*_AWAY, (Step.van, 2 * _MINUTE, ""), (Step.delivered, 5 * _MINUTE, "")),
)
BY_END: Mapping[str, Journey] = {
    "11": Journey(
        "late: expected tomorrow, held up after two minutes, at the door after ten",
        (
            *_AWAY,
            (Step.held, 2 * _MINUTE, "Hannover"),
            (Step.van, 7 * _MINUTE, ""),
            (Step.delivered, 10 * _MINUTE, ""),
        ),
        expected=_DAY,
    ),
    "22": Journey(
        "nobody at home after three minutes, at a pickup point after five, collected after ten",
        (
            *_AWAY,
            (Step.van, 2 * _MINUTE, ""),
            (Step.attempt, 3 * _MINUTE, ""),
            (Step.pickup_point, 5 * _MINUTE, ""),
            (Step.delivered, 10 * _MINUTE, ""),
        ),
    ),
    "33": Journey(
        "nobody at home after three minutes, on its way back after five, back after eight",
        (
            *_AWAY,
            (Step.van, 2 * _MINUTE, ""),
            (Step.attempt, 3 * _MINUTE, ""),
            (Step.sent_back, 5 * _MINUTE, ""),
            (Step.returned, 8 * _MINUTE, "Leipzig"),
        ),
    ),
    "44": Journey("lost: after one minute nothing is heard of it", _AWAY),
}
"""By the last two digits of its number, what becomes of a parcel that does not simply come."""


def fresh_journey(number: str, now: datetime) -> Timetable:
    """A timetable for `number`, first asked about at `now` (aware): on its way at once, and then as its end says.

    It names no destination, for nobody knows here where the shopper lives. Raises ValidationError for
    a number longer than 60 characters.
    """
    journey = BY_END.get(number[-2:], USUAL)
    begun = now.replace(microsecond=0)
    full_hour = begun.replace(minute=0, second=0) + journey.expected
    return Timetable(
        tracking_number=number,
        anywhere=True,
        eta_from=full_hour + _HOUR,
        eta_through=full_hour + 3 * _HOUR,
        steps=tuple(
            TimedStep(at=begun + after, step=step, place=town, lag_seconds=0) for step, after, town in journey.steps
        ),
    )
