"""`doorstep bench due`: what choosing and claiming costs among few, many and very many resting parcels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import quantiles

import sqlalchemy as sa

from app.bench.ground import ground
from app.bench.world import PLACED, make_parcels
from app.clock import stopwatch
from app.pipeline.house import House
from app.pipeline.polling.due import claim_due
from app.wiring import build_house

DUE = 200
_WARMING, _TRIES = 5, 40


@dataclass(frozen=True, slots=True)
class Chosen:
    """How long one claim of 200 due parcels took among so many resting ones, in milliseconds: the lower quartile of
    many tries, which what else runs on the machine disturbs least."""

    resting: int
    milliseconds: float


def bench_due(sizes: Sequence[int], told: Callable[[str], None] = lambda line: None) -> list[Chosen]:
    """Claim 200 due parcels among each number of resting ones, the smallest first; `told` hears how it goes."""
    with ground() as here:
        house = build_house(here.settings(here.plain))
        make_parcels(house, DUE)
        found, resting = [], 0
        for size in sorted(sizes):
            told(f"{size:,} resting parcels are written")
            _rest(house, resting, size)
            resting = size
            tries = [_claim(house) for _ in range(_WARMING + _TRIES)][_WARMING:]
            found.append(Chosen(size, 1000 * quantiles(tries, n=4)[0]))
        house.loop.run(house.http.aclose())
        return found


_ORDERS = sa.text("""
    INSERT INTO orders (public_id, brand_id, source, number, placed_at, locale, zone, zone_source, digest)
    SELECT 'ord_rest' || n, brands.id, 'rest', n::text, :placed, 'en', brands.zone, 'brand', '\\x00'
    FROM generate_series(cast(:first AS bigint), :last) AS n CROSS JOIN (SELECT * FROM brands LIMIT 1) AS brands
""")
# Half of them have ended; the others wait for their time, in every rank.
_PARCELS = sa.text("""
    INSERT INTO shipments (public_id, link_token, brand_id, order_id, reference, carrier, asked_of, tracking_number,
        milestone, poll_rank, next_poll_at)
    SELECT 'shp_rest' || number, 'rest' || number, brand_id, id, '1', 'dhl', 'dhl', 'REST' || number,
        CASE WHEN id % 2 = 0 THEN 'delivered' ELSE 'in_transit' END, id / 2 % 4,
        CASE WHEN id % 2 = 0 THEN NULL ELSE cast(:later AS timestamptz) + make_interval(secs => id % 86400) END
    FROM orders WHERE source = 'rest' AND number::bigint BETWEEN :first AND :last
""")
_AWAKE = sa.text("""
    UPDATE shipments SET asked_of = 'dhl', poll_rank = id % 4, next_poll_at = :placed
    WHERE tracking_number LIKE 'BENCH%'
""")


def _rest(house: House, former: int, size: int) -> None:
    """Add parcels that rest until there are `size` of them."""
    later = house.clock.now() + timedelta(days=1)
    for first in range(former + 1, size + 1, 500_000):
        span = {"first": first, "last": min(size, first + 499_999)}
        with house.sessions.begin() as session:
            session.execute(_ORDERS, {**span, "placed": PLACED})
            session.execute(_PARCELS, {**span, "later": later})
    with house.sessions() as session:
        connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        connection.execute(sa.text("VACUUM (ANALYZE) shipments"))
        connection.execute(sa.text("VACUUM (ANALYZE) orders"))


def _claim(house: House) -> float:
    """Seconds from asking what is due until it is claimed and committed. All is due again before each try."""
    with house.sessions.begin() as session:
        session.execute(_AWAKE, {"placed": PLACED})
        session.execute(sa.text("DELETE FROM carrier_budgets"))
    began = stopwatch()
    with house.sessions.begin() as session:
        due, _ = claim_due(session, house, house.carriers["dhl"], house.clock.now())
    took = stopwatch() - began
    if len(due) != DUE:
        raise RuntimeError(f"{len(due)} of {DUE} due parcels were claimed")
    return took
