"""A stretch of the day in which a channel must let people sleep, as rules and brands write it."""

import re
from dataclasses import dataclass
from datetime import time

_WRITTEN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)$")


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch of the day on the wall clock, from `starts` until just before `ends`; it may span midnight."""

    starts: time
    ends: time

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}-{self.ends:%H:%M}"

    def covers(self, wall: time) -> bool:
        """Whether a wall clock shows a quiet time."""
        if self.starts < self.ends:
            return self.starts <= wall < self.ends
        return wall >= self.starts or wall < self.ends


def parse_quiet(written: str) -> Quiet:
    """`21:00-08:00`. Raises ValueError with the reason."""
    found = _WRITTEN.match(written.strip())
    if not found:
        raise ValueError(f"{written!r} is no stretch of the day such as 21:00-08:00")
    quiet = Quiet(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))
    if quiet.starts == quiet.ends:
        raise ValueError("it begins when it ends, so it would be the whole day or none of it")
    return quiet
