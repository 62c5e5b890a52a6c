"""Back-tests that run on their own: a thread works on each, and its row says how far it is, for whoever looks.

A process that dies leaves a row that nobody writes to any more; whoever starts the next one ends it.
"""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, defer

from app.clock import stopwatch
from app.errors import Conflict
from app.log import logger, mask
from app.models import BacktestState, RuleBacktest, public_id
from app.pipeline.house import House
from app.rehearsal.backtest import Backtest, Passed, steps
from app.rules.ruleset import RuleSet

log = logger(__name__)

LONGEST_SECONDS = 1800.0
"""How long one may be worked on."""
SILENT = sa.text("interval '90 seconds'")
"""How long a row is not written to until its process counts as dead: a page of orders takes a second or two."""
MOST_AT_ONCE = 3
"""Back-tests of all brands that run at one time: each holds a snapshot of the database open."""
KEPT = 20
"""How many of a brand are kept."""
EVERY_SECONDS = 0.5


def start(session: Session, brand_id: int, rules: RuleSet, days: int, by: str) -> RuleBacktest:
    """Write down that a back-test is wanted, in the caller's transaction; `work_on` it once that is committed.

    Raises Conflict where the brand's last one still runs, or too many of others do.
    """
    _end_the_dead(session)
    running = session.scalar(sa.select(sa.func.count()).where(RuleBacktest.state == BacktestState.running)) or 0
    if running >= MOST_AT_ONCE:
        raise Conflict(f"{running} back-tests of other brands are under way. Wait until one has ended.")
    row = {
        "public_id": public_id("bkt"),
        "brand_id": brand_id,
        "started_by": by,
        "content": rules.content,
        "days": days,
    }
    made = session.scalar(insert(RuleBacktest).values(row).on_conflict_do_nothing().returning(RuleBacktest.id))
    if made is None:
        raise Conflict("A back-test of this brand is under way. Wait until it has ended, or stop it.")
    newest = sa.select(RuleBacktest.id).where(RuleBacktest.brand_id == brand_id).order_by(RuleBacktest.id.desc())
    session.execute(
        sa.delete(RuleBacktest).where(
            RuleBacktest.brand_id == brand_id, RuleBacktest.id.not_in(newest.limit(KEPT).scalar_subquery())
        )
    )
    return session.get_one(RuleBacktest, made)


def _end_the_dead(session: Session) -> None:
    dead = sa.update(RuleBacktest).where(
        RuleBacktest.state == BacktestState.running, RuleBacktest.seen_at < sa.func.now() - SILENT
    )
    said = "The process that worked on it ended. Start it again."
    session.execute(dead.values(state=BacktestState.failed, problem=said, ended_at=sa.func.now()))


def stop(session: Session, brand_id: int, public: str) -> bool:
    """End one that runs, in the caller's transaction; whether it did. Its thread notices within a page of orders."""
    ended = (
        sa.update(RuleBacktest)
        .where(
            RuleBacktest.public_id == public,
            RuleBacktest.brand_id == brand_id,
            RuleBacktest.state == BacktestState.running,
        )
        .values(state=BacktestState.stopped, ended_at=sa.func.now())
        .returning(RuleBacktest.id)
    )
    return session.scalar(ended) is not None


def work_on(house: House, row_id: int, brand_id: int, rules: RuleSet, days: int) -> threading.Thread:
    """Begin the work in a thread of its own, which ends with the process."""
    run = _Run(house, row_id)
    made = threading.Thread(target=run.work, args=(brand_id, rules, days), name=f"backtest {row_id}", daemon=True)
    made.start()
    return made


@dataclass
class _Run:
    """One back-test under way; `told` is when its row was written last, by the stopwatch."""

    house: House
    row_id: int
    told: float = 0.0
    began: float = field(default_factory=stopwatch)

    def work(self, brand_id: int, rules: RuleSet, days: int) -> None:
        """Go through it to its end, or until it is stopped, takes too long or fails."""
        problem = "It failed for a reason of our own; the log of the web process says which."
        try:
            problem = self._through(brand_id, rules, days)
        except OperationalError as error:
            log.warning("back-test given up", error=mask(str(error.orig).splitlines()[0]) if error.orig else "")
            problem = "The database gave up or is away. Look back less far, or start it again in a minute."
        finally:
            if problem:
                self._write(state=BacktestState.failed, problem=problem, ended_at=sa.func.now())

    def _through(self, brand_id: int, rules: RuleSet, days: int) -> str:
        """What stood in its way; nothing where it came to its end or was stopped."""
        found = steps(self.house, brand_id, rules, timedelta(days=days))
        for step in found:
            if isinstance(step, Backtest):
                self._write(state=BacktestState.done, result=step.model_dump(mode="json"), ended_at=sa.func.now())
                return ""
            if stopwatch() - self.began > LONGEST_SECONDS:
                return f"It took longer than {LONGEST_SECONDS / 60:.0f} minutes. Look back less far."
            if isinstance(step, Passed) and not self._passed(step):
                return ""
        return ""

    def _passed(self, step: Passed) -> bool:
        """Tell how far it is, now and then; whether it is wanted still."""
        if self.told and stopwatch() - self.told < EVERY_SECONDS:
            return True
        self.told = stopwatch()
        return self._write(done=step.done, total=step.total)

    def _write(self, **values: Any) -> bool:
        """Write to its row, as long as it runs; whether it does."""
        writing = sa.update(RuleBacktest).where(
            RuleBacktest.id == self.row_id, RuleBacktest.state == BacktestState.running
        )
        with self.house.sessions.begin() as session:
            written = session.scalar(writing.values(seen_at=sa.func.now(), **values).returning(RuleBacktest.id))
        return written is not None


def found(session: Session, brand_id: int, public: str) -> RuleBacktest | None:
    """One of a brand's back-tests, by its outside id."""
    query = sa.select(RuleBacktest).where(RuleBacktest.brand_id == brand_id, RuleBacktest.public_id == public)
    return session.scalars(query).one_or_none()


def latest(session: Session, brand_id: int) -> list[RuleBacktest]:
    """A brand's back-tests that are kept, newest first, without what they came to."""
    query = sa.select(RuleBacktest).where(RuleBacktest.brand_id == brand_id).order_by(RuleBacktest.id.desc())
    return list(session.scalars(query.options(defer(RuleBacktest.result), defer(RuleBacktest.content))))
