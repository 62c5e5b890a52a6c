"""Reads what a parcel's page is drawn from, by the secret of its link: two statements, whatever lies in the order."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.messages.catalog import Catalog
from app.models import Base, Brand, Claim, Crossing, Order, Scan, Shipment
from app.models.facts import Facts, News, OtherParcel
from app.models.orders import LINK_DAYS
from app.models.vocabulary import Milestone
from app.pipeline.deciding.editions import catalog_of, known_edition
from app.pipeline.deciding.picture import other_parcel, picture
from app.pipeline.deciding.splitting import living
from app.pipeline.house import House
from app.web.shoppers.page import Reported, Seen

_TOKEN = re.compile(r"[0-9a-z]{26}")

MOST_REPORTS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """The rows behind a link: brand, order, the parcel itself, and the order's others, oldest first."""

    brand: Any
    order: Any
    shipment: Any
    others: Sequence[Any]


def find_parcel(session: Session, token: str, now: datetime) -> tuple[Brand, Order, Shipment] | None:
    """The parcel whose link this is, as rows of their tables; None for one that is unknown, expired or malformed."""
    if not _TOKEN.fullmatch(token):
        return None
    found = session.execute(
        sa.select(Brand, Order, Shipment)
        .join(Order, Order.id == Shipment.order_id)
        .join(Brand, Brand.id == Shipment.brand_id)
        .where(Shipment.link_token == token, Order.erased_at.is_(None))
    ).one_or_none()
    if found is None:
        return None
    brand, order, shipment = found
    return (brand, order, shipment) if _opens(order, shipment, now) else None


def _opens(order: Any, shipment: Any, now: datetime) -> bool:
    last_news = max(filter(None, (shipment.delivered_at, shipment.milestone_at, order.placed_at)))
    return bool(now < last_news + timedelta(days=LINK_DAYS))


@contextmanager
def reading(house: House) -> Iterator[sa.Connection]:
    """A connection that only reads, each statement for itself: it costs no BEGIN and no ROLLBACK."""
    engine: sa.Engine = house.sessions.kw["bind"]
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def catalog_for(house: House, brand: Any) -> Catalog:
    """What a brand's pages are written from: as it published last, which is read once, else as it ships."""
    known = known_edition(house, brand.key, brand.template_edition) if brand.template_edition else house.catalog
    if known is not None:
        return known
    with house.sessions() as session:
        return catalog_of(session, house)


_asked = aliased(Shipment)
_BRAND = ("id", "key", "name", "template_edition")
_ORDER = (
    "id", "number", "placed_at", "currency", "total_minor", "tags", "items", "promised_on", "locale", "country",
    "zone", "zones", "zone_source", "email", "phone", "cancelled_at",
)  # fmt: skip
_PARCEL = (
    "id", "public_id", "link_token", "direction", "carrier", "tracking_number", "service", "milestone",
    "milestone_at", "delivered_at", "delivery_doubted_at", "late_since", "items", "promised_on", "eta_from",
    "eta_through", "eta_day", "notes", "cancelled_at",
)  # fmt: skip


def _columns(table: type[Base], names: Sequence[str]) -> list[Any]:
    return [getattr(table, name).label(f"{table.__tablename__}_{name}") for name in names]


_FAMILY = (
    sa.select(*_columns(Brand, _BRAND), *_columns(Order, _ORDER), *_columns(Shipment, _PARCEL))
    .select_from(_asked)
    .join(Order, Order.id == _asked.order_id)
    .join(Brand, Brand.id == _asked.brand_id)
    .join(Shipment, Shipment.order_id == _asked.order_id)
    .where(_asked.link_token == sa.bindparam("token"), Order.erased_at.is_(None))
    .order_by(Shipment.id)
)


def find_family(connection: sa.Connection, token: str, now: datetime) -> Found | None:
    """The same parcel with its order's others, read once and for reading alone."""
    if not _TOKEN.fullmatch(token):
        return None
    rows = connection.execute(_FAMILY, {"token": token}).all()
    if not rows:
        return None
    first, second = len(_BRAND), len(_BRAND) + len(_ORDER)
    brand, order = _named(_BRAND, rows[0][:first]), _named(_ORDER, rows[0][first:second])
    parcels = [_named(_PARCEL, row[second:]) for row in rows]
    shipment = next(parcel for parcel in parcels if parcel.link_token == token)
    others = [parcel for parcel in parcels if parcel is not shipment]
    return Found(brand, order, shipment, others) if _opens(order, shipment, now) else None


def _named(names: Sequence[str], values: Sequence[Any]) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(names, values, strict=True)))


# A crossing keeps the whole picture that it was decided on; only of the parcel's present state is its place wanted.
_nothing = sa.null().cast(sa.Text)
_place = Crossing.facts[("news", "place")].astext
_HEARD = (
    sa.select(
        sa.literal("crossing").label("what"),
        Crossing.milestone,
        Crossing.occurred_at,
        sa.case((Crossing.milestone == sa.bindparam("stands"), _place), else_=_nothing).label("place"),
        Crossing.id,
    )
    .where(Crossing.shipment_id == sa.bindparam("id"), Crossing.scope == "parcel", Crossing.retired_at.is_(None))
    .union_all(
        sa.select(sa.literal("scan"), Scan.milestone, Scan.occurred_at, Scan.place, Scan.id).where(
            Scan.shipment_id == sa.bindparam("id"),
            Scan.retired_at.is_(None),
            Scan.milestone.is_not(None),
            Scan.occurred_at.is_not(None),
        ),
        sa.select(sa.literal("claim"), _nothing, Claim.opened_at, _nothing, Claim.id).where(
            Claim.shipment_id == sa.bindparam("id"), Claim.closed_at.is_(None)
        ),
    )
    .order_by("occurred_at", "id")
    .limit(5 * MOST_REPORTS)
)


def facts_and_seen(connection: sa.Connection, found: Found) -> tuple[Facts, Seen]:
    """What the page is drawn from."""
    order, shipment, others = found.order, found.shipment, found.others
    heard = connection.execute(_HEARD, {"id": shipment.id, "stands": shipment.milestone}).all()
    crossings = [row for row in heard if row.what == "crossing"]
    scans = [row for row in heard if row.what == "scan"][-MOST_REPORTS:]
    outbound = living([shipment, *others])
    reached = {Milestone(row.milestone): row.occurred_at for row in reversed(crossings)}
    seen = Seen(
        reached=reached | {Milestone.registered: order.placed_at},  # to a shopper it begins with the order
        others=[OtherParcel.model_validate(other_parcel(order, other, outbound)) for other in others],
        others_cancelled=frozenset(
            other.public_id for other in others if (other.cancelled_at or order.cancelled_at) is not None
        ),
        cancelled=order.cancelled_at is not None or shipment.cancelled_at is not None,
        reported=[Reported(Milestone(row.milestone), row.occurred_at, row.place or "") for row in scans],
        claimed_at=next((row.occurred_at for row in heard if row.what == "claim"), None),
    )
    return picture(found.brand, order, shipment, others, _news(shipment, crossings, order.placed_at)), seen


def _news(shipment: Any, crossings: Sequence[Any], placed_at: datetime) -> News:
    """The parcel's present state as news: when and where its milestone was reached."""
    latest: Any = next((row for row in reversed(crossings) if row.milestone == shipment.milestone), None)
    at = shipment.delivered_at if shipment.milestone == Milestone.delivered else shipment.milestone_at
    told: Mapping[str, Any] = {"place": latest.place} if latest else {}
    return News(
        milestone=Milestone(shipment.milestone),
        occurred_at=at or (latest.occurred_at if latest else placed_at),
        **told,
    )
