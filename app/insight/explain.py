"""A parcel's whole story, told from stored rows alone: what was heard, what was concluded, and why each message
left or did not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.insight.asked_again import asked_again_of
from app.insight.carriers import carrier_trouble
from app.insight.lived_by import Lived, Worded, lived_by, worded
from app.insight.moves import moves_of
from app.insight.stories import (
    AnswerStory,
    AttemptStory,
    ClaimStory,
    CrossingStory,
    DecisionStory,
    EstimateStory,
    FollowingStory,
    MessageStory,
    PauseStory,
    ReceiptStory,
    ReplyStory,
    ScanStory,
    Story,
    StoryPart,
    TroubleStory,
)
from app.insight.together import covered, tells_of, told_elsewhere
from app.models import (
    Attempt,
    CarrierAnswer,
    Claim,
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
from app.models.vocabulary import Reason

T = TypeVar("T", bound=StoryPart)


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
        unfollowed_at=shipment.unfollowed_at,
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
        claims=_claims(session, shipment.id),
        following=_following(session, shipment),
        carrier_trouble=_trouble(session, shipment),
    )


def _trouble(session: Session, shipment: Shipment) -> TroubleStory | None:
    """What keeps its carrier from being asked; nothing where it would not be asked anyway."""
    trouble = carrier_trouble(session, shipment.asked_of) if shipment.next_poll_at else None
    return _as(TroubleStory, trouble, carrier=shipment.asked_of) if trouble else None


def _scans(session: Session, shipment_id: int) -> tuple[ScanStory, ...]:
    return tuple(_as(ScanStory, row) for row in session.scalars(scans_of(shipment_id)))


def scans_of(shipment_id: int) -> sa.Select[Scan]:
    """All scans of a parcel, as they happened: those that count and those of a wrong number, each by its own index."""
    either = (Scan.retired_at.is_(None), Scan.retired_at.is_not(None))
    ids = sa.union_all(*(sa.select(Scan.id).where(Scan.shipment_id == shipment_id, one) for one in either))
    return sa.select(Scan).where(Scan.id.in_(ids)).order_by(Scan.occurred_at.nulls_last(), Scan.id)


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


def _claims(session: Session, shipment_id: int) -> tuple[ClaimStory, ...]:
    rows = session.scalars(sa.select(Claim).where(Claim.shipment_id == shipment_id).order_by(Claim.id))
    return tuple(_as(ClaimStory, row, id=row.public_id) for row in rows)


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
    # by the order, because there is an index; all of its messages are few
    of_order = sa.and_(Message.order_id == shipment.order_id, Message.crossing_id.in_(ids))
    messages = session.scalars(sa.select(Message).where(of_order).order_by(Message.id)).all()
    rules = lived_by(session, (one.rule_set_version_id for listed in decisions.values() for one in listed))
    together = told_elsewhere(session, ids)
    elsewhere = session.scalars(
        sa.select(Message).where(Message.id.in_({row.message_id for row in together})).order_by(Message.id)
    ).all()
    stories = dict(
        zip(
            [message.id for message in (*messages, *elsewhere)],
            message_stories(session, [*messages, *elsewhere], inside),
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


def message_stories(session: Session, messages: Sequence[Message], inside: bool = False) -> list[MessageStory]:
    """What became of each of these messages. `inside`: the reader may know why all brands are paused."""
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
    texts = worded(session, (message.brand_id for message in messages))
    moves, again = moves_of(session, ids, texts), asked_again_of(session, ids)
    return [
        _as(
            MessageStory,
            message,
            id=message.public_id,
            in_place_of=outside.get(message.fallback_of or 0),
            sentence=Reason(message.reason).sentence,
            templates_publication=texts.get(message.brand_id, Worded()).publication(
                message.template_edition, message.planned_at
            ),
            tells_of=tells_of(message, covers.get(message.id, ())),
            moves=moves.get(message.id, ()),
            asked_again=again.get(message.id, ()),
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
