"""Back-tests and simulations in words, for a person at a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from app.models.vocabulary import Reason
from app.rehearsal.backtest import Backtest
from app.rehearsal.differences import Change, Example
from app.rehearsal.simulate import Happening, Simulation
from app.zones import zone

_CHANNELS = {"email": "Email", "sms": "SMS", "whatsapp": "WhatsApp"}
_SHOWN = 8
_BAR = 30


def tell_backtest(found: Backtest) -> Iterator[str]:
    """What a draft would have changed, as lines of plain text."""
    yield f"{found.brand}, from {_day(found.since)} to {_day(found.until)}: rules {found.live_rules} are live,"
    yield f"the draft is {found.draft_rules}. {found.crossings:,} milestones of {found.orders:,} orders were replayed."
    yield f"Live rules: {found.reproduced.sentence}"
    for one in found.reproduced.examples:
        came = f"was {words(one.recorded)}, comes out {words(one.rehearsed)}"
        yield f"  {one.shipment} {words(one.milestone)}, rule {one.rule!r} by {one.channel}: {came}"
    for more, opened in (("more", found.opened), ("fewer", found.not_opened)):
        for milestone, count in opened.items():
            yield f"The draft's thresholds open {count:,} {more} {words(milestone)}."
    yield from found.notes
    yield ""
    yield f"{found.live:,} messages leave under the live rules, {found.draft:,} under the draft."
    for title, change in (("Gained", found.gained), ("Lost", found.lost), ("Changed", found.changed)):
        yield from _change(title, change)
    if found.by_day and (found.gained.count or found.lost.count or found.changed.count):
        yield ""
        yield "Messages a day, live and draft"
        most = max(max(day.live, day.draft) for day in found.by_day.values()) or 1
        for name, day in found.by_day.items():
            yield f"  {name}  {day.live:>7,} {day.draft:>7,}  {'█' * round(_BAR * day.draft / most)}"


def _change(title: str, change: Change) -> Iterator[str]:
    yield ""
    yield f"{title}: {change.count:,}"
    if not change.count:
        return
    parts: tuple[tuple[str, Mapping[str, int]], ...] = (
        ("rule", change.by_rule),
        ("milestone", change.by_milestone),
        ("channel", change.by_channel),
        ("carrier", change.by_carrier),
        ("hour", {f"{hour:02}": count for hour, count in change.by_hour.items()}),
    )
    for name, counts in parts:
        yield f"  by {name:<10}{', '.join(f'{words(key)} {count:,}' for key, count in counts.items())}"
    yield from _examples(change.examples)


def _examples(examples: Sequence[Example]) -> Iterator[str]:
    for one in examples[:_SHOWN]:
        what = f"{words(one.milestone)} by {one.channel} (rule {one.rule!r})"
        yield f"  e.g. {one.shipment} of order {one.order}, {_day(one.at)}: {what}"
        yield f"       {one.why}"


def tell_simulation(found: Simulation) -> Iterator[str]:
    """What would happen to a parcel and be told of it, as lines of plain text, on its shopper's own clock."""
    here = zone(found.zone)
    carrier = f", {found.carrier}" if found.carrier else ""
    yield f"Parcel {found.shipment} of order {found.order}{carrier}, from {_at(found.starts, here)}"
    yield f"  until {_at(found.until, here)}. Times are the shopper's own, in {found.zone}. Nothing is stored or sent."
    for note in found.notes:
        yield f"  {note}"
    yield ""
    if not found.happenings:
        yield "Nothing happens, and nothing is told."
    for one in found.happenings:
        yield from _happening(one, found.shipment, here)


def _happening(one: Happening, parcel: str, here: ZoneInfo) -> Iterator[str]:
    of = "" if one.shipment == parcel else f" (parcel {one.shipment})"
    when, what = _at(one.at, here), words(one.milestone)
    message = f"{_CHANNELS.get(one.channel or '', '')} about {what}"
    rule = f"(rule {one.rule!r})"
    why = f"{(one.sentence or '').rstrip('.')}{f': {one.detail}' if one.detail else ''}."
    if one.what == "scan":
        yield f"{when}  Made up: {what}{f', {one.place}' if one.place else ''}"
    elif one.what == "milestone":
        yield f"{when}  It reaches {what}{of}"
        if one.sentence:
            yield f"    – {one.sentence}"
    elif one.what == "unplanned":
        yield f"    – no {message} is planned. {rule}"
        yield f"        {why}"
    elif one.what == "waits":
        if one.reason == Reason.merged:
            yield f"    … {what.capitalize()} is told {one.detail}. {rule}"
        elif one.until and one.until > one.at:
            yield f"    … {message} waits until {_at(one.until, here)}. {rule}"
    elif one.what == "unsent":
        yield f"{when}  ✗ {message} does not leave{of}. {rule}"
        yield f"        {why}"
    else:
        yield f"{when}  ✓ {message} leaves{of}. {rule}"
        if one.subject:
            yield f"        Subject: {one.subject}"
        for line in (one.text or "").rstrip().splitlines():
            yield f"        | {line}"


def words(name: str | None) -> str:
    """A name of the vocabulary as people write it."""
    return (name or "not at all").replace("_", " ")


def _day(instant: datetime) -> str:
    return instant.strftime("%d %b %Y %H:%M UTC")


def _at(instant: datetime, here: ZoneInfo) -> str:
    return instant.astimezone(here).strftime("%a %d %b %H:%M")
