"""A parcel's story as one line in time: what was heard on the left, what was decided and sent on the right."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.insight.phrases import why, words
from app.insight.stories import (
    CAUSES,
    AnswerStory,
    AttemptStory,
    ClaimStory,
    ComingStory,
    CrossingStory,
    DecisionStory,
    MessageStory,
    ReplyStory,
    ScanStory,
    Story,
)
from app.insight.tell import claim_end, untimed
from app.insight.tell_messages import CHANNELS, STATES, WENT_WELL, goes_without_saying, reply, templates_of, unsent
from app.models.vocabulary import Cause, MessageState, Reason, Source

_TOLD = {
    "poll": "heard when its carrier was asked",
    "push": "the carrier called",
    "api": "told by the shop",
    "file": "from a file",
    "person": "told by somebody of the shop",
}
_BEFORE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tried:
    """One call to a provider, in a line, and what was reported of it."""

    text: str
    at: datetime
    reports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """One rule's answer. `kind` is good, quiet (it waits), warn or bad; `message` names
    what it planned."""

    kind: str
    head: str
    text: str
    rule: str
    looked_at: tuple[str, ...]
    message: str | None = None
    subject: str | None = None
    more: tuple[str, ...] = ()
    tries: tuple[Tried, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One point of the line. `side` is heard or done; `at` is UTC, None for what has no time."""

    side: str
    at: datetime | None
    head: str
    text: str = ""
    quiet: bool = False
    milestone: str = ""
    answers: tuple[Answered, ...] = ()
    aside: tuple[str, ...] = ()


def timeline(story: Story) -> list[Entry]:
    """What was heard and what came of it, the newest first; what has no time last."""
    entries = [*map(_scan, story.scans), *map(_fault, story.faults), *map(_reply, story.replies)]
    entries += [entry for claim in story.claims for entry in _claim(claim)]
    sources = {(scan.milestone, scan.occurred_at): scan.source for scan in story.scans}
    entries += [_crossing(crossing, _witness(crossing, sources, story.carrier)) for crossing in story.crossings]
    # of one instant the scan came first, and what it led to stands above it
    ranked = sorted(enumerate(entries), key=lambda one: (one[1].at or _BEFORE, one[1].side == "done", one[0]))
    return [entry for _, entry in reversed(ranked)]


def _scan(scan: ScanStory) -> Entry:
    said = (scan.description or scan.code).rstrip(".")
    head = words(said).capitalize() if said == scan.milestone else said
    means = f"means {words(scan.milestone)}" if scan.milestone else f"no milestone (code {scan.code})"
    parts = [scan.place or "", means, _TOLD.get(scan.source, scan.source)]
    if scan.occurred_at is None:
        parts.append(untimed(scan))
    if scan.retired_at:
        parts.append("of a wrong number: it counts no more")
    return Entry("heard", scan.occurred_at, head, " · ".join(filter(None, parts)), quiet=scan.milestone is None)


def _fault(fault: AnswerStory) -> Entry:
    status = f" (HTTP {fault.http_status})" if fault.http_status else ""
    text = f"{words(fault.kind)}{status}{': ' + fault.detail if fault.detail else ''}"
    return Entry("heard", fault.heard_at, "An answer of the carrier could not be used", text, quiet=True)


def _reply(reply: ReplyStory) -> Entry:
    said = f"“{' '.join(reply.text.split())}”" if reply.text is not None else "A text that has been forgotten"
    meant = {"stop": "gets no more texts", "start": "gets texts again", "help": "asks for help"}.get(reply.meaning, "")
    return Entry("heard", reply.received_at, said, " · ".join(filter(None, ["the shopper wrote this back", meant])))


def _claim(claim: ClaimStory) -> Iterator[Entry]:
    """The shopper said that it is not there, and how that ended."""
    yield Entry("heard", claim.opened_at, "“It is not there.”", f"the shopper said so on its page · claim {claim.id}")
    if claim.closed_at:
        yield Entry("heard", claim.closed_at, claim_end(claim), f"claim {claim.id}")


def _witness(crossing: CrossingStory, sources: Mapping[Any, str], carrier: str | None) -> str:
    """Who said what opened it."""
    source = sources.get((crossing.milestone, crossing.occurred_at))
    if source == Source.person:
        return "somebody of the shop"
    told = source in (Source.api, Source.file) or not carrier
    return "the shop" if told else "the carrier"


def _crossing(crossing: CrossingStory, witness: str) -> Entry:
    again = f", for time number {crossing.occurrence}" if crossing.occurrence > 1 else ""
    whole = "The whole order: " if crossing.scope == "order" else ""
    because = f"{witness} said so" if crossing.cause == Cause.scan else CAUSES.get(crossing.cause, crossing.cause)
    wrong = "; it was under a wrong tracking number, and counts no more" if crossing.retired_at else ""
    name = words(crossing.milestone)
    return Entry(
        "done",
        crossing.occurred_at,
        f"{whole}{name if whole else name.capitalize()}{again}",
        f"because {because}{wrong}",
        milestone=crossing.milestone,
        answers=tuple(map(_answer, crossing.decisions)),
        aside=tuple(f"Not by rule {one.rule!r}: {one.why}." for one in crossing.aside),
    )


def _answer(decision: DecisionStory) -> Answered:
    kind = CHANNELS.get(decision.channel, decision.channel.capitalize())
    if decision.recipient_id != "shopper":
        kind += f" to the {words(decision.recipient_id)}"
    published = f", publication {decision.rules_publication}" if decision.rules_publication is not None else ""
    looked_at = tuple(f"{name} = {value}" for name, value in decision.inputs.items())
    message = decision.message
    rule = f"rule {decision.rule!r}{published}"
    if message is not None and message.templates_publication is not None:
        rule += f", templates {templates_of(message.templates_publication)}"
    if message is None:
        return Answered("quiet", f"{kind} not sent", unsent(decision), rule, looked_at)
    standing = "is held back" if message.pauses else STATES[MessageState(message.state)]
    said = [why(decision.sentence, decision.detail)] if decision.reason == Reason.fell_back else []
    if not goes_without_saying(message):
        said.append(why(message.sentence, message.detail))
    return Answered(
        answer_kind(message),
        f"{kind} {standing}",
        " ".join(said),
        rule,
        looked_at,
        message.id,
        message.subject,
        tuple(lines_of(message)),
        tries_of(message),
    )


def answer_kind(message: MessageStory) -> str:
    """How its state is marked: good, quiet (it waits), warn or bad."""
    if message.state in WENT_WELL:
        return "good"
    if message.state == MessageState.unconfirmed or message.pauses:
        return "warn"
    if message.ended_at is None:
        return "quiet"
    return "bad" if message.state in (MessageState.failed, MessageState.bounced) else "quiet"


def tries_of(message: MessageStory) -> tuple[Tried, ...]:
    """Every call that was made for it, oldest first."""
    return tuple(map(_tried, message.attempts))


def lines_of(message: MessageStory) -> Iterator[str]:
    """What else is to be said of it, a sentence each."""
    if message.tells_of:
        yield f"It tells of {len(message.tells_of)} parcels: {', '.join(message.tells_of)}."
    if message.quiet_from == "brand" or (message.quiet_from and message.ended_at is None):
        yield f"It keeps the quiet hours of the {message.quiet_from}: {message.quiet}."
    for move in message.moves:
        words_of = f"{templates_of(move.publication)} ({move.new[:12]})"
        yield f"It was moved to the words {words_of} by {move.moved_by}: {move.why.rstrip('.')}."
    for one in message.asked_again:
        came = "" if one.waiting else f" It did not: {one.not_sent}" if one.not_sent else " It left."
        yield f"{why(f'{one.asked_by} asked for it to leave again.', one.why)}{came}"
    for pause in message.pauses:
        yield f"It waits, because {pause.scope} is paused by {pause.paused_by}: {pause.why.rstrip('.')}."


def _tried(attempt: AttemptStory) -> Tried:
    said = [reply(attempt), attempt.error or "", attempt.conclusion or ""]
    told = f": {', '.join(filter(None, said))}" if any(said) else ""
    reports = tuple(
        f"{attempt.provider} reported {one.kind}{': ' + one.detail if one.detail and one.detail != one.kind else ''}"
        for one in attempt.receipts
    )
    text = f"Try {attempt.number} through {attempt.provider}, {words(attempt.outcome)}{told}"
    return Tried(text, attempt.begun_at, reports)


_NEXT = {
    "promise": "If it has not arrived by then, it is late",
    "look": "The engine looks whether it is late",
    "question": "The carrier is asked",
}


def next_of(one: ComingStory) -> str:
    """What is due, in a sentence without its end."""
    if one.what == "message":
        kind = CHANNELS.get(one.channel or "", (one.channel or "").capitalize())
        return f"{kind} about {words(one.milestone)} leaves, if it is still true then"
    return _NEXT[one.what]
