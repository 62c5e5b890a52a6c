"""A parcel's story in words, for a person who does not know the code."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from app.insight.phrases import at, on, words
from app.insight.stories import (
    CAUSES,
    ClaimStory,
    CrossingStory,
    EstimateStory,
    FollowingStory,
    ScanStory,
    Story,
    TroubleStory,
)
from app.insight.tell_messages import CHANNELS, decided
from app.models.vocabulary import ENDS, NO_TIME, Cause, Milestone
from app.zones import end_of_day, zone


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
    since = f", as of {on(story.milestone_at, here)}" if story.milestone_at else ""
    if story.milestone_at is None and story.milestone == Milestone.registered:
        yield "  The shop has told of it; its carrier has not yet."
    else:
        yield f"  It is {words(story.milestone)}{since}."
    if story.delivery_doubted_at:
        yield f"  That is doubted: its carrier has scanned it on its way since, {on(story.delivery_doubted_at, here)}."
    if story.late_since:
        yield f"  It is late, since {on(story.late_since, here)}."
    if story.promised_on:
        yield f"  The shop promised it for {story.promised_on:%A %d %B %Y}."
    if story.eta_through:
        yield f"  The carrier expects it by {on(story.eta_through, here)}."
    elif story.eta_day:
        yield f"  The carrier expects it on {story.eta_day:%A %d %B %Y}."
    yield from _expected_before(story.estimates, here)
    yield from _noted(story.notes)
    if story.cancelled_at:
        yield f"  It was cancelled on {on(story.cancelled_at, here)}."
    if story.unfollowed_at:
        yield f"  Somebody of the shop stopped following it on {on(story.unfollowed_at, here)}."
    if story.erased_at:
        yield f"  Its shopper was erased on {on(story.erased_at, here)}; nothing is stored of it since."
    if story.baseline:
        yield f"  What happened before {on(story.baseline, here)} is history; nobody is told of it."
    yield f"  Times are the shopper's own, in {story.zone} (known from the {story.zone_source})."


def _expected_before(estimates: Sequence[EstimateStory], here: ZoneInfo) -> Iterator[str]:
    """What the carrier expected before its present word, each a line."""
    for one, then in pairwise(estimates):
        if one.day or one.ends_at or one.starts_at:
            expected = f"{one.day:%A %d %B %Y}" if one.day else on(one.ends_at or one.starts_at, here)
            yield f"  Until {at(then.as_of, here)} it expected it by {expected}."


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
        yield f"  {at(fault.heard_at, here)}  an answer could not be used: {what}"


def _scan(scan: ScanStory, here: ZoneInfo) -> str:
    when = at(scan.occurred_at, here) if scan.occurred_at else untimed(scan)
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
    return f" (heard {(at if happened and happened.year == heard.year else on)(scan.heard_at, here)})"


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
    yield f"  {at(crossing.occurred_at, here)}  {words(crossing.milestone).capitalize()}{again}, because {why}{wrong}"
    if not crossing.decisions:
        yield "      Nobody is told of this: no rule asks for it."
    for decision in crossing.decisions:
        yield from decided(decision, here)
    for one in crossing.aside:
        yield f"    – Not by rule {one.rule!r}: {one.why}."


def _claimed(claims: Sequence[ClaimStory], here: ZoneInfo) -> Iterator[str]:
    """That its shopper did not receive it."""
    yield "What the shopper told us on its page"
    for one in claims:
        yield f"  {at(one.opened_at, here)}  It is marked as delivered, but it is not there (claim {one.id})."
        if one.closed_at:
            yield f"  {at(one.closed_at, here)}  {claim_end(one)}"


def claim_end(claim: ClaimStory) -> str:
    """How a claim ended."""
    return "It has turned up." if claim.closed_by == "shopper" else f"Dealt with by {claim.closed_by}."


_MEANT = {"stop": ", and gets no more texts", "start": ", and gets texts again", "help": ", and asks for help"}


def _replied(story: Story, here: ZoneInfo) -> Iterator[str]:
    yield "What the shopper wrote back"
    for reply in story.replies:
        said = f"“{' '.join(reply.text.split())}”" if reply.text is not None else "a text that has been forgotten"
        yield f"  {at(reply.received_at, here)}  {said}{_MEANT.get(reply.meaning, '')}"


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
        yield f"  {story.carrier or story.asked_of} is asked again {at(story.next_poll_at, here)}{turn}."
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
            yield f"  {kind} about {words(one.milestone)} leaves {at(one.at, here)}, if it is still true then."


def _watched(story: Story, here: ZoneInfo) -> str:
    """What time alone may bring."""
    if story.promised_on and story.watch_at == end_of_day(story.promised_on, story.zone):
        return f"If it has not arrived by {at(story.watch_at, here)}, it is late."
    if story.milestone == Milestone.ready_for_pickup:
        return f"If it has not been collected by {at(story.watch_at, here)}, the shopper may be reminded."
    return f"If nothing new is heard of it by {at(story.watch_at, here)}, it is seen whether it is late."


def _followed(following: FollowingStory, here: ZoneInfo) -> str:
    """Whether anyone calls about the parcel."""
    if following.called_at:
        return f"It was last called about {at(following.called_at, here)}."
    if following.problem:
        return f"Its number is not followed: {following.problem}"
    return "Its number is followed, and nobody has called about it yet."


def _carrier_trouble(trouble: TroubleStory, here: ZoneInfo) -> Iterator[str]:
    since = f" since {at(trouble.since, here)}" if trouble.since else ""
    yield f"  {trouble.carrier} gives no answers at present: {trouble.why}{since}."
    if trouble.asked_again_at:
        yield f"  It is tried again {at(trouble.asked_again_at, here)}; the parcel is asked about when it answers."


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
