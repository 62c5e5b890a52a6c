"""Calls beyond those that were claimed, taken from the same budget of the carrier."""

import sqlalchemy as sa

from app.models import CarrierBudget
from app.pipeline.house import House
from app.pipeline.polling.due import Pace
from app.tracking.carriers.base import Carrier

_LONGEST_WAIT = 10.0


def spend_more(house: House, carrier: Carrier, calls: int) -> Pace | None:
    """Take so many calls more from a carrier's budget: when they may begin, or None if that is too far ahead."""
    config = house.carrier_config(carrier.name)
    per_second = config.requests_per_second or carrier.requests_per_second
    now = sa.func.clock_timestamp()
    with house.sessions.begin() as session:
        ahead = session.scalars(
            sa.select(sa.extract("epoch", CarrierBudget.free_at - now))
            .where(CarrierBudget.carrier == carrier.name)
            .with_for_update()
        ).one_or_none()
        wait = max(0.0, float(ahead or 0.0))
        if wait > _LONGEST_WAIT:
            return None
        taken = sa.func.make_interval(0, 0, 0, 0, 0, 0, calls / per_second)
        session.execute(
            sa.update(CarrierBudget)
            .where(CarrierBudget.carrier == carrier.name)
            .values(free_at=sa.func.greatest(CarrierBudget.free_at, now) + taken)
        )
    return Pace(wait, 1 / per_second)
