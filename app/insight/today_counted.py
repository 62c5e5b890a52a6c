"""Shares of a day, of what is counted as it happens: carriers' bad answers, and the mails that arrived."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Answers:
    """A carrier's calls of the last 24 hours, and of these the bad ones; `most` is the fault that was seen most often,
    None without any."""

    calls: int
    bad: int
    most: str | None

    @property
    def share(self) -> float:
        """Bad ones of all, from 0 to 1."""
        return self.bad / self.calls if self.calls else 0.0


def answers(session: Session) -> Mapping[str, Answers]:
    """By carrier, those of the last 24 whole hours and of the one that runs (the database's clock)."""
    return {row.carrier: Answers(int(row.calls), int(row.bad), row.most) for row in session.execute(_ANSWERS)}


_ANSWERS = sa.text("""
    SELECT carrier, sum(number) AS calls, coalesce(sum(number) FILTER (WHERE outcome <> 'answered'), 0) AS bad,
        (array_agg(outcome ORDER BY number DESC) FILTER (WHERE outcome <> 'answered'))[1] AS most
    FROM (
        SELECT labels[1] AS carrier, labels[2] AS outcome, sum(number) AS number FROM event_counts
        WHERE kind = 'answers' AND hour >= date_trunc('hour', now()) - interval '24 hours'
        GROUP BY 1, 2
    ) AS said
    GROUP BY carrier
""")


def mails_delivered(session: Session, brand_id: int) -> int:
    """How many of a brand's mails were reported as delivered within the same hours: what the opened ones are a share
    of, though some of these were delivered before."""
    return int(session.scalars(_DELIVERED, {"brand": brand_id}).one())


_DELIVERED = sa.text("""
    SELECT coalesce(sum(number), 0) FROM event_counts
    WHERE kind = 'messages' AND brand_id = :brand AND labels[1] = 'email' AND labels[3] = 'delivered'
        AND hour >= date_trunc('hour', now()) - interval '24 hours'
""")
