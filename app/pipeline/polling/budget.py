"""What a carrier's budget has left for calls beside its questions."""

from app.pipeline.house import House
from app.pipeline.polling.due import _HORIZON_SECONDS, Pace, _budget, _spend
from app.tracking.carriers.base import Carrier


def spend_more(house: House, carrier: Carrier, calls: int) -> Pace | None:
    """Take `calls` more calls from a carrier's budget: when they may begin, or None where it has none to give now."""
    config = house.carrier_config(carrier.name)
    per_second = config.requests_per_second or carrier.requests_per_second
    with house.sessions.begin() as session:
        wait, _ = _budget(session, carrier, per_second)
        if wait > 2 * _HORIZON_SECONDS:
            return None
        _spend(session, carrier, calls / per_second)
    return Pace(wait, 1 / per_second)
