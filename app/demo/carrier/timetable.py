"""A parcel's whole journey, known beforehand: the steps that the stand-in will show as their time comes."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from app.models.vocabulary import Milestone


class Step(StrEnum):
    """What can happen to a parcel on its way."""

    label = "label"
    pickup = "pickup"
    sorted = "sorted"
    forwarded = "forwarded"
    arrived = "arrived"
    held = "held"
    van = "van"
    attempt = "attempt"
    pickup_point = "pickup_point"
    delivered = "delivered"
    sent_back = "sent_back"
    returned = "returned"

    @property
    def milestone(self) -> Milestone:
        """What a shopper would be told of it; the truth that a reader of the answers must arrive at."""
        return _MILESTONES[self]


_MILESTONES: dict[Step, Milestone] = {
    Step.label: Milestone.registered,
    Step.pickup: Milestone.dispatched,
    Step.sorted: Milestone.in_transit,
    Step.forwarded: Milestone.in_transit,
    Step.arrived: Milestone.in_transit,
    Step.held: Milestone.exception,
    Step.van: Milestone.out_for_delivery,
    Step.attempt: Milestone.attempt_failed,
    Step.pickup_point: Milestone.ready_for_pickup,
    Step.delivered: Milestone.delivered,
    Step.sent_back: Milestone.returning,
    Step.returned: Milestone.returned,
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TimedStep(_Frozen):
    """One step: it happens at `at` (engine time) and the carrier's system shows it `lag_seconds` later."""

    at: AwareDatetime
    step: Step
    place: str = Field("", max_length=200)
    country: str = Field("", pattern=r"^([A-Z]{2})?$")
    lag_seconds: float = Field(900.0, ge=0, le=864_000)


class Timetable(_Frozen):
    """One parcel: where it goes, by which service of the carrier, and its steps, oldest first."""

    tracking_number: str = Field(min_length=1, max_length=60)
    service: str = "parcel-de"
    origin: str = Field("DE", pattern=r"^[A-Z]{2}$")
    destination: str = Field("DE", pattern=r"^[A-Z]{2}$")
    eta_from: AwareDatetime | None = None
    eta_through: AwareDatetime | None = None
    anywhere: bool = Field(False, description="no destination is named, and so each time is written with its offset")
    steps: tuple[TimedStep, ...] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _steps_follow_each_other(self) -> Self:
        moments: list[datetime] = [step.at for step in self.steps]
        if moments != sorted(moments):
            raise ValueError("steps must be in the order in which they happen")
        return self

    @property
    def final(self) -> Milestone:
        """Where the parcel stands when all has happened."""
        return self.steps[-1].step.milestone


class Timetables(_Frozen):
    """The body of `PUT /parcels`."""

    parcels: tuple[Timetable, ...]
