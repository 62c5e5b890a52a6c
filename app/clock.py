"""The only module that asks what time it is.

Three kinds of time are told apart. *Engine time* is what rules, promises and messages live in; in a demo
it can start elsewhere and run faster. *Wall time* is what back-off and time-outs are counted in. The
*database's time* (`now()` in SQL) governs leases and attempts and is never read here.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Clock:
    """Engine time as a straight line over wall time: `start` at wall second `anchor`, `speed` times as fast."""

    start: datetime | None = None
    anchor: float = 0.0
    speed: float = 1.0

    def now(self) -> datetime:
        """The engine's present, in UTC."""
        if self.start is None:
            return wall_now()
        return self.start + timedelta(seconds=(time.time() - self.anchor) * self.speed)

    def after_wall(self, seconds: float) -> datetime:
        """The engine instant at which `seconds` of wall time will have passed."""
        return self.now() + timedelta(seconds=seconds * self.speed)

    def wall_seconds_until(self, instant: datetime) -> float:
        """How many wall seconds remain until an engine instant; negative when it has passed."""
        return (instant - self.now()).total_seconds() / self.speed

    @property
    def real(self) -> bool:
        """Whether engine time is simply the time."""
        return self.start is None


REAL = Clock()


def wall_now() -> datetime:
    """The real time, in UTC."""
    return datetime.now(UTC)


def wall_seconds() -> float:
    """Real seconds since 1970, for anchors and signatures."""
    return time.time()


def stopwatch() -> float:
    """A monotonic second count; only differences mean anything."""
    return time.monotonic()


def cpu_seconds() -> float:
    """CPU seconds this process has used, user and system."""
    return time.process_time()


def parse_clock(text: str) -> Clock:
    """Read `start@wall-anchor*speed`, e.g. `2026-03-01T06:00:00+00:00@1772000000.0*3600`.

    The anchor is in seconds since 1970, so one value means the same in every process.
    Raises ConfigurationError naming the part that cannot be read.
    """
    try:
        start_text, rest = text.split("@", 1)
        anchor_text, speed_text = rest.split("*", 1)
        start = datetime.fromisoformat(start_text)
        anchor, speed = float(anchor_text), float(speed_text)
    except ValueError as error:
        raise ConfigurationError(
            f"DOORSTEP_CLOCK={text!r} cannot be read ({error}). "
            "Write start@wall-anchor*speed, e.g. 2026-03-01T06:00:00+00:00@1772000000.0*3600, or unset it."
        ) from error
    if start.tzinfo is None or not 0 < speed <= 1_000_000:
        raise ConfigurationError(
            f"DOORSTEP_CLOCK={text!r} needs a start with a UTC offset and a speed between 0 and 1,000,000."
        )
    return Clock(start.astimezone(UTC), anchor, speed)


def describe_clock(clock: Clock) -> str:
    """The text that `parse_clock` reads back."""
    if clock.start is None:
        return ""
    return f"{clock.start.isoformat()}@{clock.anchor!r}*{clock.speed!r}"
