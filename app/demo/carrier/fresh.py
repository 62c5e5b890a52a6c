"""What becomes of a number that the carrier was never told of, where it shall play along: a journey of five minutes."""

from datetime import datetime, timedelta

from app.demo.carrier.timetable import Step, TimedStep, Timetable

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_STEPS = (
    (Step.label, -20 * _HOUR, "Leipzig"),
    (Step.pickup, -_MINUTE, "Leipzig"),
    (Step.sorted, _MINUTE, "Hannover"),
    (Step.van, 2 * _MINUTE, ""),
    (Step.delivered, 5 * _MINUTE, ""),
)
"""When each step happens, counted from the first question: the carrier has just taken the parcel over."""


def fresh_journey(number: str, now: datetime) -> Timetable:
    """A timetable for `number`, first asked about at `now` (aware): on its way at once, at the door in five minutes.

    It names no destination, for nobody knows here where the shopper lives. Raises ValidationError for
    a number longer than 60 characters.
    """
    begun = now.replace(microsecond=0)
    full_hour = begun.replace(minute=0, second=0)
    return Timetable(
        tracking_number=number,
        anywhere=True,
        eta_from=full_hour + _HOUR,
        eta_through=full_hour + 3 * _HOUR,
        steps=tuple(TimedStep(at=begun + after, step=step, place=town, lag_seconds=0) for step, after, town in _STEPS),
    )
