"""A slice of `doorstep bench cadence` and `bench due`: the claims that their full runs make."""

import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.bench.cadence import bench_cadence
from app.bench.chart import Line, save_chart
from app.bench.journeys import make_journeys
from app.db import Sessions
from app.models import Brand
from app.models.vocabulary import Milestone
from app.pipeline.polling import due
from app.tracking.cadence import Rank
from app.zones import rest_day, zone

M = Milestone


@pytest.mark.parametrize("seed", [7, 11])
def test_the_cadence_hears_twice_as_soon_as_a_fixed_interval(seed):
    """With as many questions, at the default and at a quarter of its budget, the median delay is half at most."""
    for point in bench_cadence(60, seed, [1.0, 4.0]):
        assert point.fixed.questions >= 0.99 * point.cadence.questions
        assert point.times >= 2.0


def test_journeys_keep_the_hours_of_the_places():
    """Nobody delivers at night or on the day of rest; the same seed makes the same year."""
    journeys = make_journeys(300, 3)
    assert journeys == make_journeys(300, 3) != make_journeys(300, 4)
    for journey in journeys:
        moments = [step.at for step in journey.steps]
        assert moments == sorted(moments) and journey.begins < moments[0]
        delivered = journey.steps[-1].at.astimezone(zone(journey.zone))
        assert journey.steps[-1].milestone is M.delivered and 8 <= delivered.hour <= 21
        out = [step.at.astimezone(zone(journey.zone)) for step in journey.steps if step.milestone is M.out_for_delivery]
        assert out and all(6 <= at.hour <= 10 and at.weekday() != rest_day(journey.country) for at in out)


def test_the_curve_is_a_picture(tmp_path: Path):
    """A PNG whose every chunk has its checksum, with as many pixels as it says, and both lines in it."""
    path = tmp_path / "curve.png"
    colours = [(200, 80, 60), (30, 110, 180)]
    lines = [Line("a", colours[0], [(20, 300), (90, 80)]), Line("b", colours[1], [(20, 100), (90, 20)])]
    save_chart(path, "title", "across", lines)
    image, at, parts = path.read_bytes(), 8, {}
    while at < len(image):
        (size,) = struct.unpack(">I", image[at : at + 4])
        kind, content = image[at + 4 : at + 8], image[at + 8 : at + 8 + size]
        assert struct.unpack(">I", image[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + content),)
        parts[kind], at = content, at + 12 + size
    width, height = struct.unpack(">II", parts[b"IHDR"][:8])
    pixels = zlib.decompress(parts[b"IDAT"])
    assert len(pixels) == height * (1 + 3 * width)
    assert all(bytes(colour) in pixels for colour in colours)


def test_choosing_reads_no_more_among_many_at_rest(sessions: Sessions, brand: Brand):
    """Two hundred due parcels are found by reading as few pages among twenty thousand as among two hundred."""
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    few = _pages(sessions, brand, 200, now)
    many = _pages(sessions, brand, 20_000, now)
    assert 0 < many <= 1.5 * few + 20, (few, many)


def _pages(sessions: Sessions, brand: Brand, resting: int, now: datetime) -> int:
    """Pages touched by choosing among so many parcels that rest in every rank, and 200 that are due."""
    values = {
        "carrier": "dhl", "now": now, "soon": now, "amount": 400, "head_start": 15.0,
        "measure": [15.0, 30.0, 120.0, 480.0],
    }  # fmt: skip
    with sessions.begin() as session:
        session.execute(sa.text("TRUNCATE orders CASCADE"))
        session.execute(
            sa.text("""
                INSERT INTO orders (public_id, brand_id, source, number, placed_at, locale, zone, zone_source, digest)
                VALUES ('o', :brand, 's', '1', :now, 'en', 'UTC', 'brand', '')
            """),
            {"brand": brand.id, "now": now},
        )
        session.execute(
            sa.text("""
                INSERT INTO shipments (public_id, link_token, brand_id, order_id, reference, carrier, asked_of,
                    tracking_number, poll_rank, next_poll_at)
                SELECT 'p' || n, 't' || n, orders.brand_id, orders.id, n::text, 'dhl', 'dhl', 'N' || n, n % :ranks,
                    cast(:now AS timestamptz) + CASE WHEN n <= 200 THEN interval '-1 hour' ELSE interval '1 day' END
                FROM orders CROSS JOIN generate_series(1, 200 + cast(:resting AS int)) AS n
            """),
            {"now": now, "resting": resting, "ranks": len(Rank)},
        )
    with sessions() as session:
        connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        connection.execute(sa.text("VACUUM (ANALYZE) shipments"))
    with sessions() as session:
        explain = sa.text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {due._CHOOSE.text}")
        (plan,) = session.scalars(explain, values).one()
        session.rollback()
    assert plan["Plan"]["Actual Rows"] == 200
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])
