"""Daily caps: how many messages one shopper gets, and one rule plans, in a day; counted as they are planned.

Each count is a row that is looked up by its key, so it costs the same whatever was planned before. A shopper's is
locked while it is judged, and so exact. A rule's is the sum of some rows, so that workers that plan at once do not
wait for each other; only as the cap comes near do they take turns.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.addresses import SALTED, address_digest
from app.models.vocabulary import Channel, Reason
from app.pipeline.brakes.given_back import given_back
from app.zones import zone

NEAR = 5000
"""So few messages below a rule's cap, workers take turns: more than all of them can plan at once without seeing each
other (ten batches of the largest kind), so that the cap holds exactly."""

KEPT_DAYS = 2
"""Days are UTC's or a shopper's own, so one is over everywhere only after the next."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that a rule would plan. `shopper` is the digest that it counts for, None for nobody's, and `order_id`
    an order of theirs; a cap of None is none. `at` is engine time, `zone` the shopper's. `later` are
    the rules, with their caps, that may tell it where this one's cap does not let it."""

    index: int
    brand_id: int
    rule: str
    rule_cap: int | None
    shopper: bytes | None
    order_id: int
    shopper_cap: int | None
    urgent: bool
    at: datetime
    zone: str
    later: tuple[tuple[str, int], ...] = ()

    @property
    def of_rule(self) -> "_Count":
        """Which count of its rule it adds to: a day is UTC's, the same for all who share the rule."""
        return self._of(self.rule)

    @property
    def of_later(self) -> dict["_Count", int]:
        """The counts and caps of the rules that may tell it instead."""
        return {self._of(rule): cap for rule, cap in self.later}

    def _of(self, rule: str) -> "_Count":
        return self.brand_id, self.at.astimezone(UTC).date(), rule

    @property
    def of_shopper(self) -> "_Count":
        """Which count of its shopper it adds to, on the day that it is where they live."""
        key = self.shopper.hex() if self.shopper else ""
        return self.brand_id, self.at.astimezone(zone(self.zone)).date(), key


_Count = tuple[int, date, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is not planned."""

    reason: Reason
    detail: str


@dataclass(slots=True)
class Capped:
    """Which of the wanted are refused, by index, and the others, which count once they are written."""

    refused: dict[int, Refusal] = field(default_factory=dict)
    admitted: list[Wanted] = field(default_factory=list)


def shopper_digest(order: Any) -> bytes | None:
    """By what one shopper's messages are counted over orders and channels: the email address, else the number."""
    if order.email:
        return address_digest(Channel.email, order.email)
    return address_digest(Channel.sms, order.phone) if order.phone else None


def within_caps(session: Session, wanted: Sequence[Wanted]) -> Capped:
    """Judge what a batch would plan, in its order, in the caller's transaction. Nothing is counted yet.

    What is urgent is not held back by its shopper's cap, but counts; nothing passes its rule's.
    """
    capped = Capped()
    rules = _rule_counts(session, [one for one in wanted if one.rule_cap is not None])
    shoppers = _shopper_counts(session, [one for one in wanted if _for_shopper(one)])
    shoppers -= _given_back(session, wanted, shoppers)
    for one in wanted:
        refusal = _refusal(one, rules, shoppers)
        if refusal is not None:
            capped.refused[one.index] = refusal
            continue
        capped.admitted.append(one)
        if one.rule_cap is not None:
            rules[one.of_rule] += 1
        if _for_shopper(one):
            shoppers[one.of_shopper] += 1
    _count_refused(session, [one for one in wanted if _by_rule(capped.refused.get(one.index))])
    return capped


def _given_back(session: Session, wanted: Sequence[Wanted], shoppers: Mapping[_Count, int]) -> Counter[_Count]:
    """What told its shopper nothing, of those who may come to their cap now: nobody else's is looked up."""
    asked = Counter(one.of_shopper for one in wanted if _for_shopper(one))
    close = {
        one.of_shopper: (one.order_id, one.zone)
        for one in wanted
        if _for_shopper(one) and shoppers[one.of_shopper] + asked[one.of_shopper] > (one.shopper_cap or 0)
    }
    return given_back(session, close)


def _for_shopper(one: Wanted) -> bool:
    return one.shopper is not None and one.shopper_cap is not None


def _by_rule(refusal: Refusal | None) -> bool:
    return refusal is not None and refusal.reason is Reason.rule_cap


def _refusal(one: Wanted, rules: Mapping[_Count, int], shoppers: Mapping[_Count, int]) -> Refusal | None:
    if one.rule_cap is not None and rules[one.of_rule] >= one.rule_cap:
        return Refusal(Reason.rule_cap, f"{one.rule_cap:,} a day")
    if _for_shopper(one) and not one.urgent and shoppers[one.of_shopper] >= (one.shopper_cap or 0):
        return Refusal(Reason.shopper_cap, f"{one.shopper_cap} a day")
    return None


_READ_RULES = sa.text("""
    SELECT counted.brand_id, counted.day, counted.key, sum(counted.planned) AS planned
    FROM unnest(cast(:brands AS bigint[]), cast(:days AS date[]), cast(:keys AS text[])) AS asked (brand_id, day, key)
    JOIN daily_counts AS counted USING (brand_id, day, key)
    WHERE counted.kind = 'rule' GROUP BY counted.brand_id, counted.day, counted.key
""")
# Taken in one order, and before any count of a shopper.
_TAKE_TURNS = sa.text("""
    SELECT pg_advisory_xact_lock(hashtextextended(asked.turn, 0))
    FROM (SELECT unnest(cast(:turns AS text[])) AS turn ORDER BY 1) AS asked
""")


def _rule_counts(session: Session, wanted: Sequence[Wanted]) -> Counter[_Count]:
    """What has been planned of each rule on its day; of those near their cap, once it is our turn. The turns of those
    that may tell instead are taken with theirs, for afterwards it would be out of order."""
    asked = Counter(one.of_rule for one in wanted)
    if not asked:
        return Counter()
    asked.update(count for one in wanted for count in one.of_later)
    found = _read_rules(session, asked)
    caps = {one.of_rule: one.rule_cap or 0 for one in wanted}
    for one in wanted:
        caps |= one.of_later
    near = sorted(count for count in asked if found[count] + asked[count] + NEAR > caps[count])
    if near:
        turns = [f"rule cap {brand_id} {day} {key}" for brand_id, day, key in near]
        session.execute(_TAKE_TURNS, {"turns": turns}).all()
        found.update(dict.fromkeys(near, 0))
        found |= _read_rules(session, near)
    return found


def _read_rules(session: Session, asked: Collection[_Count]) -> Counter[_Count]:
    rows = session.execute(_READ_RULES, _columns(sorted(asked)))
    return Counter({(row.brand_id, row.day, row.key): int(row.planned) for row in rows})


def _salting(text: str) -> sa.TextClause:
    """A statement in whose text `{salted}` stands for the stored form of `asked.key`, the hex of a shopper's digest."""
    digest = SALTED.replace("{digest}", "decode(asked.key, 'hex')")
    return sa.text(text.replace("{salted}", f"encode({digest}, 'hex')"))


# Each row is there from here on, and nobody else's until we commit; what it holds is read in the same breath.
_LOCK_SHOPPERS = _salting("""
    WITH asked AS MATERIALIZED (
        SELECT brand_id, day, key, {salted} AS salted
        FROM unnest(cast(:brands AS bigint[]), cast(:days AS date[]), cast(:keys AS text[]))
            AS asked (brand_id, day, key)
    ), locked AS (
        INSERT INTO daily_counts AS counted (brand_id, day, kind, key, slot, planned)
        SELECT brand_id, day, 'shopper', salted, 0, 0 FROM asked ORDER BY brand_id, day, salted
        ON CONFLICT (brand_id, day, kind, key, slot) DO UPDATE SET planned = counted.planned
        RETURNING brand_id, day, key AS salted, planned
    )
    SELECT asked.brand_id, asked.day, asked.key, locked.planned
    FROM locked JOIN asked USING (brand_id, day, salted)
""")
_ADD_SHOPPERS = _salting("""
    UPDATE daily_counts SET planned = daily_counts.planned + asked.amount
    FROM unnest(cast(:brands AS bigint[]), cast(:days AS date[]), cast(:keys AS text[]), cast(:amounts AS int[]))
        AS asked (brand_id, day, key, amount)
    WHERE daily_counts.brand_id = asked.brand_id AND daily_counts.day = asked.day AND daily_counts.kind = 'shopper'
        AND daily_counts.key = {salted} AND daily_counts.slot = 0
""")
# The slot is the connection's: two workers that plan for one rule at once write different rows.
_ADD_RULES = sa.text("""
    INSERT INTO daily_counts AS counted (brand_id, day, kind, key, slot, planned)
    SELECT brand_id, day, :kind, key, pg_backend_pid() % 16, amount
    FROM unnest(cast(:brands AS bigint[]), cast(:days AS date[]), cast(:keys AS text[]), cast(:amounts AS int[]))
        AS asked (brand_id, day, key, amount)
    ORDER BY brand_id, day, key
    ON CONFLICT (brand_id, day, kind, key, slot) DO UPDATE SET planned = counted.planned + excluded.planned
""")


def _shopper_counts(session: Session, wanted: Sequence[Wanted]) -> Counter[_Count]:
    """What each shopper has been given on their day; the counts are ours until the caller commits."""
    asked = sorted({one.of_shopper for one in wanted})
    if not asked:
        return Counter()
    rows = session.execute(_LOCK_SHOPPERS, _columns(asked))
    return Counter({(row.brand_id, row.day, row.key): row.planned for row in rows})


def count_capped(session: Session, capped: Capped, written: Collection[int]) -> None:
    """Count those of the admitted that were written, in the transaction that writes them."""
    kept = [one for one in capped.admitted if one.index in written]
    _add(session, _ADD_SHOPPERS, Counter(one.of_shopper for one in kept if _for_shopper(one)))
    _add(session, _ADD_RULES, Counter(one.of_rule for one in kept if one.rule_cap is not None), kind="rule")


def _count_refused(session: Session, refused: Sequence[Wanted]) -> None:
    """Count what a rule's cap held back, which an alarm tells of."""
    _add(session, _ADD_RULES, Counter(one.of_rule for one in refused), kind="refused")


def _add(session: Session, statement: sa.TextClause, amounts: Counter[_Count], **given: str) -> None:
    if amounts:
        counts = sorted(amounts)
        added = [amounts[count] for count in counts]
        session.execute(statement, {**_columns(counts), "amounts": added, **given})


def _columns(counts: Sequence[_Count]) -> dict[str, list[Any]]:
    brands, days, keys = zip(*counts, strict=True)
    return {"brands": list(brands), "days": list(days), "keys": list(keys)}


_FORGET = sa.text("""
    DELETE FROM daily_counts WHERE ctid = any(array(
        SELECT counted.ctid FROM brands JOIN daily_counts AS counted ON counted.brand_id = brands.id
        WHERE counted.day < cast(:before AS date) ORDER BY counted.brand_id, counted.day LIMIT :amount
        FOR UPDATE OF counted SKIP LOCKED))
""")
_FORGET_SHOPPERS = _salting("""
    DELETE FROM daily_counts USING unnest(cast(:keys AS text[])) AS asked (key)
    WHERE daily_counts.brand_id = any(:brand_ids) AND daily_counts.kind = 'shopper' AND daily_counts.key = {salted}
""")


def forget_counts(session: Session, now: datetime, amount: int) -> int:
    """Drop counts of days that are over everywhere, some at a time; how many."""
    before = now.astimezone(UTC).date() - timedelta(days=KEPT_DAYS)
    return _rows(session.execute(_FORGET, {"before": before, "amount": amount}))


def forget_shopper(session: Session, brand_ids: Sequence[int], digests: Collection[bytes]) -> int:
    """Drop what was counted for these addresses; how many counts."""
    values = {"brand_ids": list(brand_ids), "keys": sorted(digest.hex() for digest in digests)}
    return _rows(session.execute(_FORGET_SHOPPERS, values))


def _rows(result: Any) -> int:
    return int(result.rowcount)
