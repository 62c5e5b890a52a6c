"""Reads claimed messages with everything that they are judged (`judging.py`) and rendered from, as it stands now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.messages.base import Template
from app.models import Attempt, Base, Crossing, Message, Order, Shipment, TemplateVersion
from app.models.facts import Facts, Person
from app.models.vocabulary import FAILED, WITHHELD, Channel, Milestone, NewsKind, SuppressionKind
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.picture import person_of, picture_since
from app.pipeline.deciding.still_so import no_longer
from app.pipeline.deciding.whole_orders import last_parcel
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release, untrue
from app.pipeline.leaving.team import TEAM, team_of, team_person
from app.pipeline.leaving.together import TOLD_TOGETHER, Covered, Family, covered_by
from app.pipeline.people.choosing import digest_for, refused
from app.pipeline.people.consenting import standing
from app.tracking.outdated import stood_before

OLD_NEWS = timedelta(hours=1)
"""After an outage, news that has waited longer is told only once its parcel's carrier has been asked again: a parcel
that was out for delivery then may have arrived since."""
ASKED_SOON = timedelta(minutes=2)
"""A question that is due by then counts as due: one that is being asked is leased for about a minute."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a message goes to, the digest of the address on its channel, and why that must not be written to."""

    person: Person
    digest: bytes | None
    suppressed: SuppressionKind | None = None
    zones: tuple[str, ...] = ()
    """Where it must be day for them, if not where the shopper lives."""
    unwanted: frozenset[NewsKind] = frozenset()


# What is judged and rendered from, and no more: every further column is read for every message that leaves.
_MESSAGE = (
    "id", "public_id", "brand_id", "order_id", "shipment_id", "channel", "milestone", "template_version_id",
    "tries", "planned_at", "expires_at", "rendered_at", "released", "personal", "priority", "quiet", "recipient_id",
    "merge_until",
)  # fmt: skip
_ORDER = (
    "id", "number", "placed_at", "currency", "total_minor", "tags", "items", "promised_on", "locale", "country",
    "zone", "zones", "zone_source", "shopper_name", "email", "phone", "cancelled_at", "erased_at",
)  # fmt: skip
_PARCEL = (
    "id", "order_id", "public_id", "link_token", "direction", "carrier", "tracking_number", "service", "milestone",
    "milestone_at", "delivered_at", "delivery_doubted_at", "late_since", "items", "promised_on", "eta_from",
    "eta_through", "eta_day", "estimated_as_of", "notes", "cancelled_at", "unfollowed_at", "last_polled_at",
    "next_poll_at",
)  # fmt: skip


def _columns(table: type[Base], names: Sequence[str]) -> list[Any]:
    return [getattr(table, name) for name in names]


# Who was given up on without knowing, where a message leaves again as its rule asks. Nothing later changes that.
_AVOID = sa.case(
    (
        Message.attempts > 0,
        sa.select(Attempt.provider)
        .where(Attempt.message_id == Message.id, Attempt.resent)
        .order_by(Attempt.id.desc())
        .limit(1)
        .scalar_subquery(),
    )
)


def load(session: Session, house: House, message_ids: Sequence[int], now: datetime) -> list[Release]:
    """The claimed messages with their facts as they stand now, or as they were frozen at the first release."""
    rows = session.execute(
        sa.select(*_columns(Message, _MESSAGE), Crossing.facts, Crossing.retired_at, _AVOID.label("avoid"))
        .join(Crossing, Crossing.id == Message.crossing_id)
        .where(Message.id == sa.func.any(list(message_ids)))
        .order_by(Message.id)
    ).all()
    order_ids = sorted({row.order_id for row in rows})
    orders = _orders(session, order_ids)
    shipments = _parcels(session, order_ids)
    addressees = _addressees(session, house, rows, orders)
    covered = covered_by(session, rows, shipments)
    family = Family(orders, shipments, _told(session, shipments))
    return [_of_all(row, covered[row.id], addressees[row.id], family, now) for row in rows]


def _of_all(row: Any, covered: Sequence[Covered], addressee: Addressee, family: Family, now: datetime) -> Release:
    """One message of all the parcels that it tells of, as far as it is still true of them.

    What was frozen at an earlier try stays as it was while it is true of all its parcels, and is written anew without
    those of which it is not.
    """
    releases = [_release(row, one, addressee, family, now) for one in covered]
    if row.merge_until is None or len(releases) == 1:
        return _first(releases, now)
    if row.rendered_at is not None:
        named = {releases[0].facts.parcel.id, *(one.id for one in releases[0].facts.merged)}
        then = [one for one in releases if one.parcel_id in named] or releases
        true = {one.parcel_id for one in then if untrue(one, now) is None}
        if len(true) in (0, len(then)):
            return _first(then, now)
        anew = [_release(row, one, addressee, family, now, anew=True) for one in covered]
        releases = [one for one in anew if one.parcel_id in true]
    return together(releases, now)


def _first(releases: Sequence[Release], now: datetime) -> Release:
    """The first of which it is true; where it is true of none any more, one that has merely come further says so
    better than one that was called off."""
    true = (one for one in releases if untrue(one, now) is None)
    return next(true, next((one for one in releases if not one.cancelled), releases[0]))


def together(releases: Sequence[Release], now: datetime) -> Release:
    """Those of which it is true, in the facts of the first."""
    first = _first(releases, now)
    true = [one for one in releases if untrue(one, now) is None]
    if not true:
        return first
    told_too = {one.parcel_id for one in true if one is not first}
    merged = tuple(other for other in first.facts.other_parcels if other.id in told_too)
    return replace(
        first,
        facts=first.facts.model_copy(update={"merged": merged}),
        as_decided=first.as_decided and not merged,
        expires_at=min(one.expires_at for one in true),
        unasked=any(one.unasked for one in true),
    )


def _addressees(session: Session, house: House, rows: Sequence[Any], orders: Mapping[int, Any]) -> dict[int, Addressee]:
    """Whom each message goes to: where it was released before, still the address of then. What shoppers said about
    their addresses is not about the team's."""
    if any(row.recipient_id == TEAM for row in rows):
        house = as_of_now(session, house)
    people = {row.id: _person(house, row, orders) for row in rows}
    digests = {
        row.id: None if row.recipient_id == TEAM else _digest(Channel(row.channel), people[row.id]) for row in rows
    }
    held_back = standing(session, filter(None, digests.values()))
    unwanted = refused(session, filter(None, digests.values()))
    return {
        row.id: Addressee(
            people[row.id],
            digests[row.id],
            held_back.get((row.brand_id, row.channel, digests[row.id] or b"")),
            (team_of(house, row.facts["brand"]["key"]).zone,) if row.recipient_id == TEAM and row.facts else (),
            unwanted.get((row.brand_id, row.channel, digests[row.id] or b""), frozenset()),
        )
        for row in rows
    }


def _person(house: House, row: Any, orders: Mapping[int, Any]) -> Person:
    if row.rendered_at is not None and row.personal:
        return Person.model_validate(row.personal)
    if row.recipient_id == TEAM:
        return team_person(house, row.facts["brand"]["key"]) if row.facts else Person()
    return person_of(orders[row.order_id])


def _digest(channel: Channel, person: Person) -> bytes | None:
    return digest_for(channel, person.email, person.phone)


def _release(
    row: Any, covered: Covered, addressee: Addressee, family: Family, now: datetime, *, anew: bool = False
) -> Release:
    order = family.orders[row.order_id]
    shipment = family.about(row, covered)
    milestone = Milestone(row.milestone)
    on_this_channel = family.told.get((shipment.id, row.channel, row.recipient_id), ())
    frozen, whole = row.rendered_at is not None and not anew, milestone is Milestone.all_delivered
    if frozen:
        facts = Facts.model_validate(row.released or row.facts)
        as_decided = row.released is None
    else:
        facts = picture_since(covered.facts, order, shipment, family.others(row, shipment))
        as_decided = facts.model_dump(mode="json") == row.facts
    return Release(
        id=row.id,
        public_id=row.public_id,
        brand_id=row.brand_id,
        channel=Channel(row.channel),
        milestone=milestone,
        template_version_id=row.template_version_id,
        tries=row.tries,
        expires_at=covered.expires_at,
        facts=facts,
        person=addressee.person,
        address_digest=addressee.digest,
        suppressed=addressee.suppressed,
        rendered_at=row.rendered_at if frozen else now,
        parcel_id=shipment.public_id,
        parcel_milestone=Milestone(shipment.milestone),
        stood_already=stood_before(shipment.milestone_at, _happened(covered)),
        delivery_doubted=shipment.delivery_doubted_at is not None,
        cancelled=order.cancelled_at is not None or shipment.cancelled_at is not None,
        told=frozenset(other for _, other in on_this_channel),
        told_newer=any(other is milestone and message_id > row.id for message_id, other in on_this_channel),
        gone=covered.retired or (whole and last_parcel(order, family.parcels[row.order_id]) is None),
        unasked=_unasked(row, shipment, now),
        as_decided=as_decided,
        avoid=row.avoid,
        erased=order.erased_at is not None,
        recipient_id=row.recipient_id,
        zones=addressee.zones,
        priority=row.priority,
        quiet=row.quiet,
        undone=no_longer(milestone, facts, shipment),
        anew=anew,
        unfollowed=shipment.unfollowed_at is not None,
        unwanted=addressee.unwanted,
    )


def _happened(covered: Covered) -> datetime:
    """When the news of one of a message's parcels occurred, UTC."""
    return datetime.fromisoformat(covered.facts["news"]["occurred_at"])


def _unasked(row: Any, shipment: Any, now: datetime) -> bool:
    """Whether old news is about to be told though its carrier, overdue to be asked, was not asked since we heard it.
    One that cannot be reached has been asked; a parcel that has never been polled is told of by others."""
    polled, due = shipment.last_polled_at, shipment.next_poll_at
    if polled is None or due is None:
        return False
    return bool(polled <= row.planned_at < now - OLD_NEWS and due <= now + ASKED_SOON)


def _orders(session: Session, order_ids: Sequence[int]) -> dict[int, Any]:
    query = sa.select(*_columns(Order, _ORDER)).where(Order.id == sa.func.any(list(order_ids)))
    return {row.id: row for row in session.execute(query)}


def _parcels(session: Session, order_ids: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {order_id: [] for order_id in order_ids}
    query = sa.select(*_columns(Shipment, _PARCEL)).where(Shipment.order_id == sa.func.any(list(order_ids)))
    for row in session.execute(query.order_by(Shipment.id)):
        found[row.order_id].append(row)
    return found


def _told(
    session: Session, parcels: Mapping[int, Sequence[Any]]
) -> dict[tuple[int, str, str], list[tuple[int, Milestone]]]:
    """What each parcel's shopper has been, or is being, told of on each channel, by message."""
    silent = [state.value for state in WITHHELD | FAILED]
    ids = [parcel.id for family in parcels.values() for parcel in family]
    columns = (Message.id, Message.shipment_id, Message.channel, Message.recipient_id, Message.milestone)
    query = sa.select(*columns).where(Message.shipment_id == sa.func.any(ids), Message.state.not_in(silent))
    rows = list(session.execute(query))
    split = [parcel.id for family in parcels.values() if len(family) > 1 for parcel in family]
    if split:  # only there can a message about another parcel tell of one too
        rows += session.execute(TOLD_TOGETHER, {"ids": split, "silent": silent})
    told: dict[tuple[int, str, str], list[tuple[int, Milestone]]] = {}
    for row in rows:
        told.setdefault((row.shipment_id, row.channel, row.recipient_id), []).append((row.id, Milestone(row.milestone)))
    return told


_REMEMBERED = 256


def templates_of(session: Session, house: House, version_ids: set[int]) -> dict[int, Template]:
    """The pinned templates of a batch, by row id. They never change, so the process remembers the newest read."""
    missing = version_ids - house.templates.keys()
    if missing:
        query = sa.select(TemplateVersion).where(TemplateVersion.id == sa.func.any(sorted(missing)))
        for version in session.scalars(query):
            house.templates[version.id] = Template(
                version.key, version.channel, version.locale, bytes(version.digest), version.parts
            )
    found = {version_id: house.templates[version_id] for version_id in version_ids if version_id in house.templates}
    while len(house.templates) > _REMEMBERED:
        house.templates.pop(next(iter(house.templates)))
    return found
