"""Claims what is due, under a lease: the urgent first, brands alike, and what a pause holds put aside on the way."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.models.pauses import with_pauses
from app.models.vocabulary import Channel
from app.pipeline.house import House
from app.rules.ruleset import Priority

# What comes up while a pause stands is marked with it instead of being claimed: once, and no claim comes across it
# again. The pauses are locked meanwhile, so that nothing is put aside under one that is just being lifted.
_DUE = with_pauses("""
    WITH standing AS MATERIALIZED (
        SELECT * FROM pauses WHERE lifted_at IS NULL FOR SHARE
    ), waiting AS MATERIALIZED (
        SELECT brands.id FROM brands CROSS JOIN LATERAL (
            SELECT 1 FROM messages
            WHERE channel = :channel AND brand_id = brands.id AND priority = :priority
                AND state IN ('held', 'ready') AND pause_id IS NULL AND send_at <= :now
            LIMIT 1
        ) AS due
    ), due AS MATERIALIZED (
        SELECT picked.id, picked.paused
        FROM (SELECT id FROM waiting ORDER BY random()) AS brands
        CROSS JOIN LATERAL (
            SELECT id, (SELECT pauses.id FROM standing AS pauses WHERE {holds} ORDER BY 1 LIMIT 1) AS paused
            FROM messages
            WHERE channel = :channel AND brand_id = brands.id AND priority = :priority
                AND state IN ('held', 'ready') AND pause_id IS NULL AND send_at <= :now
            ORDER BY send_at DESC
            LIMIT (SELECT (:amount + count(*) - 1) / greatest(count(*), 1) FROM waiting)
            FOR UPDATE SKIP LOCKED
        ) AS picked
        LIMIT :amount
    )
    UPDATE messages
    SET pause_id = due.paused,
        state = CASE WHEN due.paused IS NULL THEN 'sending' ELSE state END,
        lease_token = CASE WHEN due.paused IS NULL THEN :token END,
        lease_until = CASE WHEN due.paused IS NULL THEN clock_timestamp() + make_interval(secs => :lease) END
    FROM due WHERE messages.id = due.id
    RETURNING messages.id, messages.pause_id
""")

_ROUNDS = 20
"""How often one claim looks again because what it came across was paused: it must neither give up at the first
paused message nor put aside a whole backlog in one transaction."""


def claim(
    session: Session, house: House, channel: Channel, now: datetime, priorities: Sequence[Priority] = tuple(Priority)
) -> tuple[str, list[int]]:
    """Claim due messages of a channel under one lease: the urgent first, and an equal slice for each brand
    that has any, in an order drawn anew. Of each, the newest news first: a backlog that is told from its other end
    tells everybody late, while what has waited longest is most likely to have been overtaken or to expire. What a
    pause holds is put aside on the way."""
    token = secrets.token_hex(8)
    amount = house.sending.batch
    claimed: list[int] = []
    values = {"channel": channel.value, "now": now, "token": token, "lease": lease_seconds(house)}
    for priority in sorted(priorities):
        for _ in range(_ROUNDS):
            wanted = amount - len(claimed)
            if wanted <= 0:
                break
            rows = session.execute(_DUE, {**values, "priority": int(priority), "amount": wanted}).all()
            claimed += [row.id for row in rows if row.pause_id is None]
            if all(row.pause_id is None for row in rows):
                break
    return token, sorted(claimed)


def lease_seconds(house: House) -> float:
    """How long a claim holds: the whole of one call, and as long again for what stands around it."""
    return house.sending.deadline * 2 + 5.0
