"""THE SENTENCE: hear → fold → cross → decide → plan → claim → deliver → settle → reconcile.

Each function is one batch of work that a Celery task, the command line or a test can call. A batch claims what is
due in one transaction, talks to the outside with none open, and writes down what came of it in another. Running
any of them twice, or not at all for a while, repeats nothing and loses nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.clock import stopwatch
from app.log import logger
from app.models import Message, Shipment
from app.models.vocabulary import Channel, MessageState, Source
from app.pipeline.asking import LEASE_SECONDS, ask, claim_due
from app.pipeline.concluding import hear
from app.pipeline.halving import in_halves
from app.pipeline.hearing import Heard, Tally
from app.pipeline.house import House
from app.pipeline.recording import record
from app.pipeline.releasing import Withheld, claim, judge, load, template_parts
from app.pipeline.sending import Letter, begin, deliver, render, settle, withhold
from app.pipeline.settling import Settled, apply_receipts, reconcile
from app.rules.ruleset import Priority

log = logger(__name__)

ENOUGH_SECONDS = 20.0
"""After this long a task ends and leaves the rest to the next wake-up, so that a stop never waits long."""


def due_work(house: House) -> list[tuple[str, str]]:
    """The kinds of work that have something due now: (`poll`, carrier), (`urgent`, channel) and (`send`, channel)."""
    now = house.clock.now()
    with house.sessions() as session:
        carriers = [
            carrier
            for carrier in house.carriers
            if session.scalar(sa.select(sa.exists().where(Shipment.carrier == carrier, Shipment.next_poll_at <= now)))
        ]
        senders = [
            ("send" if priority else "urgent", channel.value)
            for channel in Channel
            for priority in Priority
            if session.scalar(sa.select(_message_due(channel, priority, now)))
        ]
    return [("poll", carrier) for carrier in carriers] + sorted(set(senders))


def _message_due(channel: Channel, priority: Priority, now: datetime) -> sa.Exists:
    waiting = Message.state.in_([MessageState.held, MessageState.ready])
    return sa.exists().where(
        Message.channel == channel, Message.priority == int(priority), waiting, Message.send_at <= now
    )


def poll(house: House, carrier_name: str) -> Tally:
    """Ask one carrier about every parcel of its that is due: claim → GET → store → fold → decide → commit."""
    carrier, total, started = house.carriers[carrier_name], Tally(), stopwatch()
    while stopwatch() - started < ENOUGH_SECONDS:
        with house.sessions.begin() as session:
            due, pace = claim_due(session, house, carrier, house.clock.now())
        if not due:
            break
        answers = house.loop.run(ask(house, carrier, due, pace))
        tally = record(house, answers, house.clock.now())
        wake_senders(house, tally)
        total.add(tally)
    return total


def listen(house: House, heard: Sequence[Heard], now: datetime) -> Tally:
    """Take in what was pushed, posted or imported, in a transaction of its own; wakes the senders."""
    with house.sessions.begin() as session:
        tally = hear(session, house, heard, now)
    wake_senders(house, tally)
    return tally


_PROMISES_DUE = sa.text("""
    WITH due AS MATERIALIZED (
        SELECT picked.id
        FROM brands
        CROSS JOIN LATERAL (
            SELECT id FROM shipments
            WHERE brand_id = brands.id AND promise_due_at <= :now
            ORDER BY promise_due_at LIMIT :amount FOR UPDATE SKIP LOCKED
        ) AS picked
    )
    UPDATE shipments SET promise_due_at = :leased_until FROM due WHERE shipments.id = due.id
    RETURNING shipments.id
""")


def watch(house: House, limit: int = 500, now: datetime | None = None) -> Tally:
    """Look at parcels whose promise has run out: what no carrier says, silence does."""
    total, started = Tally(), stopwatch()
    while stopwatch() - started < ENOUGH_SECONDS:
        at = now or house.clock.now()
        leased_until = at + timedelta(seconds=LEASE_SECONDS * house.clock.speed)
        with house.sessions.begin() as session:
            due = session.scalars(_PROMISES_DUE, {"now": at, "amount": limit, "leased_until": leased_until}).all()
        if not due:
            break
        heard = [Heard(shipment_id, Source.api) for shipment_id in due]
        in_halves(heard, _listener(house, at, total), _promise_set_aside)
    return total


def _listener(house: House, at: datetime, total: Tally) -> Callable[[Sequence[Heard]], None]:
    return lambda batch: total.add(listen(house, batch, at))


def _promise_set_aside(one: Heard, error: Exception) -> None:
    log.error("promise could not be judged", shipment=one.shipment_id, error=f"{type(error).__name__}: {error}")


def send(house: House, channel: Channel, priorities: Sequence[Priority] = tuple(Priority)) -> int:
    """Send every due message of a channel: claim → judge → render → begin → call → settle. How many were claimed."""
    total, started = 0, stopwatch()
    while stopwatch() - started < ENOUGH_SECONDS:
        claimed = send_batch(house, channel, priorities)
        total += claimed
        if claimed == 0:
            break
    return total


def send_batch(house: House, channel: Channel, priorities: Sequence[Priority] = tuple(Priority)) -> int:
    """One claimed batch, from `ready` to settled; how many were claimed."""
    now = house.clock.now()
    with house.sessions.begin() as session:
        token, claimed = claim(session, house, channel, now, priorities)
    if not claimed:
        return 0
    with house.sessions.begin() as session:
        releases = load(session, claimed, now)
        versions = template_parts(session, {release.template_version_id for release in releases})
    withheld: list[Withheld] = []
    letters: list[Letter] = []
    for release in releases:
        outcome = judge(release, now, house.send_mode, house.allowlist) or render(
            house, release, versions[release.template_version_id], house.transports.get(channel, ())
        )
        if isinstance(outcome, Letter):
            letters.append(outcome)
        else:
            withheld.append(outcome)
    withhold(house, token, withheld, now)
    started = stopwatch()
    begun = begin(house, token, letters)
    verdicts = house.loop.run(deliver(begun, house.sending.concurrency, started, house.sending.deadline))
    settle(house, verdicts, house.clock.now())
    return len(claimed)


def recover(house: House) -> Settled:
    """Pick up what dead workers dropped, and settle what was never answered."""
    with house.sessions.begin() as session:
        settled = reconcile(session, house, house.clock.now())
    if settled != Settled():
        log.info("reconciled", **{name: getattr(settled, name) for name in settled.__slots__})
    if settled.reclaimed or settled.not_accepted:
        wake_all_senders(house)
    return settled


def digest_reports(house: House) -> int:
    """Apply what providers have reported since; how many reports."""
    total = 0
    while True:
        with house.sessions.begin() as session:
            applied = apply_receipts(session, house.clock.now())
        total += applied
        if applied == 0:
            return total


def wake_senders(house: House, tally: Tally) -> None:
    """After the commit: tell the senders that there is work. A lost call costs one tick."""
    for kind, channel in sorted(tally.wakes):
        house.wake(kind, channel)


def wake_all_senders(house: House) -> None:
    """Tell every channel's senders that there may be work."""
    for channel in sorted(house.channels):
        house.wake("send", channel)
