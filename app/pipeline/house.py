"""`House`: the parts that the pipeline works with, built once a process by `wiring` and handed in."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.channels.base import Transport
from app.channels.pool import Pool
from app.clock import Clock
from app.db import Sessions
from app.messages.base import Template
from app.messages.catalog import Catalog
from app.messages.rendering.render import Renderer
from app.models.vocabulary import Channel
from app.pipeline.polling.purse import Purse
from app.pipeline.polling.tokens import Tokens
from app.rules.ruleset import RuleSet
from app.settings import AlertsSettings, BrakeSettings, RetentionSettings, SendingSettings, SendMode
from app.settings.carriers import CarrierSettings
from app.tracking.adapter.base import Access, Carrier
from app.tracking.cadence import DEFAULT, Cadence
from app.tracking.setting_up import missing_settings

T = TypeVar("T")


class Loop:
    """One event loop for the life of a process, so that connections outlive the task that opened them.

    It turns in a thread of its own: a process whose tasks are threads waits for several carriers at once on it.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end and return what it returns. Any thread may call; an interrupted caller ends it."""
        future = asyncio.run_coroutine_threadsafe(work, self._turning())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _turning(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
                self._thread.start()
            return self._loop

    def close(self) -> None:
        """End the loop; a later `run` opens a new one."""
        with self._starting:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


class Alone:
    """What this process does at this moment that it is to do once at a time, by name."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()
        self._looking = threading.Lock()

    @contextmanager
    def at(self, name: str) -> Iterator[bool]:
        """Whether nobody here was at it already; if so it is ours until the block ends."""
        with self._looking:
            free = name not in self._under_way
            self._under_way.add(name)
        try:
            yield free
        finally:
            if free:
                with self._looking:
                    self._under_way.discard(name)


@dataclass(frozen=True)
class House:
    """Everything a batch needs besides its rows.

    `transports` holds, for each channel, its providers in the order of choice. `wake` names a kind of work
    that has just become due (a queue and its argument); losing the call costs one tick, no more. `cadences` are those
    that operations set, by carrier. `purse` hands on carriers' budgets, where there is a Valkey. `mailers` are the
    providers by which an alarm can be mailed, in the order of choice, whatever the send mode is.
    """

    clock: Clock
    sessions: Sessions
    loop: Loop
    http: Pool
    carriers: Mapping[str, Carrier]
    carrier_settings: Mapping[str, CarrierSettings]
    transports: Mapping[Channel, tuple[Transport, ...]]
    catalog: Catalog
    renderer: Renderer
    rules: RuleSet
    sending: SendingSettings
    send_mode: SendMode
    allowlist: frozenset[str]
    public_url: str
    wake: Callable[[str, str], None]
    alerts: AlertsSettings
    brake: BrakeSettings
    mailers: tuple[Transport, ...]
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    purse: Purse | None = None
    versions: dict[tuple[str, int, bytes], int] = field(default_factory=dict)
    """Row ids of stored rule and template versions, by kind, brand and digest: immutable, so safe to remember."""
    rule_sets: dict[int, RuleSet] = field(default_factory=dict)
    """Published rule sets by the row id of their version, as far as this process has read them."""
    editions: dict[Any, Catalog] = field(default_factory=dict)
    """Catalogs of published templates: of a brand by its edition's number, and of all brands by all their numbers."""
    templates: dict[int, Template] = field(default_factory=dict)
    """Stored templates by row id, as far as this process has sent from them lately: immutable too."""
    tokens: Tokens = field(default_factory=Tokens)
    alone: Alone = field(default_factory=Alone)

    def carrier_config(self, name: str) -> CarrierSettings:
        """How a carrier is reached; the carrier's own address and pace where nothing is set."""
        return self.carrier_settings.get(name, CarrierSettings())

    def cadence(self, carrier: str | None) -> Cadence:
        """How often a carrier is asked; the default where operations set nothing."""
        return self.cadences.get(carrier or "", DEFAULT)

    def access(self, carrier: Carrier, token: str = "") -> Access:
        """How a carrier may be asked: its address, this installation's credentials, and a token if it lent one."""
        config = self.carrier_config(carrier.name)
        return Access(
            base_url=(config.base_url or carrier.base_url).rstrip("/"),
            key=config.api_key.get_secret_value(),
            secret=config.api_secret.get_secret_value(),
            account=config.account,
            token=token,
            push_secret=config.push_secret.get_secret_value(),
        )

    def missing(self, carrier: str) -> tuple[str, ...]:
        """The settings without which a carrier of the registry cannot be asked, and that are not set."""
        return missing_settings(self.carriers[carrier], self.carrier_config(carrier))

    def own_names(self, channel: Channel) -> bool:
        """Whether a brand sends on this channel by a number or name of its own, whatever the account goes by."""
        return channel is Channel.sms and any(brand.sender.sms for brand in self.catalog.brands().values())

    @property
    def channels(self) -> frozenset[Channel]:
        """The channels that have a provider."""
        return frozenset(channel for channel, transports in self.transports.items() if transports)
