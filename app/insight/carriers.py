"""How each carrier stands, as people are told: whether it is asked, since when, and what its last answers were."""

from dataclasses import dataclass
from datetime import datetime
from statistics import median

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import CarrierHealth
from app.models.vocabulary import CarrierFault, CarrierState


@dataclass(frozen=True, slots=True)
class CarrierStanding:
    """How one carrier stands; all instants are engine time, in UTC.

    `since`: when it fell ill, or when it was well again. `asked_again_at`: when it is tried next, None while it is
    asked freely. `last_answer_at`: its last usable answer. `last_fault`, `detail` and `faulted_at` are the latest
    trouble, also when that is over. `failures`: bad answers in a row. `seconds`: the median of its latest good answers.
    `throttles`: batches since `throttled_since` (an hour at most) in which it asked for fewer questions.
    `pace`: calls a second that it is held to, because it bears fewer than it is set to.
    """

    carrier: str
    state: CarrierState
    since: datetime | None
    asked_again_at: datetime | None
    last_answer_at: datetime | None
    last_fault: CarrierFault | None
    detail: str
    faulted_at: datetime | None
    failures: int
    seconds: float | None
    throttles: int
    throttled_since: datetime | None
    pace: float | None

    @property
    def well(self) -> bool:
        """Whether it is asked freely."""
        return self.state is CarrierState.closed


def carrier_health(session: Session) -> list[CarrierStanding]:
    """How each carrier stands that was ever asked, in the order of their names."""
    rows = session.execute(sa.select(CarrierHealth.__table__).order_by(CarrierHealth.carrier)).all()
    return [
        CarrierStanding(
            carrier=row.carrier,
            state=CarrierState(row.state),
            since=row.since,
            asked_again_at=row.until,
            last_answer_at=row.answered_at,
            last_fault=CarrierFault(row.fault) if row.fault else None,
            detail=row.detail,
            faulted_at=row.faulted_at,
            failures=row.failures,
            seconds=median(row.latencies) if row.latencies else None,
            throttles=row.throttles,
            throttled_since=row.throttled_since,
            pace=row.pace,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class CarrierTrouble:
    """Why a carrier is not asked at present, in words, since when, and when it is tried next."""

    why: str
    since: datetime | None
    asked_again_at: datetime | None


def carrier_trouble(session: Session, carrier: str | None) -> CarrierTrouble | None:
    """Why this carrier is not asked at present; None while it is."""
    row = session.get(CarrierHealth, carrier) if carrier else None
    if row is None or row.state == CarrierState.closed or row.fault is None:
        return None
    return CarrierTrouble(CarrierFault(row.fault).sentence, row.since, row.until)
