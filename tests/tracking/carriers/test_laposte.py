"""La Poste: one answer or a list of them, a code for each shipment, and labels that are no part of an identity."""

import json

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.laposte import LaPoste

POSTE = LaPoste()
ACCESS = Access("https://api.laposte.fr", "0kapi")


def read(document: object, *numbers: str, status: int = 200) -> list[CarrierReply]:
    [call] = POSTE.calls([Ask(number, destination_country="FR") for number in numbers], ACCESS)
    return POSTE.read(call, RawAnswer(status, {}, json.dumps(document).encode()))


def shipment(number: str, *events: dict[str, str], **more: object) -> dict[str, object]:
    return {"returnCode": 200, "shipment": {"idShip": number, "event": list(events), **more}}


def test_asks_for_ten_in_one_path_always_in_the_same_language() -> None:
    """The key is a header; the language never changes."""
    calls = POSTE.calls([Ask(f"A{number}") for number in range(10)] + [Ask("B/1")], ACCESS)
    assert [len(call.asks) for call in calls] == [10, 1]
    assert calls[0].url == "https://api.laposte.fr/suivi/v2/idships/A0,A1,A2,A3,A4,A5,A6,A7,A8,A9?lang=en_GB"
    assert calls[1].url == "https://api.laposte.fr/suivi/v2/idships/B%2F1?lang=en_GB"
    assert calls[0].headers["X-Okapi-Key"] == "0kapi"


def test_reads_an_object_for_one_and_a_list_for_several() -> None:
    """Either shape is read for either question."""
    one = shipment("A1", {"code": "DI1", "date": "2026-01-02T10:00:00+01:00", "label": "x"})
    for document in (one, [one]):
        [reply] = read(document, "A1")
        assert [scan.milestone for scan in reply.scans] == [Milestone.delivered]
    assert [reply.kind for reply in read([one, shipment("A2")], "A2", "A1", status=207)] == [AnswerKind.tracked] * 2


def test_a_scan_is_the_same_in_any_language_and_at_any_place_in_the_list() -> None:
    """Code and time name it; the label and its running number do not."""
    french = {"code": "ET1", "date": "2026-01-02T10:00:00+01:00", "label": "En chemin", "order": 3}
    english = {"code": "ET1", "date": "2026-01-02T10:00:00+01:00", "label": "On its way", "order": 9}
    assert read(shipment("A", french), "A")[0].scans[0].digest == read(shipment("A", english), "A")[0].scans[0].digest


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (404, AnswerKind.not_found),
        (400, AnswerKind.not_found),
        ("404", AnswerKind.not_found),
        (401, AnswerKind.denied),
        (403, AnswerKind.denied),
        (429, AnswerKind.throttled),
        (500, AnswerKind.unavailable),
        (504, AnswerKind.unavailable),
        (299, AnswerKind.malformed),
        (None, AnswerKind.malformed),
    ],
)
def test_the_return_code_of_each_shipment_counts(code: object, kind: AnswerKind) -> None:
    """Whatever the HTTP status, next to a good one."""
    bad = {"returnCode": code, "returnMessage": "No", "idShip": "A1"}
    first, second = read([bad, shipment("A2")], "A1", "A2", status=207)
    assert (first.kind, second.kind) == (kind, AnswerKind.tracked)
    assert first.portion and b"A2" not in first.portion


def test_a_page_not_found_says_nothing_of_a_number() -> None:
    """La Poste's own 404 is a document, or empty for what is no number; a page may be a wrong address."""
    [call] = POSTE.calls([Ask("A1")], ACCESS)
    assert POSTE.read(call, RawAnswer(404, {}, b""))[0].kind is AnswerKind.not_found
    assert POSTE.read(call, RawAnswer(404, {}, b"<html>404</html>"))[0].kind is AnswerKind.malformed
    assert POSTE.read(call, RawAnswer(404, {}, b'{"code": "RESOURCE_NOT_FOUND"}'))[0].kind is AnswerKind.malformed


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-09T00:00:00+01:00", (None, "2026-03-09")),
        ("2026-03-09", (None, "2026-03-09")),
        ("2026-03-09T12:30:00+01:00", ("2026-03-09T11:30:00+00:00", None)),
        ("2026-03-09T12:30:00", ("2026-03-09T11:30:00+00:00", None)),
        ("", (None, None)),
        ("demain", (None, None)),
    ],
)
def test_a_midnight_is_only_a_day(written: str, expected: tuple[str | None, str | None]) -> None:
    """A date-only expectation stays a date in every zone."""
    [reply] = read(shipment("A", estimDate=written), "A")
    assert reply.eta_from == reply.eta_through
    told = reply.eta_from and reply.eta_from.isoformat(), reply.eta_day and reply.eta_day.isoformat()
    assert told == expected


def test_names_the_point_only_once_the_parcel_waits_there() -> None:
    """A point that was chosen is no news before the parcel has come to it."""
    context = {"removalPoint": {"name": "EXEMPLE"}}
    waits = {"code": "AG1", "date": "2026-01-02T10:00:00+01:00"}
    assert read(shipment("A", contextData=context), "A")[0].notes.pickup is None
    [reply] = read(shipment("A", waits, contextData=context), "A")
    assert reply.notes.pickup is not None and reply.notes.pickup.name == "EXEMPLE"


def test_says_who_holds_it_where_no_product_is_named() -> None:
    """The holder's number is one of four."""
    assert read(shipment("A", holder=3), "A")[0].service == "chronopost"
    assert read(shipment("A", holder=9), "A")[0].service is None
