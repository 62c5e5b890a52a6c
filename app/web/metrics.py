"""`/metrics`: what is measured, for Prometheus; open to this machine itself, and to keys with `metrics:read`."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.pool import QueuePool
from starlette.responses import Response

from app.clock import stopwatch
from app.insight.metrics import Family, measure
from app.pipeline.house import House
from app.web.access.keys import Credentials, Scope, needs
from app.web.problems import Problem

router = APIRouter(include_in_schema=False)

_PREFIX = "doorstep_"
_PROXIED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_with_key = needs(Scope.metrics_read)


def scraper(request: Request, credentials: Credentials) -> int | None:
    """A dependency that gives the brand whose figures may be read, None for all of them: to a key with the scope its
    own, to this machine itself all. Refuses others as every call that needs a key does."""
    if credentials is None and _from_here(request):
        return None
    return _with_key(request, credentials).brand_id


def _from_here(request: Request) -> bool:
    """Whether it was asked on this machine, by its own name: not through a proxy here that answers the world, and not
    by a page whose name was made to lead here."""
    if request.client is None or any(name in request.headers for name in _PROXIED):
        return False
    try:
        name = request.url.hostname or ""
    except ValueError:  # a host that is none, such as "["
        return False
    return _is_local(request.client.host) and _is_local(name)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@router.get("/metrics")
def metrics(request: Request, brand_id: Annotated[int | None, Depends(scraper)]) -> Response:
    """The measures of this moment, in Prometheus' text or, where it is asked for, OpenMetrics."""
    house: House = request.app.state.house
    began = stopwatch()
    try:
        with house.sessions() as session:
            measured = measure(session, house.clock.now(), brand_id)
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        text = "The database did not answer in time. Ask again; /readyz says whether it answers at all."
        raise Problem(503, "not-measured", "Nothing could be measured", text, headers={"Retry-After": "15"}) from error
    measured += _process(request, house, stopwatch() - began)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measured(measured))
    ProcessCollector(registry=registry)
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), media_type=media_type)


def _process(request: Request, house: House, seconds: float) -> list[Family]:
    """What this web process knows of itself."""
    info = ((request.app.version, house.send_mode.value), 1.0)
    families = [
        Family("build_info", "1; the version, and whether messages leave.", ("version", "mode"), [info]),
        Family("scrape_seconds", "How long this measuring took.", (), [((), seconds)]),
    ]
    pool = house.sessions.kw["bind"].pool
    if isinstance(pool, QueuePool):
        states = {"in_use": pool.checkedout(), "idle": pool.checkedin(), "kept_at_most": pool.size()}
        samples = [((state,), float(count)) for state, count in states.items()]
        says = "This web process' connections to PostgreSQL."
        families.append(Family("pool_connections", says, ("state",), samples))
    return families


class _Measured(Collector):
    """What was measured, as Prometheus' library takes it."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            kind = CounterMetricFamily if family.rises else GaugeMetricFamily
            metric = kind(_PREFIX + family.name, family.says, labels=family.labels)
            for labels, value in family.samples:
                metric.add_metric(labels, value)
            yield metric
