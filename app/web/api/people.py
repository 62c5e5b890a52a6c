"""A person's rights through the API: everything that the key's brand keeps of them, or nothing any more."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidInput
from app.pipeline.house import House
from app.pipeline.people.consent_file import address_of
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.person import Held, Noted
from app.pipeline.people.person_export import export_person
from app.web.access.changes import Change, person_erased, person_exported
from app.web.access.keys import Holder, Scope, needs
from app.web.access.trail import note_change
from app.web.problems import RESPONSES, invalid, shown

router = APIRouter(prefix="/v1/people", responses=RESPONSES, tags=["people"])

Exporter = Annotated[Holder, Depends(needs(Scope.people_export))]
Eraser = Annotated[Holder, Depends(needs(Scope.people_erase))]


class PersonAddress(BaseModel):
    """Who is meant: an email address, or a number with its country code. In the body, so that no log shows it."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(max_length=320, examples=["alma@example.test"])


class ErasedPerson(BaseModel):
    """What the erasure came to. Messages in flight had left already, and may still arrive."""

    orders: int
    messages_stopped: int
    in_flight: list[str] = Field(examples=[["msg_5h6j8k1m3n4p7q9r2s0t"]])
    inbound: int
    suppressions: int
    reports: int
    shared_addresses: int = Field(description="Addresses on these orders that other orders carry too; they stay there.")


@router.post("/export", summary="Everything about a person")
def export(request: Request, holder: Exporter, person: PersonAddress) -> dict[str, Any]:
    """Orders, parcels, every message with why it was sent or not and what it said, suppressions, and what the person
    wrote. A person of whom nothing is known has an empty document."""
    house: House = request.app.state.house
    try:
        channel, known = address_of(person.address)
        return export_person(house, holder.brand_id, channel, known, _noted(holder, person_exported))
    except InvalidInput as error:
        raise _refused(error) from error


@router.post("/erase", summary="Forget a person")
def erase(request: Request, holder: Eraser, person: PersonAddress) -> ErasedPerson:
    """Takes the person out of all orders, stops what waits for them, and leaves a salted digest by which they stay
    unwritten to. It cannot be undone; twice is once."""
    house: House = request.app.state.house
    try:
        channel, known = address_of(person.address)
        erased = erase_person(house, holder.brand_id, channel, known, _noted(holder, person_erased))
    except InvalidInput as error:
        raise _refused(error) from error
    return ErasedPerson.model_validate(erased, from_attributes=True)


def _noted(holder: Holder, change: Callable[[Held], Change]) -> Noted:
    """Writes into the audit log what is done, in numbers."""
    return lambda session, held: note_change(session, holder, change(held))


def _refused(error: InvalidInput) -> Exception:
    return invalid("Mend the address and send it again.", shown(error.faults, None))
