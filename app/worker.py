"""The Celery application and its tasks: each wakes a part of the pipeline and knows nothing of its rows."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, wraps
from threading import Lock
from typing import Any

import sqlalchemy as sa
from billiard.util import get_pdeathsig
from celery.signals import setup_logging, worker_before_create_process

from app import pipeline
from app.log import configure_logging, logger
from app.models.vocabulary import Channel
from app.pipeline.brakes.braking import pull_brakes
from app.pipeline.codes.refolding import refold as refold_scans
from app.pipeline.folding_counts import fold_counts
from app.pipeline.house import House
from app.pipeline.leaving.links import answer_link_requests
from app.pipeline.listening import pushes
from app.pipeline.people.pruning import prune as prune_rows
from app.pipeline.polling.raw_answers import thin_out
from app.rules.ruleset import Priority
from app.settings import load_settings
from app.wiring import build_celery, build_house, build_wake, prepare_house, settle_in

log = logger(__name__)

app = build_celery(load_settings())


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _use_our_logs(**_signal: Any) -> None:
    configure_logging(load_settings().log_format)


@worker_before_create_process.connect  # type: ignore[untyped-decorator]
def _before_a_child(**_signal: Any) -> None:
    _prepare_children()


@lru_cache(maxsize=1)
def _prepare_children() -> None:
    """Do before the first fork what every child would do after it: they share its memory, and start in half the time.

    Celery goes through all of memory before each fork, unless that is settled; and each child ties its life to the
    worker's by a declaration in C, which takes longer to read the first time than all the rest."""
    prepare_house(load_settings())
    with suppress(OSError):  # not on Linux
        get_pdeathsig()
    settle_in()


_building = Lock()


def house() -> House:
    """This process's house, built at its first task: after the fork, so that no connection is shared."""
    with _building:
        return _house()


@lru_cache(maxsize=1)
def _house() -> House:
    built = build_house(load_settings(), wake=build_wake(app), connections=12)  # threads that all write at once
    settle_in()
    return built


def _task(work: Callable[..., None]) -> Any:
    """Register `work` as `doorstep.<name>`; a database that is away costs one line in the log and this tick."""

    @wraps(work)
    def guarded(*which: str) -> None:
        try:
            work(*which)
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            cause = str(error.orig).splitlines()[0] if error.orig else str(error)
            log.warning("database away; the next tick tries again", task=work.__name__, error=cause)

    return app.task(name=f"doorstep.{work.__name__}", typing=False)(guarded)


@_task
def tick() -> None:
    """Look which carriers and channels have something due, and wake their queues."""
    here = house()
    for kind, which in pipeline.due_work(here):
        here.wake(kind, which)


@_task
def poll(carrier: str) -> None:
    """Ask one carrier about what is due."""
    tally = pipeline.poll(house(), carrier)
    if tally.parcels:
        log.info("polled", carrier=carrier, parcels=tally.parcels, scans=tally.scans, messages=tally.messages)


@_task
def hear_pushes() -> None:
    """Hear what carriers have told of their own accord."""
    tally = pushes.hear_pushes(house())
    if tally.parcels:
        log.info("heard", parcels=tally.parcels, scans=tally.scans, messages=tally.messages)


@_task
def look_again() -> None:
    """Hear what carriers told about parcels before their orders came in."""
    pushes.look_again(house())


@_task
def watch() -> None:
    """Notice promises that have been broken in silence."""
    pipeline.watch(house())


@_task
def send(channel: str) -> None:
    """Send one channel's due messages."""
    claimed = pipeline.send(house(), Channel(channel))
    if claimed:
        log.info("sent", channel=channel, claimed=claimed)


@_task
def urgent(channel: str) -> None:
    """Send what cannot wait behind a long batch of what can."""
    claimed = pipeline.send(house(), Channel(channel), [Priority.urgent])
    if claimed:
        log.info("sent", channel=channel, claimed=claimed, urgent=True)


@_task
def recover() -> None:
    """Settle what was dropped or never answered."""
    pipeline.recover(house())


@_task
def digest_reports() -> None:
    """Apply what providers have reported."""
    pipeline.digest_reports(house())


@_task
def brake() -> None:
    """Pause the rules that plan far more than they ever do."""
    pull_brakes(house())


@_task
def alarms() -> None:
    """See what is wrong, and tell the owner; and add up what was counted."""
    pipeline.alarm(house())
    fold_counts(house())


@_task
def links() -> None:
    """Mail the links that shoppers have asked for."""
    mailed = answer_link_requests(house())
    if mailed:
        log.info("links mailed", mails=mailed)


@_task
def refold() -> None:
    """Read stored scans again whose code was given another meaning."""
    done = refold_scans(house())
    if done.parcels:
        log.info("read again", scans=done.scans, parcels=done.parcels)


@_task
def prune() -> None:
    """Take away what has been kept for long enough."""
    thin_out(house())
    pruned = prune_rows(house())
    if pruned.rows:
        log.info("pruned", **{name.replace(" ", "_"): count for name, count in pruned.rows.items()})
