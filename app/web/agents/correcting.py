"""Correcting a parcel: where its shopper is reached, the day that was promised, and what happened to it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import Fault, InvalidInput
from app.intake.schema import parse_scan
from app.models import Brand, Order, Shipment
from app.models.vocabulary import CARRIER_MILESTONES
from app.pipeline import wake_senders
from app.pipeline.by_hand.correcting import FIELDS, Corrected, Correction, correct, waiting
from app.pipeline.by_hand.scanning import Told, tell_scan
from app.pipeline.by_hand.trying import would
from app.pipeline.house import House
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.agents.story import find
from app.web.console.frame import back, console_page
from app.zones import zone

router = APIRouter(include_in_schema=False)

Corrector = Annotated[Visitor, Depends(may(Right.correct))]
Typed = Annotated[str, Form(max_length=400)]

_WORDS = {"email": "email", "phone": "phone", "locale": "language", "promised_on": "promised day"}


@router.get("/b/{brand}/parcels/{shipment}/correct")
def correct_page(request: Request, visitor: Corrector, shipment: str) -> Response:
    """What can be corrected, as it stands."""
    return _page(request, visitor, shipment)


@router.post("/b/{brand}/parcels/{shipment}/correct")
def correct_parcel(
    request: Request,
    visitor: Corrector,
    shipment: str,
    email: Typed = "",
    phone: Typed = "",
    locale: Typed = "",
    promised_on: Typed = "",
    seen: Typed = "",
) -> Response:
    """Write the fields that were changed. `seen` is what stood there when the page was made: where somebody else has
    changed a field since, nothing is written."""
    house: House = request.app.state.house
    typed = {"email": email, "phone": phone, "locale": locale, "promised_on": promised_on}
    now = house.clock.now()
    try:
        with house.sessions.begin() as session:
            before = _values(*find(session, visitor.brand_id, shipment))
            shown = dict(zip(FIELDS, seen.replace("\r", "").split("\n"), strict=False)) if seen else before
            values = {name: said for name, said in typed.items() if said.strip() != shown.get(name, before[name])}
            other = [name for name in values if before[name] not in (shown.get(name), values[name].strip())]
            if other:
                raise InvalidInput([_overtaken(name, before[name]) for name in other])
            brand = session.get_one(Brand, visitor.brand_id)
            came = correct(session, house, brand, Correction(shipment, values), now)
            if came is None:
                raise Denied(409, "Its shopper was erased", "Nothing is kept of them, so nothing can be corrected.")
            if came.changed:
                # whose address it is stands in the order, and is not written into the log of who changed what
                note(session, visitor, "parcel.correct", shipment, after={"corrected": list(came.changed)})
    except InvalidInput as error:
        return _page(request, visitor, shipment, typed=typed, faults=_by_field(error))
    if came.tally is not None:
        wake_senders(house, came.tally)
    for carrier in sorted(came.carriers_due):
        house.wake("poll", carrier)
    return back(request, visitor, f"/b/{visitor.brand_key}/parcels/{shipment}", _said(came))


@router.post("/b/{brand}/parcels/{shipment}/scan")
def scan_by_hand(
    request: Request,
    visitor: Corrector,
    shipment: str,
    milestone: Typed = "",
    at: Typed = "",
    description: Typed = "",
    place: Typed = "",
    sure: Typed = "",
) -> Response:
    """Say what happened: at first what that would do, then, when they are `sure`, do it."""
    house: House = request.app.state.house
    typed = {"milestone": milestone, "at": at, "description": description, "place": place}
    now = house.clock.now()
    try:
        scan = parse_scan(
            {
                "milestone": milestone,
                "occurred_at": _instant(at, visitor.zone),
                "description": description,
                "place": place,
            }
        )
    except InvalidInput as error:
        return _page(request, visitor, shipment, scan=typed, faults=_by_field(error))
    with house.sessions.begin() as session:
        if find(session, visitor.brand_id, shipment)[1].erased_at is not None:
            raise Denied(409, "Its shopper was erased", "Nothing is kept of them, so nothing is written down.")

        def act(inside: Session) -> Told | None:
            return tell_scan(inside, house, visitor.brand_id, shipment, scan, now)

        told = act(session) if sure else would(session, act)
        assert told is not None
        if sure and told.new:
            note(
                session, visitor, "parcel.scan", shipment, before={"milestone": told.before},
                after={"milestone": told.milestone, "said": scan.milestone.value},
            )  # fmt: skip
    if not sure:
        return _page(request, visitor, shipment, scan=typed, told=told)
    wake_senders(house, told.tally)
    said = "It had been told already." if not told.new else f"It is written down. {_outcome(told)}"
    return back(request, visitor, f"/b/{visitor.brand_key}/parcels/{shipment}", said)


def _overtaken(name: str, stands: str) -> Fault:
    return Fault(None, name, f"was changed meanwhile, to {stands or 'nothing'}", "Look whether that is right.")


def _instant(at: str, zone_name: str) -> str:
    """A local time of the brand's clocks, as browsers send it, with its offset; anything else as it was typed."""
    try:
        local = datetime.fromisoformat(at.strip())
    except ValueError:
        return at
    return (local if local.tzinfo else local.replace(tzinfo=zone(zone_name))).isoformat()


def _values(parcel: Shipment, order: Order) -> dict[str, str]:
    promised = parcel.promised_on or order.promised_on
    return {
        "email": order.email or "",
        "phone": order.phone or "",
        "locale": order.locale,
        "promised_on": promised.isoformat() if promised else "",
    }


def _by_field(error: InvalidInput) -> dict[str, str]:
    """What is wrong, by the last part of its field's name."""
    return {_field(fault): fault.beside for fault in error.faults}


def _field(fault: Fault) -> str:
    return (fault.column or "").rsplit(".", 1)[-1]


def _said(came: Corrected) -> str:
    if not came.changed:
        return "Nothing was changed: it stood so already."
    listed = " and ".join(filter(None, [", ".join(_words(came)[:-1]), _words(came)[-1]]))
    said = f"Corrected: the {listed}."
    return " ".join([said, *came.held_back])


def _words(came: Corrected) -> list[str]:
    return [_WORDS[name] for name in came.changed]


def _outcome(told: Told) -> str:
    stands = told.milestone.replace("_", " ")
    where = f"The parcel is {stands}" if told.milestone == told.before else f"The parcel is now {stands}"
    messages = told.tally.messages
    planned = f"{messages} {'message is' if messages == 1 else 'messages are'}" if messages else "no message is"
    return f"{where}, and {planned} planned."


def _page(
    request: Request,
    visitor: Visitor,
    shipment: str,
    *,
    typed: dict[str, str] | None = None,
    scan: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    told: Told | None = None,
) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        parcel, order = find(session, visitor.brand_id, shipment)
        content: dict[str, Any] = {
            "parcel": parcel,
            "order": order,
            "fields": FIELDS,
            "value": typed or _values(parcel, order),
            "seen": "\n".join(_values(parcel, order).values()),
            "waiting": waiting(session, order.id),
            "scan": scan or {},
            "faults": faults or {},
            "told": told,
            "outcome": _outcome(told) if told else "",
            "milestones": [one.value for one in CARRIER_MILESTONES],
            "here": house.clock.now().astimezone(zone(visitor.zone)).strftime("%Y-%m-%dT%H:%M"),
        }
    return console_page(
        request, visitor, "agents/correct.html", content, title=f"Correct order {order.number}", place="parcels",
        status=422 if faults else 200,
    )  # fmt: skip
