"""The law of conservation and the other invariants, checked over the live database in one snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.decisions import TemplateVersion, digest_of
from app.models.pauses import with_pauses
from app.models.vocabulary import FAILED, PENDING, SENT, WITHHELD, MessageState


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken invariant: how many rows break it, and a few of their ids."""

    law: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of the pending messages a pause holds; one that two hold is counted with both."""

    scope: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What was counted, in ledger keys, and what is broken. `decided` is the sum of the four, or a breach says why."""

    decided: int
    sent: int
    withheld: int
    failed: int
    pending: int
    states: Mapping[str, int]
    breaches: tuple[Breach, ...] = field(default=())
    paused: tuple[Waiting, ...] = field(default=())

    @property
    def whole(self) -> bool:
        """Whether nothing is broken."""
        return not self.breaches


_DECISIONS_LAW = "every decision that fired has its message"

# Each query selects the outside ids of what breaks the law that it stands under.
_LAWS: dict[str, str] = {
    "every message stands for at least one ledger key": """
        SELECT messages.public_id FROM messages
        WHERE NOT EXISTS (SELECT 1 FROM ledger_keys WHERE ledger_keys.message_id = messages.id)
    """,
    _DECISIONS_LAW: """
        SELECT 'decision ' || decisions.id FROM decisions JOIN crossings ON crossings.id = decisions.crossing_id
        WHERE decisions.fired AND CASE WHEN decisions.reason = 'merged' THEN NOT EXISTS (
            SELECT 1 FROM ledger_keys JOIN messages ON messages.id = ledger_keys.message_id
            WHERE ledger_keys.scope = crossings.scope AND ledger_keys.scope_id = crossings.scope_id
                AND ledger_keys.milestone = crossings.milestone AND ledger_keys.occurrence = crossings.occurrence
                AND ledger_keys.channel = decisions.channel AND ledger_keys.recipient_id = decisions.recipient_id
                AND messages.order_id = crossings.order_id AND messages.rule = decisions.rule)
        ELSE NOT EXISTS (
            SELECT 1 FROM messages WHERE messages.shipment_id = crossings.shipment_id
                AND messages.crossing_id = decisions.crossing_id
                AND messages.rule = decisions.rule AND messages.channel = decisions.channel
                AND messages.recipient_id = decisions.recipient_id) END
    """,
    "every message has the decision that planned it": """
        SELECT messages.public_id FROM messages
        WHERE NOT EXISTS (
            SELECT 1 FROM decisions WHERE messages.crossing_id = decisions.crossing_id
                AND messages.rule = decisions.rule AND messages.channel = decisions.channel
                AND messages.recipient_id = decisions.recipient_id AND decisions.fired)
    """,
    "a message tells of one milestone of one order": """
        SELECT messages.public_id FROM messages JOIN ledger_keys ON ledger_keys.message_id = messages.id
        WHERE ledger_keys.milestone <> messages.milestone OR messages.order_id <> CASE ledger_keys.scope
            WHEN 'order' THEN ledger_keys.scope_id
            ELSE (SELECT order_id FROM shipments WHERE shipments.id = ledger_keys.scope_id) END
    """,
    "a reason stands on everything that was not sent": """
        SELECT public_id FROM messages
        WHERE state IN ('suppressed', 'superseded', 'expired', 'cancelled', 'failed')
            AND reason IN ('planned', 'accepted', 'confirmed_by_receipt', 'retrying', 'paced', 'no_answer')
    """,
    "everything that was sent has an attempt that was accepted": """
        SELECT public_id FROM messages
        WHERE state IN ('accepted', 'delivered', 'bounced') AND NOT EXISTS (
            SELECT 1 FROM attempts WHERE attempts.message_id = messages.id AND attempts.outcome = 'accepted')
    """,
    "no message was accepted twice": """
        SELECT messages.public_id FROM messages JOIN attempts ON attempts.message_id = messages.id
        WHERE attempts.outcome = 'accepted' GROUP BY messages.public_id
        -- one that was sent again without knowing, as its rule asks, may turn out to have been taken at once; and a
        -- person's wish may make one more of it
        HAVING count(*) FILTER (WHERE NOT attempts.resent) > 1 + (
            SELECT count(*) FROM resends WHERE resends.message_id = min(messages.id))
    """,
    "at most one attempt of a message is open": """
        SELECT messages.public_id FROM messages JOIN attempts ON attempts.message_id = messages.id
        WHERE attempts.settled_at IS NULL GROUP BY messages.public_id HAVING count(*) > 1
    """,
    "an open attempt belongs to a message that waits for it": """
        SELECT messages.public_id FROM messages JOIN attempts ON attempts.message_id = messages.id
        WHERE attempts.settled_at IS NULL
            AND NOT (messages.open_attempt_id IS NOT DISTINCT FROM attempts.id
                AND messages.state IN ('sending', 'unconfirmed', 'failed'))
    """,
    "a message has the words that it was last moved to": """
        SELECT messages.public_id FROM messages JOIN template_moves AS move ON move.message_id = messages.id
        WHERE move.to_version_id IS DISTINCT FROM messages.template_version_id AND NOT EXISTS (
            SELECT 1 FROM template_moves AS later WHERE later.message_id = messages.id AND later.id > move.id)
    """,
    "a brand goes by its last publication of templates": """
        SELECT brands.key FROM brands WHERE brands.template_edition <> coalesce(
            (SELECT max(number) FROM template_publications WHERE template_publications.brand_id = brands.id), 0)
    """,
    "a published text is what its digest names": """
        SELECT encode(digest, 'hex') FROM template_texts WHERE digest <> sha256(content)
    """,
    "the installation has its salt, without which no suppression is found": """
        SELECT 'salt' WHERE NOT EXISTS (SELECT 1 FROM installation)
    """,
    "no message of an erased shopper is about to leave": """
        SELECT messages.public_id FROM orders JOIN messages ON messages.order_id = orders.id
        WHERE orders.erased_at IS NOT NULL AND messages.state = 'held'
    """,
    "nothing is being sent past its lease": """
        SELECT public_id FROM messages
        WHERE state = 'sending' AND lease_until < clock_timestamp() - interval '60 seconds'
    """,
    "nothing stays unconfirmed past its stated wait": """
        SELECT messages.public_id FROM messages JOIN attempts ON attempts.id = messages.open_attempt_id
        WHERE messages.state = 'unconfirmed'
            AND attempts.deadline_at < clock_timestamp() - make_interval(secs => :settle + 60)
    """,
}


_PINNED_LAW = "a template that a message is pinned to is what its digest says"

_BY_INDEX = frozenset({"nothing is being sent past its lease", "nothing stays unconfirmed past its stated wait"})
"""Laws that read only what is under way, however much there is besides."""

# In front of a law's query these stand for the tables of the same name: the same law, over a stretch of them.
_TOUCHED = """
    WITH messages AS (
        SELECT * FROM messages WHERE id IN (
            SELECT id FROM messages WHERE id > :messages_after AND id <= :messages_upto
            UNION SELECT message_id FROM attempts WHERE id > :attempts_after AND id <= :attempts_upto)
    )
"""
_DECIDED = """
    WITH decisions AS (SELECT * FROM decisions WHERE id > :decisions_after AND id <= :decisions_upto)
"""

STRETCHES = ("messages", "attempts", "decisions")
"""The tables whose rows the audit of what is new goes through, by id."""


def newest(session: Session) -> dict[str, int]:
    """The highest id of each of them, 0 where there is none."""
    return {
        table: session.scalar(sa.text(f"SELECT coalesce(max(id), 0) FROM {table}")) or 0  # noqa: S608 - one of STRETCHES
        for table in STRETCHES
    }


def audit_recent(
    session: Session, settle_seconds: float, after: Mapping[str, int], upto: Mapping[str, int]
) -> list[Breach]:
    """The same laws over what was written in a stretch of ids, in one snapshot: it costs what the stretch costs.

    What an old message comes to through a late report is left to the whole `audit`.
    """
    stretch = {f"{table}_after": after.get(table, 0) for table in STRETCHES}
    stretch |= {f"{table}_upto": upto.get(table, 0) for table in STRETCHES}
    found = (_check(session, law, query, settle_seconds, stretch) for law, query in _LAWS.items())
    return [breach for breach in found if breach]


def audit(session: Session, settle_seconds: float) -> Audit:
    """Count and check everything in one REPEATABLE READ snapshot. `session` must be fresh; it only reads.

    `settle_seconds` is how long a message may stay unconfirmed, as the settings say.
    """
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(sa.text("SET TRANSACTION READ ONLY"))
    states = {
        MessageState(state): count
        for state, count in session.execute(
            sa.text(
                "SELECT messages.state, count(*) FROM ledger_keys JOIN messages ON messages.id = ledger_keys.message_id"
                " GROUP BY messages.state"
            )
        )
    }
    decided = session.scalars(sa.text("SELECT count(*) FROM ledger_keys")).one()
    groups = [sum(states.get(state, 0) for state in group) for group in (SENT, WITHHELD, FAILED, PENDING)]
    counts = session.execute(
        _ALL_AT_ONCE, {"settle": settle_seconds}
    ).one()  # nearly always zeros: one question for all
    broken = [law for law, count in zip(_LAWS, counts, strict=True) if count]
    breaches = [breach for law in broken if (breach := _check(session, law, _LAWS[law], settle_seconds))]
    breaches += _altered(session)
    if decided != sum(groups):
        breaches.insert(0, Breach(f"decided {decided} = sent + withheld + failed + pending {sum(groups)}", 1, ()))
    sent, withheld, failed, pending = groups
    return Audit(
        decided,
        sent,
        withheld,
        failed,
        pending,
        {state.value: count for state, count in states.items()},
        tuple(breaches),
        tuple(Waiting(row.scope, row.why, row.amount) for row in session.execute(_PAUSED)),
    )


def _altered(session: Session) -> list[Breach]:
    """The versions whose content is not what they are named by. The database cannot write the JSON that was hashed."""
    query = sa.select(TemplateVersion.id, TemplateVersion.digest, TemplateVersion.parts).order_by(TemplateVersion.id)
    rows = session.execute(query.execution_options(yield_per=100))
    ids = [f"template version {row.id}" for row in rows if bytes(row.digest) != digest_of(row.parts)]
    return [Breach(_PINNED_LAW, len(ids), tuple(ids[:5]))] if ids else []


_PAUSED = with_pauses("""
    SELECT concat_ws(':', pauses.kind, nullif(pauses.name, '')) AS scope, pauses.why, count(*) AS amount
    FROM messages JOIN pauses ON {holds} WHERE messages.state IN ('held', 'ready')
    GROUP BY pauses.id ORDER BY pauses.id
""")


def _check(
    session: Session, law: str, query: str, settle_seconds: float, stretch: Mapping[str, int] | None = None
) -> Breach | None:
    values: dict[str, float] = {"settle": settle_seconds} if ":settle" in query else {}
    rows = ""
    if stretch is not None and law not in _BY_INDEX:
        rows = _DECIDED if law == _DECISIONS_LAW else _TOUCHED
        values |= {name: bound for name, bound in stretch.items() if f":{name}" in rows}
    count = session.scalars(sa.text(_counting(query, rows)), values).one()
    if not count:
        return None
    examples = session.scalars(sa.text(f"{rows} {query} LIMIT 5"), values).all()
    return Breach(law, count, tuple(str(example) for example in examples))


def _counting(query: str, rows: str = "") -> str:
    return f"{rows} SELECT count(*) FROM ({query}) AS broken"  # noqa: S608 - constant text of this module


_ALL_AT_ONCE = sa.text(f"SELECT ({'), ('.join(_counting(query) for query in _LAWS.values())})")
