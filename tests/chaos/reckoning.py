"""After the storm: the provider's journal against the database, message by message. What must be zero stands here."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.db import Sessions
from app.demo.providers import Entry
from app.insight.audit import audit
from app.models import Attempt, Crossing, Decision, LedgerKey, Message, Order, Receipt
from app.models.vocabulary import FAILED, PENDING, SENT, WITHHELD, Channel, MessageState, Reason
from app.pipeline.settling.falling_back import falls_back
from tests.chaos.shop import Shop


@dataclass(slots=True)
class Lateness:
    """How far past its time anything stood at any look, in wall seconds on the database's clock: for people to read.

    While workers die faster than they start, the law is not how late but that all of it comes to its end afterwards.
    """

    sending: float = 0.0
    unconfirmed: float = 0.0


_LATE = sa.text("""
    SELECT
        (SELECT extract(epoch FROM max(clock_timestamp() - lease_until)) FROM messages WHERE state = 'sending'),
        (SELECT extract(epoch FROM max(clock_timestamp() - attempts.deadline_at)) - :settle
            FROM messages JOIN attempts ON attempts.id = messages.open_attempt_id WHERE messages.state = 'unconfirmed')
""")


def look_at_lateness(sessions: Sessions, settle: float, worst: Lateness) -> None:
    """Take down the worst that has been seen. `settle` is the stated wait in seconds."""
    with sessions() as session:
        sending, unconfirmed = session.execute(_LATE, {"settle": settle}).one()
    worst.sending = max(worst.sending, float(sending or 0))
    worst.unconfirmed = max(worst.unconfirmed, float(unconfirmed or 0))


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message as the database has it, with its ledger keys, and how often the journal does."""

    public_id: str
    state: str
    reason: str
    taken: int
    resent: bool
    keys: int


@dataclass(slots=True)
class Reckoning:
    """One channel's balance, in ledger keys. The second half must be zero."""

    channel: str
    decided: int = 0
    stood_in: int = 0
    sent: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    ambiguous: int = 0
    ambiguous_taken: int = 0
    pending: int = 0
    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    begun_after_stop: list[str] = field(default_factory=list)

    def broken(self) -> list[str]:
        """The laws that do not hold, each with a few of the messages at fault."""
        zero = {
            "lost": self.lost,
            "sent twice": self.repeated,
            "unexplained": self.unexplained,
            "begun after the order was cancelled or the address suppressed": self.begun_after_stop,
        }
        return [f"{self.channel}: {len(ids)} {what}, as {', '.join(ids[:5])}" for what, ids in zero.items() if ids]


def reckon(sessions: Sessions, journal: Sequence[Entry], shop: Shop, channel: Channel, expected: int) -> Reckoning:
    """Compare what one channel's provider took with what the database says of it. `expected` ledger keys were
    due, beside those of what stands in for others."""
    balance = Reckoning(channel.value)
    with sessions() as session:
        owners = dict(
            session.execute(
                sa.select(Attempt.public_id, Message.public_id)
                .join(Message, Message.id == Attempt.message_id)
                .where(Message.channel == channel)
            ).all()
        )
        balance.decided = session.scalars(
            sa.select(sa.func.count()).select_from(LedgerKey).where(LedgerKey.channel == channel)
        ).one()
        taken = Counter(
            owners.get(entry.attempt_id, f"journal entry {entry.n}")
            for entry in journal
            if entry.channel == channel.value
        )
        balance.stood_in = session.scalars(
            sa.select(sa.func.count())
            .select_from(LedgerKey)
            .join(Message, Message.id == LedgerKey.message_id)
            .where(Message.channel == channel, Message.fallback_of.is_not(None))
        ).one()
        keys = sa.select(sa.func.count()).where(LedgerKey.message_id == Message.id).scalar_subquery()
        resent = sa.exists().where(Attempt.message_id == Message.id, Attempt.resent)
        rows = session.execute(
            sa.select(Message.public_id, Message.state, Message.reason, resent, keys).where(Message.channel == channel)
        ).all()
    known = [
        _Sent(public_id, state, reason, taken.pop(public_id, 0), twice, keys)
        for public_id, state, reason, twice, keys in rows
    ]
    for message in known:
        _count(balance, message)
    balance.unexplained += sorted(taken)  # what is left in the journal belongs to no message of ours
    balance.lost += ["never decided"] * max(0, expected - balance.decided + balance.stood_in)
    balance.begun_after_stop = _begun_after_stop(sessions, shop, channel)
    return balance


def _count(balance: Reckoning, message: _Sent) -> None:
    """Put one message where it belongs: into a column, and among the faults if it is one."""
    if message.taken > 1 and not message.resent:
        balance.repeated.append(message.public_id)
    if message.state in SENT:
        balance.sent += message.keys
        if not message.taken:
            balance.unexplained.append(message.public_id)
    elif message.state in PENDING:
        balance.pending += message.keys
        fault = balance.unexplained if message.taken else balance.lost
        fault.append(f"{message.public_id} ({message.state} past its time)")
    elif message.reason == Reason.ambiguous:
        balance.ambiguous += message.keys
        balance.ambiguous_taken += message.keys if message.taken else 0
    else:
        column = balance.withheld if message.state in WITHHELD else balance.failed
        assert message.state in WITHHELD | FAILED
        column[f"{message.state}: {message.reason}"] += message.keys
        if message.taken:
            balance.unexplained.append(f"{message.public_id} ({message.state}, yet taken)")


def _begun_after_stop(sessions: Sessions, shop: Shop, channel: Channel) -> list[str]:
    """Attempts that began after their order's cancellation or their address's suppression had been committed."""
    address = Order.email if channel is Channel.email else Order.phone
    query = (
        sa.select(Attempt.public_id, Attempt.begun_at, Order.number, address)
        .join(Message, Message.id == Attempt.message_id)
        .join(Order, Order.id == Message.order_id)
        .where(Message.channel == channel)
    )
    found = []
    with sessions() as session:
        for public_id, begun_at, number, where in session.execute(query):
            stops = (shop.cancelled.get(number), shop.suppressed.get((channel, where)))
            if any(stop is not None and begun_at > stop for stop in stops):
                found.append(public_id)
    return found


def broken_laws(sessions: Sessions, balances: Sequence[Reckoning], settle: float) -> list[str]:
    """Everything that does not hold: the balances' and the audit's."""
    with sessions() as session:
        found = audit(session, settle)
    broken = _without_second_try(sessions) + [fault for balance in balances for fault in balance.broken()]
    return broken + [f"audit: {one.law}: {one.count}, as {', '.join(one.examples)}" for one in found.breaches]


def _without_second_try(sessions: Sessions) -> list[str]:
    """Emails of the rule with a fallback that did not reach their shopper, and have neither one text in their place nor
    an answer that says why not; and texts in the place of what may have arrived."""
    instead, answer = aliased(Message), aliased(Decision)
    texts = sa.select(sa.func.count()).where(instead.fallback_of == Message.id).scalar_subquery()
    own = sa.select(Crossing.id).where(Crossing.order_id == Message.order_id, Crossing.milestone == Message.milestone)
    answers = sa.exists().where(
        answer.crossing_id.in_(own), answer.rule == Message.rule, answer.channel == Channel.sms.value
    )
    query = sa.select(Message.public_id, Message.state, Message.reason, texts, answers)
    where = (Message.rule == "trouble", Message.channel == Channel.email.value)
    with sessions() as session:
        rows = session.execute(query.where(*where)).all()
    ended = [(row, falls_back(MessageState(row.state), Reason(row.reason))) for row in rows]
    wrong = [row[0] for row, unreached in ended if row[3] > unreached or (unreached and not row[4])]
    return [f"{len(wrong)} emails with a wrong number of texts in their place, as {wrong[:5]}"] if wrong else []


def keep_evidence(sessions: Sessions, folder: Path) -> None:
    """Write the tables that tell what was believed, one CSV file each."""
    for table in (Message, Attempt, Receipt):
        columns = [column for column in table.__table__.columns if column.name not in ("released", "personal", "body")]
        with sessions() as session, (folder / f"{table.__tablename__}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(column.name for column in columns)
            rows.writerows(session.execute(sa.select(*columns).order_by(table.id)))
