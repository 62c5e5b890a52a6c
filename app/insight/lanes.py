"""What carriers' words and the brand's own alarms were worth: early delivery scans, silences and delays, lane by lane.

Everything is counted in SQL over the parcels of orders that were placed within a span; nothing is written. What each
count is, and over what, is said in `docs/lanes.md`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.insight import lane_queries as queries
from app.models.vocabulary import ENDS, PENDING, MessageState, Milestone

FEWEST = 20
"""Of fewer than this, a share or a percentile says more about chance than about a carrier, and is left out."""

MOST_LANES = 500
"""Lanes that one report lists, those with the most scans first."""

TOLD = frozenset({MessageState.accepted, MessageState.delivered})
"""Where a message stands that has reached the shopper, as far as its provider knows."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)

    carrier: str | None = Field(description="Null: parcels of which nobody knows the carrier.")


class EarlyScans(_Row):
    """How often a carrier says "delivered" and takes it back.

    `doubted`: it scanned the parcel on its way after that. `contradicted_*`: hours between the two scans, by the
    carrier's clock. `heard_*`: hours between our concluding the delivery, which is when a `hold` begins, and our
    hearing of the contradiction. `caught_*`: how many of the doubts were heard of within 1, 4 and 24 hours of that.
    """

    deliveries: int
    doubted: int
    rate: float | None = Field(description="doubted / deliveries; null below 20 deliveries.")
    contradicted_p50: float | None
    contradicted_p95: float | None
    heard_p50: float | None
    heard_p95: float | None
    caught_1h: int
    caught_4h: int
    caught_24h: int


class Silences(_Row):
    """How long a lane goes without a scan, in business days of the destination; `service` and `country` are null where
    a row sums up all of a carrier's stage (`whole`).

    `limit_least` and `limit_most` are the thresholds of the live rules that apply to it, the same but in a sum.
    `beyond`: silences longer than that, which a scan ended all the same. `silent`: parcels that are silent for longer
    now.
    """

    whole: bool
    service: str | None
    country: str | None
    stage: Milestone
    gaps: int
    p50: float | None
    p95: float | None
    p99: float | None
    limit_least: int | None
    limit_most: int | None
    beyond: int
    silent: int


class Alarms(_Row):
    """What became of the delays that one source opened; `carrier` is null too where a row sums up all (`whole`).

    `opened` = `in_time` + `moved_soon` + `late` + `lasted` + `unjudged`; the first two are `false`. `told`: a message
    reached the shopper; `told_false`: of a false alarm; `never_told`: none did, and none waits.
    """

    whole: bool
    cause: str
    opened: int
    in_time: int
    moved_soon: int
    late: int
    lasted: int
    unjudged: int
    false: int
    rate: float | None = Field(description="false / (false + late + lasted); null below 20 that can be judged.")
    told: int
    told_false: int
    never_told: int


class Lanes(BaseModel):
    """Early scans by carrier, silences by lane, alarms by source: of the parcels whose orders were placed between
    `since` and `until` (UTC). `left_out`: lanes that are not listed, because there are too many."""

    model_config = ConfigDict(frozen=True)

    brand: str
    since: datetime
    until: datetime
    parcels: int
    early_scans: tuple[EarlyScans, ...]
    silences: tuple[Silences, ...]
    left_out: int
    alarms: tuple[Alarms, ...]


@dataclass(frozen=True, slots=True)
class Parcels:
    """Which parcels are counted: of a brand, of orders placed within a span (UTC), of one carrier or of all."""

    brand_id: int
    since: datetime
    until: datetime
    carrier: str | None = None

    @property
    def values(self) -> dict[str, Any]:
        """What the queries know it by."""
        return {"brand": self.brand_id, "since": self.since, "now": self.until, "carrier": self.carrier}


@dataclass(frozen=True, slots=True)
class Ways:
    """Between what the parcels travelled: each carrier with its services, the countries and the zones that they go to;
    unknown ones are empty texts. Zones that PostgreSQL knows none of count as UTC."""

    parcels: int
    services: Sequence[tuple[str, str]]
    countries: Sequence[str]
    zones: Sequence[str]


def ways(session: Session, parcels: Parcels) -> Ways:
    """What must be known of the parcels before they are counted."""
    rows = session.execute(sa.text(queries.WAYS), parcels.values | {"zones": []}).all()
    named = sorted({row.zone for row in rows})
    known = session.scalars(sa.text("SELECT name FROM pg_timezone_names WHERE name = ANY(:zones)"), {"zones": named})
    return Ways(
        sum(row.parcels for row in rows),
        sorted({(row.carrier, row.service) for row in rows}),
        sorted({row.country for row in rows}),
        sorted(known),
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """For how many business days a carrier's service may be silent at a stage, by the live rules."""

    carrier: str
    service: str
    stage: Milestone
    days: int


@dataclass(frozen=True, slots=True)
class Measures:
    """What the counts rest on: the countries' calendars, the thresholds, and what a scan says of a parcel.

    `calendars`: for each country and each day from `first` to `last`, how many business days lie before it, and whether
    it is one itself.
    `stages`: where a parcel can be forgotten. `doubting`: what contradicts a delivery. `moving`: at which milestones a
    parcel has moved.
    """

    first: date
    last: date
    calendars: Mapping[str, Sequence[tuple[int, bool]]]
    limits: Sequence[Limit]
    stages: Collection[Milestone]
    doubting: Collection[Milestone]
    moving: Collection[Milestone]
    zones: Collection[str] = ()


def early_scans(session: Session, parcels: Parcels, measures: Measures) -> tuple[EarlyScans, ...]:
    """By carrier, those with the most deliveries first."""
    values = parcels.values | {"zones": sorted(measures.zones), "doubting": sorted(measures.doubting)}
    return tuple(
        EarlyScans(
            carrier=row.carrier,
            deliveries=row.deliveries,
            doubted=row.doubted,
            rate=_share(row.doubted, row.deliveries),
            contradicted_p50=_of(row.contradicted, 0, row.doubted),
            contradicted_p95=_of(row.contradicted, 1, row.doubted),
            heard_p50=_of(row.heard, 0, row.doubted),
            heard_p95=_of(row.heard, 1, row.doubted),
            caught_1h=row.caught_1h,
            caught_4h=row.caught_4h,
            caught_24h=row.caught_24h,
        )
        for row in session.execute(sa.text(queries.EARLY_SCANS), values)
    )


def silences(session: Session, parcels: Parcels, measures: Measures) -> tuple[tuple[Silences, ...], int]:
    """By carrier and stage, and by carrier, service, stage and country, those with the most scans first; and how many
    were left out."""
    values = parcels.values | _days(measures) | _limits(measures)
    values |= {"zones": sorted(measures.zones), "stages": sorted(measures.stages), "most": MOST_LANES}
    values |= {"settled": sorted({*ENDS, Milestone.ready_for_pickup})}
    rows = session.execute(sa.text(queries.SILENCES), values).all()
    found = tuple(
        Silences(
            carrier=row.carrier or None,
            whole=row.whole,
            service=row.service or None,
            country=row.country or None,
            stage=Milestone(row.stage),
            gaps=row.gaps,
            p50=_of(row.days, 0, row.gaps),
            p95=_of(row.days, 1, row.gaps),
            p99=_of(row.days, 2, row.gaps),
            limit_least=row.limit_least,
            limit_most=row.limit_most,
            beyond=row.beyond,
            silent=row.silent,
        )
        for row in rows
    )
    return found, (rows[0].lanes - len(rows) if rows else 0)


def alarms(session: Session, parcels: Parcels, measures: Measures) -> tuple[Alarms, ...]:
    """By source, and by source and carrier, those with the most delays first."""
    values = parcels.values | {"zones": sorted(measures.zones), "moving": sorted(measures.moving)}
    values |= {"told": sorted(TOLD), "pending": sorted(PENDING)}
    return tuple(
        Alarms(
            carrier=row.carrier,
            whole=row.whole,
            cause=row.cause,
            opened=row.opened,
            in_time=row.in_time,
            moved_soon=row.moved_soon,
            late=row.late,
            lasted=row.lasted,
            unjudged=row.unjudged,
            false=row.in_time + row.moved_soon,
            rate=_share(row.in_time + row.moved_soon, row.opened - row.unjudged),
            told=row.told,
            told_false=row.told_false,
            never_told=row.never_told,
        )
        for row in session.execute(sa.text(queries.ALARMS), values)
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole >= FEWEST else None


def _of(percentiles: Sequence[float] | None, place: int, count: int) -> float | None:
    return round(percentiles[place], 2) if percentiles and count >= FEWEST else None


def _days(measures: Measures) -> dict[str, Any]:
    """The calendars one behind the other; of each country the place (from 1) of its first day."""
    days: list[tuple[int, bool]] = []
    places: list[int] = []
    for country in measures.calendars:
        places.append(len(days) + 1)
        days += measures.calendars[country]
    before, worked = _columns(days, 2)
    values = {"countries": list(measures.calendars), "places": places, "before": before, "worked": worked}
    return values | {"first": measures.first, "last": measures.last}


def _limits(measures: Measures) -> dict[str, list[Any]]:
    rows = [(one.carrier, one.service, one.stage.value, one.days) for one in measures.limits]
    names = ("limit_carriers", "limit_services", "limit_stages", "limit_days")
    return dict(zip(names, _columns(rows, 4), strict=True))


def _columns(rows: Sequence[tuple[Any, ...]], amount: int) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(amount)]
