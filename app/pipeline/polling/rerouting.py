"""When it changes who can be asked, parcels that are under way follow: each is asked about where it should be now."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.intake.routes import Route
from app.models.vocabulary import ENDS
from app.pipeline.house import House
from app.pipeline.polling.routing import guess, recent_carriers, route_of

AT_ONCE = 1000
"""Parcels locked by one transaction."""

_UNDER_WAY = """
    shipments.tracking_number IS NOT NULL AND shipments.cancelled_at IS NULL AND shipments.unfollowed_at IS NULL
    AND shipments.milestone <> ALL(:ended)
    AND EXISTS (SELECT 1 FROM orders WHERE orders.id = shipments.order_id AND orders.erased_at IS NULL)
"""
_NAMES = sa.text("SELECT DISTINCT carrier FROM shipments WHERE carrier IS NOT NULL AND milestone <> ALL(:ended)")


def _with_under_way(text: str) -> sa.TextClause:
    return sa.text(text.replace("{under_way}", _UNDER_WAY))


_WRONG = _with_under_way("""
    SELECT shipments.id, shipments.carrier, shipments.brand_id, shipments.asked_of
    FROM shipments JOIN unnest(cast(:carriers AS text[]), cast(:asked AS text[])) AS routes (carrier, asked_of)
        ON routes.carrier = shipments.carrier
    WHERE shipments.id > :after AND shipments.asked_of IS DISTINCT FROM routes.asked_of AND {under_way}
    ORDER BY shipments.id LIMIT :amount FOR NO KEY UPDATE OF shipments
""")
_UNSETTLED = _with_under_way("""
    SELECT shipments.id, shipments.tracking_number, shipments.brand_id, shipments.asked_of, shipments.candidates,
        (SELECT country FROM orders WHERE orders.id = shipments.order_id) AS country
    FROM shipments
    WHERE shipments.id > :after AND shipments.carrier IS NULL AND {under_way}
    ORDER BY shipments.id LIMIT :amount FOR NO KEY UPDATE OF shipments
""")
# One that was asked about already keeps its time; one that nobody could be asked about is due now.
_WRITE = sa.text("""
    UPDATE shipments
    SET asked_of = said.asked_of, candidates = string_to_array(said.candidates, ','), problem = said.problem,
        poll_failures = 0, last_answer = NULL,
        next_poll_at = CASE WHEN said.asked_of IS NOT NULL THEN coalesce(next_poll_at, cast(:now AS timestamptz)) END
    FROM unnest(
        cast(:ids AS bigint[]), cast(:asked AS text[]), cast(:candidates AS text[]), cast(:problems AS text[])
    ) AS said (id, asked_of, candidates, problem)
    WHERE shipments.id = said.id
""")
_ENDED = sorted(one.value for one in ENDS)


def reroute(house: House) -> Counter[str]:
    """Bring every parcel under way to where its carrier is asked about now; how many changed, by adapter (`nobody`)."""
    moved: Counter[str] = Counter()
    with house.sessions() as session:
        names = session.scalars(_NAMES, {"ended": _ENDED}).all()
    routes = {name: route_of(house, name) for name in names}
    for batch in (_told, _guessed):
        after: int | None = 0
        while after is not None:
            with house.sessions.begin() as session:
                after = batch(session, house, routes, after, moved)
    return moved


def _told(session: Session, house: House, routes: Mapping[str, Route], after: int, moved: Counter[str]) -> int | None:
    """The next parcels whose carrier is known and that are asked about in the wrong place."""
    asked = [route.asked_of for route in routes.values()]
    given = {"carriers": list(routes), "asked": asked, "after": after, "amount": AT_ONCE, "ended": _ENDED}
    rows = session.execute(_WRONG, given).all()
    _write(session, [(row, routes[row.carrier]) for row in rows], house.clock.now(), moved)
    return rows[-1].id if len(rows) == AT_ONCE else None


def _guessed(session: Session, house: House, _: Mapping[str, Route], after: int, moved: Counter[str]) -> int | None:
    """The next parcels whose carrier nobody knows yet: who can be asked in turn may have changed."""
    rows = session.execute(_UNSETTLED, {"after": after, "amount": AT_ONCE, "ended": _ENDED}).all()
    recent = {brand_id: recent_carriers(session, brand_id) for brand_id in {row.brand_id for row in rows}}
    routed = [(row, _guess(house, row, recent[row.brand_id])) for row in rows]
    changed = [(row, route) for row, route in routed if not _as_before(row, route)]
    _write(session, changed, house.clock.now(), moved)
    return rows[-1].id if len(rows) == AT_ONCE else None


def _guess(house: House, row: Any, recent: Mapping[str, int]) -> Route:
    return guess(house, row.tracking_number, row.country, lambda: recent)


def _as_before(row: Any, route: Route) -> bool:
    """Whether the same adapters are asked, in whatever turn: a shop's changing habits are no reason to begin anew.

    An aggregator that has known the number goes on being asked, though it names nobody.
    """
    return set(row.candidates) == set(route.candidates) or (not row.candidates and row.asked_of in route.candidates)


def _write(session: Session, routed: list[tuple[Any, Route]], now: datetime, moved: Counter[str]) -> None:
    if not routed:
        return
    values = {
        "now": now,
        "ids": [row.id for row, _ in routed],
        "asked": [route.asked_of for _, route in routed],
        "candidates": [",".join(route.candidates) for _, route in routed],
        "problems": [route.problem for _, route in routed],
    }
    session.execute(_WRITE, values)
    moved.update(route.asked_of or "nobody" for _, route in routed)
