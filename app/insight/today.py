"""Today: what moves, what is late, silent, unconfirmed or failing, and what shoppers were told of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.insight.listing import FAILING_FOR, SILENT_AFTER
from app.models import CarrierHealth, CodeMapping, Incident, UnknownCode
from app.models.orders import RETURNING, UNENDED
from app.models.vocabulary import SENT, WITHHELD
from app.zones import zone

DAY = timedelta(hours=24)
_TONES = 6
"""Colours that a chart has."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many of a brand's parcels and messages stand so at this moment; named as the list's filters are."""

    moving: int
    late: int
    silent: int
    pickup: int
    returning: int
    claim: int
    delivered_today: int
    unconfirmed: int
    failing: int


@dataclass(frozen=True, slots=True)
class Sending:
    """A brand's messages of the last 24 hours (by when they were decided, engine time). `hours` are the beginnings of
    the clock's hours, oldest first; `by_hour` counts for each what was planned, by channel; `by_milestone` all of them,
    by milestone; `news_by_hour` both, for the commonest five milestones and "others"; `states` by how they stand;
    `reasons` why those that were withheld were."""

    hours: tuple[datetime, ...]
    by_hour: Mapping[str, tuple[int, ...]]
    by_milestone: tuple[tuple[str, int], ...]
    news_by_hour: Mapping[str, tuple[int, ...]]
    states: Mapping[str, int]
    reasons: tuple[tuple[str, int], ...]

    @property
    def planned(self) -> int:
        """All of them."""
        return sum(self.states.values())

    @property
    def sent(self) -> int:
        """Those that a provider took."""
        return sum(self.states.get(state, 0) for state in SENT)

    @property
    def withheld(self) -> int:
        """Those that were not sent, for a reason."""
        return sum(self.states.get(state, 0) for state in WITHHELD)


@dataclass(frozen=True, slots=True)
class Opened:
    """Of the mails that reports came for within 24 hours: how many a person opened, and how many only a machine did."""

    people: int
    machines: int


def standing(session: Session, brand_id: int, now: datetime, here: str) -> Standing:
    """Each counted by its own index of what has not ended: to go through all of them once reads more of the table.
    `here` is the brand's zone."""
    begins = now.astimezone(zone(here)).replace(hour=0, minute=0, second=0, microsecond=0)
    given = {"brand": brand_id, "silent": now - SILENT_AFTER, "failing": now - FAILING_FOR, "today": begins}
    row = session.execute(_STANDING, given).one()
    return Standing(**row._mapping)


_STANDING = sa.text(
    """
    SELECT under_way.moving, under_way.silent,
        (SELECT count(*) FROM shipments WHERE brand_id = :brand AND {unended} AND late_since IS NOT NULL) AS late,
        (SELECT count(*) FROM shipments WHERE brand_id = :brand AND {unended}
            AND milestone = 'ready_for_pickup') AS pickup,
        (SELECT count(*) FROM shipments WHERE brand_id = :brand AND {unended}
            AND {returning}) AS returning,
        (SELECT count(DISTINCT shipment_id) FROM claims WHERE brand_id = :brand AND closed_at IS NULL) AS claim,
        (SELECT count(*) FROM shipments WHERE brand_id = :brand AND delivered_at >= :today
            AND milestone = 'delivered') AS delivered_today,
        (SELECT count(*) FROM messages WHERE brand_id = :brand AND state = 'unconfirmed') AS unconfirmed,
        (SELECT count(*) FROM messages WHERE brand_id = :brand AND state = 'failed'
            AND ended_at > :failing) AS failing
    FROM (
        SELECT count(*) AS moving,
            count(*) FILTER (WHERE milestone_at < :silent AND coalesce(last_heard_at, milestone_at) < :silent) AS silent
        FROM shipments WHERE brand_id = :brand AND {unended}
            AND milestone IN ('dispatched', 'in_transit', 'out_for_delivery')
    ) AS under_way
    """.replace("{unended}", UNENDED).replace("{returning}", RETURNING)
)


def sending(session: Session, brand_id: int, now: datetime) -> Sending:
    """What was decided within the last 24 hours, in one reading of the index by time."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = tuple(last - timedelta(hours=back) for back in range(23, -1, -1))
    rows = session.execute(_SENDING, {"brand": brand_id, "since": hours[0]}).all()
    by_hour: dict[str, Counter[datetime]] = {}
    milestones: Counter[str] = Counter()
    news: Counter[tuple[str, datetime]] = Counter()
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for hour, milestone, channel, state, reason, count in rows:
        by_hour.setdefault(channel, Counter())[hour] += count
        milestones[milestone] += count
        news[milestone, hour] += count
        states[state] += count
        if state in WITHHELD:
            reasons[reason] += count
    return Sending(
        hours,
        {channel: tuple(counts[hour] for hour in hours) for channel, counts in sorted(by_hour.items())},
        tuple(milestones.most_common(12)),
        _by_hour(news, [name for name, _ in milestones.most_common()], hours),
        states,
        tuple(reasons.most_common(6)),
    )


def _by_hour(
    news: Counter[tuple[str, datetime]], names: Sequence[str], hours: Sequence[datetime]
) -> dict[str, tuple[int, ...]]:
    """The counts of each hour, for the first five names and, as one, for all others."""
    own = names if len(names) <= _TONES else names[: _TONES - 1]
    found = {name: tuple(news[name, hour] for hour in hours) for name in own}
    rest = names[len(own) :]
    return found | ({"others": tuple(sum(news[name, hour] for name in rest) for hour in hours)} if rest else {})


_SENDING = sa.text("""
    SELECT date_bin('1 hour', planned_at, 'epoch') AS hour, milestone, channel, state, reason, count(*)
    FROM messages WHERE brand_id = :brand AND planned_at >= :since AND planned_at > '-infinity'
    GROUP BY hour, milestone, channel, state, reason
""")


def opened(session: Session, brand_id: int) -> Opened:
    """By the reports of the last 24 hours (the database's clock). Mail programs that open every mail say so, and count
    as machines; of a mail that both opened, a person did."""
    row = session.execute(_OPENED, {"brand": brand_id}).one()
    return Opened(row.people, row.machines)


_OPENED = sa.text("""
    SELECT count(*) FILTER (WHERE person) AS people, count(*) FILTER (WHERE NOT person) AS machines
    FROM (
        SELECT attempt_public_id, bool_or(kind = 'opened') AS person
        FROM receipts
        WHERE kind IN ('opened', 'machine_opened') AND brand_id = :brand
            AND received_at > now() - interval '24 hours'
        GROUP BY attempt_public_id
    ) AS mails
""")


def incidents(session: Session, brand_id: int) -> Sequence[Incident]:
    """What is wrong at this moment with this brand or the whole installation, oldest first."""
    concerned = sa.or_(Incident.brand_id.is_(None), Incident.brand_id == brand_id)
    query = sa.select(Incident).where(Incident.closed_at.is_(None), concerned).order_by(Incident.id)
    return session.scalars(query).all()


def carriers(session: Session) -> Sequence[CarrierHealth]:
    """Every carrier that was ever asked, the ill ones first."""
    order = (CarrierHealth.state == "closed", CarrierHealth.carrier)
    return session.scalars(sa.select(CarrierHealth).order_by(*order)).all()


def unknown_codes(session: Session, brand_id: int, at_most: int = 5) -> list[Any]:
    """The codes that nobody knows, that no mapping stands for, and that were met most often: (carrier, code, count,
    last_seen_at)."""
    mapped = sa.exists().where(
        CodeMapping.ended_at.is_(None),
        CodeMapping.carrier == UnknownCode.carrier,
        CodeMapping.code == UnknownCode.code,
        sa.or_(CodeMapping.brand_id.is_(None), CodeMapping.brand_id == brand_id),
    )
    query = (
        sa.select(UnknownCode.carrier, UnknownCode.code, UnknownCode.count, UnknownCode.last_seen_at)
        .where(UnknownCode.brand_id == brand_id, ~mapped)
        .order_by(UnknownCode.count.desc(), UnknownCode.id)
        .limit(at_most)
    )
    return list(session.execute(query))
