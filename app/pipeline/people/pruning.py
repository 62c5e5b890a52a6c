"""Takes away what has been kept for long enough, class by class as the settings say, in small transactions.

Nothing is taken that is still needed: parcels that move, messages that wait, calls and reports that are not settled.
Rows are found by index or by a mark that moves along the ids, so that a pass with nothing to do costs a few look-ups.
Two passes at once share the work; one that is killed is taken up by the next.
"""

# ruff: noqa: S608 - every statement is put together from constant text

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import stopwatch
from app.models.keeping import Retention, blank
from app.pipeline.brakes.capping import forget_counts
from app.pipeline.house import House
from app.pipeline.people.wiping import UNDER_WAY, lock_orders, stop_messages, wipe_orders

BATCH = 500
ORDERS_AT_ONCE = 50
ENOUGH_SECONDS = 20.0

_R = Retention


@dataclass(slots=True)
class Pruned:
    """How many rows of each class were taken or emptied, and how many erased orders were looked over once more."""

    rows: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, count: int) -> None:
        """Count some more of one class."""
        if count:
            self.rows[name] = self.rows.get(name, 0) + count


@dataclass(frozen=True, slots=True)
class Age:
    """How old is old: on the engine's clock, and as an interval for what the database dates itself."""

    before: datetime
    days: int
    now: datetime

    def values(self) -> dict[str, object]:
        """As bind parameters."""
        return {"before": self.before, "days": self.days, "amount": BATCH}


# Each takes up to :amount rows that are old enough, oldest first, and gives their ids. A row that somebody holds is
# left for the next pass.
_BY_AGE: dict[str, tuple[Retention, sa.TextClause]] = {
    "carrier_answers": (
        _R.carrier_answers,
        sa.text("""
            WITH mine AS MATERIALIZED (
                SELECT id FROM carrier_answers
                WHERE id = any(SELECT id FROM carrier_answers ORDER BY id LIMIT :amount) AND heard_at < :before
                ORDER BY id FOR UPDATE SKIP LOCKED
            )
            DELETE FROM carrier_answers USING mine WHERE carrier_answers.id = mine.id RETURNING mine.id
        """),
    ),
    "carrier_pushes": (
        _R.carrier_answers,
        sa.text("""
            WITH mine AS MATERIALIZED (
                SELECT id FROM carrier_pushes
                WHERE id = any(SELECT id FROM carrier_pushes ORDER BY id LIMIT :amount) AND taken_at IS NOT NULL
                    AND received_at < now() - make_interval(days => :days)
                ORDER BY id FOR UPDATE SKIP LOCKED
            )
            DELETE FROM carrier_pushes USING mine WHERE carrier_pushes.id = mine.id RETURNING mine.id
        """),
    ),
    "enrolled_numbers": (
        _R.carrier_answers,
        sa.text("""
            WITH mine AS MATERIALIZED (
                SELECT carrier, tracking_number FROM enrolled_numbers WHERE touched_at < :before
                ORDER BY touched_at LIMIT :amount FOR UPDATE SKIP LOCKED
            )
            DELETE FROM enrolled_numbers USING mine
            WHERE enrolled_numbers.carrier = mine.carrier AND enrolled_numbers.tracking_number = mine.tracking_number
            RETURNING mine.carrier
        """),
    ),
    "unknown_codes": (
        _R.carrier_answers,
        sa.text(f"""
            UPDATE unknown_codes SET {blank("unknown_codes")} WHERE id IN (
                SELECT id FROM unknown_codes WHERE example <> ''
                    AND last_seen_at < now() - make_interval(days => :days)
                ORDER BY id LIMIT :amount FOR UPDATE SKIP LOCKED
            ) RETURNING id
        """),
    ),
    "receipt_batches": (
        _R.receipt_batches,
        sa.text("""
            WITH mine AS MATERIALIZED (
                SELECT id FROM receipt_batches
                WHERE id = any(SELECT id FROM receipt_batches WHERE unpacked_at IS NOT NULL ORDER BY id LIMIT :amount)
                    AND received_at < now() - make_interval(days => :days)
                ORDER BY id FOR UPDATE SKIP LOCKED
            )
            DELETE FROM receipt_batches USING mine WHERE receipt_batches.id = mine.id RETURNING mine.id
        """),
    ),
    "inbound_messages": (
        _R.inbound,
        sa.text(f"""
            UPDATE inbound_messages SET {blank("inbound_messages")} WHERE id IN (
                SELECT id FROM inbound_messages
                WHERE received_at < :before AND (sender IS NOT NULL OR body IS NOT NULL)
                ORDER BY received_at LIMIT :amount FOR UPDATE SKIP LOCKED
            ) RETURNING id
        """),
    ),
    "suppressions": (
        _R.suppressions,
        sa.text(f"""
            UPDATE suppressions SET {blank("suppressions")} WHERE id IN (
                SELECT id FROM suppressions
                WHERE created_at < now() - make_interval(days => :days) AND address IS NOT NULL
                ORDER BY created_at LIMIT :amount FOR UPDATE SKIP LOCKED
            ) RETURNING id
        """),
    ),
    "template_tests": (
        _R.messages,
        sa.text(f"""
            UPDATE template_tests SET {blank("template_tests")} WHERE id IN (
                SELECT id FROM template_tests
                WHERE asked_at < now() - make_interval(days => :days) AND address_digest IS NOT NULL
                ORDER BY asked_at LIMIT :amount FOR UPDATE SKIP LOCKED
            ) RETURNING id
        """),
    ),
}

# Rows that are only emptied stay where they are, so a mark remembers how far the ids have been gone through: up to the
# first that is too young. What is old and still needed is passed over, and goes with its order.
_BY_MARK: dict[str, tuple[Retention, str, str, str]] = {
    "receipts": (_R.receipts, "received_at < now() - make_interval(days => :days)", "applied_at IS NOT NULL", ""),
    "messages": (
        _R.messages,
        "planned_at < :before",
        "state NOT IN ('held', 'ready', 'sending', 'unconfirmed')",
        f"WITH asked AS (UPDATE resends SET {blank('resends')} WHERE message_id = any(:ids))"
        f" UPDATE attempts SET {blank('attempts')} WHERE message_id = any(:ids) AND error IS NOT NULL",
    ),
    # After the messages: their snapshots rest on these facts, and must not outlive them.
    "crossings": (
        _R.messages,
        "crossed_at < :before",
        """NOT EXISTS (
            SELECT 1 FROM messages WHERE messages.shipment_id = crossings.shipment_id
                AND messages.crossing_id = crossings.id
                AND (messages.state IN ('held', 'ready', 'sending', 'unconfirmed') OR personal IS NOT NULL)
        )""",
        f"UPDATE decisions SET {blank('decisions')} WHERE crossing_id = any(:ids) AND inputs <> '{{}}'",
    ),
}

_MARK = sa.text("INSERT INTO pruning_marks (retention) VALUES (:name) ON CONFLICT DO NOTHING")
_HOLD_MARK = sa.text("SELECT upto FROM pruning_marks WHERE retention = :name FOR UPDATE SKIP LOCKED")
_MOVE_MARK = sa.text("UPDATE pruning_marks SET upto = :upto WHERE retention = :name")

_ORDERS = sa.text("""
    SELECT id FROM orders
    WHERE erased_at IS NULL AND placed_at < :before AND created_at < now() - make_interval(days => :days)
        AND NOT EXISTS (
            SELECT 1 FROM shipments WHERE shipments.order_id = orders.id AND (
                next_poll_at IS NOT NULL OR watch_at IS NOT NULL
                OR greatest(last_heard_at, milestone_at, delivered_at) >= :before
            )
        )
        AND NOT EXISTS (
            SELECT 1 FROM messages WHERE messages.order_id = orders.id
                AND state IN ('held', 'ready', 'sending', 'unconfirmed')
        )
    ORDER BY placed_at LIMIT :amount FOR NO KEY UPDATE SKIP LOCKED
""")

# Erased, but something of it was under way then: a call, an answer of a carrier, a report.
_ERASING = sa.text("SELECT id FROM orders WHERE erasing AND id > :after ORDER BY id LIMIT :amount")
_SETTLED = sa.text(f"""
    UPDATE orders SET erasing = false
    WHERE id = any(:ids) AND updated_at < now() - interval '5 minutes' AND NOT EXISTS (
        SELECT 1 FROM messages WHERE messages.order_id = orders.id AND {UNDER_WAY}
    )
""")


def prune(house: House, enough: float = ENOUGH_SECONDS) -> Pruned:
    """Take away what is due, for at most `enough` seconds; what is left waits for the next time."""
    done, started, now = Pruned(), stopwatch(), house.clock.now()

    def until_done(name: str, batch: Callable[[Session], int]) -> None:
        while stopwatch() - started < enough:
            with house.sessions.begin() as session:
                count = batch(session)
            done.add(name, count)
            if count == 0:
                break

    _look_over_again(house, done, now)
    ages = _ages(house.retention.model_dump(), now)
    for name, (retention, _) in _BY_AGE.items():
        if age := ages.get(retention):
            until_done(name, partial(_by_age, name=name, age=age))
    for name, (retention, *_) in _BY_MARK.items():
        if age := ages.get(retention):
            until_done(name, partial(_past_mark, name=name, age=age))
    if age := ages.get(_R.orders):
        until_done("orders", partial(_old_orders, age=age))
    until_done("daily_counts", partial(forget_counts, now=now, amount=BATCH))
    return done


def _ages(days: Mapping[str, int], now: datetime) -> dict[Retention, Age]:
    """What counts as old, for each class that does not stay for ever."""
    return {
        retention: Age(now - timedelta(days=days[retention]), days[retention], now)
        for retention in Retention
        if days[retention]
    }


def _named(statement: sa.TextClause, values: Mapping[str, object]) -> dict[str, object]:
    return {name: values[name] for name in statement.compile().params}


def _by_age(session: Session, name: str, age: Age) -> int:
    _, statement = _BY_AGE[name]
    return len(session.execute(statement, _named(statement, age.values())).all())


def _past_mark(session: Session, name: str, age: Age) -> int:
    """Empty the next rows of a table that are old enough, and move its mark past them; how many it moved."""
    _, old, unneeded, also = _BY_MARK[name]
    session.execute(_MARK, {"name": name})
    upto = session.scalars(_HOLD_MARK, {"name": name}).one_or_none()
    if upto is None:  # another pass is at it
        return 0
    ahead = sa.text(
        f"SELECT id, {old} AS old, {unneeded} AS free FROM {name} WHERE id > :upto ORDER BY id LIMIT :amount"
    )
    ids: list[int] = []
    free: list[int] = []
    for row in session.execute(ahead, _named(ahead, {**age.values(), "upto": upto})):
        if not row.old:
            break
        ids.append(row.id)
        if row.free:
            free.append(row.id)
    if not ids:
        return 0
    # Messages are settled by others and waited for; what else is held here is being emptied by an erasure.
    patience = "" if name == "messages" else "SKIP LOCKED"
    rows = f"SELECT id FROM {name} WHERE id = any(:ids) AND {unneeded} ORDER BY id FOR NO KEY UPDATE {patience}"
    session.execute(
        sa.text(
            f"WITH mine AS MATERIALIZED ({rows}) UPDATE {name} SET {blank(name)} FROM mine WHERE {name}.id = mine.id"
        ),
        {"ids": free},
    )
    if also:
        session.execute(sa.text(also), {"ids": free})
    session.execute(_MOVE_MARK, {"name": name, "upto": ids[-1]})
    return len(ids)


def _old_orders(session: Session, age: Age) -> int:
    ids = session.scalars(_ORDERS, age.values() | {"amount": ORDERS_AT_ONCE}).all()
    if ids:
        lock_orders(session, ids)
        wipe_orders(session, ids, age.now, again=False)
    return len(ids)


def _look_over_again(house: House, done: Pruned, now: datetime) -> None:
    """Go once through the orders that were erased while something of them was under way."""
    after = 0
    while True:
        with house.sessions.begin() as session:
            ids = list(session.scalars(_ERASING, {"after": after, "amount": ORDERS_AT_ONCE}))
            if not ids:
                return
            lock_orders(session, ids)
            stop_messages(session, ids, now)
            wipe_orders(session, ids, now, again=True)
            session.execute(_SETTLED, {"ids": ids})
        done.add("erased orders", len(ids))
        after = ids[-1]
