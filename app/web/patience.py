"""How long a caller may take: the server's side of a connection, as uvicorn has it, with an end to each wait.

Uvicorn waits without end for the rest of a request's head, and for an answer to be read. The body's time is the gate's.
"""

import resource
from asyncio import TimerHandle
from heapq import nsmallest
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import Transport

HEAD_SECONDS = 15.0
"""From the connection, or the first byte after an answer, until a request's head is whole."""

STALLED_SECONDS = 60.0
"""In which a caller has to take the next 48 kB of an answer, once that much waits."""

MOST = 4000
"""Connections at once, where the process may open more files than that."""


def most_connections() -> int:
    """How many connections are kept at once: what the process may open, less a quarter for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else min(MOST, files * 3 // 4)


class BoundedProtocol(H11Protocol):
    """One connection. For `uvicorn --http app.web.patience:BoundedProtocol`.

    A whole head that comes at once, as nearly all do, costs one comparison. Where there are too many connections those
    that have waited longest without asking anything make room, so that callers who say nothing keep nobody out.
    """

    head_seconds = HEAD_SECONDS
    stalled_seconds = STALLED_SECONDS
    most = most_connections()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_due: TimerHandle | None = None
        self._taken_due: TimerHandle | None = None

    def connection_made(self, transport: "Transport") -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._end_waiting()
        elif self._head_due is None and before is not None and before.response_complete:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taken_due = self.loop.call_later(self.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taken_due is not None:
            self._taken_due.cancel()
            self._taken_due = None

    @property
    def idle_until(self) -> float | None:
        """When this connection is closed if nothing is asked by then, in the loop's time; None for a busy one."""
        due = self._head_due or self.timeout_keep_alive_task
        return None if due is None or self.transport.is_closing() else due.when()

    def _await_head(self) -> None:
        self._head_due = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _end_waiting(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _make_room(self) -> None:
        """Close a twentieth of all, so that not each newcomer has all others looked at."""
        idle = [(one.idle_until, one) for one in self.connections if isinstance(one, BoundedProtocol)]
        among = [(until, one) for until, one in idle if until is not None]
        for _, one in nsmallest(1 + self.most // 20, among, key=itemgetter(0)):
            one.transport.abort()
