"""What a rule answered and what became of its message, in words: the part of a parcel's story that people ask about."""

import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from app.insight.phrases import at, on, why, words
from app.insight.stories import AttemptStory, DecisionStory, MessageStory
from app.models.vocabulary import MessageState, Reason

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


def decided(decision: DecisionStory, here: ZoneInfo) -> Iterator[str]:
    """The lines of one rule's answer, with its message and that message's tries, indented below a crossing's."""
    kind = CHANNELS.get(decision.channel, decision.channel.capitalize())
    if decision.recipient_id != "shopper":
        kind += f" to the {words(decision.recipient_id)}"
    message = decision.message
    if message is None:
        yield f"    ✗ {kind}: not sent. {unsent(decision)} ({_rule(decision)})"
        yield from _asked(decision)
        return
    mark = "✓" if message.state in WENT_WELL else "·" if message.ended_at is None else "✗"
    subject = f" “{message.subject}”" if message.subject else ""
    ended = f" {at(message.ended_at, here)}" if message.ended_at else ""
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
        words_of = f"the words {templates_of(move.publication)} at {at(move.moved_at, here)} ({move.new[:12]})"
        yield f"        It was moved to {words_of}, by {move.moved_by}, because {move.why.rstrip('.')}."
    for one in message.asked_again:
        came = "" if one.waiting else f" It did not: {one.not_sent}" if one.not_sent else " It left."
        asked = f"{one.asked_by} asked on {at(one.asked_at, here)} for it to leave again"
        yield f"        {why(f'{asked}.', one.why)}{came}"
    for pause in message.pauses:
        by = f"{pause.paused_by} since {on(pause.since, here)}"
        yield f"        It waits, because {pause.scope} is paused by {by}: {pause.why.rstrip('.')}."
    for attempt in message.attempts:
        yield from _attempt(attempt)


def unsent(decision: DecisionStory) -> str:
    """Why a rule's answer was no, in a sentence that can be read out."""
    if decision.reason == Reason.condition_false and decision.about:
        return f"It is not for this case: “{decision.about}”"
    if decision.reason == Reason.condition_false and decision.asks:
        return f"It is not for this case: it asks that {decision.asks}."
    # of what is history the line above has the time
    return why(decision.sentence, "" if decision.reason == Reason.history else decision.detail)


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
