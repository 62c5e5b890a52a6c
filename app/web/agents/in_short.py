"""A parcel's story in a few sentences that can be read out to whoever asks for it on the phone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.insight.phrases import why, words
from app.insight.stories import DecisionStory, MessageStory, Story
from app.insight.tell import quiet_because
from app.insight.tell_messages import CHANNELS, STATES, WENT_WELL, unsent
from app.models import Order
from app.models.vocabulary import ENDS, Channel, MessageState, Milestone, Reason
from app.web.agents.timeline import next_of
from app.zones import zone

_STANDS: Mapping[str, str] = {
    Milestone.registered: "The carrier has been told of it, and does not have it yet",
    Milestone.dispatched: "It has been handed to the carrier",
    Milestone.in_transit: "It is on its way",
    Milestone.out_for_delivery: "It is out for delivery",
    Milestone.ready_for_pickup: "It waits to be collected",
    Milestone.attempt_failed: "The carrier was at the door, and could not hand it over",
    Milestone.delivered: "It was delivered",
    Milestone.exception: "Something went wrong on its way",
    Milestone.returning: "It is on its way back to the shop",
    Milestone.returned: "It is back at the shop",
    Milestone.return_received: "The shop has received it back",
    Milestone.expired: "The carrier has nothing more to say of it",
    Milestone.cancelled: "It was cancelled",
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence, and the word that it stands under."""

    word: str
    text: str


def in_short(story: Story, order: Order) -> list[Spoken]:
    """Where it is, when it comes, what its shopper was told on each channel or why not, and what comes next; times are
    the shopper's own."""
    here = zone(story.zone)
    told = [Spoken("Where", " ".join(_where(story, here))), Spoken("When", " ".join(_when(story, here)))]
    answers = [one for crossing in story.crossings if not crossing.retired_at for one in crossing.decisions]
    answers = sorted((one for one in answers if one.recipient_id == "shopper"), key=lambda one: one.decided_at)
    channels = dict.fromkeys([Channel.email.value, Channel.sms.value, *(one.channel for one in answers)])
    for channel in channels:
        own = [one for one in answers if one.channel == channel]
        told.append(Spoken(_named(channel), " ".join(_told(own, _named(channel), story, order, here))))
    told.append(Spoken("Wrote back", _wrote(story, here)))
    told.append(Spoken("Next", _next(story, here)))
    return [one for one in told if one.text]


def _where(story: Story, here: ZoneInfo) -> Iterator[str]:
    if story.cancelled_at:
        yield f"It was cancelled {_on(story.cancelled_at, here)}."
        return
    if story.milestone_at is None:
        yield "Its carrier has said nothing of it yet."
        return
    since = f"{', since' if story.milestone not in ENDS else ''} {_on(story.milestone_at, here)}"
    place = next((one.place for one in reversed(story.scans) if one.place and not one.retired_at), None)
    yield f"{_STANDS.get(story.milestone, f'It is {words(story.milestone)}')}{since}."
    if place and story.milestone not in ENDS:
        yield f"Last scanned in {place}."
    if story.milestone == Milestone.ready_for_pickup and (pickup := story.notes.get("pickup")):
        yield f"It lies at {', '.join(filter(None, [pickup['name'], pickup.get('address')]))}."
    if story.delivery_doubted_at:
        yield f"That is doubted: it has been scanned on its way since, {_on(story.delivery_doubted_at, here)}."
    if any(claim.closed_at is None for claim in story.claims):
        yield "Its shopper says that it is not there."


def _when(story: Story, here: ZoneInfo) -> Iterator[str]:
    if story.cancelled_at or story.milestone in ENDS:
        return
    if story.eta_through:
        begins = story.eta_from.astimezone(here) if story.eta_from else None
        ends = story.eta_through.astimezone(here)
        if begins and begins.date() == ends.date():
            yield f"Expected {_day(ends.date())} between {begins:%H:%M} and {ends:%H:%M}."
        else:
            yield f"Expected by {_on(story.eta_through, here)}."
    elif story.eta_day:
        yield f"Expected {_day(story.eta_day)}."
    if story.promised_on:
        yield f"Promised for {_day(story.promised_on)}."
    if story.late_since:
        yield f"It is late, since {_on(story.late_since, here)}."


def _told(answers: Sequence[DecisionStory], kind: str, story: Story, order: Order, here: ZoneInfo) -> Iterator[str]:
    """What was sent on one channel, and why the latest was not."""
    about = {id(one): crossing.milestone for crossing in story.crossings for one in crossing.decisions}
    went = [one for one in answers if one.message is not None and one.message.state in WENT_WELL]
    # A rule that is for another case withholds nothing that the shopper would have had.
    meant = [one for one in answers if one.reason != Reason.condition_false]
    if went:
        last = went[-1]
        assert last.message is not None
        arrived = "was delivered" if last.message.state == MessageState.delivered else "was sent"
        subject = f", “{last.message.subject}”" if last.message.subject else f" about {words(about[id(last)])}"
        at = _on(last.message.ended_at or last.message.send_at, here)
        yield f"{len(went)} sent. The latest {arrived} {at}{subject}."
    elif meant:
        yield "None was sent."
    else:
        missing = {"Email": not order.email, "SMS": not order.phone}.get(kind, False)
        yield (
            f"None: the order has no {'email address' if kind == 'Email' else 'phone number'}."
            if missing
            else ("None: no rule has asked for one so far.")
        )
    if meant and (not went or meant[-1] is not went[-1]):
        latest = words(about[id(meant[-1])])
        waits = _waits(meant[-1].message)
        yield f"One about {latest} {waits}" if waits else f"About {latest}: {_small(_because(meant[-1]))}"


def _waits(message: MessageStory | None) -> str:
    """What a message that has not come to its end waits for."""
    if message is None or message.ended_at is not None:
        return ""
    if message.pauses:
        pause = message.pauses[0]
        return f"waits, because {pause.scope} is paused: {pause.why.rstrip('.')}."
    said = "" if message.reason == Reason.planned else f" ({_small(why(message.sentence, message.detail)).rstrip('.')})"
    return f"{STATES[MessageState(message.state)]}{said}."


def _because(answer: DecisionStory) -> str:
    return unsent(answer) if answer.message is None else why(answer.message.sentence, answer.message.detail)


def _wrote(story: Story, here: ZoneInfo) -> str:
    """The latest text of the shopper's, and what it did."""
    if not story.replies:
        return ""
    last = max(story.replies, key=lambda one: one.received_at)
    said = f"“{' '.join(last.text.split())}”" if last.text is not None else "A text that has been forgotten"
    meant = {"stop": " It ended our texts to that phone.", "start": " It let our texts begin again."}
    return f"{said}, {_on(last.received_at, here)}.{meant.get(last.meaning, '')}"


def _next(story: Story, here: ZoneInfo) -> str:
    coming = [one for one in story.coming if one.what == "message"] or list(story.coming)
    return f"{next_of(coming[0])}: {_on(coming[0].at, here)}." if coming else quiet_because(story)


def _named(channel: str) -> str:
    return CHANNELS.get(channel, channel.capitalize())


def _small(sentence: str) -> str:
    """A sentence as it goes on behind a colon."""
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def _on(instant: datetime, here: ZoneInfo) -> str:
    local = instant.astimezone(here)
    return f"{_day(local.date())} at {local:%H:%M}"


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
