"""`doorstep lanes`, as it is typed, rightly and wrongly."""

import json

import pytest
import sqlalchemy as sa

from app.insight import lanes
from app.models import Shipment
from tests.cli.test_rehearsing import doorstep, world  # noqa: F401 - fixtures


def test_lanes_are_shown_to_people_and_to_programs(doorstep):  # noqa: F811
    """A dash where there are too few to say; numbers once there are enough; the same as JSON, with null."""
    code, said, _ = doorstep("lanes")
    assert code == 0 and "fjallhem: 1 parcels" in said and "Nothing was delivered." in said and "under 20" in said
    code, said, _ = doorstep("lanes", "--json", "--since", "7d", "--carrier", "dhl")
    found = json.loads(said)
    assert code == 0 and (found["parcels"], found["early_scans"]) == (1, [])
    assert {one["p95"] for one in found["silences"]} | {one["rate"] for one in found["alarms"]} <= {None}


def test_lanes_with_enough_to_say(doorstep, sessions, monkeypatch):  # noqa: F811
    """Rates, percentiles, limits and counts stand in their columns."""
    monkeypatch.setattr(lanes, "FEWEST", 1)
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(delivered_at=sa.func.now(), milestone="delivered"))
        session.execute(sa.text(_HAPPENED))
    code, said, _ = doorstep("lanes")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert code == 0
    assert "dhl 1 1 100.0% 2.0 h 2.0 h 3.0 h 3.0 h 0 1 1" in lines
    assert [line for line in lines if line.startswith("carrier all 1 0 0 0 1 0 0.0%")], said
    assert [line for line in lines if line.startswith("dhl dispatched all all 1 ")]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--since", "x"], "30d"), (["--since", "366d"], "365d"), (["--carrier", "dhk"], "'dhl'"),
        (["--brand", "nobody"], "fjallhem"),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_makes_no_report(doorstep, words, part):  # noqa: F811
    """What is wrong is said with the remedy."""
    code, _, error = doorstep("lanes", *words)
    assert code != 0 and part in error


_HAPPENED = """
    INSERT INTO crossings (brand_id, order_id, shipment_id, scope, scope_id, milestone, occurrence, cause, occurred_at,
        crossed_at, facts)
    SELECT brand_id, order_id, shipments.id, 'parcel', shipments.id, name, 7, cause, at, at, '{}'
    FROM shipments, (VALUES ('delayed', 'carrier_says', now() - interval '20 days'),
        ('delivered', 'scan', now() - interval '10 days')) AS one (name, cause, at);
    INSERT INTO scans (brand_id, shipment_id, digest, source, code, milestone, description, written_time, occurred_at,
        zone_source, heard_at)
    SELECT brand_id, id, 'x', 'poll', 'x', 'in_transit', '', '', now() - interval '10 days' + interval '2 hours',
        'offset', now() - interval '10 days' + interval '3 hours'
    FROM shipments;
"""
