"""Whatever DHL sends, the adapter answers: no bytes and no shape of JSON make it raise or guess."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.dhl import Dhl
from app.tracking.carriers.dhl_words import CODES

RECORDINGS = Path(__file__).parents[2] / "recordings" / "dhl"
DOCUMENTS = {
    path.name: json.loads(path.read_bytes())
    for path in sorted(RECORDINGS.glob("*.json"))
    if path.name != "expected.json"
}
DHL = Dhl()

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*CODES, "FR", ""]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
STATUSES = st.none() | st.sampled_from([200, 204, 301, 400, 401, 404, 429, 500, 503]) | st.integers(100, 599)
ASKS = st.builds(
    Ask,
    st.text(max_size=12) | st.sampled_from(["ODD1", "3344556677", "7702345671", "00349900000000000017"]),
    st.none(),
    st.none() | st.sampled_from(["SE", "de", "ZZ", "", "€"]),
    st.none() | st.sampled_from(["Europe/Berlin", "No/Where", "", "../etc", "\x00"]),
)


def read(ask: Ask, status: int | None, body: bytes, headers: dict[str, str] | None = None) -> CarrierReply:
    [call] = DHL.calls([ask], Access("https://api-eu.dhl.com"))
    [reply] = DHL.read(call, RawAnswer(status, headers or {}, body))
    assert reply.tracking_number == ask.tracking_number
    assert reply.kind is AnswerKind.tracked or (not reply.scans and reply.detail)
    for scan in reply.scans:
        assert scan.milestone is None or scan.code.strip().lower() in {*CODES, ""}
        assert not (scan.unknown and scan.milestone)
        assert (scan.occurred_at is None) == (scan.zone_source == "unreadable")
        assert scan.occurred_at is None or scan.occurred_at.utcoffset() is not None
        scan.description.encode()
    f"{reply.detail}{reply.service}".encode()
    return reply


@settings(max_examples=300, deadline=None)
@given(ASKS, STATUSES, st.binary(max_size=300), st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=3))
def test_any_bytes_are_answered(ask: Ask, status: int | None, body: bytes, headers: dict[str, str]) -> None:
    """Bytes from nowhere, under any status and headers, give one reply with a reason."""
    read(ask, status, body, headers)


@settings(max_examples=300, deadline=None)
@given(ASKS, st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_any_mutation_of_an_answer_is_answered(ask: Ask, name: str, data: st.DataObject) -> None:
    """Any part of an answer replaced by any JSON, and the whole cut anywhere, raises nothing and guesses nothing."""
    document = copy.deepcopy(DOCUMENTS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        document = mutate(document, data)
    body = json.dumps(document).encode()
    if data.draw(st.booleans()):
        body = body[: data.draw(st.integers(0, len(body)))]
    read(ask, 200, body)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.text(max_size=40) | st.sampled_from(["Delivered", "Out for delivery", "Picked up"]))
def test_no_milestone_comes_from_an_unknown_code(code: str, text: str) -> None:
    """A code outside DHL's table never becomes news, whatever stands beside it."""
    events = [{"timestamp": "2026-03-01T10:00:00Z", "statusCode": code, "status": text}]
    [scan] = read(Ask("1"), 200, json.dumps({"shipments": [{"id": "1", "events": events}]}).encode()).scans
    if code.strip().lower() not in {*CODES, ""}:
        assert scan.unknown
        assert scan.milestone is None


def mutate(document: Any, data: st.DataObject) -> Any:
    """The document with one node, drawn anywhere in it, replaced or removed."""
    if not isinstance(document, dict | list) or not document or data.draw(st.integers(0, 9)) == 0:
        return data.draw(JSON)
    keys = list(document) if isinstance(document, dict) else range(len(document))
    key = data.draw(st.sampled_from(keys))
    if data.draw(st.integers(0, 7)) == 0:
        del document[key]
    else:
        document[key] = mutate(document[key], data)
    return document
