"""What a template is tried on: a made-up order by name, or a real parcel as it stands; its links open nothing real."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Fault, InvalidInput, NotFound, nearest
from app.insight.explain import find_shipments
from app.messages.checking.corpus import NOW, PERSON, WORST, facts_for
from app.models import Brand, Crossing, Order, Shipment
from app.models.facts import BrandFacts, Facts, News, OtherParcel, Person
from app.models.vocabulary import Milestone
from app.pipeline.deciding.picture import picture, picture_since

ORDINARY = "ordinary"
SAMPLES = (ORDINARY, *WORST)
"""The made-up orders, by name: an ordinary one, and the worst."""

SAMPLE_PAGE = "samplesamplesamplesamplesm"
"""Stands in a link where a parcel's secret would. No secret has an L in it, so it can be nobody's."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody's order to fill a template in with, as of `now` (UTC). `note` says what was supposed, if anything."""

    name: str
    facts: Facts
    person: Person
    now: datetime
    note: str = ""


def sample(brand: Brand, key: str, name: str) -> Subject:
    """A made-up order for the template `key`, of a shopper who reads the brand's own language unless the sample says
    otherwise. Raises InvalidInput with the nearest name where there is none."""
    if name not in SAMPLES:
        raise InvalidInput([Fault(None, "sample", f"there is no sample {name!r}", nearest(name, SAMPLES))])
    changed, person = ({}, PERSON) if name == ORDINARY else WORST[name]
    facts = facts_for(_told_by(key), **changed)
    reader = facts.shopper if "shopper" in changed else facts.shopper.model_copy(update={"locale": brand.locale})
    whose = {"brand": BrandFacts(key=brand.key, name=brand.name), "shopper": reader}
    return Subject(name, _nowhere(facts.model_copy(update=whose)), person, NOW)


def real_parcel(session: Session, brand: Brand, key: str, written: str, now: datetime, *, show_person: bool) -> Subject:
    """A parcel of the brand by its id, tracking or order number: the news that the template tells as it was decided
    on, and everything else as it stands now; news that it has not had yet, as if it came now.

    The shopper is nobody without `show_person`. Raises NotFound where it is no parcel, or several.
    """
    shipment = one_parcel(session, brand, written)
    order = session.get_one(Order, shipment.order_id)
    others = session.scalars(
        sa.select(Shipment).where(Shipment.order_id == order.id, Shipment.id != shipment.id).order_by(Shipment.id)
    ).all()
    milestone = milestone_of(key)
    decided = _decided(session, order, shipment, milestone)
    if decided:
        facts, note = picture_since(decided, order, shipment, others), ""
    else:
        facts = picture(brand, order, shipment, others, News(milestone=milestone, occurred_at=now))
        told = milestone.value.replace("_", " ")
        note = f"This parcel is not known to have been {told}; it is written as if that had just happened."
    person = Person(name=order.shopper_name, email=order.email, phone=order.phone) if show_person else Person()
    return Subject(shipment.public_id, _nowhere(facts), person, now, note)


def one_parcel(session: Session, brand: Brand, written: str) -> Shipment:
    """The parcel of a brand by its id, tracking or order number. Raises NotFound where it is none, or several."""
    found = find_shipments(session, written, brand.id)
    if len(found) != 1:
        raise _unclear(written, found)
    return session.scalars(sa.select(Shipment).where(Shipment.public_id == found[0])).one()


def milestone_of(key: str) -> Milestone:
    """What a template tells of, by its name: that of a milestone with something before or behind it."""
    return facts_for(_told_by(key)).news.milestone


def _told_by(key: str) -> str:
    """The name of the shipped template that is most like one."""
    returned = "return_" if key.startswith("return_") else ""
    if key.startswith("return_received"):
        return "return_received"
    name = key.removeprefix("return_")
    alike = [one.value for one in Milestone if name == one.value or name.startswith(f"{one.value}_")]
    return returned + max(alike, key=len, default=Milestone.out_for_delivery.value)


def _decided(session: Session, order: Order, shipment: Shipment, milestone: Milestone) -> dict[str, Any]:
    """The facts that the newest such news of a parcel, or of its whole order, was decided on; none once forgotten."""
    own = sa.and_(Crossing.scope == "parcel", Crossing.shipment_id == shipment.id)
    whole = sa.and_(Crossing.scope == "order", Crossing.scope_id == order.id)
    query = sa.select(Crossing.facts).where(
        sa.or_(own, whole), Crossing.milestone == milestone.value, Crossing.retired_at.is_(None)
    )
    return session.scalars(query.order_by(Crossing.id.desc()).limit(1)).one_or_none() or {}


def _nowhere(facts: Facts) -> Facts:
    """The same facts with links that open nobody's page: what is tried out is looked at by others, and passed on."""
    link = f"/t/{SAMPLE_PAGE}"

    def elsewhere(parcels: Sequence[OtherParcel]) -> tuple[OtherParcel, ...]:
        return tuple(one.model_copy(update={"link": link if one.link else ""}) for one in parcels)

    changed = {
        "parcel": facts.parcel.model_copy(update={"link": link, "carrier_page": None}),
        "other_parcels": elsewhere(facts.other_parcels),
        "merged": elsewhere(facts.merged),
    }
    return facts.model_copy(update=changed)


def _unclear(written: str, found: Sequence[str]) -> NotFound:
    if not found:
        return NotFound(f"Nothing is known by {written!r}. Give a parcel's id, a tracking or an order number.")
    return NotFound(f"{written!r} names {len(found)} parcels. Name one of them: {', '.join(found[:10])}.")
