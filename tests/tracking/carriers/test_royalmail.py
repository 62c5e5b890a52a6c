"""Royal Mail: summaries of thirty and whole histories tell the same scans, and each error is called by its name."""

import json
from pathlib import Path

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.royalmail import RoyalMail

RECORDINGS = Path(__file__).parents[2] / "recordings" / "royalmail"
ROYAL_MAIL = RoyalMail()
ACCESS = Access("https://api.royalmail.net", "id", "s3cret")
NUMBER = "QX123456785GB"


def summary(body: bytes, *numbers: str, status: int = 200) -> list[CarrierReply]:
    [call] = ROYAL_MAIL.calls([Ask(number) for number in numbers], ACCESS)
    return ROYAL_MAIL.read(call, RawAnswer(status, {}, body))


def events(body: bytes, number: str = NUMBER) -> CarrierReply:
    call = ROYAL_MAIL.fuller(Ask(number), ACCESS)
    [reply] = ROYAL_MAIL.read(call, RawAnswer(200, {}, body))
    return reply


def piece(**more: object) -> bytes:
    return json.dumps({"mailPieces": {"mailPieceId": NUMBER, **more}}).encode()


def test_asks_for_thirty_summaries_and_one_history() -> None:
    """Numbers stand in one list, both credentials and the accepted terms in headers."""
    calls = ROYAL_MAIL.calls([Ask(f"A{number}") for number in range(31)] + [Ask(" B/2 ")], ACCESS)
    assert [len(call.asks) for call in calls] == [30, 2]
    assert calls[1].url == "https://api.royalmail.net/mailpieces/v2/summary?mailPieceId=A30,B%2F2"
    fuller = ROYAL_MAIL.fuller(Ask(NUMBER), ACCESS)
    assert fuller.url == f"https://api.royalmail.net/mailpieces/v2/{NUMBER}/events"
    for call in (*calls, fuller):
        assert call.headers["X-IBM-Client-Id"] == "id"
        assert call.headers["X-IBM-Client-Secret"] == "s3cret"
        assert call.headers["X-Accept-RMG-Terms"] == "yes"


def test_the_last_event_is_the_same_scan_in_summary_and_history() -> None:
    """Heard of in a summary and again in the history, it is stored once: same digest, meaning and instant."""
    [short] = summary((RECORDINGS / "summaries.json").read_bytes(), NUMBER)
    whole = events((RECORDINGS / "whole_journey.json").read_bytes())
    assert short.scans == whole.scans[:1]


def test_the_last_event_stays_the_same_scan_when_its_place_is_worded_otherwise() -> None:
    """Identity is code and time only, which stand alike in both answers."""
    said = {"lastEventCode": "EVIMC", "lastEventDateTime": "2026-03-26T22:48:00+00:00", "lastEventLocationName": "MC"}
    history = [{"eventCode": "EVIMC", "eventDateTime": "2026-03-26T22:48:00+00:00", "locationName": "Mail Centre"}]
    assert events(piece(summary=said)).scans[0].digest == events(piece(events=history)).scans[0].digest


def test_each_parcel_is_told_its_own_part() -> None:
    """The portion is the piece alone, the same bytes whenever it says the same, whoever else was asked about."""
    body = (RECORDINGS / "summaries.json").read_bytes()
    first, second, gone = summary(body, NUMBER, "QX000000014GB", "QX999999999GB")
    assert first.portion and second.portion and b"QX000000014GB" not in first.portion
    assert first.portion == summary(body, "QX000000031GB", NUMBER)[1].portion
    assert gone.portion == b""


def test_keeps_none_of_a_broken_batch_beside_any_parcel() -> None:
    """What nobody can read may be about other shops' parcels, so that it is kept only where one was asked about."""
    broken = (RECORDINGS / "summaries.json").read_bytes()[:500]
    assert {reply.portion for reply in summary(broken, NUMBER, "QX000000014GB")} == {b""}
    assert summary(broken, NUMBER)[0].portion is None


def test_finds_a_piece_by_either_of_its_barcodes() -> None:
    """A shop may know the number under the bars or that of the square barcode."""
    body = (RECORDINGS / "summaries.json").read_bytes()
    assert [reply.kind for reply in summary(body, "0b0a1111222233334444f", NUMBER)] == [AnswerKind.tracked] * 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("E1142", AnswerKind.not_found),
        ("E1283", AnswerKind.not_found),
        ("E1284", AnswerKind.not_found),
        ("E1308", AnswerKind.not_found),
        ("E1307", AnswerKind.unavailable),
        ("E0001", AnswerKind.unavailable),
        ("E0009", AnswerKind.unavailable),
        ("E0010", AnswerKind.throttled),
        ("E0016", AnswerKind.denied),
        ("E0004", AnswerKind.malformed),
        ("E0013", AnswerKind.malformed),
        ("E1144", AnswerKind.malformed),
        ("E1145", AnswerKind.malformed),
        ("E9999", AnswerKind.malformed),
    ],
)
def test_an_error_means_the_same_wherever_it_stands(code: str, kind: AnswerKind) -> None:
    """By itself inside HTTP 200, under HTTP 400, or in one piece next to good ones."""
    error = {"errorCode": code, "errorDescription": "Said so"}
    alone = json.dumps({"errors": [error]}).encode()
    assert summary(alone, NUMBER)[0].kind is kind
    assert summary(alone, NUMBER, status=400)[0].kind is kind
    assert events(piece(status="200", error=error)).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "malformed"), (404, "malformed"), (405, "malformed"), (401, "denied"), (503, "unavailable")],
)
def test_an_error_without_code_is_taken_by_its_status(status: int, kind: str) -> None:
    """A page that is not there says nothing about a number; inside HTTP 200 it is `httpCode` that counts."""
    body = json.dumps({"httpCode": str(status), "httpMessage": "So"}).encode()
    assert summary(body, NUMBER)[0].kind == kind
    assert summary(body, NUMBER, status=status)[0].kind == kind


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        ({"date": "2026-03-30"}, (None, None, "2026-03-30")),
        ({"date": "2026-03-30", "startOfEstimatedWindow": "soon"}, (None, None, "2026-03-30")),
        ({"date": "2026-03-30", "startOfEstimatedWindow": "08:00:00+01:00"}, ("07:00", "07:00", None)),
        (
            {"date": "2026-03-30", "startOfEstimatedWindow": "11:00:00Z", "endOfEstimatedWindow": "08:00:00Z"},
            (None, None, "2026-03-30"),
        ),
        ({"startOfEstimatedWindow": "08:00:00+01:00"}, (None, None, None)),
        ("tomorrow", (None, None, None)),
    ],
)
def test_reads_the_window_on_its_day(estimate: object, expected: tuple[str | None, ...]) -> None:
    """Times with an offset belong to the one date; a window that ends before it starts is only that day."""
    reply = events(piece(events=[], estimatedDelivery=estimate))
    times = [at and f"{at:%H:%M}" for at in (reply.eta_from, reply.eta_through)]
    assert (*times, reply.eta_day and reply.eta_day.isoformat()) == expected


def test_reads_no_signers_name() -> None:
    """Of the proof only its kind is read."""
    reply = events((RECORDINGS / "whole_journey.json").read_bytes())
    assert reply.notes.proof == "signature"
    assert "PERSON" not in repr((reply.notes, reply.scans, reply.service))


def test_delivered_to_the_collection_point_is_not_delivered() -> None:
    """The shopper still has to fetch it."""
    codes = RoyalMail.codes
    assert codes["EVKLS"] is codes["EVKLC"] is codes["EVPLA"] is Milestone.ready_for_pickup
    assert codes["EVPLC"] is codes["EVNOC"] is Milestone.delivered


def test_knows_its_numbers() -> None:
    """Its own are S10 numbers with the right check digit and Britain at their end, and the square barcode's."""

    def fits(number: str) -> bool:
        return any(one.fits(number) and one.strength >= 0.4 for one in ROYAL_MAIL.formats)

    assert fits("FQ087430672GB") and fits("090367574000000FE1E1B")
    assert not fits("FQ087430673GB") and not fits("FQ087430672US")
