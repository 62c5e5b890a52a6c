"""What a UPS package tells beside its activities: when it is expected, its weight, proof, access point and pieces."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.tracking.adapter.base import ParcelNotes, PickupPoint, clean
from app.tracking.adapter.reading import JsonObject, grams, inner, objects, same_number, text
from app.tracking.adapter.times import day, instant

_MOST_PIECES = 50


def clock(written_day: str, written_time: str) -> str:
    """UPS's `20260302` and `071356` (or `07:13:56`) as one ISO text; the day alone where there is no time."""
    found, digits = day(written_day), written_time.strip().replace(":", "")
    if not digits or found is None:
        return written_day.strip()
    return f"{found.isoformat()}T{digits[:2]}:{digits[2:4]}:{digits[4:6] or '00'}"


def address_of(package: JsonObject, kind: str) -> JsonObject:
    """The package's address of that type (`ORIGIN`, `DESTINATION`); only country and state of it are to be read."""
    for one in objects(package.get("packageAddress")):
        address = one.get("address")
        if text(one.get("type")).upper() == kind and isinstance(address, dict):
            return address
    return {}


def expected(package: JsonObject, destination: str | None) -> dict[str, Any]:
    """When UPS expects to deliver: the rescheduled day before the scheduled one, with the window that is told for it.

    `deliveryTime` is a window (EDW, CDW, IDW), a time by which it shall come (CMT), or no more than the end of that
    day (EOD), which leaves the day. Nothing is expected of what was delivered.
    """
    days = {text(one.get("type")): day(text(one.get("date"))) for one in objects(package.get("deliveryDate"))}
    if days.get("DEL"):
        return {}
    expected_day = days.get("RDD") or days.get("SDD")
    if expected_day is None:
        return {}
    window = package.get("deliveryTime")
    kind = text(inner(window, "type"))
    start = _at(expected_day, text(inner(window, "startTime")), destination) if kind in _WINDOWS else None
    end = _at(expected_day, text(inner(window, "endTime")), destination) if kind in (*_WINDOWS, "CMT") else None
    return {"eta_from": start or end, "eta_through": end or start} if start or end else {"eta_day": expected_day}


_WINDOWS = ("EDW", "CDW", "IDW")


def _at(on: date, written: str, destination: str | None) -> Any:
    return instant(clock(on.isoformat(), written), destination, None)[0] if written.strip() else None


def notes(package: JsonObject, numbers: Sequence[str]) -> ParcelNotes:
    """Weight, kind of proof, access point and the numbers of the other pieces. Who received it is not read."""
    weight, delivery = package.get("weight"), package.get("deliveryInformation")
    unit = text(inner(weight, "unitOfMeasurement")).strip().lower()
    own = package.get("trackingNumber")
    pieces = [clean(number, 60) for number in numbers if number and not same_number(own, number)]
    return ParcelNotes(
        weight_grams=grams(inner(weight, "weight"), unit.removesuffix("s")),
        proof=_proof(delivery),
        pickup=_pickup(package),
        pieces=tuple(dict.fromkeys(pieces))[:_MOST_PIECES],
    )


def _proof(delivery: Any) -> str | None:
    if text(inner(delivery, "deliveryPhoto", "photo")):
        return "photo"
    return "signature" if text(inner(delivery, "signature", "image")) else None


def _pickup(package: JsonObject) -> PickupPoint | None:
    """The access point's last day. UPS does not name it here."""
    until = day(text(inner(package, "accessPointInformation", "pickupByDate")))
    return PickupPoint("UPS Access Point", until=until) if until else None
