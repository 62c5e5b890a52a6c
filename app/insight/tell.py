"""A parcel's story in words, for a person who does not know the code."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from app.insight.explain import CAUSES, AttemptStory, CrossingStory, DecisionStory, ScanStory, Story
from app.models.vocabulary import MessageState
from app.zones import zone

_STATES: dict[str, str] = {
    MessageState.held: "is waiting for its time",
    MessageState.ready: "is about to be sent",
    MessageState.sending: "is being sent at this moment",
    MessageState.unconfirmed: "was handed over, but nobody has said yet whether it arrived",
    MessageState.accepted: "was sent",
    MessageState.delivered: "was sent and delivered",
    MessageState.bounced: "was sent and came back",
    MessageState.suppressed: "was not sent",
    MessageState.superseded: "was not sent",
    MessageState.expired: "was not sent",
    MessageState.cancelled: "was not sent",
    MessageState.failed: "could not be sent",
}
_WENT_WELL = frozenset({MessageState.accepted, MessageState.delivered})


def tell(story: Story) -> list[str]:
    """The story as lines of plain text, in the shopper's own time; indentation shows what belongs to what."""
    here = zone(story.zone)
    return [*_opening(story, here), "", *_heard(story, here), "", *_concluded(story, here), "", *_next(story, here)]


def _opening(story: Story, here: ZoneInfo) -> Iterator[str]:
    number = f"{story.carrier or 'no carrier'} {story.tracking_number or 'without a number'}"
    yield f"Parcel {story.shipment} of order {story.order} ({number})"
    since = f" since {_at(story.milestone_at, here)}" if story.milestone_at else ""
    yield f"  It is {words(story.milestone)}{since}."
    if story.promised_on:
        yield f"  The shop promised it for {story.promised_on:%A %d %B %Y}."
    if story.eta_through:
        yield f"  The carrier expects it by {_at(story.eta_through, here)}."
    if story.cancelled_at:
        yield f"  It was cancelled on {_at(story.cancelled_at, here)}."
    if story.baseline:
        yield f"  Doorstep has watched it since {_at(story.baseline, here)}; what came before is history."
    yield f"  Times are those of {story.zone} (known from the {story.zone_source})."


def _heard(story: Story, here: ZoneInfo) -> Iterator[str]:
    yield f"What the carrier said ({len(story.scans)} scans)"
    for scan in story.scans:
        yield f"  {_scan(scan, here)}"
    if not story.scans:
        yield "  Nothing yet."
    for fault in story.faults:
        status = f" (HTTP {fault.http_status})" if fault.http_status else ""
        what = f"{words(fault.kind)}{status}{': ' + fault.detail if fault.detail else ''}"
        yield f"  {_at(fault.heard_at, here)}  an answer could not be used: {what}"


def _scan(scan: ScanStory, here: ZoneInfo) -> str:
    when = _at(scan.occurred_at, here) if scan.occurred_at else f"at an unreadable time ({scan.written_time})"
    place = f", {scan.place}" if scan.place else ""
    meaning = f"means {words(scan.milestone)}" if scan.milestone else f"no milestone (code {scan.code})"
    return f"{when}  {(scan.description or scan.code).rstrip('.')}{place}: {meaning}; heard {_at(scan.heard_at, here)}"


def _concluded(story: Story, here: ZoneInfo) -> Iterator[str]:
    yield "What came of it"
    if not story.crossings:
        yield "  No milestone has been reached, so nobody was told anything."
    for crossing in story.crossings:
        yield from _crossing(crossing, here)


def _crossing(crossing: CrossingStory, here: ZoneInfo) -> Iterator[str]:
    again = f" (number {crossing.occurrence})" if crossing.occurrence > 1 else ""
    why = CAUSES.get(crossing.cause, crossing.cause)
    yield f"  {_at(crossing.occurred_at, here)}  {words(crossing.milestone).capitalize()}{again}, because {why}"
    if not crossing.decisions:
        yield "      No rule looks at this milestone."
    for decision in crossing.decisions:
        yield from _decision(decision, here)


def _decision(decision: DecisionStory, here: ZoneInfo) -> Iterator[str]:
    kind = "SMS" if decision.channel == "sms" else decision.channel.capitalize()
    message = decision.message
    if message is None:
        detail = f" ({decision.detail})" if decision.detail else ""
        yield f"      {kind}: nothing was planned by rule {decision.rule!r}. {decision.sentence}{detail}"
        return
    mark = "✓" if message.state in _WENT_WELL else "·" if message.ended_at is None else "✗"
    subject = f" “{message.subject}”" if message.subject else ""
    ended = f" {_at(message.ended_at, here)}" if message.ended_at else ""
    detail = f" ({message.detail})" if message.detail else ""
    yield f"    {mark} {kind}{subject} {_STATES[MessageState(message.state)]}{ended}, by rule {decision.rule!r}."
    yield f"        {message.sentence}{detail}"
    for attempt in message.attempts:
        yield from _attempt(attempt)


def _attempt(attempt: AttemptStory) -> Iterator[str]:
    said = ", ".join(filter(None, [f"HTTP {attempt.http_status}" if attempt.http_status else "", attempt.error or ""]))
    reference = f", their reference {attempt.provider_ref}" if attempt.provider_ref else ""
    yield f"        try {attempt.number} through {attempt.provider}: {words(attempt.outcome)}" + (
        f" ({said}){reference}" if said else reference
    )
    for receipt in attempt.receipts:
        detail = f": {receipt.detail}" if receipt.detail else ""
        yield f"          {attempt.provider} reported {receipt.kind}{detail}"


def _next(story: Story, here: ZoneInfo) -> Iterator[str]:
    yield "What comes next"
    if story.problem:
        yield f"  The last question to the carrier went wrong: {story.problem}"
    if story.next_poll_at:
        yield f"  {story.carrier} is asked again {_at(story.next_poll_at, here)}."
    if story.promise_due_at:
        yield f"  If it has not arrived by {_at(story.promise_due_at, here)}, it is late."
    if not story.next_poll_at and not story.promise_due_at:
        yield "  Nothing is expected any more." if story.scans else "  It is heard of only when someone sends a scan."


def words(name: str | None) -> str:
    """A name of the vocabulary as people write it."""
    return (name or "unknown").replace("_", " ")


def _at(instant: datetime | None, here: ZoneInfo) -> str:
    return instant.astimezone(here).strftime("%a %d %b %H:%M") if instant else "never"
