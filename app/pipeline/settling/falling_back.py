"""What is told in the place of a message that could not reach its shopper, planned in the transaction that ends it.

Only ends that are certain count: a message that nobody knows of may have arrived. The rule is read from the version
that the message was decided by, and the ledger key on the other channel decides, so there is one fallback, whatever
dies and however often the end is told.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from app.db import cause_of
from app.log import logger
from app.models import Crossing, Decision, Message, Order, Shipment
from app.models.facts import Facts
from app.models.vocabulary import Channel, MessageState, Milestone, Reason, SuppressionKind
from app.pipeline.brakes.capping import shopper_digest
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.live_rules import as_lived_by
from app.pipeline.deciding.pinned_rules import pinned_rules
from app.pipeline.deciding.planned import Planned
from app.pipeline.deciding.planning import plan, sender_of
from app.pipeline.halving import in_halves
from app.pipeline.house import House
from app.pipeline.leaving.team import team_of
from app.pipeline.people.choosing import Refused, digest_for, refused
from app.pipeline.people.consenting import standing
from app.receipts.choices import kind_of
from app.receipts.suppression import in_words
from app.rules.decide import Crossed, Decided, in_place_of, reachable
from app.rules.ruleset import Audience, Rule, RuleSet, Send
from app.rules.spans import span_words
from app.tracking.outdated import Now, outdated, stood_before

log = logger(__name__)

_S, _R = MessageState, Reason

UNREACHED_ENDS: Mapping[MessageState, frozenset[Reason]] = {
    _S.bounced: frozenset({_R.bounced}),
    _S.failed: frozenset({_R.refused, _R.gave_up, _R.not_renderable}),
    _S.suppressed: frozenset({_R.suppressed_address, _R.not_wanted, _R.no_address, _R.no_provider}),
}
"""How a message ends that certainly did not reach its shopper, for no fault of its news."""

Wakes = frozenset[tuple[str, str]]
NOBODY: Wakes = frozenset()


@dataclass(frozen=True, slots=True)
class _Unreached:
    """A message that did not reach its shopper, with the rules it was decided by, and the step of its rule that has
    something to stand in for it."""

    row: Any
    rules: RuleSet
    rule: Rule
    send: Send


def fall_back(session: Session, house: House, ended: Collection[int], now: datetime) -> Wakes:
    """Plan what stands in for the messages that ended in this very transaction, whose rows it holds; which senders
    have work then. Those that ended otherwise, and those whose rule names nothing, cost two look-ups a batch.

    One that cannot be planned is left without: that its message has ended is written down all the same.
    """
    unreached = _unreached(session, house, ended) if ended else []
    wakes: set[tuple[str, str]] = set()

    def work(some: Sequence[_Unreached]) -> None:
        versions = dict(session.info.get("versions", {}))
        try:
            with session.begin_nested():
                found = _stand_in(session, as_of_now(session, house), some, now)
        except Exception:
            session.info["versions"] = versions  # what the savepoint took back is stored no more
            raise
        wakes.update(found)

    in_halves(unreached, work, _left_without)
    return frozenset(wakes)


def _left_without(one: _Unreached, error: Exception) -> None:
    log.error("nothing can be planned in a message's place", message=one.row.public_id, error=cause_of(error))


def _stand_in(session: Session, house: House, unreached: Sequence[_Unreached], now: datetime) -> Wakes:
    known = _known(session, unreached)
    planned = _distinct(answer for one in unreached for answer in _answers(house, one, known, now))
    decisions: list[dict[str, Any]] = []
    rows = plan(session, house, planned, now, decisions) if planned else []
    if decisions:
        # Two messages may have had the same channel stand in for them: whoever was first has said so.
        session.execute(insert(Decision).on_conflict_do_nothing(), decisions)
    if rows:
        ids = {"ids": sorted(row["id"] for row in rows), "now": now}
        session.execute(_COVER, ids)
        session.execute(_AS_LONG, ids)
    return frozenset((sender_of(row["priority"]), row["channel"]) for row in rows)


def _distinct(answers: Iterable[Planned]) -> list[Planned]:
    """One answer a channel where it stands in for two others of one rule that ended in this batch: the first."""
    found: dict[tuple[int, str, str, str], Planned] = {}
    for one in answers:
        found.setdefault((one.crossing_id, one.decided.rule, one.decided.channel.value, one.decided.recipient_id), one)
    return list(found.values())


def wake(house: House, wakes: Wakes) -> None:
    """After the commit: tell the senders that there is work. A lost call costs one tick."""
    for kind, channel in sorted(wakes):
        house.wake(kind, channel)


# One message may tell of several parcels together: what stands in for it tells of them too, waits for no others, and is
# worth sending while the newest of their news is.
_COVER = sa.text("""
    INSERT INTO ledger_keys (scope, scope_id, milestone, occurrence, channel, recipient_id, brand_id, message_id,
        decided_at)
    SELECT kept.scope, kept.scope_id, kept.milestone, kept.occurrence, instead.channel, instead.recipient_id,
        kept.brand_id, instead.id, :now
    FROM messages AS instead
        JOIN ledger_keys AS kept ON kept.message_id = instead.fallback_of AND kept.scope = 'parcel'
    WHERE instead.id = any(:ids)
    ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT DO NOTHING
""")
_AS_LONG = sa.text("""
    UPDATE messages SET merge_until = :now, expires_at = messages.expires_at + greatest(interval '0', (
        SELECT max(crossings.occurred_at) FROM ledger_keys JOIN crossings USING (scope, scope_id, milestone, occurrence)
        WHERE ledger_keys.message_id = messages.id) - own.occurred_at)
    FROM messages AS merged, crossings AS own
    WHERE messages.id = any(:ids) AND merged.id = messages.fallback_of AND merged.merge_until IS NOT NULL
        AND own.id = messages.crossing_id
""")


_ENDED = (
    Message.id, Message.public_id, Message.rule, Message.channel, Message.recipient_id, Message.state, Message.reason,
    Message.rule_set_version_id, Message.crossing_id, Message.merge_until, Message.brand_id,
)  # fmt: skip


def _unreached(session: Session, house: House, ended: Collection[int]) -> list[_Unreached]:
    query = sa.select(*_ENDED).where(Message.id == sa.func.any(sorted(ended))).order_by(Message.id)
    rows = [row for row in session.execute(query) if falls_back(MessageState(row.state), Reason(row.reason))]
    rules = pinned_rules(session, house, {row.rule_set_version_id for row in rows})
    brands = {row.rule_set_version_id: row.brand_id for row in rows}  # a version belongs to one brand
    lived = {one: as_lived_by(session, house, brands[one], pinned) for one, pinned in rules.items()}
    found = (_step(row, lived.get(row.rule_set_version_id)) for row in rows)
    return [one for one in found if one is not None]


def falls_back(state: MessageState, reason: Reason) -> bool:
    """Whether what stands in for a message is told, once it ended so."""
    return reason in UNREACHED_ENDS.get(state, frozenset())


def _step(row: Any, rules: RuleSet | None) -> _Unreached | None:
    rule = rules.named(row.rule) if rules else None
    send = rule.step(Channel(row.channel), Audience(row.recipient_id)) if rule else None
    return _Unreached(row, rules, rule, send) if rules and rule and send and send.fallback else None


_newer = aliased(Crossing)
_ABOUT = sa.select(
    Crossing.id.label("crossing_id"), Crossing.brand_id, Crossing.order_id, Crossing.shipment_id, Crossing.scope,
    Crossing.scope_id, Crossing.milestone, Crossing.occurrence, Crossing.occurred_at, Crossing.facts,
    Crossing.retired_at, Order.email, Order.phone, Order.zone, Order.zones, Order.zone_source, Order.cancelled_at,
    Order.erased_at,
    Shipment.milestone.label("parcel_milestone"), Shipment.milestone_at, Shipment.delivery_doubted_at,
    Shipment.cancelled_at.label("parcel_cancelled_at"),
    sa.exists().where(
        _newer.scope == Crossing.scope, _newer.scope_id == Crossing.scope_id,
        _newer.milestone == Crossing.milestone, _newer.occurrence > Crossing.occurrence,
    ).label("old"),
).join(Order, Order.id == Crossing.order_id).join(Shipment, Shipment.id == Crossing.shipment_id)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of the crossings of a batch, by the message that told of them (its own first), of the answers to
    them, and of who must not be written to."""

    about: Mapping[int, Sequence[Any]]
    answered: Collection[tuple[int, str, str, str]]
    closed: Mapping[tuple[int, str, bytes], SuppressionKind]
    refused: Refused


# Its own is among them: it holds a key for each parcel that it told of.
_TOLD_OF = sa.text("""
    SELECT ledger_keys.message_id, crossings.id AS crossing_id
    FROM ledger_keys JOIN crossings USING (scope, scope_id, milestone, occurrence)
    WHERE ledger_keys.message_id = any(:ids) ORDER BY 1, 2
""")


def _known(session: Session, unreached: Sequence[_Unreached]) -> _Known:
    told_of = {one.row.id: [one.row.crossing_id] for one in unreached}
    merged = [one.row.id for one in unreached if one.row.merge_until is not None]
    for row in session.execute(_TOLD_OF, {"ids": merged}) if merged else ():
        if row.crossing_id not in told_of[row.message_id]:
            told_of[row.message_id].append(row.crossing_id)
    ids = sorted({crossing_id for some in told_of.values() for crossing_id in some})
    found = {row.crossing_id: row for row in session.execute(_ABOUT.where(Crossing.id == sa.func.any(ids)))}
    about = {message_id: [found[one] for one in some] for message_id, some in told_of.items()}
    columns = (Decision.crossing_id, Decision.rule, Decision.channel, Decision.recipient_id)
    answered = session.execute(sa.select(*columns).where(Decision.crossing_id == sa.func.any(ids)))
    digests = {digest for row in found.values() for one in Channel if (digest := _digest(row, one))}
    ways = {(row.crossing_id, row.rule, row.channel, row.recipient_id) for row in answered}
    return _Known(about, ways, standing(session, digests), refused(session, digests))


def _digest(about: Any, channel: Channel) -> bytes | None:
    return digest_for(channel, about.email, about.phone)


def _answers(house: House, one: _Unreached, known: _Known, now: datetime) -> list[Planned]:
    """The answer on each channel that stands in, as far as the first that can reach them, on what is stored now; for
    the first parcel that the message told of whose news is not over."""
    those = known.about[one.row.id]
    about = next((each for each in those if _over(each, one.rule, now) is None), those[0])
    if about.erased_at is not None or not about.facts:
        return []
    facts = _facts_now(about)
    crossed = Crossed(facts, team=team_of(house, facts.brand.key), unwanted=_unwanted(about, facts, known))
    over = _over(about, one.rule, now)

    def reach(following: Send) -> tuple[Reason, str]:
        if over is not None:
            return over
        there, told = reachable(crossed, following, house.channels), following.audience is Audience.shopper
        no = known.closed.get((about.brand_id, following.channel.value, _digest(about, following.channel) or b""))
        refused = told and no is not None and there[0] is Reason.planned
        return (Reason.suppressed_address, in_words(no)) if refused and no else there

    at_once = replace(one.rule, hold=timedelta(0))  # the message before it has waited
    answers = in_place_of(crossed, at_once, one.send, Reason.no_address, reach, now)
    ways = {(about.crossing_id, one.row.rule, answer.channel.value, answer.recipient_id) for answer in answers}
    if ways & set(known.answered):
        return []  # something has stood in for it before
    return [_planned(one, about, facts, answer) for answer in answers]


def _unwanted(about: Any, facts: Facts, known: _Known) -> frozenset[Channel]:
    """The channels on which the shopper does not want this news."""
    kind = kind_of(Milestone(about.milestone), facts.parcel.direction)
    digests = {channel: _digest(about, channel) or b"" for channel in Channel}
    return frozenset(
        one
        for one, digest in digests.items()
        if kind in known.refused.get((about.brand_id, one.value, digest), frozenset())
    )


def _planned(one: _Unreached, about: Any, facts: Facts, answer: Decided) -> Planned:
    why = Reason(one.row.reason)
    detail = f"in place of {one.row.public_id} ({one.row.channel}): {why.value.replace('_', ' ')}"
    decided = replace(answer, detail=detail if answer.fired else f"{answer.detail or 'not told'}, {detail}")
    crossing, locale = about._asdict(), facts.shopper.locale
    return Planned(
        about.crossing_id,
        crossing,
        facts,
        decided,
        locale,
        one.rules,
        shopper=shopper_digest(about),
        fallback_of=one.row.id,
    )


def _facts_now(about: Any) -> Facts:
    """The facts of the decision, about the addresses and zones that the order names now."""
    facts = Facts.model_validate(about.facts)
    changes = {
        "has_email": bool(about.email),
        "has_phone": bool(about.phone),
        "zone": about.zone,
        "zones": tuple(about.zones or (about.zone,)),
        "zone_source": about.zone_source,
    }
    return facts.model_copy(update={"shopper": facts.shopper.model_copy(update=changes)})


def _over(about: Any, rule: Rule, now: datetime) -> tuple[Reason, str] | None:
    """Why the news is worth no second try on any channel, or None."""
    stands = Milestone(about.parcel_milestone)
    if about.cancelled_at is not None or about.parcel_cancelled_at is not None:
        return Reason.cancelled, ""
    if about.retired_at is not None:
        return Reason.no_longer_so, ""
    if about.old:
        return Reason.overtaken, "the same has come again since"
    already = stood_before(about.milestone_at, about.occurred_at)
    if old := outdated(Milestone(about.milestone), Now(stands, about.delivery_doubted_at is not None, already=already)):
        return old, f"the parcel is {stands.value.replace('_', ' ')}"
    if about.occurred_at + rule.expires <= now:
        return Reason.outlived, f"it is news for {span_words(rule.expires)}"
    return None
