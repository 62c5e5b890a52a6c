"""Answers about several parcels: each parcel is told its own part of it, and never another's."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.tracking.carriers.base import Ask, Call, CarrierReply
from app.tracking.carriers.reading import JsonObject, malformed, same_number, text

Numbers = Callable[[JsonObject], Iterable[Any]]
"""The numbers under which a part of an answer may have been asked for."""


def in_batches(asks: Sequence[Ask], size: int) -> list[Sequence[Ask]]:
    """The parcels in full batches; only the last may be smaller."""
    return [asks[start : start + size] for start in range(0, len(asks), size)]


def to_each(call: Call, reply: CarrierReply) -> list[CarrierReply]:
    """One reply for every parcel of a call, where the answer is about none of them in particular.

    What nobody can read may hold other parcels, other shops' among them: where several were asked about, none of it
    is kept beside any one.
    """
    kept = reply.portion if len(call.asks) == 1 or reply.kind is not reply.kind.malformed else b""
    return [replace(reply, tracking_number=ask.tracking_number, portion=kept) for ask in call.asks]


def by_number(parts: Iterable[JsonObject], numbers: Numbers) -> Mapping[str, list[JsonObject]]:
    """The parts of an answer by what they may be looked up under with `part_of`."""
    found: dict[str, list[JsonObject]] = {}
    for part in parts:
        for key in {_key(number) for number in numbers(part)}:
            found.setdefault(key, []).append(part)
    return found


def part_of(parts: Mapping[str, list[JsonObject]], asked: str, numbers: Numbers) -> JsonObject | None:
    """The part that is about the number asked for, or None."""
    candidates = parts.get(_key(asked), [])
    return next((one for one in candidates if any(same_number(number, asked) for number in numbers(one))), None)


def portion_of(part: JsonObject) -> bytes:
    """A part of an answer as bytes that are the same whenever it says the same."""
    return json.dumps(part, separators=(",", ":")).encode("ascii")


def unmentioned(ask: Ask) -> CarrierReply:
    """The reply for a parcel that the answer leaves out; nothing of it is about this one."""
    return replace(malformed(ask.tracking_number, 200, "the answer does not mention this parcel"), portion=b"")


def _key(number: Any) -> str:
    """What two spellings of a number share: an id sent as a number has lost its leading zeros."""
    return re.sub(r"\s", "", text(number)).upper().lstrip("0")
