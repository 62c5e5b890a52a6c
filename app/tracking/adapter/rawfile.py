"""A raw file of a carrier, read without knowing what was asked: its numbers are found in it, then it is read as usual.

The adapter itself may say which numbers an answer is about (`Carrier.numbers_in`); else every field that is named like
a number is tried, then every value that looks like one, and those that the adapter finds again in the answer are kept.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from app.errors import Unreadable
from app.tracking.adapter.base import Access, AnswerKind, Ask, Call, Carrier, CarrierReply, RawAnswer
from app.tracking.adapter.reading import json_document, text, xml_root

_NOBODY = "NO0SUCH0NUMBER"
_ACCESS = Access("https://carrier.invalid", "key", "secret", "account", "token")
_MOST = 200
"""Numbers tried at most: an answer lists no more parcels than a batch holds, and a few ids beside them."""

_NAMED = re.compile(
    r"(?:.*(?:track|ship|parcel|piece|package|item|consignment|article|barcode|waybill|pin|mail|awb|label|shp|unit)"
    r".*|id|number|no|code|q)",
    re.IGNORECASE,
)
_NUMBER_LIKE = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9 ._/-]{4,49}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says: parcels that it is about, and the reasons where it says nothing of one."""

    tracked: tuple[CarrierReply, ...]
    errors: tuple[CarrierReply, ...]


def read_file(carrier: Carrier, body: bytes, numbers: Sequence[str] = (), status: int = 200) -> Reading:
    """Read a raw answer, or a call of a carrier that pushes, of which nobody knows what was asked. Never raises.

    `numbers` are those that were asked about, where somebody knows them; `status` is the answer's HTTP status.
    """
    answer = RawAnswer(status, {}, body)
    if numbers:
        return _sorted([_fullest(carrier, Ask(number), answer) for number in numbers])
    found = list(_tracked(carrier, answer))
    if found:
        return Reading(tuple(found), tuple(_failed(carrier, answer, found)))
    pushed = _pushed(carrier, body)
    if pushed:
        return _sorted(pushed)
    # What is said whoever was asked about names no number; a parcel in it is one whose number the answer leaves out.
    said = replace(_fullest(carrier, Ask(_NOBODY), answer), tracking_number="")
    return _sorted([said] if said.kind is AnswerKind.tracked else _failed(carrier, answer, []) or [said])


def _sorted(replies: Sequence[CarrierReply]) -> Reading:
    tracked = tuple(one for one in replies if one.kind is AnswerKind.tracked)
    return Reading(tracked, tuple(one for one in replies if one.kind is not AnswerKind.tracked))


def _numbers(carrier: Carrier, body: bytes) -> list[str]:
    """The numbers that the answer may be about, likeliest first, each once."""
    fields = [(name, value) for name, value in _fields(body) if _NUMBER_LIKE.fullmatch(value)]
    named = [value for name, value in fields if _NAMED.fullmatch(name)]
    return list(dict.fromkeys([*carrier.numbers_in(body), *named, *(value for _, value in fields)]))[:_MOST]


def _tracked(carrier: Carrier, answer: RawAnswer) -> Iterator[CarrierReply]:
    """One reply for each parcel. A parcel that goes by several numbers is one: the first of them names it."""
    known = carrier.numbers_in(answer.body)
    seen: list[CarrierReply] = []
    for number in known or _numbers(carrier, answer.body):
        reply = _fullest(carrier, Ask(number), answer)
        if reply.kind is AnswerKind.tracked and (known or not any(_same(reply, other) for other in seen)):
            seen.append(reply)
            yield reply


def _same(reply: CarrierReply, other: CarrierReply) -> bool:
    return {scan.digest for scan in reply.scans} == {scan.digest for scan in other.scans}


def _failed(carrier: Carrier, answer: RawAnswer, tracked: Sequence[CarrierReply]) -> list[CarrierReply]:
    """What the answer says of numbers of which it tells nothing, where that is more than it says of any number."""
    nobody = _fullest(carrier, Ask(_NOBODY), answer)
    told = {one.tracking_number for one in tracked}
    replies = [
        _fullest(carrier, Ask(number), answer) for number in _numbers(carrier, answer.body) if number not in told
    ]
    return [one for one in replies if one.kind is not AnswerKind.tracked and _says_more(one, nobody)]


def _says_more(reply: CarrierReply, nobody: CarrierReply) -> bool:
    """Whether a reply is about its number, and not what is said to everybody, a number somewhere in it or not."""
    said, to_all = (
        (one.kind, (one.detail or "").replace(reply.tracking_number, "").replace(_NOBODY, ""))
        for one in (reply, nobody)
    )
    return said != to_all


def _fullest(carrier: Carrier, ask: Ask, answer: RawAnswer) -> CarrierReply:
    """The reply that tells the most, of those to the questions that this may be the answer to."""
    fuller = carrier.fuller(ask, _ACCESS)
    calls: list[Call] = [*carrier.calls([ask], _ACCESS), *([fuller] if fuller else [])]
    replies = [reply for call in calls for reply in carrier.read(call, answer)]
    return max(replies, key=lambda one: (one.kind is AnswerKind.tracked, len(one.scans)))


def _pushed(carrier: Carrier, body: bytes) -> list[CarrierReply]:
    if carrier.push is None:
        return []
    try:
        return carrier.push.read(body)
    except Unreadable:
        return []


def _fields(body: bytes) -> Iterator[tuple[str, str]]:
    """The names and values of every field of a document, in the order given."""
    document, fault = json_document(body)
    fields = _json_fields(document) if fault is None else _xml_fields(body)
    return ((name, value.strip()) for name, value in fields)


def _json_fields(document: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every field in a JSON document; the entries of a list go by the list's name."""
    stack = [(name, document)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, dict):
            stack += [(str(key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            stack += [(name, inner) for inner in reversed(value)]
        elif written := text(value):
            yield name, written


def _xml_fields(body: bytes) -> Iterator[tuple[str, str]]:
    root, _ = xml_root(body)
    for element in root.iter() if root is not None else ():
        if isinstance(element.tag, str):
            name = etree.QName(element.tag).localname
            yield name, element.text or ""
            yield from ((str(key), str(value)) for key, value in element.attrib.items())
