"""One run of the storm, from nothing to its reckoning: servers, stand-in, shop and engine, and all gone at the end."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.db import make_engine, make_sessions
from app.demo.providers import CallbackManners, Manners, StandIn, serve
from app.embedded.ports import free_port
from app.schema import migrate
from tests.chaos import points
from tests.chaos.reckoning import keep_evidence
from tests.chaos.schedule import Plan
from tests.chaos.shop import Shop
from tests.chaos.storm import Outcome, Overdue, Storm
from tests.faults.conftest import Engine
from tests.faults.servers import Broker, Database
from tests.folders import new_folder

MANNERS = Manners(
    slow_ms=40, throttle=0.02, refuse=0.02, bounce=0.03,
    error=0.012, drop=0.012, garble=0.008, stall=0.003,
    accept_then_error=0.012, accept_then_drop=0.012, accept_then_garble=0.008, accept_then_stall=0.004,
)  # fmt: skip
REPORTS = CallbackManners(delay_ms=(0, 150), duplicate=0.2, reorder=0.2, lose=0.1, one_comes=True)
"""Some come before the answer does: the provider takes its time for it after it has taken the message."""


def run(plan: Plan, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """One run from nothing to its reckoning. Logs, journal and tables stay only where something went wrong."""
    logs = Path(tempfile.mkdtemp(prefix="doorstep-chaos-logs-"))
    folder = new_folder("doorstep-chaos-")
    kept = True
    try:
        with _storm(plan, logs, folder, say) as storm:
            outcome = _through(storm)
            kept = bool(outcome.broken)
            if kept:
                outcome.logs = logs
                keep_evidence(storm.engine.sessions, logs)
                shutil.copy(folder / "logs" / "postgres.log", logs)
        return outcome
    except KeyboardInterrupt:
        kept = False
        raise
    except Exception as error:
        error.add_note(f"The logs are in {logs}.")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not kept:
            shutil.rmtree(logs, ignore_errors=True)


def _through(storm: Storm) -> Outcome:
    overdue = None
    try:
        storm.start()
        storm.rage()
        storm.settle()
    except Overdue as error:
        overdue = str(error)
    storm.engine.stop()
    return storm.outcome(overdue)


@contextmanager
def _storm(plan: Plan, logs: Path, folder: Path, say: Callable[[str], None]) -> Iterator[Storm]:
    """Servers, stand-in, shop and engine, made ready; all gone at the end, whatever happens."""
    for name in ("armed", "fired"):
        (logs / name).mkdir()
    with ExitStack() as ends:
        database = Database(folder)
        ends.callback(database.release)
        url = database.start()
        broker = Broker()
        ends.callback(broker.stop)
        broker.start()
        db = make_engine(url)
        ends.callback(db.dispose)
        migrate(db)
        providers = ends.enter_context(serve(home=logs))
        port = free_port()
        providers.behave(
            seed=plan.seed,
            sendgrid=MANNERS,
            twilio=MANNERS,
            callbacks=REPORTS.model_copy(update={"base": f"http://127.0.0.1:{port}"}),
        )
        sessions = make_sessions(db)
        shop = Shop(db, sessions, broker.url, url, plan.seed)
        ends.callback(shop.close)
        env = _environment(plan, providers, url, broker.url, port) | {points.ARMED: str(logs)}
        engine = Engine(env, logs, sessions, providers, port=port)
        ends.callback(engine.stop)
        yield Storm(plan, engine, database, broker, shop, logs, random.Random(f"storm {plan.seed}"), say=say)


def _environment(plan: Plan, providers: StandIn, url: str, broker_url: str, port: int) -> dict[str, str]:
    return {
        **providers.environment(),
        "DOORSTEP_DATABASE_URL": url,
        "DOORSTEP_BROKER_URL": broker_url,
        "DOORSTEP_SEND": "live",
        "DOORSTEP_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DOORSTEP_SENDING__DEADLINE": f"{plan.deadline:g}",
        "DOORSTEP_SENDING__MARGIN": f"{plan.margin:g}",
        "DOORSTEP_SENDING__SETTLE": f"{plan.settle:g}",
        "DOORSTEP_SENDING__BATCH": "25",
        "DOORSTEP_SENDING__CONCURRENCY": "8",
        "DOORSTEP_LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }
