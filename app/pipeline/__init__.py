"""THE SENTENCE: hear → fold → cross → decide → plan → claim → deliver → settle → reconcile.

Each function is one batch of work that a Celery task, the command line or a test can call. A batch claims what is
due in one transaction, talks to the outside with none open, and writes down what came of it in another. Running
any of them twice, or not at all for a while, repeats nothing and loses nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.channels.base import Verdict
from app.clock import stopwatch
from app.db import cause_of
from app.log import logger
from app.models.vocabulary import Channel, Source
from app.pipeline.brakes.alarming import keep_incidents
from app.pipeline.brakes.pausing import let_go
from app.pipeline.brakes.telling import tell_notices
from app.pipeline.deciding.concluding import hear
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.watching import mark_due
from app.pipeline.halving import in_halves
from app.pipeline.house import House
from app.pipeline.leaving.asking_again import close_resends
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.delivering import deliver
from app.pipeline.leaving.gate import gate_of
from app.pipeline.leaving.judging import Withheld
from app.pipeline.leaving.pacing import pace
from app.pipeline.leaving.preparing import broken, prepare, read
from app.pipeline.leaving.resending import LIMIT as RESENT_AT_ONCE
from app.pipeline.leaving.resending import resend_unconfirmed
from app.pipeline.leaving.senders import Rests, all_paused, changed, note, resting, sender_key
from app.pipeline.leaving.sending import Begun, begin, hand_back, settle, withhold
from app.pipeline.leaving.writing import Letter
from app.pipeline.listening.hearing import Heard, Tally
from app.pipeline.polling.asking import ask
from app.pipeline.polling.breaker import begin_probe, enter, held, learn, most_calls
from app.pipeline.polling.due import CLAIM, LEASE_SECONDS, any_due, claim_due
from app.pipeline.polling.enrolling import as_unasked, enrol
from app.pipeline.polling.recording import give_back, record
from app.pipeline.polling.settling_carrier import pass_by_the_ill
from app.pipeline.settling.asking_back import ask_back
from app.pipeline.settling.falling_back import wake
from app.pipeline.settling.settling import Settled, apply_receipts, reconcile, take_back
from app.pipeline.settling.unpacking import unpack_batches
from app.rules.ruleset import Priority
from app.tracking.adapter.base import Carrier
from app.tracking.health import Leave

log = logger(__name__)

ENOUGH_SECONDS = 20.0
"""After this long a task ends and leaves the rest to the next wake-up, so that a stop never waits long."""


def due_work(house: House) -> list[tuple[str, str]]:
    """The kinds of work that have something due now: (`poll`, carrier), (`urgent`, channel) and (`send`, channel)."""
    now = house.clock.now()
    with house.sessions.begin() as session:
        ill = held(session, house, now)
        pass_by_the_ill(session, ill, now)
        asked = sorted(house.carriers.keys() - ill)
        carriers = [carrier for carrier in asked if any_due(session, carrier, now)]
        senders = [
            ("send" if priority else "urgent", channel.value)
            for channel in Channel
            for priority in Priority
            if session.scalar(_MESSAGE_DUE, {"channel": channel.value, "priority": int(priority), "now": now})
        ]
    return [("poll", carrier) for carrier in carriers] + sorted(set(senders))


# Brand by brand, as the index is sorted: without it, finding nothing would mean reading all that is not due yet.
_MESSAGE_DUE = sa.text("""
    SELECT EXISTS (SELECT 1 FROM brands CROSS JOIN LATERAL (
        SELECT 1 FROM messages
        WHERE channel = :channel AND brand_id = brands.id AND priority = :priority
            AND state IN ('held', 'ready') AND pause_id IS NULL AND send_at <= :now
        LIMIT 1
    ) AS due)
""")


def poll(house: House, carrier_name: str) -> Tally:
    """Ask one carrier about every parcel of its that is due: claim → enrol → GET → store → fold → decide → commit.

    A process asks a carrier in one place at a time, so that a slow one takes no more than its share of the process.
    """
    carrier, total, started = house.carriers[carrier_name], Tally(), stopwatch()
    with house.alone.at(f"poll {carrier_name}") as free:
        while free and stopwatch() - started < ENOUGH_SECONDS:
            tally = _poll_batch(house, carrier)
            if tally is None:
                break
            total.add(tally)
    return total


def _poll_batch(house: House, carrier: Carrier) -> Tally | None:
    """One claimed batch, asked about and written down; None when nothing is due or its carrier is left alone."""
    now = house.clock.now()
    with house.sessions.begin() as session:
        entry = enter(session, house, carrier, now)
        if entry.leave is Leave.none:
            return None
        probe, standing = entry.leave is Leave.probe, entry.standing
        most = min(CLAIM, most_calls(entry) * carrier.batch_size)
        due, pace = claim_due(session, house, carrier, now, most)
        if not due:
            return None
        if probe:
            standing = begin_probe(session, house, carrier, entry, now)
    if not probe:  # one call alone says whether the carrier answers again
        due = enrol(house, carrier, due, standing)
        if not due:
            return Tally()
    found = house.loop.run(ask(house, carrier, due, pace, standing))
    if probe:
        as_unasked(house, carrier, found)
    now = house.clock.now()
    learn(house, carrier, found.outcomes, now)
    give_back(house, found.unasked, now)
    tally = record(house, found.asked, now)
    wake_senders(house, tally)
    return tally


def listen(house: House, heard: Sequence[Heard], now: datetime) -> Tally:
    """Take in what was pushed, posted or imported, in a transaction of its own; wakes the senders."""
    with house.sessions.begin() as session:
        tally = hear(session, house, heard, now)
    wake_senders(house, tally)
    return tally


_CALENDAR_DUE = sa.text("""
    WITH due AS MATERIALIZED (
        SELECT picked.id
        FROM (SELECT id FROM brands ORDER BY random()) AS brands
        CROSS JOIN LATERAL (
            SELECT id FROM shipments
            WHERE brand_id = brands.id AND watch_at <= :now
            ORDER BY watch_at LIMIT :amount FOR UPDATE SKIP LOCKED
        ) AS picked
        LIMIT :amount
    )
    UPDATE shipments SET watch_at = :leased_until FROM due WHERE shipments.id = due.id
    RETURNING shipments.id
""")


def watch(house: House, limit: int = 500, now: datetime | None = None) -> Tally:
    """Look at the parcels for which time alone may have opened something: what no carrier says, the calendar does.
    When none is due, those follow whose brand has new rules."""
    total, started = Tally(), stopwatch()
    while stopwatch() - started < ENOUGH_SECONDS:
        at = now or house.clock.now()
        leased_until = at + timedelta(seconds=LEASE_SECONDS * house.clock.speed)
        with house.sessions.begin() as session:
            due = session.scalars(_CALENDAR_DUE, {"now": at, "amount": limit, "leased_until": leased_until}).all()
            more = bool(due) or mark_due(session, at)
        if not more:
            break
        heard = [Heard(shipment_id, Source.api) for shipment_id in due]
        in_halves(heard, _listener(house, at, total), _look_set_aside)
    return total


def _listener(house: House, at: datetime, total: Tally) -> Callable[[Sequence[Heard]], None]:
    return lambda batch: total.add(listen(house, batch, at))


def _look_set_aside(one: Heard, error: Exception) -> None:
    log.error("calendar could not be looked at", shipment=one.shipment_id, error=cause_of(error))


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
    """One claimed batch, from `ready` to settled; how many were claimed.

    It is claimed and read as a whole, and rendered and sent in waves of as many calls as are made at once: an attempt
    is begun only as its call starts, and what a dying process leaves in doubt is one wave.
    """
    now, claimed_at = house.clock.now(), stopwatch()
    with house.sessions.begin() as session:
        rests = resting(session)
        down = all_paused(house.transports.get(channel, ()), rests)
        if down and not as_of_now(session, house).own_names(channel):
            return 0
        token, claimed = claim(session, house, channel, now, priorities)
    if not claimed:
        return 0
    reading = read(house, claimed, now)
    withhold(house, token, reading.withheld, now)
    size = house.sending.concurrency
    for start in range(0, len(reading.releases), size):
        wave = reading.releases[start : start + size]
        letters, withheld = prepare(house, channel, wave, reading.templates, now, rests)
        withhold(house, token, withheld, now)
        as_they_were = _send_wave(house, token, letters, rests, now)
        # The rest is let go of where a sender went down or came back, which changes who carries what, and where
        # the lease might not outlast the calls.
        if not as_they_were or stopwatch() - claimed_at > house.sending.deadline:
            hand_back(house, token, [release.id for release in reading.releases[start + size :]])
            break
    return len(claimed)


def _send_wave(house: House, token: str, letters: Sequence[Letter], rests: Rests, now: datetime) -> bool:
    """Begin → call → settle, for as many letters as are called at once; whether the senders are as they were."""
    letters, paced = pace(house, letters)
    withhold(house, token, paced, now)
    started = stopwatch()
    begun: list[Begun] = []
    stuck: list[Withheld] = []
    in_halves(
        letters,
        lambda some: begun.extend(begin(house, token, some)),
        lambda letter, error: stuck.append(broken(letter.release.id, error)),
    )
    withhold(house, token, stuck, now)
    calls = deliver(begun, gate_of(house), house.sending.concurrency, started, house.sending.deadline, rests)
    verdicts = house.loop.run(calls)
    settle_surely(house, verdicts)
    return not note_senders(house, verdicts, rests)


def note_senders(house: House, verdicts: Sequence[tuple[Begun, Verdict]], rests: Rests) -> bool:
    """Let senders that were down rest, and take back those that came round; whether there were any."""
    told = [(sender_key(one.letter.transport, one.letter.outgoing), verdict) for one, verdict in verdicts]
    changes = changed(told, rests)
    if changes:
        with house.sessions.begin() as session:
            note(session, changes)
    return bool(changes)


def settle_surely(house: House, verdicts: Sequence[tuple[Begun, Verdict]]) -> None:
    """Settle, over a database that stumbles: what is known only here, and lost, would end in doubt.

    Settling twice is settling once, so a try of which nobody knows how it went is repeated.
    """
    for pause in (0.2, 1.0, 4.0, None):
        try:
            in_halves(verdicts, lambda some: settle(house, some, house.clock.now()), _unsettled)
            return
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            if pause is None:
                raise
            log.warning("settling is tried again", messages=len(verdicts))
            house.loop.run(asyncio.sleep(pause))


def _unsettled(pair: tuple[Begun, Verdict], error: Exception) -> None:
    log.error("verdict could not be stored", attempt=pair[0].attempt_id, error=cause_of(error))


def recover(house: House) -> Settled:
    """Pick up what dead workers dropped, and settle what was never answered: leases → asking → silence → ends.

    What a dead worker left is asked about before its time runs out, however long nobody was there to do it.
    """
    settled, started = Settled(), stopwatch()
    with house.sessions.begin() as session:
        settled = settled.plus(take_back(session))
        close_resends(session)
    resumed = let_go(house)
    asked = ask_back(house, ENOUGH_SECONDS)
    settled = settled.plus(Settled(found=asked.found, not_there=asked.absent, unclear=asked.unclear))
    more = True
    while more and stopwatch() - started < 2 * ENOUGH_SECONDS:
        with house.sessions.begin() as session:
            moved = take_back(session).plus(Settled(resent=resend_unconfirmed(session, house)))
            moved = moved.plus(reconcile(session, house, house.clock.now()))
        settled, more = settled.plus(moved), moved.largest >= RESENT_AT_ONCE
    if settled != Settled():
        log.info("reconciled", **{name: getattr(settled, name) for name in settled.__slots__})
    if resumed or asked.stood_in or settled.reclaimed or settled.not_accepted or settled.not_there or settled.resent:
        wake_all_senders(house)
    return settled


def digest_reports(house: House) -> int:
    """Apply what providers have reported since; how many reports."""
    total, started = 0, stopwatch()
    unpack_batches(house)
    while stopwatch() - started < ENOUGH_SECONDS:
        with house.sessions.begin() as session:
            applied = apply_receipts(session, house, house.clock.now())
        wake(house, applied.wakes)
        total += applied.reports
        if applied.reports == 0:
            break
    return total


def alarm(house: House) -> int:
    """See what is wrong and tell the owner, once an incident; how many notices were taken."""
    try:
        keep_incidents(house)
    finally:  # what was seen before is told, whatever became of this look
        told = tell_notices(house)
    return told


def wake_senders(house: House, tally: Tally) -> None:
    """After the commit: tell the senders that there is work. A lost call costs one tick."""
    for kind, channel in sorted(tally.wakes):
        house.wake(kind, channel)


def wake_all_senders(house: House) -> None:
    """Tell every channel's senders that there may be work."""
    for channel in sorted(house.channels):
        house.wake("send", channel)
