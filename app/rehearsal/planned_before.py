"""The messages that really were planned for an order before a rehearsal begins: what waits goes on."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from app.models.facts import Facts
from app.models.vocabulary import PENDING, SENT, Channel, MessageState, Milestone, Reason
from app.rehearsal.mails import Cover, Mail
from app.rehearsal.reading import Stored
from app.rules.decide import Decided
from app.rules.quiet import parse_quiet
from app.rules.ruleset import RuleSet


def planned_before(stored: Stored, rules: RuleSet, begins: datetime) -> list[Mail]:
    """Those that had left, or still waited, when a rehearsal begins; each with the parcels that it told of by then.

    What was planned at that very instant is of the rehearsal, unless it is the present: see `planned_so_far`.
    """
    return _planned(stored, rules, begins, begins)


def planned_so_far(stored: Stored, rules: RuleSet, now: datetime) -> list[Mail]:
    """The same for a rehearsal that begins now: all that is stored."""
    return _planned(stored, rules, now, now + datetime.resolution)


def _planned(stored: Stored, rules: RuleSet, begins: datetime, before: datetime) -> list[Mail]:
    crossings = {one.id: one for one in stored.crossings}
    found: list[Mail] = []
    for message in stored.messages:
        crossing = crossings.get(message.crossing_id)
        ended = message.ended_at is not None and message.ended_at <= begins
        stands = MessageState(message.state) in SENT | PENDING or not ended
        if crossing is not None and crossing.facts and stands and message.planned_at < before:
            found.append(_mail(len(found) + 1, stored, message, rules, (begins, before)))
    return found


def _mail(number: int, stored: Stored, message: Any, rules: RuleSet, at: tuple[datetime, datetime]) -> Mail:
    begins, before = at
    left = MessageState(message.state) not in (MessageState.held, MessageState.ready) and (
        message.ended_at is None or message.ended_at <= begins
    )
    rule = rules.named(message.rule)
    merges = message.merge_until is not None and rule is not None
    return Mail(
        number=number,
        milestone=Milestone(message.milestone),
        occurrence=next(one.occurrence for one in stored.crossings if one.id == message.crossing_id),
        decided=_decided(message),
        covers=list(_covers(stored, message, before)),
        planned_at=message.planned_at,
        send_at=message.send_at if left else max(message.send_at, begins),
        expires_at=message.expires_at,
        merge_until=message.planned_at + rule.merge if merges and rule is not None else None,
        left_at=(message.ended_at or message.planned_at) if left else None,
        template_version_id=message.template_version_id or 0,
        public_id=message.public_id,
    )


def _decided(message: Any) -> Decided:
    return Decided(
        rule=message.rule,
        channel=Channel(message.channel),
        template="",
        recipient_id=message.recipient_id,
        fired=True,
        reason=Reason.planned,
        detail="",
        send_at=message.send_at,
        expires_at=message.expires_at,
        priority=message.priority,
        quiet=parse_quiet(message.quiet) if message.quiet else None,
    )


def _covers(stored: Stored, message: Any, before: datetime) -> Iterator[Cover]:
    """The parcels that a message told of, that by which it came to be first; each with the news of its joining."""
    own = next(one for one in stored.crossings if one.id == message.crossing_id)
    yield Cover(message.shipment_id, Facts.model_validate(own.facts), message.planned_at, message.expires_at, True)
    said = (message.milestone, message.channel, message.planned_at, message.rule)
    for told in stored.told:
        if (told.milestone, told.channel, told.planned_at, told.rule) != said or told.since >= before:
            continue
        joined = (told.shipment_id, told.milestone, told.since)
        for crossing in stored.crossings:
            news = (crossing.shipment_id, crossing.milestone, crossing.crossed_at)
            if news == joined and crossing.id != own.id and crossing.facts:
                facts = Facts.model_validate(crossing.facts)
                yield Cover(told.shipment_id, facts, told.since, message.expires_at, True)
