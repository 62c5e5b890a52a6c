"""What Valkey holds of a carrier's allowance, for all workers to take from: one hash and one script.

It owns nothing: PostgreSQL counted everything in it as spent before it was put here (`polling.budget`), so losing it
wastes a little, and no more. What another run of the server left is worth nothing either: one that comes back from its
disk may have forgotten what was taken last.
"""

from dataclasses import dataclass
from datetime import date

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.clock import stopwatch
from app.log import logger

log = logger(__name__)

UNCOUNTED = -1
"""The number of calls in a portion of a carrier that counts none by the day."""

_QUIET_SECONDS = 5.0
"""After Valkey did not answer, for how long it is left alone: finding that out costs a moment each time."""
_PATIENCE = 0.25

_SCRIPT = """
local key = KEYS[1]
local op, a, b, c, d, e = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local held = redis.call('HMGET', key, 'run', 'free', 'ends', 'calls', 'day', 'day_ends')
local mine = held[1] == run
local free = mine and tonumber(held[2]) or 0
local ends = mine and tonumber(held[3]) or 0
local calls = mine and now < tonumber(held[6]) and tonumber(held[4]) or 0
local day = mine and held[5] or ''
local day_ends = mine and tonumber(held[6]) or 0
local taken, delay, back = 0, 0, 0
if op == 'take' then
  local start = math.max(now, free)
  taken = math.min(a, math.max(0, math.floor((ends - start) / b)))
  if calls ~= -1 then taken = math.min(taken, calls) end
  if taken > 0 then
    delay = start - now
    free = start + taken * b
    if calls ~= -1 then calls = calls - taken end
  elseif calls > 0 then
    back = math.min(a, calls)
    calls = calls - back
  end
else
  if free < ends and ends > now + a then
    -- another worker has just put a later stretch here: what is told of an earlier one comes too late
  elseif b > a then
    free, ends = now + a, now + b
  end
  if c == -1 then calls = -1
  elseif d == day and calls > 0 then calls = calls + c
  else calls = c end
  day, day_ends = d, now + e
end
redis.call('HSET', key, 'run', run, 'free', string.format('%.0f', free), 'ends', string.format('%.0f', ends),
  'calls', string.format('%.0f', calls), 'day', day, 'day_ends', string.format('%.0f', day_ends))
redis.call('EXPIRE', key, 90000)
return {taken, string.format('%.0f', delay), back, day}
"""


@dataclass(frozen=True, slots=True)
class Portion:
    """What is put in: a stretch of a carrier's time, in seconds from now, and calls of its day `day`."""

    starts_in: float
    ends_in: float
    calls: int
    day: date
    day_ends_in: float


@dataclass(frozen=True, slots=True)
class Held:
    """What was taken: `calls`, the first of which may begin after `delay` seconds. Where there was no time for any,
    `unplaced` are calls of the day `day` that were there, and are the taker's now."""

    calls: int
    delay: float
    unplaced: int = 0
    day: str = ""

    def in_hand(self, today: date) -> int:
        """The calls without time, if they are today's."""
        return self.unplaced if self.day == today.isoformat() else 0


class Purse:
    """The portions of all carriers in one Valkey. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE, retry=Retry(NoBackoff(), 0)
        )
        self._script = self._client.register_script(_SCRIPT)
        self._quiet_until = 0.0

    def take(self, name: str, calls: int, gap: float) -> Held | None:
        """Up to so many calls, `gap` seconds from each other; None where Valkey does not answer."""
        answer = self._run(name, "take", calls, gap * 1e6, 0, "", 0)
        if answer is None:
            return None
        taken, delay, back, day = answer
        return Held(int(taken), int(delay) / 1e6, int(back), day.decode())

    def put(self, name: str, portion: Portion) -> None:
        """Leave a portion for whoever comes next; what cannot be left is lost."""
        starts, ends, day_ends = portion.starts_in * 1e6, portion.ends_in * 1e6, portion.day_ends_in * 1e6
        self._run(name, "put", starts, ends, portion.calls, portion.day.isoformat(), day_ends)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _run(self, name: str, *arguments: float | str) -> list[bytes] | None:
        if stopwatch() < self._quiet_until:
            return None
        try:
            answer: list[bytes] = self._script(keys=[f"doorstep:budget:{name}"], args=arguments)
        except (redis.RedisError, OSError) as error:
            self._quiet_until = stopwatch() + _QUIET_SECONDS
            log.warning("Valkey away; PostgreSQL alone keeps the carriers' budgets", error=type(error).__name__)
            return None
        return answer
