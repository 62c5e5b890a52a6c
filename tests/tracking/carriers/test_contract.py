"""What every carrier adapter owes the engine, whatever its carrier sends."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.vocabulary import SAYABLE, Milestone
from app.tracking.adapter.base import AnswerKind, Ask, Carrier, NoMilestone, RawAnswer
from app.tracking.carriers.registry import CARRIERS
from tests.tracking.carriers.recordings import ACCESS, Recording, recordings, told

ALL = sorted(CARRIERS)
RECORDED = [(name, one) for name in ALL for one in recordings(name)]
WELL_FORMED = [Ask("1Z12345E0205271688", destination_country="US"), Ask("00340434161094022115", None, "DE")]


@pytest.fixture(params=ALL)
def carrier(request) -> Carrier:
    return CARRIERS[request.param]


def some_asks(amount: int) -> list[Ask]:
    return [Ask(f"AB{number:09}SE", destination_country="SE", zone="Europe/Stockholm") for number in range(amount)]


def test_it_says_who_it_is(carrier):
    """Name, title, manual, address and limits stand in the file, and its key in the registry is its name."""
    assert CARRIERS[carrier.name] is carrier
    assert carrier.title and carrier.batch_size >= 1 and carrier.requests_per_second > 0
    assert urlsplit(carrier.manual).scheme == "https" and urlsplit(carrier.base_url).scheme == "https"
    assert not carrier.base_url.endswith("/")
    assert set(carrier.needs) <= {"api_key", "api_secret", "account"}


def test_its_table_speaks_our_vocabulary(carrier):
    """Every code means a milestone that a carrier can say, or nothing on purpose."""
    assert carrier.codes, "a carrier without codes tells nothing"
    for code, meaning in carrier.codes.items():
        assert code == code.strip() and code
        assert isinstance(meaning, NoMilestone) or meaning in SAYABLE


@pytest.mark.parametrize("amount", [1, 2, 7, 61])
def test_each_parcel_is_asked_about_once_in_full_batches(carrier, amount):
    """Calls cover each parcel once, none holds more than a batch, and no more calls are made than that takes."""
    asks = some_asks(amount)
    calls = carrier.calls(asks, ACCESS)
    asked = [ask for call in calls for ask in call.asks]
    assert sorted(ask.tracking_number for ask in asked) == sorted(ask.tracking_number for ask in asks)
    assert all(1 <= len(call.asks) <= carrier.batch_size for call in calls)
    assert len(calls) == -(-amount // carrier.batch_size)
    for call in calls:
        assert call.url.startswith(ACCESS.base_url + "/")
        assert not any("\n" in value or "\r" in value for value in call.headers.values())


def test_a_number_in_groups_is_asked_about_as_the_carrier_knows_it(carrier):
    """People copy numbers with the spaces that a label prints; carriers know them without."""
    [grouped] = carrier.calls([Ask(" RB 123 456 785 GB ")], ACCESS)
    [whole] = carrier.calls([Ask("RB123456785GB")], ACCESS)
    assert (grouped.url, grouped.body) == (whole.url, whole.body)
    assert [ask.tracking_number for ask in grouped.asks] == [" RB 123 456 785 GB "], "the parcel goes by its own"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_no_number_breaks_out_of_its_question(number):
    """Whatever stands in a tracking number, the question goes to the carrier's host and is one line."""
    for carrier in CARRIERS.values():
        for call in carrier.calls([Ask(number)], ACCESS):
            assert urlsplit(call.url).netloc == "carrier.example"
            assert call.url.isascii() and call.url.isprintable() and " " not in call.url


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, AnswerKind.unavailable),
        (401, AnswerKind.denied),
        (403, AnswerKind.denied),
        (429, AnswerKind.throttled),
        (500, AnswerKind.unavailable),
        (503, AnswerKind.unavailable),
    ],
)
def test_illness_is_called_by_its_name(carrier, status, kind):
    """No answer, a refused key, too many questions and an ill carrier are told apart by every adapter alike."""
    headers = {"Retry-After": "30"}
    for call in carrier.calls(some_asks(3), ACCESS):
        replies = carrier.read(call, RawAnswer(status, headers, b"<html><body>Sorry</body></html>", fault=None))
        assert [reply.tracking_number for reply in replies] == [ask.tracking_number for ask in call.asks]
        assert {reply.kind for reply in replies} == {kind}
        assert all(reply.detail and carrier.title in reply.detail for reply in replies)
        assert all(reply.retry_after == (30.0 if status in (429, 500, 503) else None) for reply in replies)


@pytest.mark.parametrize(
    "body", [b"", b"<html>We will be back</html>", b"{", b"[]", b"null", b"\xef\xbb\xbf", b"\x00" * 9]
)
def test_a_page_instead_of_an_answer_is_malformed(carrier, body):
    """A maintenance page under 200 is no news and no "not found"."""
    for call in carrier.calls(some_asks(2), ACCESS):
        replies = carrier.read(call, RawAnswer(200, {}, body))
        assert {reply.kind for reply in replies} == {AnswerKind.malformed}
        assert len(replies) == len(call.asks)


@settings(max_examples=150, deadline=None)
@given(
    st.none() | st.sampled_from([200, 204, 207, 301, 400, 401, 404, 429, 500, 503]) | st.integers(100, 599),
    st.binary(max_size=300),
    st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=3),
)
def test_any_bytes_are_answered(status, body, headers):
    """Bytes from nowhere, under any status and headers, give one reply for each parcel, with a reason."""
    for carrier in CARRIERS.values():
        for call in carrier.calls(some_asks(2), ACCESS):
            check(carrier, carrier.read(call, RawAnswer(status, headers, body)), call.asks)


def check(carrier: Carrier, replies, asks) -> None:
    """Whatever was read: one reply a parcel, nothing guessed, everything fit to be stored."""
    assert [reply.tracking_number for reply in replies] == [ask.tracking_number for ask in asks]
    for reply in replies:
        assert reply.kind is AnswerKind.tracked or (not reply.scans and reply.detail)
        for scan in reply.scans:
            assert not (scan.unknown and (scan.milestone or scan.moves))
            assert (scan.occurred_at is None) == (scan.zone_source in ("unreadable", "date_only"))
            assert scan.occurred_at is None or scan.occurred_at.utcoffset() is not None
            assert len(scan.digest) == 16
            f"{scan.description}{scan.place}{scan.code}{scan.written_time}".encode()
            assert "\x00" not in f"{scan.description}{scan.place}{scan.code}{scan.written_time}"
        json.dumps(reply.notes.told())
        f"{reply.detail}{reply.service}".encode()


@pytest.mark.parametrize(("name", "one"), RECORDED, ids=[f"{name}-{one.file}" for name, one in RECORDED])
def test_recordings_are_read_as_expected(name: str, one: Recording):
    """Each recorded answer says what `expected.json` says that it does."""
    replies = one.read(CARRIERS[name])
    check(CARRIERS[name], replies, one.asks)
    for reply, expected in zip(replies, one.replies, strict=True):
        found = told(reply)
        assert {key: found[key] for key in expected} == expected


def test_each_carrier_has_recordings(carrier):
    """At least a delivered parcel, one that is unknown to the carrier, and an oddity are recorded."""
    kinds = [reply["kind"] for one in recordings(carrier.name) for reply in one.replies]
    assert len(recordings(carrier.name)) >= 3
    assert "tracked" in kinds and "not_found" in kinds
    milestones = {m for one in recordings(carrier.name) for reply in one.replies for m in reply.get("milestones", [])}
    assert Milestone.delivered in milestones


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)


def places(document: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Every place in a JSON document."""
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def with_another(document, path: tuple, value):
    """The document with another value at one place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = with_another(document[path[0]], path[1:], value)
    return copy


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_mutation_of_an_answer_is_answered(data):
    """Any part of a recording replaced by anything, and the whole cut anywhere, raises nothing, guesses nothing."""
    name, one = data.draw(st.sampled_from(RECORDED))
    body = one.body
    if one.file.endswith(".json") and body.strip().startswith((b"{", b"[")):
        document = json.loads(body)
        for _ in range(data.draw(st.integers(1, 3))):
            path = data.draw(st.sampled_from(sorted(places(document), key=str)))
            document = with_another(document, path, data.draw(JSON))
        body = json.dumps(document).encode()
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + data.draw(st.binary(max_size=4)) + body[at + data.draw(st.integers(0, 9)) :]
    check(CARRIERS[name], one.read(CARRIERS[name], body), one.asks)
