"""A parcel's whole story, told from stored rows alone: what was heard, what was concluded, and why each message
left or did not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.insight.carriers import carrier_trouble
from app.insight.lived_by import Lived, lived_by
from app.insight.together import covered, tells_of, told_elsewhere
from app.models import (
    Attempt,
    CarrierAnswer,
    Crossing,
    Decision,
    EnrolledNumber,
    Estimate,
    InboundMessage,
    Message,
    Order,
    Receipt,
    Scan,
    Shipment,
)
from app.models.pauses import with_pauses
from app.models.vocabulary import Cause, Reason


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


T = TypeVar("T", bound=_Told)


class ScanStory(_Told):
    """One scan. `occurred_at` is UTC, None when the carrier's time could not be read. From `retired_at` on it counts
    for nothing: it was another parcel's, under a number that turned out to be wrong."""

    occurred_at: datetime | None
    written_time: str
    zone_source: str
    heard_at: datetime
    source: str
    code: str
    milestone: str | None
    description: str
    place: str | None
    retired_at: datetime | None = None


class AnswerStory(_Told):
    """One answer of the carrier that could not be used."""

    heard_at: datetime
    kind: str
    http_status: int | None
    detail: str | None


class FollowingStory(_Told):
    """What is agreed with the carrier about calling: until when it follows the number, when it last called about it,
    and why it would not follow it."""

    followed_until: datetime | None
    called_at: datetime | None
    problem: str | None


class EstimateStory(_Told):
    """What its carrier expected from `as_of` on: a window (UTC) or a day; neither where it took its word back."""

    as_of: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    day: date | None


class ReceiptStory(_Told):
    received_at: datetime
    kind: str
    detail: str | None
    effect: str | None


class AttemptStory(_Told):
    """One call to a provider. Times are the database's clock."""

    id: str
    number: int
    provider: str
    begun_at: datetime
    settled_at: datetime | None
    outcome: str
    http_status: int | None
    error: str | None
    provider_ref: str | None
    asked_count: int = 0
    conclusion: str | None = None
    receipts: tuple[ReceiptStory, ...] = ()


class PauseStory(_Told):
    """A pause that a message waits for. `since` is the database's clock."""

    scope: str
    why: str
    paused_by: str
    since: datetime


class MessageStory(_Told):
    """One message. `in_place_of` is the one that it stands in for, `tells_of` the outside ids of the parcels that it
    tells of, where there are several."""

    id: str
    channel: str
    recipient_id: str
    in_place_of: str | None
    locale: str
    state: str
    reason: str
    sentence: str
    detail: str | None
    subject: str | None
    planned_at: datetime
    send_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    tells_of: tuple[str, ...] = ()
    pauses: tuple[PauseStory, ...] = ()
    attempts: tuple[AttemptStory, ...] = ()


class DecisionStory(_Told):
    """One rule's answer, with the message it planned if it did, or that of another parcel that tells of this one.

    `inputs` are the facts that its condition asked for. `rules_publication` says as which publication its rules counted
    (None: they are those that ship), `rules_digest` names their text.
    """

    rule: str
    rules_publication: int | None
    rules_digest: str
    channel: str
    recipient_id: str
    fired: bool
    reason: str
    sentence: str
    detail: str
    decided_at: datetime
    inputs: dict[str, Any] = Field(default_factory=dict)
    message: MessageStory | None = None
    rule_set_version_id: int = Field(exclude=True)


class AsideStory(_Told):
    """A rule that looks at the milestone and was not for this parcel."""

    rule: str
    why: str


class CrossingStory(_Told):
    """One milestone that the parcel reached, or (`scope`) its whole order. `crossed_at` is when the engine concluded
    it. From `retired_at` on it counts for nothing: it was opened under a number that turned out to be wrong."""

    scope: str
    milestone: str
    occurrence: int
    cause: str
    occurred_at: datetime
    crossed_at: datetime
    retired_at: datetime | None = None
    decisions: tuple[DecisionStory, ...] = ()
    aside: tuple[AsideStory, ...] = ()
    id: int = Field(exclude=True)


class ReplyStory(_Told):
    """One SMS that the shopper wrote back. `text` is None once the person was forgotten."""

    received_at: datetime
    meaning: str
    text: str | None


class TroubleStory(_Told):
    """Why the parcel's carrier is not asked at present; engine time."""

    carrier: str
    why: str
    since: datetime | None
    asked_again_at: datetime | None


class ComingStory(_Told):
    """One thing that is due. `what` is `message` (it leaves, if it is still true then), `promise` (late, unless it has
    arrived), `look` (the engine looks at the calendar again) or `question` (its carrier is asked). `at` is UTC."""

    at: datetime
    what: Literal["message", "promise", "look", "question"]
    milestone: str | None = None
    channel: str | None = None
    message: str | None = None


class Story(_Told):
    """Everything that is known of one parcel. All instants are UTC; `zone` is where the shopper lives."""

    shipment: str
    order: str
    carrier: str | None
    asked_of: str | None
    candidates: tuple[str, ...]
    tracking_number: str | None
    milestone: str
    milestone_at: datetime | None
    delivery_doubted_at: datetime | None
    late_since: datetime | None
    promised_on: date | None
    eta_from: datetime | None
    eta_through: datetime | None
    eta_day: date | None
    notes: dict[str, Any]
    zone: str
    zone_source: str
    baseline: datetime | None
    cancelled_at: datetime | None
    erased_at: datetime | None
    problem: str | None
    last_polled_at: datetime | None
    next_poll_at: datetime | None
    watch_at: datetime | None
    scans: tuple[ScanStory, ...]
    faults: tuple[AnswerStory, ...]
    estimates: tuple[EstimateStory, ...]
    crossings: tuple[CrossingStory, ...]
    replies: tuple[ReplyStory, ...] = ()
    following: FollowingStory | None = None
    carrier_trouble: TroubleStory | None = None
    coming: tuple[ComingStory, ...] = ()


def find_shipments(session: Session, written: str, brand_id: int | None = None) -> list[str]:
    """The outside ids of the parcels that `written` names: a parcel's id, a tracking number or an order number."""
    query = (
        sa.select(Shipment.public_id)
        .join(Order, Order.id == Shipment.order_id)
        .where(
            sa.or_(
                Shipment.public_id == written,
                Shipment.tracking_number == written,
                Order.number == written.removeprefix("#"),
            )
        )
        .order_by(Shipment.id)
    )
    if brand_id is not None:
        query = query.where(Shipment.brand_id == brand_id)
    return list(session.scalars(query))


def explain(session: Session, shipment_id: str, brand_id: int | None = None) -> Story:
    """The story of the parcel with this outside id. Raises NotFound when there is none (for this brand)."""
    query = sa.select(Shipment).where(Shipment.public_id == shipment_id)
    shipment = session.scalars(query if brand_id is None else query.where(Shipment.brand_id == brand_id)).one_or_none()
    if shipment is None:
        raise NotFound(
            f"No parcel has the id {shipment_id!r}. `doorstep explain` also takes tracking or order numbers."
        )
    order = session.get_one(Order, shipment.order_id)
    return Story(
        shipment=shipment.public_id,
        order=order.number,
        carrier=shipment.carrier,
        asked_of=shipment.asked_of,
        candidates=tuple(shipment.candidates),
        tracking_number=shipment.tracking_number,
        milestone=shipment.milestone,
        milestone_at=shipment.milestone_at,
        delivery_doubted_at=shipment.delivery_doubted_at,
        late_since=shipment.late_since,
        promised_on=shipment.promised_on or order.promised_on,
        eta_from=shipment.eta_from,
        eta_through=shipment.eta_through,
        eta_day=shipment.eta_day,
        notes=shipment.notes,
        zone=order.zone,
        zone_source=order.zone_source,
        baseline=shipment.history_until,
        cancelled_at=shipment.cancelled_at or order.cancelled_at,
        erased_at=order.erased_at,
        problem=shipment.problem,
        last_polled_at=shipment.last_polled_at,
        next_poll_at=shipment.next_poll_at,
        watch_at=shipment.watch_at,
        scans=_scans(session, shipment.id),
        faults=_faults(session, shipment.id),
        estimates=_estimates(session, shipment.id),
        crossings=_crossings(session, shipment, brand_id is None),
        replies=_replies(session, shipment.id),
        following=_following(session, shipment),
        carrier_trouble=_trouble(session, shipment),
    )


def _trouble(session: Session, shipment: Shipment) -> TroubleStory | None:
    """What keeps its carrier from being asked; nothing where it would not be asked anyway."""
    trouble = carrier_trouble(session, shipment.asked_of) if shipment.next_poll_at else None
    return _as(TroubleStory, trouble, carrier=shipment.asked_of) if trouble else None


def _scans(session: Session, shipment_id: int) -> tuple[ScanStory, ...]:
    query = sa.select(Scan).where(Scan.shipment_id == shipment_id)
    rows = session.scalars(query.order_by(Scan.occurred_at.nulls_last(), Scan.id))
    return tuple(_as(ScanStory, row) for row in rows)


def _faults(session: Session, shipment_id: int) -> tuple[AnswerStory, ...]:
    query = sa.select(CarrierAnswer).where(CarrierAnswer.shipment_id == shipment_id, CarrierAnswer.kind != "tracked")
    return tuple(_as(AnswerStory, row) for row in session.scalars(query.order_by(CarrierAnswer.id)))


def _estimates(session: Session, shipment_id: int) -> tuple[EstimateStory, ...]:
    query = sa.select(Estimate).where(Estimate.shipment_id == shipment_id, Estimate.retired_at.is_(None))
    return tuple(_as(EstimateStory, row) for row in session.scalars(query.order_by(Estimate.as_of)))


def _following(session: Session, shipment: Shipment) -> FollowingStory | None:
    if shipment.asked_of is None or shipment.tracking_number is None:
        return None
    row = session.get(EnrolledNumber, (shipment.asked_of, shipment.tracking_number))
    return _as(FollowingStory, row) if row is not None else None


def _replies(session: Session, shipment_id: int) -> tuple[ReplyStory, ...]:
    query = sa.select(InboundMessage).where(InboundMessage.shipment_id == shipment_id)
    rows = session.scalars(query.order_by(InboundMessage.received_at, InboundMessage.id))
    return tuple(_as(ReplyStory, row, text=row.body) for row in rows)


def _crossings(session: Session, shipment: Shipment, inside: bool) -> tuple[CrossingStory, ...]:
    whole = sa.and_(Crossing.scope == "order", Crossing.scope_id == shipment.order_id)
    own = sa.and_(Crossing.scope == "parcel", Crossing.shipment_id == shipment.id)
    crossings = session.scalars(
        sa.select(Crossing).where(sa.or_(own, whole)).order_by(Crossing.occurred_at, Crossing.id)
    ).all()
    ids = [crossing.id for crossing in crossings]
    decisions = _grouped(
        session.scalars(sa.select(Decision).where(Decision.crossing_id.in_(ids)).order_by(Decision.id)), "crossing_id"
    )
    messages = session.scalars(sa.select(Message).where(Message.crossing_id.in_(ids)).order_by(Message.id)).all()
    rules = lived_by(session, (one.rule_set_version_id for listed in decisions.values() for one in listed))
    together = told_elsewhere(session, ids)
    elsewhere = session.scalars(
        sa.select(Message).where(Message.id.in_({row.message_id for row in together})).order_by(Message.id)
    ).all()
    stories = dict(
        zip(
            [message.id for message in (*messages, *elsewhere)],
            _messages(session, [*messages, *elsewhere], inside),
            strict=True,
        )
    )
    told = {_way(message): stories[message.id] for message in messages}
    told |= {_way(row): stories[row.message_id] for row in together}
    return tuple(
        _as(
            CrossingStory,
            crossing,
            decisions=tuple(_decision(one, told, rules) for one in decisions.get(crossing.id, [])),
        )
        for crossing in crossings
    )


def _way(row: Any) -> tuple[int, str, str, str]:
    return row.crossing_id, row.rule, row.channel, row.recipient_id


def _decision(
    decision: Decision, told: dict[tuple[int, str, str, str], MessageStory], rules: Mapping[int, Lived]
) -> DecisionStory:
    lived = rules[decision.rule_set_version_id]
    return _as(
        DecisionStory,
        decision,
        rules_publication=lived.publication(decision.decided_at),
        rules_digest=lived.digest,
        sentence=Reason(decision.reason).sentence,
        message=told.get(_way(decision)),
    )


# What one brand's people may not read is why, and by whom, the whole installation is paused.
_HELD = with_pauses("""
    SELECT messages.id AS message_id, concat_ws(':', pauses.kind, nullif(pauses.name, '')) AS scope, pauses.since,
        CASE WHEN :inside OR pauses.brand_id IS NOT NULL THEN pauses.why ELSE 'ask operations' END AS why,
        CASE WHEN :inside OR pauses.brand_id IS NOT NULL THEN pauses.paused_by ELSE 'operations' END AS paused_by
    FROM messages JOIN pauses ON {holds}
    WHERE messages.id = any(:ids) AND messages.state IN ('held', 'ready') ORDER BY messages.id, pauses.id
""")


def _messages(session: Session, messages: Sequence[Message], inside: bool) -> list[MessageStory]:
    ids = [message.id for message in messages]
    attempts = session.scalars(sa.select(Attempt).where(Attempt.message_id.in_(ids)).order_by(Attempt.id)).all()
    names = [attempt.public_id for attempt in attempts]
    receipts = _grouped(
        session.scalars(sa.select(Receipt).where(Receipt.attempt_public_id.in_(names)).order_by(Receipt.id)),
        "attempt_public_id",
    )
    by_message = _grouped(attempts, "message_id")
    held = _grouped(session.execute(_HELD, {"ids": ids, "inside": inside}), "message_id")
    outside = {message.id: message.public_id for message in messages}
    covers = covered(session, messages)
    return [
        _as(
            MessageStory,
            message,
            id=message.public_id,
            in_place_of=outside.get(message.fallback_of or 0),
            sentence=Reason(message.reason).sentence,
            tells_of=tells_of(message, covers.get(message.id, ())),
            pauses=tuple(_as(PauseStory, one) for one in held.get(message.id, [])),
            attempts=tuple(_attempt(one, receipts.get(one.public_id, [])) for one in by_message.get(message.id, [])),
        )
        for message in messages
    ]


def _attempt(attempt: Attempt, receipts: Iterable[Receipt]) -> AttemptStory:
    return _as(
        AttemptStory,
        attempt,
        id=attempt.public_id,
        outcome=attempt.outcome or "open",
        receipts=tuple(_as(ReceiptStory, receipt) for receipt in receipts),
    )


def _grouped(rows: Iterable[Any], key: str) -> dict[Any, list[Any]]:
    grouped: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[getattr(row, key)].append(row)
    return grouped


def _as(kind: type[T], row: Any, **given: Any) -> T:
    """A story part with the fields of its row, save those that are given."""
    own = {name: getattr(row, name) for name in kind.model_fields if name not in given and hasattr(row, name)}
    return kind(**own, **given)


CAUSES: dict[str, str] = {
    Cause.scan.value: "the carrier said so",
    Cause.promise_passed.value: "the promised day ended and it had not arrived",
    Cause.silence.value: "nothing new had been heard of it for too long",
    Cause.carrier_says.value: "the carrier called it delayed",
    Cause.eta_beyond_promise.value: "the carrier expected it later than the shop had promised",
    Cause.eta.value: "the carrier expected it at another time than was known",
    Cause.pickup_ends.value: "it had not been collected, and would soon go back",
    Cause.order.value: "every parcel of the order has arrived",
}
