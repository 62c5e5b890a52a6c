"""What every carrier that calls owes the engine, whatever is sent in its name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Forged, Unreadable
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply
from app.tracking.carriers.registry import CARRIERS
from tests.tracking.carriers.recordings import ACCESS, recordings
from tests.tracking.carriers.test_contract import JSON, check, places, with_another

CALLING = sorted(name for name, carrier in CARRIERS.items() if carrier.push is not None)
FORMS = {
    "aftership": lambda tracking: {"event": "tracking_update", "ts": 1772700000, "msg": tracking},
    "easypost": lambda tracker: {"object": "Event", "description": "tracker.updated", "result": tracker},
}
"""How a call wraps what an answer lists, of the carriers whose calls tell the same."""


def heard(name: str, body: bytes, known: dict[str, Ask] | None = None) -> list[CarrierReply]:
    """What a call says; nothing where it says why it cannot be read."""
    push = CARRIERS[name].push
    assert push is not None
    try:
        replies = push.read(body, known or {})
    except Unreadable as error:
        assert str(error)
        return []
    for reply in replies:
        assert reply.kind is AnswerKind.tracked and reply.tracking_number
        check(CARRIERS[name], [reply], [Ask(reply.tracking_number)])
    return replies


def told(name: str) -> list[dict]:
    """All that is listed in a carrier's recorded answers."""
    documents = [json.loads(one.body) for one in recordings(name)]
    listed = [document.get("trackers") or (document.get("data") or {}).get("trackings") or [] for document in documents]
    return [one for some in listed for one in some]


@pytest.mark.parametrize("name", CALLING)
def test_it_says_how_it_is_believed(name):
    """A scheme in a line; and without a secret of ours, or a word of the carrier's, nobody is."""
    push = CARRIERS[name].push
    assert push.signature and "\n" not in push.signature
    for access in (ACCESS, Access("https://carrier.example")):
        for headers in ({}, {"authorization": "Bearer "}, {"x-hmac-signature": ""}):
            with pytest.raises(Forged):
                push.verify("https://shop.example/hooks", headers, b"{}", access)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=3))
def test_any_bytes_are_unreadable_or_nothing(body, headers):
    """Bytes from nowhere tell nothing, and no header makes them believed or breaks the look at them."""
    for name in CALLING:
        heard(name, body)
        with pytest.raises(Forged):
            CARRIERS[name].push.verify("", headers, body, ACCESS)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_mutation_of_a_call_is_heard_or_unreadable(data):
    """Any part replaced by anything: no other exception, and nothing guessed."""
    name = data.draw(st.sampled_from(sorted(FORMS)))
    document = FORMS[name](data.draw(st.sampled_from(told(name))))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(places(document), key=str)))
        document = with_another(document, path, data.draw(JSON))
    heard(name, json.dumps(document).encode())


@pytest.mark.parametrize("name", sorted(FORMS))
def test_what_is_known_of_a_parcel_changes_no_identity(name):
    """The same call read with and without what we know: as many scans, of the same identities."""
    for one in told(name):
        body = json.dumps(FORMS[name](one)).encode()
        [bare] = heard(name, body)
        ask = Ask(bare.tracking_number, "NZ", "NZ", "Pacific/Auckland", "ups")
        [knowing] = heard(name, body, {bare.tracking_number: ask})
        assert [scan.digest for scan in knowing.scans] == [scan.digest for scan in bare.scans]
