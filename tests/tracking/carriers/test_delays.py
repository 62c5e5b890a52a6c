"""A carrier's word for "late" is the same in every adapter, and moves no parcel."""

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.telling import Told, scan_of
from app.tracking.carriers.dhl_words import milestone_of
from app.tracking.carriers.registry import CARRIERS
from app.tracking.carriers.ups_statuses import CODES as UPS
from app.tracking.carriers.ups_statuses import code_of as ups_code
from app.tracking.milestones import KnownScan, fold
from tests.tracking.carriers.recordings import recordings

LATE = {
    "aftership": "Exception_004 Exception_005 Exception_016 Exception_017",
    "australiapost": "delayed|possible delay",
    "canadapost": "0159 0163 0621 0628 1414 1444 2414",
    "dpd": "CUSTOMS_DELAY",
    "easypost": "in_transit/delayed failure/delayed in_transit/weather_delay failure/weather_delay",
    "fedex": "CD DD DY PY",
    "inpost": "delay_in_delivery",
    "laposte": "DI3",
    "postnord": "DELAYED EXPECTED_DELAY",
    "usps": "71",
}
"""What carriers without a word for it (Bring's "deviation", GLS, Royal Mail) say instead stays what it is."""


@pytest.mark.parametrize(("name", "code"), [
    (name, code) for name, codes in LATE.items() for code in (codes.split("|") if "|" in codes else codes.split())
])  # fmt: skip
def test_late_is_delayed_in_every_table(name: str, code: str) -> None:
    """Never an exception here and a movement there."""
    assert CARRIERS[name].codes[code] is Milestone.delayed


@pytest.mark.parametrize(("status", "code"), [("046", "CM"), ("", "1X"), ("", "7Z"), ("055", "")])
def test_ups_tells_it_by_status_or_by_code(status: str, code: str) -> None:
    """Under the type of exceptions."""
    assert UPS[ups_code("X", status, code)] is Milestone.delayed


@pytest.mark.parametrize("code", ["03", "06", "K1", "7P", "1M"])
def test_what_might_cause_a_delay_is_none(code: str) -> None:
    """A missed connection is UPS's trouble until UPS says that the parcel is late."""
    assert UPS[ups_code("X", "", code)] is not Milestone.delayed


@pytest.mark.parametrize(("text", "late"), [
    ("The shipment has been delayed.", True),
    ("Die Zustellung verzögert sich.", True),
    ("The delivery is not delayed.", False),
    ("The shipment arrived in the destination region.", False),
])  # fmt: skip
def test_dhl_says_it_only_in_words(text: str, late: bool) -> None:
    """Its five codes have none for it."""
    assert (milestone_of("transit", text, "")[0] is Milestone.delayed) == late


def test_a_late_parcel_is_alive_and_stays_where_it_is() -> None:
    """The scan moves, its milestone does not count."""
    scan = scan_of(Told(b"late", "DELAYED", "Delayed", "2026-03-04T10:00:00Z"), Milestone.delayed, "UTC")
    assert scan.moves and not scan.unknown
    out = scan_of(Told(b"out", "OUT", "Out", "2026-03-04T08:00:00Z"), Milestone.out_for_delivery, "UTC")
    state = fold(KnownScan(one.digest, one.milestone, one.occurred_at, moves=one.moves) for one in (out, scan))
    assert state.milestone is Milestone.out_for_delivery
    assert [episode.milestone for episode in state.episodes] == [Milestone.out_for_delivery]


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_no_recording_calls_a_delay_an_exception(name: str) -> None:
    """Where a carrier's own words say no more than that it is late."""
    for recording in recordings(name):
        for reply in recording.read(CARRIERS[name]):
            for scan in reply.scans:
                if scan.description.casefold().startswith(("delay", "possible delay", "in-transit delay")):
                    assert scan.milestone is Milestone.delayed, (recording.file, scan)
