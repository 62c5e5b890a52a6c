"""`doorstep stand-ins`: a carrier, a mail server and a Twilio that lead nowhere, for an engine that is set up for real.

Unlike the demo they run by themselves, and by the real clock: the engine is connected to them by settings, as it later
is to the real ones.
"""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from app.clock import REAL
from app.demo.carrier.fresh import fresh_journey
from app.demo.carrier.server import CarrierStandIn
from app.demo.providers import smtp_face
from app.demo.providers.account import Account
from app.demo.providers.behaviour import Behaviour
from app.demo.providers.journal import Journal
from app.demo.providers.server import ProviderStandIn
from app.demo.providers.serving import JOURNAL, start
from app.errors import ConfigurationError
from app.models.vocabulary import Milestone

HOST = "127.0.0.1"
_FOLDER = "trial"
_ON_ITS_WAY = (
    Milestone.registered, Milestone.dispatched, Milestone.in_transit, Milestone.out_for_delivery,
    Milestone.attempt_failed, Milestone.exception, Milestone.ready_for_pickup, Milestone.returning,
)  # fmt: skip


@dataclass(frozen=True)
class Ports:
    """Where the stand-ins listen, on this machine alone. `inbox` is the Twilio's too."""

    carrier: int
    smtp: int
    inbox: int


def trial_home(home: Path) -> Path:
    """Where a trial keeps its data: beside the real thing at `home`, never in it."""
    return home if home.name == _FOLDER else home / _FOLDER


def connecting(ports: Ports, home: Path) -> dict[str, str]:
    """The settings that connect an engine to the stand-ins, with its data in `home`."""
    twilio = Account().environment(f"http://{HOST}:{ports.inbox}")
    carrier = "DOORSTEP_CARRIERS__DHL__"
    return {
        "DOORSTEP_HOME": str(home),
        f"{carrier}BASE_URL": f"http://{HOST}:{ports.carrier}",
        f"{carrier}API_KEY": "stand-in",
        f"{carrier}REQUESTS_PER_SECOND": "20",
        f"{carrier}REQUESTS_PER_DAY": "none",
        # A journey of five minutes wants to be asked about by the minute, at night too.
        **{f"{carrier}CADENCE__{stage.value.upper()}": "1m" for stage in _ON_ITS_WAY},
        f"{carrier}CADENCE__NIGHT": "1m",
        "DOORSTEP_CHANNELS__EMAIL": "smtp",
        "DOORSTEP_SMTP__URL": f"smtp://{HOST}:{ports.smtp}",
        "DOORSTEP_CHANNELS__SMS": "twilio",
        **{name: value for name, value in twilio.items() if name.startswith("DOORSTEP_TWILIO__")},
    }


def stand_in(ports: Ports, home: Path, ready: Callable[[], None]) -> None:
    """Be the carrier and the providers until INT or TERM; what is received stays in `home`. Calls `ready` once.

    For the main thread. Raises ConfigurationError for a port that is taken.
    """
    folder = home / "stand-ins"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _carrier(ports.carrier):
        asyncio.run(_providers(ports, folder, ready))


async def _providers(ports: Ports, folder: Path, ready: Callable[[], None]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    journal = Journal(folder / JOURNAL)
    runner, _ = await start(ProviderStandIn(Account(), journal, Behaviour()), HOST, ports.inbox)
    try:
        async with smtp_face.listening(HOST, ports.smtp, journal.add):
            ready()
            await stop.wait()
    finally:
        await runner.cleanup()
        journal.close()


@contextmanager
def _carrier(port: int) -> Iterator[None]:
    """The carrier in a thread of its own: its server would keep the signals to itself in this one."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"Port {port} cannot be used for the carrier ({error.strerror}). Choose another with --carrier-port."
        ) from error
    told = uvicorn.Config(
        CarrierStandIn(REAL, fresh=fresh_journey), log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(told)
    thread = threading.Thread(target=server.run, args=([listening],), name="carrier-stand-in", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5)
        listening.close()
