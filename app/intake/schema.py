"""One incoming order with its parcels, as any shop may hand it in: the same for the API and for files."""

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from app.errors import InvalidInput
from app.intake import fields
from app.intake.refusals import faults_of
from app.models.vocabulary import CARRIER_MILESTONES, Milestone

CARRIERS = "carriers"
"""The key of the validation context under which the known carriers' names are passed in."""

MAX_MINOR = 10**15

Required = Annotated[str, AfterValidator(fields.identifier), BeforeValidator(fields.clean)]
Name = Annotated[str | None, BeforeValidator(lambda value: fields.absent_if_blank(fields.name_text(value)))]
Instant = Annotated[datetime, BeforeValidator(fields.instant)]
Day = Annotated[date, BeforeValidator(fields.day)]
Minor = Annotated[StrictInt, Field(ge=0, le=MAX_MINOR)]


_Blank = BeforeValidator(fields.absent_if_blank)
Identifier = Annotated[Annotated[str, AfterValidator(fields.identifier)] | None, _Blank]
Email = Annotated[Annotated[str, AfterValidator(fields.email)] | None, _Blank]
Country = Annotated[Annotated[str, AfterValidator(fields.country)] | None, _Blank]
Currency = Annotated[Annotated[str, AfterValidator(fields.currency)] | None, _Blank]
Locale = Annotated[Annotated[str, AfterValidator(fields.locale)] | None, _Blank]
Zone = Annotated[Annotated[str, AfterValidator(fields.zone_name)] | None, _Blank]
Url = Annotated[Annotated[str, AfterValidator(fields.url)] | None, _Blank]

Model = TypeVar("Model", bound=BaseModel)


class _Incoming(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IncomingItem(_Incoming):
    """One line of an order or a parcel; `price_minor` is per piece, in minor units of the order's currency."""

    sku: Annotated[str, BeforeValidator(fields.name_text)] = ""
    name: Annotated[str, Field(min_length=1), BeforeValidator(fields.name_text)]
    quantity: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1
    price_minor: Minor | None = None
    image_url: Url = None


class IncomingScan(_Incoming):
    """One tracking event that the shop tells; `occurred_at` comes with an offset and is kept in UTC."""

    milestone: Milestone
    occurred_at: Instant
    description: Annotated[str, BeforeValidator(fields.long_text)] = ""
    place: Name = None
    code: Annotated[str, BeforeValidator(fields.name_text)] = ""

    @field_validator("milestone")
    @classmethod
    def _carrier_can_say(cls, milestone: Milestone) -> Milestone:
        if milestone not in CARRIER_MILESTONES:
            raise fields.refused(
                f"{milestone.value!r} is decided by Doorstep, not reported",
                f"Use one of {', '.join(CARRIER_MILESTONES)}.",
            )
        return milestone


class IncomingParcel(_Incoming):
    """One parcel. Without carrier or number it is legal, and is heard of only through scans. `direction` says which way
    it goes (`return`: back to the shop), once and for all.

    `cancelled: true` takes it out of the order, `false` brings it back; left out, it stays as it is.
    """

    reference: Identifier = None
    direction: Literal["outbound", "return"] = "outbound"
    carrier: Annotated[str | None, _Blank] = None
    tracking_number: Identifier = None
    items: Annotated[tuple[IncomingItem, ...], Field(max_length=500)] = ()
    promised_on: Day | None = None
    scans: Annotated[tuple[IncomingScan, ...], Field(max_length=500)] = ()
    cancelled: StrictBool | None = None

    @field_validator("carrier")
    @classmethod
    def _known_carrier(cls, carrier: str | None, info: ValidationInfo) -> str | None:
        known = (info.context or {}).get(CARRIERS)
        return carrier if carrier is None or known is None else fields.one_of_carriers(carrier, known)

    @property
    def key(self) -> tuple[str, str] | None:
        """What tells it from the order's other parcels: its reference, else its tracking number, else nothing."""
        if self.reference is not None:
            return "reference", self.reference
        return ("tracking_number", self.tracking_number) if self.tracking_number is not None else None


class IncomingShopper(_Incoming):
    """Who is told, and how they can be reached. `country` stands first: a national phone number is read by it."""

    name: Name = None
    country: Country = None
    email: Email = None
    phone: Identifier = None
    locale: Locale = None
    city: Name = None
    postal_code: Name = None
    zone: Zone = None

    @field_validator("phone")
    @classmethod
    def _international(cls, phone: str | None, info: ValidationInfo) -> str | None:
        if phone is None or "country" not in info.data:  # the country itself was refused: one fault is enough
            return phone
        return fields.phone(phone, info.data["country"])

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.email is None and self.phone is None:
            raise fields.refused(
                "without any way to reach the shopper", "Give an email address or a phone number, or both."
            )
        return self


class IncomingOrder(_Incoming):
    """An order as the shop tells it. What is left out stays as it stands when the order is known already."""

    source: Required = "shop"
    number: Required
    placed_at: Instant
    shopper: IncomingShopper
    currency: Currency = None
    total_minor: Minor | None = None
    promised_on: Day | None = None
    items: Annotated[tuple[IncomingItem, ...], Field(max_length=500)] = ()
    tags: Annotated[tuple[Required, ...], Field(max_length=50)] = ()
    history: StrictBool = False
    parcels: Annotated[tuple[IncomingParcel, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _parcels_apart(self) -> Self:
        references = Counter(parcel.reference for parcel in self.parcels if parcel.reference is not None)
        numbers = Counter(parcel.tracking_number for parcel in self.parcels if parcel.tracking_number is not None)
        for parcel in self.parcels:
            if parcel.reference is not None and references[parcel.reference] > 1:
                raise _not_apart(f"the reference {parcel.reference!r}")
            if parcel.reference is None and numbers[parcel.tracking_number or ""] > 1:
                raise _not_apart(f"the tracking number {parcel.tracking_number!r}")
        return self


def _not_apart(what: str) -> Exception:
    return fields.refused(f"two parcels have {what}", "Give each parcel of an order its own reference.")


def parse_order(payload: object, known_carriers: Collection[str]) -> IncomingOrder:
    """An order from plain JSON values. Raises InvalidInput with one Fault per field, named as `shopper.email`."""
    return _parse(IncomingOrder, payload, known_carriers)


def parse_parcel(payload: object, known_carriers: Collection[str]) -> IncomingParcel:
    """One parcel from plain JSON values. Raises InvalidInput."""
    return _parse(IncomingParcel, payload, known_carriers)


def parse_scan(payload: object) -> IncomingScan:
    """One scan from plain JSON values. Raises InvalidInput."""
    return _parse(IncomingScan, payload, ())


def _parse(model: type[Model], payload: object, known_carriers: Collection[str]) -> Model:
    try:
        return model.model_validate(payload, context={CARRIERS: frozenset(known_carriers)})
    except ValidationError as error:
        raise InvalidInput([fault for _, fault in faults_of(error, model)]) from error
