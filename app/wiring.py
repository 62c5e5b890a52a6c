"""The only place that constructs: from settings to the parts of the house."""

import gc
import os
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache

import aiohttp
import httpx
import sqlalchemy as sa
from celery import Celery
from email_validator import EmailNotValidError, validate_email
from httpx_aiohttp import AiohttpTransport
from kombu.exceptions import OperationalError as BrokerDown
from sqlalchemy.dialects.postgresql import insert

from app.channels import registry as channel_registry
from app.channels.base import Asking, Finding, Outgoing, Question, Report, Transport, Verdict, cannot_be_asked
from app.channels.pool import Pool
from app.clock import stopwatch
from app.db import Sessions, make_engine, make_sessions
from app.errors import ConfigurationError, Forged, Unreachable, Unreadable
from app.log import logger, mask
from app.messages.catalog import Catalog
from app.messages.rendering.render import Renderer
from app.messages.versions.live import published_brand_file
from app.models import Brand
from app.models.vocabulary import AttemptOutcome, Channel
from app.pipeline.house import House, Loop
from app.pipeline.polling.purse import Purse
from app.pipeline.polling.routing import check_routes
from app.pipeline.polling.shelf import shelf_url
from app.pipeline.polling.tokens import Tokens
from app.rules.document import default_rules
from app.settings import AlertsSettings, SendMode, Settings, shipped
from app.settings.carriers import CadenceSettings
from app.tracking.cadence import INTERVALS, LATER_LOOKS, Cadence
from app.tracking.carriers.registry import CARRIERS

log = logger(__name__)

Wake = Callable[[str, str], None]


def build_house(
    settings: Settings, *, engine: sa.Engine | None = None, wake: Wake | None = None, connections: int = 5
) -> House:
    """Everything a process needs to do any of the pipeline's work.

    `engine` may be handed in by a caller that has one already, else one is made that keeps up to so many `connections`,
    and opens as many again when threads need them at once; without `wake` nobody is told of new work and
    the next tick finds it. Raises ConfigurationError when a named provider lacks its settings, unless
    nothing may leave anyway (shadow mode).
    """
    check_routes(CARRIERS, settings.carriers)
    http = build_http()
    transports = build_transports(settings, http)
    return House(
        clock=settings.engine_clock(),
        sessions=make_sessions(engine or make_engine(settings.database_url.get_secret_value(), connections)),
        loop=Loop(),
        http=http,
        carriers=CARRIERS,
        carrier_settings=settings.carriers,
        transports=transports,
        catalog=_catalog(settings.public_url),
        renderer=Renderer(),
        rules=default_rules(),
        sending=settings.sending,
        send_mode=settings.send,
        allowlist=settings.allowed_recipients(),
        public_url=settings.public_url,
        wake=wake or (lambda kind, which: None),
        alerts=check_alerts(settings.alerts),
        brake=settings.brake,
        mailers=build_mailers(settings, transports[Channel.email], http),
        retention=settings.retention,
        tokens=Tokens(shelf_url(settings.broker_url.get_secret_value())),
        cadences={name: build_cadence(config.cadence) for name, config in settings.carriers.items()},
        purse=Purse(settings.purse_url) if settings.purse_url else None,
    )


def prepare_house(settings: Settings) -> None:
    """Make what every house of a process and its children shares: it holds no connection and no thread."""
    _trust()
    _catalog(settings.public_url)
    default_rules()


def build_cadence(told: CadenceSettings) -> Cadence:
    """How often a carrier is asked: what operations say, and the default for the rest."""
    said = {name: span for name, span in told.model_dump().items() if span is not None}
    return Cadence(
        every={**INTERVALS, **{stage: said[stage.value] for stage in INTERVALS if stage.value in said}},
        later={**LATER_LOOKS, **{end: said[end.value] for end in LATER_LOOKS if end.value in said}},
        **{name: said[name] for name in ("night", "give_up", "give_up_registered") if name in said},
    )


def settle_in() -> None:
    """Tell Python's collector that what is loaded by now stays, and to look at the rest less often.

    A process that handles batches makes tens of thousands of objects a second and drops nearly all of them at once.
    Left alone, the collector goes through the program's own modules again and again for nothing: a sixth of a send.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def build_http() -> Pool:
    """The process's one pooled client.

    It rides on aiohttp's connector because httpx's own pool is scanned at every request: measured on one core,
    the default transport falls from 770 requests per CPU-second at one connection to 240 at fifty, while this
    one holds 1,400 to 1,800. Callers hold their own total deadlines; the timeout here is the outer wall. Cookies are
    not kept: what a provider sets for one account would go along with the next call of another.
    """
    trust = _trust()

    def connections() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=200, keepalive_timeout=15.0, ssl=trust)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    timeout = httpx.Timeout(30.0, connect=5.0, pool=30.0)
    return Pool(AiohttpTransport(verify=trust, client=connections), timeout=timeout)


def _trust() -> ssl.SSLContext:
    return _trusted(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@lru_cache(maxsize=4)
def _trusted(_file: str, _folder: str) -> ssl.SSLContext:
    """Whom the process trusts over TLS, as these two variables say; loaded once, for it costs 48 CPU-ms."""
    return httpx.create_ssl_context()


@lru_cache(maxsize=4)
def _catalog(public_url: str) -> Catalog:
    """The shipped templates, compiled once a process."""
    return Catalog(shipped("templates"), public_url)


def build_transports(settings: Settings, http: Pool) -> dict[Channel, tuple[Transport, ...]]:
    """The providers of each channel, in the order of choice."""
    return {
        channel: tuple(
            transport
            for name in settings.channels.order(channel.value)
            if (transport := _transport(settings, channel, name, http))
        )
        for channel in Channel
    }


def _transport(settings: Settings, channel: Channel, name: str, http: Pool) -> Transport | None:
    known = channel_registry.providers_of(channel.value)
    if name not in known:
        raise ConfigurationError(
            f"DOORSTEP_CHANNELS__{channel.name.upper()} names {name!r}, which is no {channel.value} provider. "
            f"One of: {', '.join(known)}."
        )
    try:
        return channel_registry.build(name, settings, http, channel.value)
    except ConfigurationError:
        if settings.send is SendMode.shadow:
            return _Absent(name, channel.value)
        raise


def build_mailers(settings: Settings, carrying: tuple[Transport, ...], http: Pool) -> tuple[Transport, ...]:
    """The ways to mail an alarm: the email channel's providers that are set up, and an SMTP server beside them."""
    if not settings.alerts.email:
        return ()
    found = tuple(one for one in carrying if not isinstance(one, _Absent))
    if settings.smtp.url.get_secret_value() and all(one.name != "smtp" for one in found):
        found += (channel_registry.build("smtp", settings, http),)
    if not found:
        raise ConfigurationError(
            "DOORSTEP_ALERTS__EMAIL is set, but nothing here can send mail. Set up an email provider, "
            "or DOORSTEP_SMTP__URL, or unset it."
        )
    return found


def check_alerts(told: AlertsSettings) -> AlertsSettings:
    """The settings, if an alarm can reach somebody by them. Raises ConfigurationError naming what is wrong."""
    for name, address in (("EMAIL", told.email), ("FROM", told.sender)):
        if address:
            try:
                validate_email(address, check_deliverability=False, globally_deliverable=False)
            except EmailNotValidError as error:
                raise ConfigurationError(f"DOORSTEP_ALERTS__{name} is no email address. Write one.") from error
    return told


class _Absent:
    """A provider that is named but not set up, in shadow mode: decisions are made as if it were there, and nothing
    is ever handed to it, because the last step before the provider withholds every message."""

    asking = Asking.nothing
    silence_tells = False
    asking_pause = 0.0
    sender = "none"

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    async def send(self, outgoing: Outgoing) -> Verdict:
        return Verdict(AttemptOutcome.not_sent, error=f"{self.name} is not set up", sender_down=True)

    async def lookup(self, question: Question) -> Finding:
        return cannot_be_asked(self.name)

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        raise Forged(f"{self.name} is not set up")

    def verify(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        raise Forged(f"{self.name} is not set up")

    def read(self, url: str, body: bytes) -> list[Report]:
        raise Unreadable(f"{self.name} is not set up")

    async def aclose(self) -> None:
        return None


QUIET_SECONDS = 15.0
"""After a wake-up that could not be sent, how long no other is tried: finding out costs seconds each time."""


def build_wake(celery: Celery) -> Wake:
    """A sender of wake-ups: `wake("send", "email")` runs `doorstep.send` on its queue soon. Never raises for a
    broker that is away: the next tick finds the work."""
    quiet_until = 0.0

    def wake(kind: str, which: str) -> None:
        nonlocal quiet_until
        if stopwatch() < quiet_until:
            return
        try:
            celery.send_task(f"doorstep.{kind}", args=[which] if which else [], expires=30, retry=False)
        except (BrokerDown, OSError) as error:
            quiet_until = stopwatch() + QUIET_SECONDS
            log.warning("wake-ups lost; the ticks find the work", kind=kind, which=which, error=str(error))

    return wake


def check_broker(celery: Celery) -> None:
    """Ask the broker one question. Raises Unreachable with a sentence a person can act on."""
    try:
        with celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=3, interval_start=0.2)
    except (BrokerDown, OSError) as error:
        raise Unreachable(
            f"The broker at {mask(celery.connection().as_uri())} did not answer: {mask(str(error))}. "
            "Start it, or correct DOORSTEP_BROKER_URL."
        ) from error


def ensure_brands(sessions: Sessions, catalog: Catalog) -> dict[str, int]:
    """Store each brand that has a folder in `templates/brands/`, or bring its name, zone and locale up to date.

    Returns the row id of each by key. A brand whose folder is gone keeps its row: its orders still name it. One that
    published a `brand.yaml` goes by that.
    """
    rows = [
        {"key": key, "name": source.name, "zone": source.zone, "locale": source.locale}
        for key, source in sorted(catalog.brands().items())
    ]
    statement = insert(Brand)
    new = statement.excluded
    with sessions.begin() as session:
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["key"],
                set_={"name": new.name, "zone": new.zone, "locale": new.locale},
                where=~published_brand_file(),
            ),
            rows,
        )
        return dict(session.execute(sa.select(Brand.key, Brand.id)).all())
