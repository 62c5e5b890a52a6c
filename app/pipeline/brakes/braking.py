"""The storm brake: when one rule plans far more than it ever does, it is paused until a person has looked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.log import logger
from app.models import Brand
from app.models.vocabulary import PauseKind
from app.pipeline.brakes.pausing import Paused, Scope, count_stopped, pause
from app.pipeline.house import House
from app.settings import BrakeSettings

log = logger(__name__)

BUCKET = timedelta(minutes=5)
"""What is counted together. The window that is judged is this one and the last: five to ten minutes."""

PROVEN_DAYS = 3
"""With fewer days to compare with, nobody knows what is usual, and a higher floor counts."""

STORM_BRAKE = "storm brake"
_ENOUGH = 200


@dataclass(frozen=True, slots=True)
class Volume:
    """What a rule planned for a brand: in the present window, in the busiest one of the days before, and since when
    it has been counted (in days)."""

    brand_id: int
    rule: str
    recent: int
    busiest: int
    days: float


def limit(volume: Volume, told: BrakeSettings) -> int:
    """How many messages a rule may plan in one window before the brake pulls."""
    floor = told.floor if volume.days >= PROVEN_DAYS else told.unproven
    return max(floor, int(told.factor * volume.busiest))


def bucket_of(now: datetime) -> datetime:
    """The start of the five minutes that an instant lies in."""
    seconds = BUCKET.total_seconds()
    return now - timedelta(seconds=now.timestamp() % seconds)


# The slot is the connection's: two workers that plan for one rule at once write different rows.
_COUNT = sa.text("""
    INSERT INTO rule_volumes AS counted (brand_id, rule, bucket, slot, planned)
    SELECT brand_id, rule, :bucket, pg_backend_pid() % 16, planned
    FROM unnest(cast(:brands AS bigint[]), cast(:rules AS text[]), cast(:amounts AS int[]))
        AS fresh (brand_id, rule, planned)
    ORDER BY brand_id, rule
    ON CONFLICT (brand_id, rule, bucket, slot) DO UPDATE SET planned = counted.planned + excluded.planned
""")


def count_planned(session: Session, rows: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Count a batch of planned messages, in the transaction that plans them: one statement, whatever the volume."""
    counted = Counter((int(row["brand_id"]), str(row["rule"])) for row in rows)
    if not counted:
        return
    keys = sorted(counted)
    values = {
        "bucket": bucket_of(now),
        "brands": [brand_id for brand_id, _ in keys],
        "rules": [rule for _, rule in keys],
        "amounts": [counted[key] for key in keys],
    }
    session.execute(_COUNT, values)


# Only what is above the lower floor now is compared with its past; what rests from a brake that a person has lifted,
# or is held already, is left alone.
_VOLUMES = sa.text("""
    WITH recent AS MATERIALIZED (
        SELECT brand_id, rule, sum(planned) AS planned FROM rule_volumes
        WHERE bucket >= :since AND bucket <= :now GROUP BY brand_id, rule HAVING sum(planned) > :least
    ), awake AS MATERIALIZED (
        SELECT * FROM recent WHERE NOT EXISTS (
            SELECT 1 FROM pauses
            WHERE pauses.kind = 'rule' AND pauses.name = recent.rule
                AND (pauses.brand_id = recent.brand_id OR pauses.brand_id IS NULL)
                AND (pauses.lifted_at IS NULL OR (
                    pauses.automatic AND pauses.lifted_at > clock_timestamp() - make_interval(secs => :rest)))
        )
    ), buckets AS (
        SELECT past.brand_id, past.rule, past.bucket, sum(past.planned) AS planned
        FROM awake JOIN rule_volumes AS past USING (brand_id, rule)
        WHERE past.bucket < :since AND past.bucket >= :oldest
        GROUP BY past.brand_id, past.rule, past.bucket
    ), windows AS (
        SELECT brand_id, rule, bucket, sum(planned) OVER (
            PARTITION BY brand_id, rule ORDER BY bucket
            RANGE BETWEEN cast(:bucket AS interval) PRECEDING AND CURRENT ROW
        ) AS planned
        FROM buckets
    )
    SELECT awake.brand_id, awake.rule, awake.planned AS recent, coalesce(max(windows.planned), 0) AS busiest,
        coalesce(extract(epoch FROM cast(:now AS timestamptz) - min(windows.bucket)), 0) / 86400 AS days
    FROM awake LEFT JOIN windows USING (brand_id, rule)
    GROUP BY awake.brand_id, awake.rule, awake.planned
    ORDER BY awake.brand_id, awake.rule
""")


def volumes(session: Session, told: BrakeSettings, now: datetime) -> list[Volume]:
    """The rules that plan much at this time, with what is usual for them. Reads counters only: however many messages
    there are, it costs the same."""
    values = {
        "since": bucket_of(now) - BUCKET,
        "oldest": bucket_of(now) - timedelta(days=told.days),
        "least": min(told.floor, told.unproven),
        "rest": told.rest,
        "bucket": BUCKET,
        "now": now,
    }
    return [
        Volume(row.brand_id, row.rule, int(row.recent), int(row.busiest), float(row.days))
        for row in session.execute(_VOLUMES, values)
    ]


def pull_brakes(house: House) -> list[Volume]:
    """Pause the rules that plan far above their usual; which."""
    told = house.brake
    if not told.on:
        return []
    now, pulled = house.clock.now(), list[tuple[Volume, Paused]]()
    with house.sessions.begin() as session:
        for volume in volumes(session, told, now):
            if volume.recent <= limit(volume, told):
                continue
            scope, why = Scope(PauseKind.rule, volume.rule), _why(volume, told)
            done = pause(session, scope, volume.brand_id, why, STORM_BRAKE, automatic=True)
            if done.new:
                pulled.append((volume, done))
        _forget(session, told, now)
    with house.sessions() as session:  # counted when it has bitten
        for volume, done in pulled:
            brand, holds = session.get_one(Brand, volume.brand_id).key, count_stopped(session, done)
            log.warning("storm brake", brand=brand, rule=volume.rule, why=done.pause.why, holds=holds)
    return [volume for volume, _ in pulled]


def _why(volume: Volume, told: BrakeSettings) -> str:
    usual = (
        f"the busiest ten minutes of the {told.days} days before had {volume.busiest:,}"
        if volume.days >= PROVEN_DAYS
        else f"with less than {PROVEN_DAYS} days to compare with"
    )
    return f"{volume.recent:,} messages planned within ten minutes; {usual}, the limit is {limit(volume, told):,}"


def _forget(session: Session, told: BrakeSettings, now: datetime) -> None:
    """Drop counts that nothing is compared with any more, some at a time."""
    old = sa.text(
        "DELETE FROM rule_volumes WHERE ctid = any(array("
        "SELECT ctid FROM rule_volumes WHERE bucket < :oldest ORDER BY bucket LIMIT :some FOR UPDATE SKIP LOCKED))"
    )
    session.execute(old, {"oldest": now - timedelta(days=told.days + 1), "some": _ENOUGH})
