"""A parcel's story in words, for a person who does not know the code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from app.insight.stories import (
    CAUSES,
    AttemptStory,
    ClaimStory,
    CrossingStory,
    DecisionStory,
    EstimateStory,
    FollowingStory,
    MessageStory,
    ScanStory,
    Story,
    TroubleStory,
)
from app.models.vocabulary import ENDS, NO_TIME, Cause, MessageState, Milestone, Reason
from app.zones import end_of_day, zone

STATES: dict[str, str] = {
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
CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp"}
WENT_WELL = frozenset({MessageState.accepted, MessageState.delivered})


def tell(story: Story) -> list[str]:
    """The story as lines of plain text, in the shopper's own time; indentation shows what belongs to what."""
    here = zone(story.zone)
    replied = ["", *_replied(story, here)] if story.replies else []
    claimed = ["", *_claimed(story.claims, here)] if story.claims else []
    told = [*_opening(story, here), *claimed, "", *_heard(story, here), "", *_concluded(story, here)]
    return [*told, *replied, "", *_next(story, here)]


def _opening(story: Story, here: ZoneInfo) -> Iterator[str]:
    number = " ".join(filter(None, [story.carrier, story.tracking_number])) or "no carrier or tracking number known"
    yield f"Parcel {story.shipment} of order {story.order} ({number})"
    since = f", as of {_on(story.milestone_at, here)}" if story.milestone_at else ""
    if story.milestone_at is None and story.milestone == Milestone.registered:
        yield "  The shop has told of it; its carrier has not yet."
    else:
        yield f"  It is {words(story.milestone)}{since}."
    if story.delivery_doubted_at:
        yield f"  That is doubted: its carrier has scanned it on its way since, {_on(story.delivery_doubted_at, here)}."
    if story.late_since:
        yield f"  It is late, since {_on(story.late_since, here)}."
    if story.promised_on:
        yield f"  The shop promised it for {story.promised_on:%A %d %B %Y}."
    if story.eta_through:
        yield f"  The carrier expects it by {_on(story.eta_through, here)}."
    elif story.eta_day:
        yield f"  The carrier expects it on {story.eta_day:%A %d %B %Y}."
    yield from _expected_before(story.estimates, here)
    yield from _noted(story.notes)
    if story.cancelled_at:
        yield f"  It was cancelled on {_on(story.cancelled_at, here)}."
    if story.unfollowed_at:
        yield f"  Somebody of the shop stopped following it on {_on(story.unfollowed_at, here)}."
    if story.erased_at:
        yield f"  Its shopper was erased on {_on(story.erased_at, here)}; nothing is stored of it since."
    if story.baseline:
        yield f"  What happened before {_on(story.baseline, here)} is history; nobody is told of it."
    yield f"  Times are the shopper's own, in {story.zone} (known from the {story.zone_source})."


def _expected_before(estimates: Sequence[EstimateStory], here: ZoneInfo) -> Iterator[str]:
    """What the carrier expected before its present word, each a line."""
    for one, then in pairwise(estimates):
        if one.day or one.ends_at or one.starts_at:
            expected = f"{one.day:%A %d %B %Y}" if one.day else _on(one.ends_at or one.starts_at, here)
            yield f"  Until {_at(then.as_of, here)} it expected it by {expected}."


def _noted(notes: Mapping[str, Any]) -> Iterator[str]:
    """What the carrier told beside its events, each a line."""
    if pickup := notes.get("pickup"):
        until = f", until {pickup['until']}" if pickup.get("until") else ""
        yield f"  It is to be collected at {', '.join(filter(None, [pickup['name'], pickup.get('address')]))}{until}."
    if proof := notes.get("proof"):
        yield f"  The carrier has a proof of delivery: {words(proof)}."
    if pieces := notes.get("pieces"):
        yield f"  It belongs to one consignment with {', '.join(pieces)}."
    if link := notes.get("link"):
        yield f"  The carrier's own page: {link}"


def _heard(story: Story, here: ZoneInfo) -> Iterator[str]:
    many = f"{len(story.scans)} {'event' if len(story.scans) == 1 else 'events'}"
    yield f"What was heard of it ({many})" if story.scans else "What was heard of it"
    for scan in story.scans:
        yield f"  {_scan(scan, here)}"
    if not story.scans:
        yield "  Nothing yet."
    for fault in story.faults:
        status = f" (HTTP {fault.http_status})" if fault.http_status else ""
        what = f"{words(fault.kind)}{status}{': ' + fault.detail if fault.detail else ''}"
        yield f"  {_at(fault.heard_at, here)}  an answer could not be used: {what}"


def _scan(scan: ScanStory, here: ZoneInfo) -> str:
    when = _at(scan.occurred_at, here) if scan.occurred_at else untimed(scan)
    said = (scan.description or scan.code).rstrip(".")
    place = f", {scan.place}" if scan.place else ""
    meaning = f": means {words(scan.milestone)}" if scan.milestone else f": no milestone (code {scan.code})"
    if said == scan.milestone:  # a file's own word for it
        said, meaning = words(said).capitalize(), ""
    wrong = "; it was the wrong number's, and counts no more" if scan.retired_at else ""
    return f"{when}  {said}{place}{meaning}{_heard_later(scan, here)}{wrong}"


def untimed(scan: ScanStory) -> str:
    """What a carrier wrote that is no instant, and why."""
    return f"at no time ({scan.written_time}: {NO_TIME.get(scan.zone_source, scan.zone_source)})"


def _heard_later(scan: ScanStory, here: ZoneInfo) -> str:
    """When it came to our ears: the hour on the day itself, the whole date when it is another day."""
    heard = scan.heard_at.astimezone(here)
    happened = scan.occurred_at.astimezone(here) if scan.occurred_at else None
    if happened and happened.date() == heard.date():
        return f" (heard at {heard:%H:%M})"
    return f" (heard {(_at if happened and happened.year == heard.year else _on)(scan.heard_at, here)})"


def _concluded(story: Story, here: ZoneInfo) -> Iterator[str]:
    yield "What came of it"
    if not story.crossings:
        yield f"  {unopened(story)}"
    for crossing in story.crossings:
        yield from _crossing(crossing, here, "the carrier" if story.carrier else "the shop")


def unopened(story: Story) -> str:
    """Why there is no milestone to tell of."""
    if story.baseline and any(scan.milestone for scan in story.scans):
        return "All of this was history when it was handed to Doorstep, so nobody was told anything."
    return "No milestone has been reached, so nobody was told anything."


def _crossing(crossing: CrossingStory, here: ZoneInfo, witness: str) -> Iterator[str]:
    again = f" (number {crossing.occurrence})" if crossing.occurrence > 1 else ""
    why = f"{witness} said so" if crossing.cause == Cause.scan else CAUSES.get(crossing.cause, crossing.cause)
    wrong = "; it was under a wrong tracking number, and counts no more" if crossing.retired_at else ""
    yield f"  {_at(crossing.occurred_at, here)}  {words(crossing.milestone).capitalize()}{again}, because {why}{wrong}"
    if not crossing.decisions:
        yield "      Nobody is told of this: no rule asks for it."
    for decision in crossing.decisions:
        yield from _decision(decision, here)
    for one in crossing.aside:
        yield f"    – Not by rule {one.rule!r}: {one.why}."


def _decision(decision: DecisionStory, here: ZoneInfo) -> Iterator[str]:
    kind = CHANNELS.get(decision.channel, decision.channel.capitalize())
    if decision.recipient_id != "shopper":
        kind += f" to the {words(decision.recipient_id)}"
    message = decision.message
    if message is None:
        detail = "" if decision.reason == Reason.history else decision.detail  # the line above has the time
        yield f"    ✗ {kind}: not sent. {why(decision.sentence, detail)} ({_rule(decision)})"
        yield from _asked(decision)
        return
    mark = "✓" if message.state in WENT_WELL else "·" if message.ended_at is None else "✗"
    subject = f" “{message.subject}”" if message.subject else ""
    ended = f" {_at(message.ended_at, here)}" if message.ended_at else ""
    standing = "is held back" if message.pauses else STATES[MessageState(message.state)]
    published = message.templates_publication
    worded = f", templates {templates_of(published)}" if published is not None else ""
    yield f"    {mark} {kind}{subject} {standing}{ended}. ({_rule(decision)}{worded})"
    if decision.reason == Reason.fell_back:
        yield f"        {why(decision.sentence, decision.detail)}"
    if not goes_without_saying(message):
        yield f"        {why(message.sentence, message.detail)}"
    yield from _asked(decision)
    if message.tells_of:
        yield f"        It tells of {len(message.tells_of)} parcels: {', '.join(message.tells_of)}."
    if message.quiet_from == "brand" or (message.quiet_from and message.ended_at is None):
        yield f"        It keeps the quiet hours of the {message.quiet_from}: {message.quiet}."
    for move in message.moves:
        words_of = f"the words {templates_of(move.publication)} at {_at(move.moved_at, here)} ({move.new[:12]})"
        yield f"        It was moved to {words_of}, by {move.moved_by}, because {move.why.rstrip('.')}."
    for one in message.asked_again:
        came = "" if one.waiting else f" It did not: {one.not_sent}" if one.not_sent else " It left."
        asked = f"{one.asked_by} asked on {_at(one.asked_at, here)} for it to leave again"
        yield f"        {why(f'{asked}.', one.why)}{came}"
    for pause in message.pauses:
        by = f"{pause.paused_by} since {_on(pause.since, here)}"
        yield f"        It waits, because {pause.scope} is paused by {by}: {pause.why.rstrip('.')}."
    for attempt in message.attempts:
        yield from _attempt(attempt)


def _asked(decision: DecisionStory) -> Iterator[str]:
    """The facts that a rule's condition asked for, as they were."""
    said = [f"{name} = {_fact(value)}" for name, value in decision.inputs.items()]
    if said:
        yield f"        It looked at {', '.join(said)}."


def _fact(value: Any) -> str:
    """A fact in few words: of a long list how many it holds."""
    said = f"{len(value)} of them" if isinstance(value, list) and len(value) > _FEW else json.dumps(value, default=str)
    return said if len(said) <= _SHORT else f"{said[:_SHORT]}…"


_FEW, _SHORT = 3, 120


def _rule(decision: DecisionStory) -> str:
    published = f" of publication {decision.rules_publication}" if decision.rules_publication is not None else ""
    return f"rule {decision.rule!r}{published}"


def templates_of(publication: int | None) -> str:
    """As which publication of its brand a message's template counted."""
    return "that ship" if publication is None else f"of publication {publication}"


def goes_without_saying(message: MessageStory) -> bool:
    """Whether the reason repeats what the line above it says: planned, or taken at the first answer."""
    if message.reason == Reason.confirmed_by_receipt:
        return any(attempt.http_status and attempt.http_status < 300 for attempt in message.attempts)
    return message.reason in (Reason.planned, Reason.accepted)


def why(sentence: str, detail: str | None) -> str:
    return f"{sentence.rstrip('.')}: {detail.rstrip('.')}." if detail else sentence


def reply(attempt: AttemptStory) -> str:
    """The number that a provider answered with, by the protocol that it speaks; empty where it gave none."""
    protocol = "SMTP" if attempt.provider == "smtp" else "HTTP"
    return f"{protocol} {attempt.http_status}" if attempt.http_status else ""


def _attempt(attempt: AttemptStory) -> Iterator[str]:
    said = ", ".join(
        filter(
            None,
            [
                reply(attempt),
                attempt.error or "",
                f"their reference {attempt.provider_ref}" if attempt.provider_ref else "",
            ],
        )
    )
    yield f"        try {attempt.number} through {attempt.provider}: {words(attempt.outcome)}" + (
        f" ({said})" * bool(said)
    )
    if attempt.conclusion:
        asked = f"asked {attempt.asked_count} times, " if attempt.asked_count > 1 else ""
        yield f"          what became of it: {asked}{attempt.conclusion}"
    for receipt in attempt.receipts:
        detail = f": {receipt.detail}" if receipt.detail and receipt.detail != receipt.kind else ""
        yield f"          {attempt.provider} reported {receipt.kind}{detail}"


def _claimed(claims: Sequence[ClaimStory], here: ZoneInfo) -> Iterator[str]:
    """That its shopper did not receive it."""
    yield "What the shopper told us on its page"
    for one in claims:
        yield f"  {_at(one.opened_at, here)}  It is marked as delivered, but it is not there (claim {one.id})."
        if one.closed_at:
            yield f"  {_at(one.closed_at, here)}  {claim_end(one)}"


def claim_end(claim: ClaimStory) -> str:
    """How a claim ended."""
    return "It has turned up." if claim.closed_by == "shopper" else f"Dealt with by {claim.closed_by}."


_MEANT = {"stop": ", and gets no more texts", "start": ", and gets texts again", "help": ", and asks for help"}


def _replied(story: Story, here: ZoneInfo) -> Iterator[str]:
    yield "What the shopper wrote back"
    for reply in story.replies:
        said = f"“{' '.join(reply.text.split())}”" if reply.text is not None else "a text that has been forgotten"
        yield f"  {_at(reply.received_at, here)}  {said}{_MEANT.get(reply.meaning, '')}"


def _next(story: Story, here: ZoneInfo) -> Iterator[str]:
    yield "What comes next"
    if story.problem and story.tracking_number and not story.asked_of:
        yield f"  The carrier is {story.problem}."
    elif story.problem:
        yield f"  The last question to the carrier went wrong: {story.problem}"
    if story.carrier_trouble:
        yield from _carrier_trouble(story.carrier_trouble, here)
    elif story.next_poll_at:
        turn = f", one of {', '.join(story.candidates)}" if len(story.candidates) > 1 else ""
        yield f"  {story.carrier or story.asked_of} is asked again {_at(story.next_poll_at, here)}{turn}."
    if story.following:
        yield f"  {_followed(story.following, here)}"
    yield from _scheduled(story, here)
    if story.watch_at:
        yield f"  {_watched(story, here)}"
    if not story.next_poll_at and not story.watch_at:
        yield f"  {quiet_because(story)}"


def _scheduled(story: Story, here: ZoneInfo) -> Iterator[str]:
    """The messages that wait for their time."""
    for one in story.coming:
        if one.what == "message":
            kind = CHANNELS.get(one.channel or "", (one.channel or "").capitalize())
            yield f"  {kind} about {words(one.milestone)} leaves {_at(one.at, here)}, if it is still true then."


def _watched(story: Story, here: ZoneInfo) -> str:
    """What time alone may bring."""
    if story.promised_on and story.watch_at == end_of_day(story.promised_on, story.zone):
        return f"If it has not arrived by {_at(story.watch_at, here)}, it is late."
    if story.milestone == Milestone.ready_for_pickup:
        return f"If it has not been collected by {_at(story.watch_at, here)}, the shopper may be reminded."
    return f"If nothing new is heard of it by {_at(story.watch_at, here)}, it is seen whether it is late."


def _followed(following: FollowingStory, here: ZoneInfo) -> str:
    """Whether anyone calls about the parcel."""
    if following.called_at:
        return f"It was last called about {_at(following.called_at, here)}."
    if following.problem:
        return f"Its number is not followed: {following.problem}"
    return "Its number is followed, and nobody has called about it yet."


def _carrier_trouble(trouble: TroubleStory, here: ZoneInfo) -> Iterator[str]:
    since = f" since {_at(trouble.since, here)}" if trouble.since else ""
    yield f"  {trouble.carrier} gives no answers at present: {trouble.why}{since}."
    if trouble.asked_again_at:
        yield f"  It is tried again {_at(trouble.asked_again_at, here)}; the parcel is asked about when it answers."


def quiet_because(story: Story) -> str:
    """What to expect of a parcel that nobody asks about."""
    if story.cancelled_at:
        return "Nothing: it was cancelled."
    if story.unfollowed_at:
        return "Nothing: somebody of the shop stopped following it."
    if story.erased_at:
        return "Nothing: nobody knows any more whose it was."
    if story.delivery_doubted_at:
        return "Nobody asks any more whether it was delivered; it is heard of only when someone sends a scan."
    if story.milestone in ENDS:
        return "Nothing is expected any more."
    if not story.carrier or not story.tracking_number:
        return "No carrier or tracking number is known, so it is heard of only when the shop sends news of it."
    return "The carrier is not asked about it any more; it is heard of only when someone sends a scan."


def words(name: str | None) -> str:
    """A name of the vocabulary as people write it."""
    return (name or "unknown").replace("_", " ")


def _at(instant: datetime | None, here: ZoneInfo) -> str:
    return instant.astimezone(here).strftime("%a %d %b %H:%M") if instant else "never"


def _on(instant: datetime | None, here: ZoneInfo) -> str:
    """Like `_at`, with the year, for what stands alone."""
    return instant.astimezone(here).strftime("%a %d %b %Y %H:%M") if instant else "never"
