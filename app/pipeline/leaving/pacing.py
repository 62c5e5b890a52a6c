"""When each message of a batch may begin, so that no sender goes faster than it may, whichever worker has it.

Each account, number and country is a lane that a message has for itself for a while (GCRA, as one instant: when the
lane is free again). A message that could not begin soon is put off to when its turn is likely to come, as a row; it
holds no place until then. So the urgent ones overtake and the brands take turns each time, and nothing waits in a
broker or under a lease.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.allowances import Lane, Paced
from app.clock import stopwatch
from app.models.vocabulary import MessageState, Reason
from app.pipeline.house import House
from app.pipeline.leaving.judging import Withheld, put_off_reason
from app.pipeline.leaving.writing import Letter
from app.rules.ruleset import Priority

REACH = 3.0
"""Wall seconds from now within which an urgent message may be given its turn; half of it for all others, so that
what is urgent always finds room before what is not. Short, because the batch waits for it."""
LONGEST = 600.0
"""Wall seconds, at most, that a message is put off for: by then the queue before it may have melted away."""


@dataclass(slots=True)
class LaneState:
    """A lane as it stands: when it is free, and until when each queue's messages have been put off (epoch seconds)."""

    free_at: float
    queues: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asker:
    """A message that wants to begin: what it takes up, whose queue it stands in, and how far ahead it may be given a
    turn (wall seconds)."""

    lanes: tuple[Lane, ...]
    queue: str
    reach: float
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """`booked`: the message begins at `at` (epoch seconds). Otherwise it should ask again then."""

    at: float
    booked: bool


def allot(askers: Sequence[Asker], lanes: dict[str, LaneState], now: float) -> list[Turn]:
    """A turn for each message, in this order; `lanes` (all that they name) are brought up to date. Pure.

    A message begins when the last of its lanes is free. In any window of `w` seconds a lane gives away at most
    `w` seconds and one message, counted from when it was free; a message that waits for another lane besides may
    begin up to its reach later.
    """
    return [_turn(asker, lanes, now) for asker in askers]


def _turn(asker: Asker, lanes: dict[str, LaneState], now: float) -> Turn:
    starts = [max(now, lanes[lane.key].free_at) for lane in asker.lanes]
    begins = max(starts, default=now)
    if begins <= now + asker.reach:
        for lane, start in zip(asker.lanes, starts, strict=True):
            lanes[lane.key].free_at = start + lane.seconds
        return Turn(begins, booked=True)
    narrow = asker.lanes[starts.index(begins)]
    queues = lanes[narrow.key].queues
    at = max(begins, queues.get(asker.queue, begins))
    if at > now + LONGEST:
        return Turn(now + LONGEST * _spread(asker.seed), booked=False)
    queues[asker.queue] = at + narrow.seconds
    # Early enough to book the turn, and what is urgent earlier than the rest.
    return Turn(at - asker.reach / 2, booked=False)


def _spread(seed: int) -> float:
    """Between a half and one, so that what is put off for long does not come back all at once."""
    return 0.5 + 0.5 * ((seed * 2654435761) % 1000) / 1000


def pace(house: House, letters: Sequence[Letter]) -> tuple[list[Letter], list[Withheld]]:
    """The letters that may begin within the batch, each with its instant, and those that are put off.

    Letters without a limit pass; where none has one, the database is not asked.
    """
    taken = {letter.release.id: lanes for letter in letters if (lanes := _lanes(letter))}
    if not taken:
        return list(letters), []
    limited = in_turn([letter for letter in letters if letter.release.id in taken])
    askers = [_asker(house, letter, taken[letter.release.id]) for letter in limited]
    turns, started = _allotted(house, askers)
    going = [letter for letter in letters if letter.release.id not in taken]
    later: list[Withheld] = []
    for letter, turn in zip(limited, turns, strict=True):
        if turn.booked:
            going.append(replace(letter, begins=started + turn.at))
        else:
            later.append(_put_off(house, letter, turn.at))
    return going, later


def _allotted(house: House, askers: Sequence[Asker]) -> tuple[list[Turn], float]:
    """Each message's turn, counted in wall seconds from the stopwatch's reading that is given with them."""
    keys = sorted({lane.key for asker in askers for lane in asker.lanes})
    while True:
        with house.sessions.begin() as session:
            lanes, now = _lock(session, keys)
            if len(lanes) == len(keys):
                started = stopwatch()
                turns = allot(askers, lanes, now)
                _store(session, lanes, now)
                return [replace(turn, at=turn.at - now) for turn in turns], started
        # Written in a transaction of its own: nobody waits for a new row while holding another.
        with house.sessions.begin() as session:
            session.execute(_OPEN, {"keys": keys})


def in_turn(letters: Sequence[Letter], draw: Callable[[], float] = random.random) -> list[Letter]:
    """The urgent first, then one of each brand after the other; of each brand, the oldest first.

    Which brand begins is drawn anew each time (`draw`: a number in [0, 1) for each): on a number that carries one
    message at a time, whoever always began would have it for itself.
    """
    so_far: Counter[tuple[int, int]] = Counter()
    brands = {brand_id: draw() for brand_id in sorted({letter.release.brand_id for letter in letters})}
    order: dict[int, tuple[int, int, float]] = {}
    for letter in sorted(letters, key=lambda one: one.release.id):
        release = letter.release
        group = (release.priority, release.brand_id)
        order[release.id] = (release.priority, so_far[group], brands[release.brand_id])
        so_far[group] += 1
    return sorted(letters, key=lambda one: order[one.release.id])


def _lanes(letter: Letter) -> tuple[Lane, ...]:
    transport = letter.transport
    if not _is_paced(type(transport)):
        return ()
    return cast(Paced, transport).lanes(letter.outgoing)


@lru_cache
def _is_paced(kind: type) -> bool:
    return issubclass(kind, Paced)  # asked once a kind: it costs as much as a twentieth of a whole message


def _asker(house: House, letter: Letter, lanes: tuple[Lane, ...]) -> Asker:
    release = letter.release
    reach = min(REACH, house.sending.deadline * 0.3)
    if release.priority != Priority.urgent:
        reach /= 2
    return Asker(lanes, f"{release.brand_id}/{release.priority}", reach, release.id)


def _put_off(house: House, letter: Letter, seconds: float) -> Withheld:
    """Back among the ready, until its turn or the end of what its news is worth."""
    release = letter.release
    again_at = min(house.clock.after_wall(seconds), release.expires_at)
    detail = f"{letter.transport.name} may be given no more just now"
    return Withheld(release.id, MessageState.ready, put_off_reason(release, Reason.paced), detail, again_at)


_LOCK = sa.text("""
    SELECT key, extract(epoch FROM free_at) AS free_at, queues, extract(epoch FROM clock_timestamp()) AS now
    FROM pace_lanes WHERE key = any(:keys) ORDER BY key FOR NO KEY UPDATE
""")
_OPEN = sa.text("""
    INSERT INTO pace_lanes (key, free_at)
    SELECT key, clock_timestamp() FROM unnest(cast(:keys AS text[])) AS key ORDER BY key ON CONFLICT DO NOTHING
""")
_STORE = sa.text("""
    UPDATE pace_lanes SET free_at = to_timestamp(lane.free_at), queues = lane.queues
    FROM jsonb_to_recordset(cast(:lanes AS jsonb)) AS lane (key text, free_at float8, queues jsonb)
    WHERE pace_lanes.key = lane.key
""")


def _lock(session: Session, keys: Sequence[str]) -> tuple[dict[str, LaneState], float]:
    """These lanes, held until the transaction ends, and the database's present (epoch seconds)."""
    rows = session.execute(_LOCK, {"keys": list(keys)}).all()
    now = max((float(row.now) for row in rows), default=0.0)
    return {row.key: LaneState(float(row.free_at), dict(row.queues)) for row in rows}, now


def _store(session: Session, lanes: Mapping[str, LaneState], now: float) -> None:
    rows = [
        {
            "key": key,
            "free_at": lane.free_at,
            "queues": {queue: until for queue, until in lane.queues.items() if until > now},
        }
        for key, lane in sorted(lanes.items())
    ]
    session.execute(_STORE, {"lanes": json.dumps(rows)})
