"""The replay opens what the orders imply, at the instants at which it happened, whatever order they come in."""

import csv
import random
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.intake.schema import IncomingOrder, parse_order
from app.models.vocabulary import Milestone
from app.rehearsal.recorded import replay_file
from app.rehearsal.replay import replay
from app.rules.document import default_rules

REPOSITORY = Path(__file__).parents[2]
MAPPING = REPOSITORY / "docs" / "mappings" / "olist.yaml"
ORDERS = REPOSITORY.parent / "shared" / "data" / "orders_sample.csv"
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def order(number: str, placed: str, promised: str | None, **scans: str) -> IncomingOrder:
    return parse_order(
        {
            "number": number,
            "placed_at": f"{placed}-02:00",
            "promised_on": promised,
            "shopper": {"email": "a@example.test", "zone": "America/Sao_Paulo"},
            "parcels": [{"scans": [{"milestone": m, "occurred_at": f"{at}-02:00"} for m, at in scans.items()]}],
        },
        (),
    )


def opened(report, milestone: Milestone) -> int:
    return next(one.opened for one in report.comparisons if one.milestone is milestone)


@pytest.mark.parametrize(
    ("delivered", "late"),
    [("2018-01-10T23:59:59", 0), ("2018-01-11T00:00:00", 1), ("2018-01-12T08:00:00", 1), (None, 1)],
)
def test_a_parcel_is_late_once_its_promised_day_has_ended_where_the_shopper_lives(delivered, late):
    """A delivery in the last second of the promised day keeps the promise; midnight breaks it."""
    scans = {"dispatched": "2018-01-05T10:00:00"} | ({"delivered": delivered} if delivered else {})
    other = order("2", "2018-01-20T10:00:00", None)
    report = replay([order("1", "2018-01-02T10:00:00", "2018-01-10", **scans), other], default_rules())
    assert opened(report, Milestone.delayed) == late
    assert report.agrees


def test_a_promise_that_ends_after_the_last_timestamp_is_still_open():
    """The replay stops where the file does, and does not look into the future."""
    report = replay([order("1", "2018-01-02T10:00:00", "2018-01-10")], default_rules())
    assert opened(report, Milestone.delayed) == 0 and report.agrees


def test_a_parcel_delivered_before_it_was_handed_over_opens_both():
    """Odd orders are taken as they are: each milestone that they have is opened."""
    report = replay(
        [order("1", "2018-01-02T10:00:00", None, dispatched="2018-01-09T10:00:00", delivered="2018-01-05T10:00:00")],
        default_rules(),
    )
    assert (opened(report, Milestone.dispatched), opened(report, Milestone.delivered)) == (1, 1)


@pytest.mark.long
@pytest.mark.shared
@pytest.mark.skipif(not ORDERS.exists(), reason="the real orders lie beside the repository, and are not there")
def test_the_real_orders_replay_to_what_the_file_says_in_any_order():
    """6,685 real orders: counts equal to a plain reading of the file with the csv module alone, shuffled too."""
    report, recorded = replay_file(ORDERS, MAPPING, default_rules(), lambda done, total: None)
    with ORDERS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if row["status"] != "canceled"]
    end = max(_instant(row[name]) for row in rows for name in _TIMES if row[name])
    assert report.ended_at == end
    assert opened(report, Milestone.dispatched) == sum(bool(row["handed_to_carrier_at"]) for row in kept)
    assert opened(report, Milestone.delivered) == sum(bool(row["delivered_at"]) for row in kept)
    assert opened(report, Milestone.delayed) == sum(_late(row, end) for row in kept)
    assert report.agrees and report.parcels == len(kept)
    shuffled = list(recorded.orders)
    random.Random(3).shuffle(shuffled)
    again = replay(shuffled, default_rules(), ends_at=recorded.ends_at)
    assert (again.crossings, again.decisions) == (report.crossings, report.decisions)
    assert recorded.cancelled == len(rows) - len(kept)


_TIMES = ("purchased_at", "handed_to_carrier_at", "delivered_at")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO).astimezone(UTC)


def _late(row: dict[str, str], end: datetime) -> bool:
    promised = date.fromisoformat(row["promised_by"])
    broken = datetime.combine(promised + timedelta(days=1), time.min, tzinfo=SAO_PAULO).astimezone(UTC)
    return broken <= end and not (row["delivered_at"] and _instant(row["delivered_at"]) < broken)
