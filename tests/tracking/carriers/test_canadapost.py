"""The Canada Post adapter: how it asks, its codes, its zones by letters, and its errors in XML."""

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, HeardScan, NoMilestone, RawAnswer
from app.tracking.carriers.canadapost import CanadaPost
from app.tracking.carriers.canadapost_codes import CODES, code_of

POST = CanadaPost()
ACCESS = Access("http://127.0.0.1:9", "key", "s3cret")
NUMBER = "7000000000000005"


def read(body: str, status: int = 200, number: str = NUMBER) -> CarrierReply:
    [call] = POST.calls([Ask(number, destination_country="CA")], ACCESS)
    [reply] = POST.read(call, RawAnswer(status, {}, body.encode()))
    return reply


def detail(*events: dict[str, str], **fields: str) -> str:
    def element(name: str, text: str) -> str:
        return f"<{name}>{text}</{name}>"

    written = "".join(
        element("occurrence", "".join(element(name.replace("_", "-"), text) for name, text in event.items()))
        for event in events
    )
    told = "".join(element(name.replace("_", "-"), text) for name, text in ({"pin": NUMBER} | fields).items())
    return element("tracking-detail", told + element("significant-events", written))


def scan(**event: str) -> HeardScan:
    return read(detail({f"event_{name}": text for name, text in event.items()})).scans[0]


def test_asks_for_one_parcel_a_call_in_its_own_media_type() -> None:
    """Key and secret stand in a Basic header; a card's number of fifteen digits has a path of its own."""
    pin, card = POST.calls([Ask("7000 0000 0000 0005"), Ask("315052413796541")], ACCESS)
    assert pin.url == f"http://127.0.0.1:9/vis/track/pin/{NUMBER}/detail"
    assert card.url == "http://127.0.0.1:9/vis/track/dnc/315052413796541/detail"
    assert pin.headers["Authorization"] == "Basic a2V5OnMzY3JldA=="
    assert pin.headers["Accept"] == "application/vnd.cpc.track-v2+xml"


def test_a_card_leads_to_the_item_that_it_was_left_for() -> None:
    """Asked by a card, the answer names the item; asked by an item, another one is not ours."""
    assert read(detail(), number="315052413796541").kind is AnswerKind.tracked
    assert read(detail(pin="7000000000000099")).kind is AnswerKind.malformed


@pytest.mark.parametrize("zeros", ["", "0", "0000"])
def test_leading_zeros_change_no_code(zeros: str) -> None:
    """`174` is `0174`, in meaning and in the code that is shown."""
    found = scan(identifier=f"{zeros}174", date="2026-07-01", time="08:00:00", time_zone="EDT")
    assert (found.code, found.milestone) == ("0174", Milestone.out_for_delivery)


@pytest.mark.parametrize(
    ("zone", "province", "instant", "source"),
    [
        ("EST", "BC", "2026-07-01T13:00:00+00:00", "offset"),
        ("NDT", "NL", "2026-07-01T10:30:00+00:00", "offset"),
        ("pdt", "BC", "2026-07-01T15:00:00+00:00", "offset"),
        ("", "BC", "2026-07-01T15:00:00+00:00", "place"),
        ("XYZ", "SK", "2026-07-01T14:00:00+00:00", "place"),
        ("ISRAEL", "", "2026-07-01T12:00:00+00:00", "destination"),
    ],
)
def test_reads_zones_by_their_letters(zone: str, province: str, instant: str, source: str) -> None:
    """Letters stand for an offset; letters that stand for none leave the province's zone, then the destination's."""
    found = scan(identifier="100", date="2026-07-01", time="08:00:00", time_zone=zone, province=province)
    assert (found.occurred_at and found.occurred_at.isoformat(), found.zone_source) == (instant, source)


@pytest.mark.parametrize(
    ("code", "words", "meaning"),
    [
        ("1496", "Delivered", Milestone.delivered),
        ("1498", "Item successfully returned to sender", Milestone.returned),
        ("1496", "L'article a été renvoyé avec succès à l'expéditeur.", Milestone.returned),
        ("0174", "Returned item is out for delivery", Milestone.returning),
        ("1479", "Tentative de renvoyer article à expéditeur. Carte laissée", Milestone.returning),
        ("1479", "Notice card left; item will be returned to sender if not collected", Milestone.attempt_failed),
        ("0156", "Final Notice; Item will be returned to sender if not collected", Milestone.ready_for_pickup),
        ("20", "Signature image recorded for Online viewing", NoMilestone.nothing),
        ("1405", "Delivered to automated parcel locker", Milestone.ready_for_pickup),
        ("1441", "Delivered to community mailbox or parcel locker", Milestone.delivered),
        ("1400", "", None),
    ],
)
def test_words_tell_only_which_way_an_item_goes(code: str, words: str, meaning: object) -> None:
    """Codes that are used on the way back too are told apart; a threat to return is no return."""
    assert CODES.get(code_of(code, words)) == meaning


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("004", 404, AnswerKind.not_found),
        ("004", 200, AnswerKind.not_found),
        ("E002", 200, AnswerKind.denied),
        ("E002", 401, AnswerKind.denied),
        ("AA002", 400, AnswerKind.denied),
        ("Server", 500, AnswerKind.throttled),
        ("9999", 200, AnswerKind.malformed),
        ("004", 503, AnswerKind.unavailable),
    ],
)
def test_reads_a_message_for_what_it_is(code: str, status: int, kind: AnswerKind) -> None:
    """By its code under any status, but for illness; a key's allowance used up comes as a 500."""
    body = f"<messages><message><code>{code}</code><description>No</description></message></messages>"
    assert read(body, status).kind is kind


def test_opens_no_entity() -> None:
    """A document type, and what it would bring in, is refused."""
    body = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>{detail(service_name="&e;")}'
    assert read(body).kind is AnswerKind.malformed


@pytest.mark.parametrize("number", ["0073938000549297", "4002847016405018", "LX000000005CA"])
def test_knows_its_numbers(number: str) -> None:
    """Check digits are right for real formats, and one digit off is none of ours."""
    at = max(at for at, letter in enumerate(number) if letter.isdigit())
    wrong = number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :]
    assert any(one.fits(number) for one in POST.formats)
    assert not any(one.fits(wrong) for one in POST.formats)
