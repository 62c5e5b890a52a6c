"""Which sender carries a message, and which of them rest: they refused everything, could not be reached, or asked to.

The first in the order of choice carries everything for as long as it can. A sender that is down is left alone for a
while by all workers, so that a thousand messages do not each find out; then one call tries it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.base import Outgoing, OutgoingSms, Transport, Verdict
from app.log import logger
from app.models.vocabulary import AttemptOutcome

log = logger(__name__)

REFUSED_REST = (15.0, 300.0)
"""Seconds that a sender rests which was refused as such: the first time, and at the most; doubling in between."""
AWAY_REST = (2.0, 60.0)
"""The same for a provider that could not be reached."""
BUSY_PAUSE = (1.0, 60.0)
"""The same for one that said it was asked too fast, but not for how long."""

SenderKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rest:
    """A sender that was down when it was last tried: `left` seconds of rest, none once it may be tried again.

    For `busy` more seconds it is to be left in peace, because it asked for a pause."""

    left: float
    why: str
    busy: float = 0.0


Rests = Mapping[SenderKey, Rest]


def sender_key(transport: Transport, outgoing: Outgoing) -> SenderKey:
    """Who sends: the provider and its account, and the brand's own name where it goes by one. A name that the
    provider does not know holds up only its own brand."""
    own = outgoing.sender if isinstance(outgoing, OutgoingSms) else None
    return transport.name, f"{transport.sender} as {own}" if own else transport.sender


_RESTING = sa.text("""
    SELECT provider, sender, why, extract(epoch FROM resting_until - clock_timestamp()) AS rest,
        extract(epoch FROM busy_until - clock_timestamp()) AS busy
    FROM senders WHERE strikes > 0 OR busy_times > 0
""")


def resting(session: Session) -> dict[SenderKey, Rest]:
    """The senders that are down or asked for a pause, or did when last tried."""
    return {
        (row.provider, row.sender): Rest(max(0.0, float(row.rest or 0)), row.why or "", max(0.0, float(row.busy or 0)))
        for row in session.execute(_RESTING)
    }


def choose(
    transports: Sequence[Transport], outgoing: Outgoing, rests: Rests, avoid: str | None = None
) -> Transport | Rest:
    """The first of `transports` that does not rest, or the shortest rest if all do.

    One that asked for a pause keeps its messages, and they wait: being too fast is no reason to change the provider.
    `avoid` names a provider of which nobody knows whether it took the message: it comes last.
    """
    asleep = [rest for one in transports if (rest := rests.get(sender_key(one, outgoing))) and rest.left > 0]
    awake = [one for one in transports if not _asleep(rests, sender_key(one, outgoing))]
    if not awake:
        return min(asleep, key=lambda rest: rest.left)
    chosen = next((one for one in awake if one.name != avoid), awake[0])
    rest = rests.get(sender_key(chosen, outgoing))
    return rest if rest and rest.busy > 0 else chosen


SHORT_PAUSE = 60.0
"""Seconds. While a pause lasts no longer, nothing is claimed; in a longer one each message is put off once, and ends at
its deadline if that comes first."""


def all_paused(transports: Sequence[Transport], rests: Rests) -> bool:
    """Whether nothing of a channel could leave now, because the senders that are not down all asked for a short pause.

    A brand that goes by a name of its own is not known here: it has pauses of its own.
    """
    known = [rests.get((one.name, one.sender)) for one in transports]
    return any(rest and 0 < rest.busy <= SHORT_PAUSE for rest in known) and all(
        rest and (rest.left or 0 < rest.busy <= SHORT_PAUSE) for rest in known
    )


def _asleep(rests: Rests, key: SenderKey) -> bool:
    return key in rests and rests[key].left > 0


_REST = sa.text("""
    INSERT INTO senders AS known (provider, sender, strikes, resting_until, why, refused)
    VALUES (:provider, :sender, 1, clock_timestamp() + make_interval(secs => :first), :why, :refused)
    ON CONFLICT (provider, sender) DO UPDATE
    SET strikes = least(known.strikes + 1, 20), why = excluded.why, refused = excluded.refused,
        resting_until = clock_timestamp() + make_interval(secs => least(:most, :first * 2 ^ least(known.strikes, 20)))
    -- A call that began before the rest says nothing new.
    WHERE known.resting_until IS NULL OR known.resting_until <= clock_timestamp()
    RETURNING strikes, extract(epoch FROM resting_until - clock_timestamp()) AS seconds
""")

_BUSY = sa.text("""
    INSERT INTO senders AS known (provider, sender, busy_times, busy_until, why)
    VALUES (:provider, :sender, 1, clock_timestamp() + make_interval(secs => coalesce(:wish, :first)), :why)
    ON CONFLICT (provider, sender) DO UPDATE
    SET why = excluded.why,
        -- Calls that were under way together are one complaint.
        busy_times = CASE WHEN known.busy_until > clock_timestamp() THEN known.busy_times
            ELSE least(known.busy_times + 1, 20) END,
        busy_until = greatest(known.busy_until, clock_timestamp() + make_interval(secs => coalesce(
            :wish, CASE WHEN known.busy_until > clock_timestamp() THEN 0
                ELSE least(:most, :first * 2 ^ known.busy_times) END)))
    RETURNING extract(epoch FROM busy_until - clock_timestamp()) AS seconds
""")

_AWAKE = sa.text("""
    UPDATE senders
    SET strikes = 0, resting_until = NULL, why = NULL, refused = false,
        busy_times = CASE WHEN busy_until > clock_timestamp() THEN busy_times ELSE 0 END
    WHERE provider = :provider AND sender = :sender AND (strikes > 0 OR busy_times > 0)
    RETURNING strikes
""")


def is_down(verdict: Verdict) -> bool:
    """Whether a verdict is about its sender and not about its message."""
    return verdict.sender_down or verdict.unreachable


def changed(verdicts: Sequence[tuple[SenderKey, Verdict]], rests: Rests) -> dict[SenderKey, Verdict | None]:
    """Which senders are to rest after a batch, with the verdict that says so, and which are back (None)."""
    answered = {key for key, verdict in verdicts if verdict.outcome is AttemptOutcome.accepted}
    # The first says why; those after it were not tried.
    down = {key: verdict for key, verdict in reversed(verdicts) if is_down(verdict) and key not in answered}
    busy: dict[SenderKey, Verdict] = {}
    for key, verdict in verdicts:
        if verdict.throttled and (key not in busy or _wish(verdict) > _wish(busy[key])):
            busy[key] = verdict
    back = {key: None for key in sorted(answered) if key in rests}
    return {**down, **back, **busy}


def _wish(verdict: Verdict) -> float:
    return verdict.retry_after or 0.0


def note(session: Session, changes: Mapping[SenderKey, Verdict | None]) -> None:
    """Let senders rest or pause, or end that, for all workers; said once in the log."""
    for (provider, sender), verdict in sorted(changes.items()):
        where = {"provider": provider, "sender": sender}
        if verdict is None:
            if session.execute(_AWAKE, where).first():
                log.info("sender is back", **where)
            continue
        if verdict.throttled:
            first, most = BUSY_PAUSE
            limits = {"first": first, "most": most, "wish": verdict.retry_after, "why": verdict.error}
            pause = session.execute(_BUSY, {**where, **limits}).one()
            log.warning("sender asked for a pause", **where, seconds=round(pause.seconds, 1), why=verdict.error)
            continue
        first, most = REFUSED_REST if verdict.sender_down else AWAY_REST
        told = {"first": first, "most": most, "why": verdict.error, "refused": verdict.sender_down}
        row = session.execute(_REST, {**where, **told}).first()
        if row:
            log.warning("sender rests", **where, seconds=round(row.seconds), strikes=row.strikes, why=verdict.error)
