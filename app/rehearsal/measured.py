"""What carriers and alarms were worth, lane by lane, beside the thresholds of the live rules; read, no more."""

from collections.abc import Iterator
from datetime import date, timedelta

import sqlalchemy as sa

from app.errors import Fault, InvalidInput, NotFound, nearest
from app.insight.lanes import Lanes, Limit, Measures, Parcels, Ways, alarms, early_scans, silences, ways
from app.models import Brand
from app.models.expectations import Delay
from app.models.vocabulary import Milestone
from app.pipeline.deciding.live_rules import rules_of
from app.pipeline.house import House
from app.rehearsal.reading import looking
from app.rules.thresholds import STAGES
from app.tracking.standing import TABLE, Effect
from app.tracking.watching.business_days import is_business_day
from app.tracking.watching.outlook import MOVING

LONGEST = timedelta(days=365)

_BEFORE = 14
"""Days before the span in which a parcel of its first orders may have been scanned."""

_BORNE = {"work_mem": "64MB", "statement_timeout": "60s", "jit": "off"}
"""What a query may take: memory for a sort before it goes to disk, and time. Compiling takes longer than it saves."""

DOUBTING = frozenset(
    said for said, does in TABLE[Milestone.delivered].items() if does is Effect.doubts and isinstance(said, Milestone)
)
"""What a carrier says of a parcel that, after "delivered", contradicts it."""


def measure(house: House, brand_id: int, since: timedelta, carrier: str | None = None) -> Lanes:
    """Count over the parcels of the orders that were placed within `since` before now. Raises InvalidInput for a span
    that is too long, NotFound for a carrier that none of them has and that there is none of."""
    if since > LONGEST:
        raise InvalidInput([Fault(None, "since", "too far back", f"Look back at most {LONGEST.days}d.")])
    now = house.clock.now()
    name = carrier.strip().lower() if carrier is not None else None
    parcels = Parcels(brand_id, now - since, now, name)
    with looking(house.sessions) as session:
        for setting, value in _BORNE.items():
            session.execute(sa.text("SELECT set_config(:name, :value, true)"), {"name": setting, "value": value})
        brand = session.get_one(Brand, brand_id)
        live = rules_of(session, house, {brand_id})[brand_id]
        known = ways(session, parcels)
        if name is not None and not known.parcels and name not in house.carriers:
            raise NotFound(f"No parcel travels with {name[:60]!r}. {nearest(name, house.carriers)}")
        measures = _measures(known, live.expectations.delayed, parcels)
        listed, left_out = silences(session, parcels, measures)
        return Lanes(
            brand=brand.key,
            since=parcels.since,
            until=parcels.until,
            parcels=known.parcels,
            early_scans=early_scans(session, parcels, measures),
            silences=listed,
            left_out=left_out,
            alarms=alarms(session, parcels, measures),
        )


def _measures(known: Ways, delay: Delay | None, parcels: Parcels) -> Measures:
    first, last = parcels.since.date() - timedelta(days=_BEFORE), parcels.until.date() + timedelta(days=2)
    return Measures(
        first=first,
        last=last,
        calendars={country: _worked(country, first, last) for country in known.countries},
        limits=tuple(_limits(known, delay)),
        stages=STAGES,
        doubting=DOUBTING,
        moving=MOVING,
        zones=known.zones,
    )


def _limits(known: Ways, delay: Delay | None) -> Iterator[Limit]:
    """How long each service may be silent at each stage; nothing where the rules set no limit."""
    for carrier, service in known.services:
        for stage in STAGES:
            days = delay.patience(carrier or None, service or None, stage) if delay else None
            if days is not None:
                yield Limit(carrier, service, stage, days)


def _worked(country: str, first: date, last: date) -> list[tuple[int, bool]]:
    days: list[tuple[int, bool]] = []
    before = 0
    for ahead in range((last - first).days + 1):
        works = is_business_day(first + timedelta(days=ahead), country or None)
        days.append((before, works))
        before += works
    return days
