"""Answers about several parcels: each parcel is told its own part of it, and never another's."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from app.tracking.adapter.base import Ask, Call, CarrierReply
from app.tracking.adapter.numbers import unspaced
from app.tracking.adapter.reading import JsonObject, malformed, text

Numbers = Callable[[JsonObject], Iterable[Any]]
"""The numbers under which a part of an answer may have been asked for."""

Parts = Mapping[tuple[bool, str], JsonObject]


def in_batches(asks: Sequence[Ask], size: int) -> list[Sequence[Ask]]:
    """The parcels in full batches; only the last may be smaller."""
    return [asks[start : start + size] for start in range(0, len(asks), size)]


def listed(asks: Sequence[Ask]) -> str:
    """The parcels' numbers in one list, fit for a path or a query. None may hold a comma, which would ask about two;
    no carrier's does."""
    return ",".join(quote(unspaced(ask.tracking_number).replace(",", ""), safe="") for ask in asks)


def to_each(call: Call, reply: CarrierReply) -> list[CarrierReply]:
    """One reply for every parcel of a call, where the answer is about none of them in particular.

    Such an answer may still name other parcels, other shops' among them: where several were asked about, none of it
    is kept beside any one.
    """
    kept = reply.portion if len(call.asks) == 1 else b""
    return [replace(reply, tracking_number=ask.tracking_number, portion=kept) for ask in call.asks]


def by_number(parts: Iterable[JsonObject], numbers: Numbers) -> Parts:
    """The parts of an answer by what they may be looked up under with `part_of`; the first of a number counts."""
    found: dict[tuple[bool, str], JsonObject] = {}
    for part in parts:
        for number in numbers(part):
            found.setdefault(_key(number), part)
    return found


def part_of(parts: Parts, asked: str) -> JsonObject | None:
    """The part that is about the number asked for, or None."""
    _, key = _key(asked)
    return parts.get((False, key)) or parts.get((True, key.lstrip("0")))


def portion_of(part: JsonObject) -> bytes:
    """A part of an answer as bytes that are the same whenever it says the same; none for one that nests so deep that
    it could be read but not written."""
    try:
        return json.dumps(part, separators=(",", ":")).encode("ascii")
    except RecursionError:
        return b""


def unmentioned(ask: Ask) -> CarrierReply:
    """The reply for a parcel that the answer leaves out; nothing of it is about this one."""
    return replace(malformed(ask.tracking_number, 200, "the answer does not mention this parcel"), portion=b"")


def _key(number: Any) -> tuple[bool, str]:
    """Whether an id came as a JSON number, which has lost its leading zeros, as no other may; and the id."""
    if isinstance(number, int) and not isinstance(number, bool):
        return True, str(number)
    return False, re.sub(r"\s", "", text(number)).upper()
