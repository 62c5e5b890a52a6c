"""How each carrier stands: whether it is asked at present, and what its last answers were."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of
from app.models.vocabulary import CarrierFault, CarrierState


class CarrierHealth(Base):
    """One carrier's circuit breaker, shared by every worker, and by all brands: one key buys one allowance.

    The instants are engine time; `tracking.health.Standing` says what each column means. `latencies` are the seconds
    that the latest good answers took. `throttles` counts the batches, since `throttled_since`, in which it asked for
    fewer questions. `credentials` is a digest with `salt` of what it was last asked with, by which a changed setting is
    known.
    """

    __tablename__ = "carrier_health"
    __table_args__ = (one_of("state", CarrierState), one_of("fault", CarrierFault), one_of("struck_by", CarrierFault))

    carrier: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default=CarrierState.closed.value)
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    strikes: Mapped[int] = mapped_column(server_default="0")
    struck_by: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    fault: Mapped[str | None]
    detail: Mapped[str] = mapped_column(server_default="")
    faulted_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    pace: Mapped[float | None]
    latencies: Mapped[list[float]] = mapped_column(ARRAY(sa.Float), server_default=sa.text("'{}'::double precision[]"))
    throttles: Mapped[int] = mapped_column(server_default="0")
    throttled_since: Mapped[datetime | None]
    salt: Mapped[bytes] = mapped_column(sa.LargeBinary)
    credentials: Mapped[bytes] = mapped_column(sa.LargeBinary)
