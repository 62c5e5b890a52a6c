"""What the stand-in answers about one parcel: a timetable, a behaviour and a moment, made into DHL's JSON."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.demo.carrier.behaviour import Behaviour
from app.demo.carrier.timetable import Step, TimedStep, Timetable
from app.demo.carrier.wording import UNKNOWN_CODES, WORDING
from app.models.vocabulary import Milestone
from app.zones import zone, zone_of_country


@dataclass(frozen=True, slots=True)
class Shown:
    """One event of an answer: the moment it happened, the moment it can be seen, and how it is written."""

    at: datetime
    shown_at: datetime
    milestone: Milestone | None
    event: dict[str, Any]


class Parcel:
    """One registered parcel, with its answers prepared: which events there are, and from when each is shown."""

    def __init__(self, timetable: Timetable, behaviour: Behaviour) -> None:
        self.timetable = timetable
        self.behaviour = behaviour
        self.shown = sorted(_events(timetable, behaviour), key=lambda shown: shown.shown_at)
        self._instants = [shown.shown_at.timestamp() for shown in self.shown]
        self._body: tuple[int, bytes] = (0, b"")

    def body(self, now: float) -> bytes | None:
        """The answer at an engine instant (seconds since 1970), or None while nothing can be seen."""
        count = bisect_right(self._instants, now)
        if not count:
            return None
        if self._body[0] != count:
            self._body = (count, _encode(_document(self.timetable, self.behaviour, self.shown[:count])))
        return self._body[1]

    def truth(self) -> dict[str, Any]:
        """What will have happened when all is over, whatever the answers look like on the way."""
        return {
            "tracking_number": self.timetable.tracking_number,
            "final": self.timetable.final.value,
            "last_shown_at": self.shown[-1].shown_at.isoformat(),
            "events": [
                {
                    "at": shown.at.isoformat(),
                    "shown_at": shown.shown_at.isoformat(),
                    "milestone": shown.milestone.value if shown.milestone else None,
                    "code": shown.event["statusCode"],
                }
                for shown in sorted(self.shown, key=lambda shown: shown.at)
            ],
        }


def _events(timetable: Timetable, behaviour: Behaviour) -> list[Shown]:
    number = timetable.tracking_number
    shown = [_shown(timetable, behaviour, index) for index in range(len(timetable.steps))]
    if len(timetable.steps) > 1 and behaviour.dice(number, "unknown") < behaviour.unknown:
        shown.append(_stray(timetable, behaviour))
    return shown


def _shown(timetable: Timetable, behaviour: Behaviour, index: int) -> Shown:
    step, number = timetable.steps[index], timetable.tracking_number
    lag = timedelta(seconds=step.lag_seconds)
    if behaviour.dice(number, "late", index) < behaviour.late:
        lag += timedelta(hours=behaviour.late_hours * (0.1 + 0.9 * behaviour.dice(number, "how late", index)))
    code, sentences = WORDING[step.step]
    text = sentences[int(behaviour.dice(number, "wording", index) * len(sentences))]
    event = _event(timetable, behaviour, step, code, text)
    return Shown(step.at, step.at + lag, step.step.milestone, event)


def _stray(timetable: Timetable, behaviour: Behaviour) -> Shown:
    """A scan between two others whose code is in no manual."""
    number = timetable.tracking_number
    before = timetable.steps[int(behaviour.dice(number, "where") * (len(timetable.steps) - 1))]
    step = before.model_copy(update={"at": before.at + timedelta(seconds=97)})
    code = UNKNOWN_CODES[int(behaviour.dice(number, "which") * len(UNKNOWN_CODES))]
    event = _event(timetable, behaviour, step, code, "Internal scan.")
    return Shown(step.at, step.at + timedelta(seconds=step.lag_seconds), None, event)


def _event(timetable: Timetable, behaviour: Behaviour, step: TimedStep, code: str, text: str) -> dict[str, Any]:
    address: dict[str, str] = {}
    style = behaviour.dice(timetable.tracking_number, "style")
    country = step.country or timetable.destination
    elsewhere = zone_of_country(country) != zone_of_country(timetable.destination)
    if not timetable.anywhere and (style < 0.75 or elsewhere):
        address["countryCode"] = country
    if step.place:
        address["addressLocality"] = step.place
    event: dict[str, Any] = {"timestamp": _written(step.at, country, with_offset=timetable.anywhere or style < 0.15)}
    if address:
        event["location"] = {"address": address}
    return {**event, "statusCode": code, "status": text, "description": text}


def _written(at: datetime, country: str, *, with_offset: bool) -> str:
    """The time as DHL writes it: mostly the place's own wall clock without saying so, sometimes with an offset.

    In the hour that clocks repeat in autumn the offset is written out: without it, nobody could tell.
    """
    local = at.astimezone(zone(zone_of_country(country) or "UTC")).replace(microsecond=0)
    if with_offset or local.fold:
        return local.isoformat()
    return local.replace(tzinfo=None).isoformat()


def _document(timetable: Timetable, behaviour: Behaviour, shown: Sequence[Shown]) -> dict[str, Any]:
    number = timetable.tracking_number
    newest_first = sorted(shown, key=lambda one: one.at, reverse=True)
    events = [one.event for one in newest_first]
    for index, one in enumerate(newest_first):
        if behaviour.dice(number, "repeated", int(one.at.timestamp())) < behaviour.repeated:
            events.insert((index * 7) % (len(events) + 1), one.event)
    if behaviour.dice(number, "shuffled", len(shown)) < behaviour.shuffled:
        events.sort(key=lambda event: behaviour.dice(number, "place in list", _spelled(event)))
    shipment: dict[str, Any] = {
        "id": number,
        "service": timetable.service,
        "origin": {"address": {"countryCode": timetable.origin}},
        **({} if timetable.anywhere else {"destination": {"address": {"countryCode": timetable.destination}}}),
        "status": newest_first[0].event,
        **_eta(timetable, shown),
        "details": {"totalNumberOfPieces": 1, "pieceIds": [number]},
        "events": events,
    }
    return {"shipments": [shipment], "possibleAdditionalShipmentsUrl": []}


def _spelled(event: dict[str, Any]) -> int:
    """A number that stands for an event's text, the same in every process."""
    return sum(map(ord, event["timestamp"] + event["status"]))


def _eta(timetable: Timetable, shown: Sequence[Shown]) -> dict[str, Any]:
    """The expected time of delivery: given once the parcel moves, gone once it has ended."""
    reached = {one.milestone for one in shown}
    if timetable.eta_from is None or timetable.eta_through is None or reached <= {Step.label.milestone, None}:
        return {}
    if reached & {Milestone.delivered, Milestone.returned, Milestone.returning}:
        return {}
    start, end = timetable.eta_from.astimezone(UTC), timetable.eta_through.astimezone(UTC)
    return {
        "estimatedTimeOfDelivery": end.isoformat(),
        "estimatedDeliveryTimeFrame": {"estimatedFrom": start.isoformat(), "estimatedThrough": end.isoformat()},
    }


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
