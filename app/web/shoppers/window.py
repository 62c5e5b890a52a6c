"""When a parcel is expected: the one answer that the page says in words and the calendar file says in numbers. Pure."""

from dataclasses import dataclass
from datetime import date, datetime

from app.messages.rendering.moments import Speech
from app.models.facts import Facts
from app.models.vocabulary import ENDS, Milestone

TIMELESS = frozenset({Milestone.ready_for_pickup, Milestone.attempt_failed, Milestone.returning} | ENDS)
"""States in which an expected time of arrival would say nothing, or nothing true."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The days on which it may come, first and last, where the shopper lives; and the hours (UTC) as far as the
    carrier names them and they have not passed."""

    first: date
    last: date
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def in_words(self, speech: Speech) -> str:
        """`today, 14:00–16:00`, `Thursday 26 November`, `tomorrow – Friday 27 November`."""
        if self.first < self.last:
            return f"{speech.day(self.first)} – {speech.day(self.last)}"
        hours = speech.hours(self.starts_at, self.ends_at)
        return f"{speech.day(self.last)}, {hours}" if hours else speech.day(self.last)


def expected(facts: Facts, standing: Milestone, speech: Speech) -> Expected | None:
    """The carrier's window or day, or the promised day, while that lies ahead; else today for a parcel that went out
    today; else nothing."""
    if standing in TIMELESS:
        return None
    start, end = facts.eta.starts_at, facts.eta.ends_at
    last, today = end or start, speech.now.date()
    if last is not None and last > speech.now:
        return _window(start, end, speech)
    if facts.eta.day and facts.eta.day >= today:
        return Expected(facts.eta.day, facts.eta.day)
    out = standing is Milestone.out_for_delivery
    if out and speech.local(facts.news.occurred_at).date() == today:
        return Expected(today, today)
    day = facts.promise.on
    return None if out or day is None or day < today else Expected(day, day)


def last_told(facts: Facts, speech: Speech) -> Expected:
    """What the shopper's calendar may hold: the last that carrier or shop said, passed or not; today, where neither
    says anything any more."""
    start, end = facts.eta.starts_at, facts.eta.ends_at
    if begins := start or end:
        first = speech.local(begins).date()
        last = speech.last_day(end) if end else first
        return Expected(min(first, last), last, start, end)
    day = facts.eta.day or facts.promise.on or speech.now.date()
    return Expected(day, day)


def _window(start: datetime | None, end: datetime | None, speech: Speech) -> Expected:
    today = speech.now.date()
    first = speech.local(start).date() if start else None
    last = speech.last_day(end) if end else first
    begins = max(first, today) if first else None
    if begins is not None and last is not None and begins < last:
        return Expected(begins, last)
    day = last or begins or today
    return Expected(day, day, start if first == day else None, end)
