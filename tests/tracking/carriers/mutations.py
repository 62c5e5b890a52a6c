"""Answers gone wrong, by a seed: recordings with parts replaced, repeated, cut, swollen, or written by nobody."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from lxml import etree

from tests.tracking.carriers.recordings import Recording

_WORDS = (
    "", " ", "\x00", "\ud800", "null", "true", "NaN", "-1", "0", "9" * 400, "é\u202eא", "<b>", "&amp;", "]]>",
    "{{7*7}}", "2026-02-30T25:61:00Z", "0000-00-00", "9999-12-31T23:59:59+23:59", "2026-03-29T02:30:00", "20260329",
    "1e999", "GB", "ZZ", "delivered", "DELIVERED", "D", "OutForDelivery", "x" * 5000,
)  # fmt: skip
_VALUES: tuple[Any, ...] = (None, True, False, 0, -1, 2**63, 1e308, [], {}, [[]], [None], [{}], {"": {}}, *_WORDS)
STATUSES = (
    None,
    200,
    200,
    200,
    200,
    200,
    201,
    204,
    207,
    301,
    400,
    401,
    403,
    404,
    409,
    418,
    422,
    429,
    500,
    502,
    503,
    599,
)


def _places(document: Any, holder: Any = None, key: Any = None) -> Iterator[tuple[Any, Any]]:
    if holder is not None:
        yield holder, key
    children = list(document.items()) if isinstance(document, dict) else []
    children += list(enumerate(document)) if isinstance(document, list) else []
    for name, value in children:
        yield from _places(value, document, name)


def _mutate_json(body: bytes, dice: random.Random) -> bytes:
    document = copy.deepcopy(json.loads(body))
    for _ in range(dice.randint(1, 4)):
        places = list(_places(document))
        if not places:
            break
        holder, key = dice.choice(places)
        turn = dice.random()
        if turn < 0.5:
            holder[key] = copy.deepcopy(dice.choice(_VALUES))
        elif turn < 0.65:
            other, at = dice.choice(places)
            holder[key] = copy.deepcopy(other[at])
        elif turn < 0.8 and isinstance(holder[key], list):
            holder[key] = holder[key] * dice.randint(0, 5)
        elif isinstance(holder, dict):
            del holder[key]
        else:
            holder.insert(dice.randint(0, len(holder)), copy.deepcopy(dice.choice(_VALUES)))
    return json.dumps(document, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _mutate_bytes(body: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(body))
        turn = dice.random()
        if turn < 0.4:
            body = body[:at] + dice.randbytes(dice.randint(0, 6)) + body[at + dice.randint(0, 12) :]
        elif turn < 0.6:
            body = body[:at]
        elif turn < 0.8:
            body = body[:at] + dice.choice(_WORDS).encode("utf-8", "surrogatepass") + body[at:]
        else:
            end = min(len(body), at + dice.randint(1, 200))
            body = body[:at] + body[at:end] * dice.randint(2, 4) + body[end:]
    return body


def mutated(one: Recording, dice: random.Random) -> bytes:
    """A recorded answer, gone wrong in one to four places."""
    body = one.body
    turn = dice.random()
    if turn < 0.03:
        return dice.randbytes(dice.randint(0, 400))
    if one.file.endswith(".json") and turn < 0.75:
        try:
            return _mutate_json(body, dice)
        except ValueError:  # a recording of what is no JSON
            return _mutate_bytes(body, dice)
    return _mutate_bytes(body, dice)


def swollen(one: Recording, least: int) -> bytes:
    """A recorded answer whose longest list is repeated until it has `least` bytes; as it is where it has no list."""
    if one.file.endswith(".xml"):
        return _swollen_xml(one.body, least)
    document = json.loads(one.body)
    lists = [(holder, key) for holder, key in _places(document) if isinstance(holder[key], list) and holder[key]]
    if not lists:
        return one.body
    holder, key = max(lists, key=lambda place: len(json.dumps(place[0][place[1]])))
    times = least // max(1, len(json.dumps(holder[key]))) + 1
    holder[key] = holder[key] * times
    return json.dumps(document).encode()


def _swollen_xml(body: bytes, least: int) -> bytes:
    """The same of XML, whose lists are elements of one name side by side."""
    root = etree.fromstring(body)
    lists = [rows for parent in root.iter() for rows in _namesakes(parent) if len(rows) > 1]
    if not lists:
        return body
    rows = max(lists, key=lambda rows: sum(len(etree.tostring(row)) for row in rows))
    whole, parent = [copy.deepcopy(row) for row in rows], rows[0].getparent()
    assert parent is not None
    for _ in range(least // sum(len(etree.tostring(row)) for row in rows)):
        parent.extend(copy.deepcopy(whole))
    return etree.tostring(root)


def _namesakes(parent: etree._Element) -> list[list[etree._Element]]:
    by_name: dict[Any, list[etree._Element]] = {}
    for child in parent:
        by_name.setdefault(child.tag, []).append(child)
    return list(by_name.values())


def padded(one: Recording, filler: Any, least: int) -> bytes:
    """A recorded answer with so much of one thing behind what its longest list holds; as it is where it has no list."""
    document = json.loads(one.body)
    lists = [(holder, key) for holder, key in _places(document) if isinstance(holder[key], list) and holder[key]]
    if not lists:
        return one.body
    holder, key = max(lists, key=lambda place: len(json.dumps(place[0][place[1]])))
    holder[key] = holder[key] + [filler] * (least // len(json.dumps(filler)))
    return json.dumps(document, separators=(",", ":")).encode()
