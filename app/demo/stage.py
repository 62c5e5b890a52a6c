"""Sets the demo's stage: servers, stand-ins and the engine's own programs, all on this machine."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import sqlalchemy as sa
from pydantic import SecretStr

from app.clock import Clock, describe_clock, wall_now, wall_seconds
from app.db import make_engine
from app.demo.carrier.timetable import Timetable, Timetables
from app.embedded import Embedded, Processes, Program, default_home
from app.embedded.children import Roster
from app.embedded.engine import answers, engine_programs
from app.embedded.home import kept_secret, open_home
from app.embedded.ports import free_ports
from app.errors import DoorstepError
from app.schema import migrate
from app.settings import Settings, load_settings
from app.settings.file import NAMED_BY

CARRIER_MOOD = {
    "late": 0.04, "late_hours": 5.0, "repeated": 0.1, "shuffled": 0.2, "unknown": 0.03,
    "html": 0.0015, "truncated": 0.0015, "error": 0.002, "stall": 0.0005, "stall_seconds": 20.0, "huge": 0.0003,
}  # fmt: skip
"""How the demo's carrier misbehaves: as a real one on an ordinary week."""

_ORDINARY = {
    "error": 0.004, "accept_then_drop": 0.006, "throttle": 0.01, "retry_after": 0.2, "bounce": 0.01, "slow_ms": 20,
}  # fmt: skip
PROVIDER_MOOD = {"sendgrid": _ORDINARY, "twilio": _ORDINARY}
"""How its provider does: now and then it takes a message and the connection breaks before it has said so."""


class StoppedEarly(DoorstepError):
    """The demo was stopped before the shop had opened; there is nothing to report."""

    exit_code = 130


@dataclass(frozen=True)
class Stage:
    """Everything that runs: settings as the engine's programs have them, addresses, and the supervisor."""

    home: Path
    settings: Settings
    engine: sa.Engine
    clock: Clock
    processes: Processes
    http: httpx.Client
    carrier_url: str
    provider_url: str
    web_url: str

    def register(self, timetables: list[Timetable]) -> None:
        """Put parcels on their way at the carrier's."""
        body = Timetables(parcels=tuple(timetables)).model_dump_json()
        self.http.put(f"{self.carrier_url}/parcels", content=body).raise_for_status()


def demo_home() -> Path:
    """Where a demo keeps its data: beside the real thing, never in it."""
    return (load_settings().home or default_home()) / "demo"


def _make_way(home: Path) -> None:
    """Remove the last demo. Raises HomeInUse when it still runs: its files are not ours to take."""
    for name in ("servers", "programs"):
        roster = Roster(open_home(home).run / name)
        roster.take(home)
        roster.release()
    shutil.rmtree(home, ignore_errors=True)


def _start(processes: Processes, *programs: Program) -> None:
    processes.start(*programs)
    if processes.interrupted:
        raise StoppedEarly("Stopped before the shop had opened; nothing is left running.")


@contextmanager
def set_stage(speed: float, seed: int) -> Iterator[Stage]:
    """Start everything on an empty home; all of it is stopped at the end, the data stays until the next demo.

    The engine's clock begins at six this morning and runs `speed` times as fast.
    """
    home = demo_home()
    _make_way(home)
    start = wall_now().replace(hour=6, minute=0, second=0, microsecond=0)
    with Embedded(home) as endpoints, Processes(home) as processes, httpx.Client(timeout=30) as http:
        engine = make_engine(endpoints.database_url)
        migrate(engine)
        web_port, carrier_port, provider_port = free_ports(3)
        web_url = f"http://127.0.0.1:{web_port}"
        provider_url, carrier_url = f"http://127.0.0.1:{provider_port}", f"http://127.0.0.1:{carrier_port}"
        _start(processes, _provider(provider_port, web_url, home, seed))
        account = _account(http, provider_url)
        clock = Clock(start, wall_seconds() + 6.0, speed)  # the engine's own programs need a moment to stand
        own = {**endpoints.environment(), "DOORSTEP_SECRET_KEY": kept_secret(home), NAMED_BY: ""}
        env = {**own, **account, **_environment(clock, web_url, carrier_url)}
        _start(processes, _carrier(carrier_port, seed, env), *engine_programs(home, "127.0.0.1", web_port, env))
        http.put(f"{carrier_url}/behaviour", json={**CARRIER_MOOD, "seed": seed}).raise_for_status()
        http.put(f"{provider_url}/behaviour", json=PROVIDER_MOOD).raise_for_status()
        yield Stage(home, _settings(env), engine, clock, processes, http, carrier_url, provider_url, web_url)
        engine.dispose()


def _account(http: httpx.Client, provider_url: str) -> dict[str, str]:
    answer = http.get(f"{provider_url}/account")
    return {str(name): str(value) for name, value in answer.raise_for_status().json().items()}


def _environment(clock: Clock, web_url: str, carrier_url: str) -> dict[str, str]:
    """The demo's settings, as environment variables for the engine's programs."""
    return {
        "DOORSTEP_CLOCK": describe_clock(clock),
        "DOORSTEP_SEND": "live",
        "DOORSTEP_PUBLIC_URL": web_url,
        "DOORSTEP_CHANNELS__EMAIL": "sendgrid",
        "DOORSTEP_CHANNELS__SMS": "twilio",
        "DOORSTEP_CARRIERS__DHL__BASE_URL": carrier_url,
        "DOORSTEP_CARRIERS__DHL__API_KEY": "demo",
        "DOORSTEP_CARRIERS__DHL__REQUESTS_PER_SECOND": "2000",
        "DOORSTEP_CARRIERS__DHL__REQUESTS_PER_DAY": "none",
        "DOORSTEP_CARRIERS__DHL__TIMEOUT_SECONDS": "3",
        "DOORSTEP_SENDING__DEADLINE": "4",
        "DOORSTEP_SENDING__MARGIN": "2",
        "DOORSTEP_SENDING__SETTLE": "25",
        "DOORSTEP_LOG_FORMAT": "json",
    }


def _settings(env: dict[str, str]) -> Settings:
    """The settings that the programs read from `env`, for this process."""
    nested: dict[str, object] = {
        "database_url": SecretStr(env["DOORSTEP_DATABASE_URL"]),
        "broker_url": SecretStr(env["DOORSTEP_BROKER_URL"]),
        "clock": env["DOORSTEP_CLOCK"],
        "public_url": env["DOORSTEP_PUBLIC_URL"],
        "send": "shadow",  # this process plans, and never sends
        "carriers": {
            "dhl": {
                "base_url": env["DOORSTEP_CARRIERS__DHL__BASE_URL"],
                "api_key": env["DOORSTEP_CARRIERS__DHL__API_KEY"],
            }
        },
    }
    return Settings.model_validate(nested)


def _provider(port: int, web_url: str, home: Path, seed: int) -> Program:
    folder = home / "provider"
    argv = (
        sys.executable, "-m", "app.demo.providers", "--port", str(port), "--callback-base", web_url,
        "--home", str(folder), "--seed", str(seed),
    )  # fmt: skip
    return Program("provider-stand-in", argv, ready=lambda: answers(port), grace=3.0)


def _carrier(port: int, seed: int, env: dict[str, str]) -> Program:
    argv = (
        sys.executable, "-m", "app.demo.carrier", "--port", str(port), "--seed", str(seed), "--api-key", "demo",
    )  # fmt: skip
    return Program("carrier-stand-in", argv, env, ready=lambda: answers(port), grace=3.0)
