"""Who is asked about whose parcels: from a carrier's name, or from the number alone, to the adapters to ask.

A carrier is usable when its settings hold all that its adapter needs. One that is not usable may be asked about through
an aggregator: its own `via`, else the one that is set `for_others`.
"""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import ConfigurationError
from app.intake.fields import ANY_CARRIER
from app.intake.routes import Route, Router
from app.pipeline.house import House
from app.settings.carriers import CarrierSettings
from app.tracking.adapter.base import Carrier
from app.tracking.which import which

# The newest parcels by their ids, of whatever brand: a brand that has sent none of late has no habits to go by.
_RECENT = sa.text("""
    SELECT carrier, count(*) FROM (SELECT carrier, brand_id FROM shipments ORDER BY id DESC LIMIT 2000) AS latest
    WHERE brand_id = :brand AND carrier IS NOT NULL GROUP BY carrier
""")


def recent_carriers(session: Session, brand_id: int) -> dict[str, int]:
    """How many of a brand's latest parcels travelled with each carrier."""
    return {row[0]: row[1] for row in session.execute(_RECENT, {"brand": brand_id})}


def routes_for(house: House, session: Session, brand_id: int) -> Router:
    """The routes of one brand's parcels; its habits are looked up at the first number that stands alone."""
    recent = cache(lambda: recent_carriers(session, brand_id))

    def route(carrier: str | None, number: str | None, country: str | None) -> Route:
        if not number:
            return Route()
        return route_of(house, carrier) if carrier else guess(house, number, country, recent)

    return route


def route_of(house: House, carrier: str) -> Route:
    """Who is asked about the parcels of a carrier that is known by name."""
    via = house.carrier_config(carrier).via
    if via:
        return _through(house, via)
    if carrier in house.carriers and not house.missing(carrier):
        return Route(carrier)
    if others := aggregator(house):
        return _through(house, others)
    if carrier in house.carriers:
        return Route(problem=_not_set_up(house, carrier))
    return Route(problem=f"not asked: there is no adapter for {carrier}, and no aggregator is set up for others")


def guess(house: House, number: str, country: str | None, recent: Callable[[], Mapping[str, int]]) -> Route:
    """Who is asked in turn about a number whose carrier nobody knows: the likeliest first, an aggregator last."""
    usable = [name for name in house.carriers if not house.missing(name)]
    ranked = which(number, house.carriers, usable=usable, recent=recent(), country=country)
    others = aggregator(house)
    own = [asked for one in ranked if (asked := route_of(house, one.carrier).asked_of) and asked != others]
    candidates = tuple(dict.fromkeys([*own, *([others] if others else [])]))
    return Route(candidates[0], candidates) if candidates else Route()


def aggregator(house: House) -> str | None:
    """The aggregator that is asked about every carrier that cannot be asked itself, if one is set up."""
    named = (name for name, config in house.carrier_settings.items() if config.for_others)
    return next((name for name in named if name in house.carriers and not house.missing(name)), None)


def speaks_for_others(house: House, adapter: str) -> bool:
    """Whether an adapter is asked about other carriers' parcels, so that its knowing a number says not whose it is."""
    return house.carrier_config(adapter).for_others or any(
        config.via == adapter for config in house.carrier_settings.values()
    )


def accepted_carriers(house: House) -> frozenset[str]:
    """The names that orders may give a carrier; `ANY_CARRIER` among them where an aggregator is asked about others."""
    by_way = {name for name, config in house.carrier_settings.items() if config.via}
    return frozenset(house.carriers) | by_way | ({ANY_CARRIER} if aggregator(house) else set())


def check_routes(carriers: Collection[str] | Mapping[str, Carrier], settings: Mapping[str, CarrierSettings]) -> None:
    """Raises ConfigurationError where a setting routes parcels to nobody, or to two."""
    for name, config in settings.items():
        if config.via and config.via not in carriers:
            close = get_close_matches(config.via, list(carriers), n=1)
            remedy = f"Write {close[0]}." if close else f"One of: {', '.join(sorted(carriers))}."
            told = f"DOORSTEP_CARRIERS__{name.upper()}__VIA names {config.via!r}, which has no adapter. {remedy}"
            raise ConfigurationError(told)
    others = sorted(name for name, config in settings.items() if config.for_others)
    if len(others) > 1:
        raise ConfigurationError(
            f"FOR_OTHERS is set for {' and '.join(others)}. Leave it true for the one aggregator that shall be asked."
        )
    if others and others[0] not in carriers:
        raise ConfigurationError(
            f"DOORSTEP_CARRIERS__{others[0].upper()}__FOR_OTHERS is set, but there is no adapter {others[0]!r}. "
            f"One of: {', '.join(sorted(carriers))}."
        )


def _through(house: House, adapter: str) -> Route:
    if adapter in house.carriers and not house.missing(adapter):
        return Route(adapter)
    return Route(problem=_not_set_up(house, adapter))


def _not_set_up(house: House, adapter: str) -> str:
    return f"not asked: {' and '.join(house.missing(adapter))} must be set"
