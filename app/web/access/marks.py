"""When keys and hooks were last used: noted in memory, written at most once a minute each, and by another thread."""

from collections.abc import Callable
from datetime import datetime
from threading import Lock, Thread

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.clock import stopwatch, wall_now
from app.db import Sessions
from app.log import logger
from app.models import ApiKey, HookCall

EVERY_SECONDS = 60.0

log = logger(__name__)


class Marks:
    """Takes notes of use. A note costs a look into a dictionary; what is due is written together, in the background.

    `begin` starts the writing, in a thread unless told otherwise.
    """

    def __init__(self, sessions: Sessions, begin: Callable[[Callable[[], None]], None] | None = None) -> None:
        self._sessions = sessions
        self._begin = begin or _in_a_thread
        self._lock = Lock()
        self._written: dict[object, float] = {}
        self._keys: dict[int, datetime] = {}
        self._hooks: dict[str, dict[str, object]] = {}
        self._writing = False

    def key(self, key_id: int) -> None:
        """A key was used just now."""
        if stopwatch() - self._written.get(key_id, -EVERY_SECONDS) >= EVERY_SECONDS:
            self._note(key_id, lambda: self._keys.__setitem__(key_id, wall_now()))

    def hook(self, path: str, refusal: str = "") -> None:
        """A hook was called just now, and the call was taken, or refused for a reason."""
        what = (path, bool(refusal))
        if stopwatch() - self._written.get(what, -EVERY_SECONDS) >= EVERY_SECONDS:
            now = wall_now()
            told = {"refused_at": now, "refusal": refusal[:200]} if refusal else {"taken_at": now}
            self._note(what, lambda: self._hooks.setdefault(path, {}).update(told))

    def write(self) -> None:
        """Write what is noted. A database that is away loses the notes, and no call."""
        with self._lock:
            keys, self._keys = self._keys, {}
            hooks, self._hooks = self._hooks, {}
            self._writing = False
        if not keys and not hooks:
            return
        try:
            with self._sessions.begin() as session:
                _write_keys(session, keys)
                for path in sorted(hooks):
                    row = {"path": path, **hooks[path]}
                    session.execute(insert(HookCall).values(row).on_conflict_do_update(
                        index_elements=["path"], set_=hooks[path]))  # fmt: skip
        except SQLAlchemyError as error:
            log.warning("when keys and hooks were used could not be written", error=type(error).__name__)

    def _note(self, what: object, note: Callable[[], None]) -> None:
        with self._lock:
            self._written[what] = stopwatch()
            note()
            start, self._writing = not self._writing, True
        if start:
            self._begin(self.write)


def _write_keys(session: Session, keys: dict[int, datetime]) -> None:
    if keys:
        ids, instants = zip(*sorted(keys.items()), strict=True)
        used = sa.select(
            sa.func.unnest(sa.cast(list(ids), sa.ARRAY(sa.BigInteger))).label("id"),
            sa.func.unnest(sa.cast(list(instants), sa.ARRAY(sa.DateTime(timezone=True)))).label("at"),
        ).subquery()
        session.execute(sa.update(ApiKey).where(ApiKey.id == used.c.id).values(last_used_at=used.c.at))


def _in_a_thread(work: Callable[[], None]) -> None:
    Thread(target=work, name="marks", daemon=True).start()
