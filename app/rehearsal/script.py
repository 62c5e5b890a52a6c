"""What a simulation is told to let happen, as it is written on the command line: spans, instants and scans."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.errors import Fault, InvalidInput, nearest
from app.models.vocabulary import CARRIER_MILESTONES, Milestone

LONGEST = timedelta(days=90)
MOST_SCANS = 50

_SPAN = re.compile(r"^\+?(\d{1,4})\s*([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A scan that has not happened: what it would mean, when (UTC), and where."""

    milestone: Milestone
    at: datetime
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Scans that are made up, oldest first, between the instant at which the parcel is forked and the end; UTC."""

    starts: datetime
    until: datetime
    scans: tuple[MadeUp, ...] = ()


def parse_span(written: str, name: str) -> timedelta:
    """`30d`, `+12h`, `90m`. Raises InvalidInput naming the option or field."""
    found = _SPAN.match(written.strip())
    if not found or not int(found[1]):
        raise InvalidInput([Fault(None, name, f"{written!r} is no span of time", "Write 30d or 12h, say.")])
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def in_words(span: timedelta) -> str:
    """A span as people write it, in its two largest units: `1 d 3 h`, `30 min`."""
    left, said = round(abs(span.total_seconds())), list[str]()
    for length, unit in _STEPS:
        if left >= length and len(said) < 2:
            said.append(f"{left // length} {unit}")
            left %= length
    return " ".join(said) or "0 s"


def read_script(now: datetime, until: str, at: str | None, scans: Sequence[str]) -> Script:
    """A script from its options. Scans that name no instant happen at `at`, or else now; instants are spans from now
    (`+1d`) or times with an offset. Raises InvalidInput with every fault, its option and what to write instead."""
    faults: list[Fault] = []
    end = _instant(until, "--until", now, faults)
    usual = _instant(at, "--at", now, faults) if at else now
    made_up = [one for written in scans[:MOST_SCANS] if (one := _scan(written, now, usual, faults))]
    if len(scans) > MOST_SCANS:
        faults.append(Fault(None, "--scan", f"{len(scans)} of them", f"Give at most {MOST_SCANS}."))
    if end - now > LONGEST:
        faults.append(Fault(None, "--until", "too far ahead", f"Write at most +{LONGEST.days}d."))
    beyond = [one for one in made_up if one.at > end]
    if beyond:
        problem = f"{beyond[0].milestone.value} would come after --until"
        faults.append(Fault(None, "--scan", problem, "Let it come sooner, or write a later --until."))
    if faults:
        raise InvalidInput(faults)
    return Script(now, end, tuple(sorted(made_up, key=lambda one: one.at)))


def _scan(written: str, now: datetime, usual: datetime, faults: list[Fault]) -> MadeUp | None:
    name, _, rest = written.partition("@")
    when, _, place = rest.partition("@")
    known = [one.value for one in CARRIER_MILESTONES]
    if name.strip() not in known:
        if name.strip() in set(Milestone):
            problem, remedy = f"{name.strip()!r} is for the engine to say", "Let time pass with --until to see it."
        else:
            problem, remedy = f"{name.strip()!r} is no milestone", nearest(name.strip(), known)
        faults.append(Fault(None, "--scan", problem, remedy))
        return None
    at = _instant(when, "--scan", now, faults) if when.strip() else usual
    return MadeUp(Milestone(name.strip()), at, place.strip() or None)


def _instant(written: str, option: str, now: datetime, faults: list[Fault]) -> datetime:
    found = _SPAN.match(written.strip())
    if found:
        return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        at = datetime.fromisoformat(written.strip())
        at = at if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # a time may lie beyond the calendar once it is UTC
        faults.append(Fault(None, option, f"{written!r} is no instant", "Write +1d, or 2026-03-02T08:00+01:00."))
        return now
    if at.tzinfo is None:
        faults.append(Fault(None, option, f"{written!r} has no zone", "Write its offset too: 2026-03-02T08:00+01:00."))
        return now
    if at < now:
        problem = f"{written!r} lies before now"
        faults.append(Fault(None, option, problem, "A parcel is forked as it stands; write a later time, or +1h."))
        return now
    return at
