"""What is measured of this installation, read from PostgreSQL each time: what waits, what leaves, who is ill.

Most figures are queries on an index of what is open or recent, so that they cost the same however much rests; counters
are the sums of what is counted along with each write (`models/event_counts.py`). `docs/metrics.md` says what each
means, and when to worry.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.insight import metric_queries as queries
from app.insight.listing import FAILING_FOR
from app.models import Brand
from app.models.event_counts import Counted
from app.models.vocabulary import CarrierState, Channel, IncidentKind

OVERDUE = timedelta(minutes=5)
"""A question to a carrier that is later than this is overdue."""

_MOST_SECONDS = 5
_FOR_ALL = sa.text(f"SET LOCAL statement_timeout = '{_MOST_SECONDS}s'")


@dataclass(frozen=True, slots=True)
class Family:
    """One measure: its name without the prefix, what it says, the names of its labels, and (labels, value) pairs. What
    `rises` is a counter: it never falls, and outlives every process."""

    name: str
    says: str
    labels: tuple[str, ...]
    samples: Sequence[tuple[tuple[str, ...], float]]
    rises: bool = False


def measure(session: Session, now: datetime, brand_id: int | None = None) -> list[Family]:
    """All measures; `now` is engine time. With `brand_id` what has the label `brand` is that brand's alone; carriers,
    incidents and queues are everybody's. Each statement is given up after five seconds (OperationalError)."""
    session.execute(_FOR_ALL)
    given = {"brand": brand_id, "now": now, "overdue": now - OVERDUE}
    given |= {"failing": now - FAILING_FOR, "hour": now - timedelta(hours=1)}
    brands = {row.id: row.key for row in session.execute(_brands(brand_id))}
    return [
        *_messages(session, given, brands),
        *_calls(session, given, brands),
        *_questions(session, given, brands),
        *_carriers(session, now),
        *_installation(session, given, brands),
        *_counters(session, given, brands),
    ]


def _brands(brand_id: int | None) -> sa.Select[int, str]:
    query = sa.select(Brand.id, Brand.key).order_by(Brand.key)
    return query if brand_id is None else query.where(Brand.id == brand_id)


def _messages(session: Session, given: Mapping[str, Any], brands: Mapping[int, str]) -> list[Family]:
    waiting = session.execute(queries.WAITING, given).all()
    opened = session.execute(queries.OPEN, given).all()
    now: datetime = given["now"]

    def all_channels(rows: Iterable[tuple[int, str, float]]) -> list[tuple[tuple[str, ...], float]]:
        found = {(brand, channel): value for brand, channel, value in rows}
        return [
            ((key, channel.value), found.get((brand, channel.value), 0)) for brand, key in brands.items()
            for channel in Channel
        ]  # fmt: skip

    def of_state(state: str) -> list[tuple[tuple[str, ...], float]]:
        return all_channels((row.brand_id, row.channel, row.number) for row in opened if row.state == state)

    where = ("brand", "channel")
    age = all_channels((row.brand_id, row.channel, _seconds(now, row.oldest)) for row in waiting)
    silence = all_channels((row.brand_id, row.channel, row.age or 0) for row in opened if row.state == "unconfirmed")
    return [
        Family(
            "messages_waiting", "Messages planned that have not left and that no pause holds.", where,
            all_channels((row.brand_id, row.channel, row.waiting) for row in waiting),
        ),
        Family(
            "messages_due", "Of these, those whose time has come.", where,
            all_channels((row.brand_id, row.channel, row.due) for row in waiting),
        ),
        Family("messages_due_oldest_seconds", "For how long the oldest of these has been due.", where, age),
        Family("messages_paused", "Messages whose time came while a pause held them.", where, of_state("paused")),
        Family("messages_sending", "Messages that a call is under way for.", where, of_state("sending")),
        Family(
            "messages_unconfirmed", "Messages of which nobody knows whether the provider took them.", where,
            of_state("unconfirmed"),
        ),
        Family(
            "messages_unconfirmed_oldest_seconds", "Since when the oldest of these has been so, by its call.", where,
            silence,
        ),
        Family("messages_failed_week", "Messages that failed within seven days.", where, of_state("failed")),
        Family(
            "messages_decided_hour", "Messages decided within the last hour, by how they stand now.",
            (*where, "state"),
            [
                ((brands[row.brand_id], row.channel, row.state), row.number)
                for row in session.execute(queries.DECIDED, given)
            ],
        ),
    ]  # fmt: skip


def _calls(session: Session, given: Mapping[str, Any], brands: Mapping[int, str]) -> list[Family]:
    delays = session.execute(queries.DELAYS, given).all()
    return [
        Family(
            "calls_recent", "Calls to providers begun within the last five minutes, by what they came to.",
            ("brand", "provider", "outcome"),
            [
                ((brands[row.brand_id], row.provider, row.outcome), row.number)
                for row in session.execute(queries.CALLS, given)
            ],
        ),
        Family(
            "event_to_call_seconds", "From an event to its call, of the latest calls that had nothing to wait for.",
            ("brand", "quantile"),
            [
                ((brands[row.brand_id], quantile), seconds)
                for row in delays
                for quantile, seconds in (("0.5", row.median), ("0.99", row.p99))
            ],
        ),
        Family(
            "providers_resting", "Accounts at a provider that nothing is handed to at present.", ("provider",),
            [((row.provider,), row.number) for row in session.execute(queries.RESTING)],
        ),
    ]  # fmt: skip


def _questions(session: Session, given: Mapping[str, Any], brands: Mapping[int, str]) -> list[Family]:
    now: datetime = given["now"]
    polls = session.execute(queries.POLLS, given).all()
    of = ("carrier",)
    watches = _by_first(session.execute(queries.WATCHES, given))
    return [
        Family("polls_planned", "Parcels that a carrier is going to be asked about.", of, _each(polls, "planned")),
        Family("polls_due", "Of these, those whose turn has come.", of, _each(polls, "due")),
        Family("polls_overdue", "Of these, those that are five minutes late.", of, _each(polls, "overdue")),
        Family(
            "polls_due_oldest_seconds", "For how long the oldest of these has been due.", of,
            [((row.carrier,), _seconds(now, row.oldest)) for row in polls],
        ),
        Family(
            "watches_due", "Parcels that the calendar is to be looked at for: late, silent, not collected.",
            ("brand",), [((key,), watches.get(brand, 0)) for brand, key in brands.items()],
        ),
    ]  # fmt: skip


def _each(polls: Sequence[Any], column: str) -> list[tuple[tuple[str, ...], float]]:
    return [((row.carrier,), getattr(row, column)) for row in polls]


def _carriers(session: Session, now: datetime) -> list[Family]:
    rows = session.execute(queries.HEALTH).all()
    of = ("carrier",)
    return [
        Family(
            "carrier_state", "1 for how a carrier stands: closed (asked freely), open (left alone), probing.",
            ("carrier", "state"),
            [((row.carrier, state.value), float(row.state == state)) for row in rows for state in CarrierState],
        ),
        Family("carrier_bad_answers", "Bad answers in a row.", of, [((row.carrier,), row.failures) for row in rows]),
        Family(
            "carrier_answer_age_seconds", "Since its last usable answer.", of,
            [((row.carrier,), _seconds(now, row.answered_at)) for row in rows if row.answered_at is not None],
        ),
        Family(
            "carrier_answer_seconds", "How long its latest good answers took, the median.", of,
            [((row.carrier,), row.median) for row in rows if row.median is not None],
        ),
    ]  # fmt: skip


def _installation(session: Session, given: Mapping[str, Any], brands: Mapping[int, str]) -> list[Family]:
    incidents = _by_first(session.execute(queries.INCIDENTS))
    codes = _by_first(session.execute(queries.CODES, given))
    row = session.execute(queries.QUEUES, given).one()
    measured = [
        Family(
            "incidents_open", "What is wrong at this moment.", ("kind",),
            [((kind.value,), incidents.get(kind.value, 0)) for kind in IncidentKind],
        ),
        Family(
            "unknown_codes", "Codes of carriers that nobody knows.", ("brand",),
            [((key,), codes.get(brand, 0)) for brand, key in brands.items()],
        ),
        Family("pauses_standing", "Pauses that stand.", (), [((), row.pauses)]),
        Family("reports_waiting", "Providers' reports that were stored and not yet read.", (), [((), row.reports)]),
        Family("pushes_waiting", "Carriers' pushes that were stored and not yet read.", (), [((), row.pushes)]),
        Family("alarms_waiting", "Alarms that nobody has been told of yet.", (), [((), row.alarms)]),
    ]  # fmt: skip
    if row.watched is not None:
        says = "Since the workers last looked for what is wrong; when it grows, beat or the queue settle is silent."
        measured.append(Family("watch_age_seconds", says, (), [((), row.watched)]))
    return measured


_COUNTERS: dict[Counted, tuple[str, str, tuple[str, ...]]] = {
    Counted.scans: ("scans_heard", "New scans, by whose words they are and how they came.", ("carrier", "source")),
    Counted.answers: ("carrier_answers", "Calls to carriers, by what came of them.", ("carrier", "outcome")),
    Counted.messages: (
        "messages", "Messages that came to a state: planned, then what became of them.",
        ("channel", "milestone", "state"),
    ),
    Counted.calls: ("calls", "Calls to providers, by what they came to.", ("provider", "outcome")),
    Counted.reports: ("reports", "Providers' reports that were read.", ("provider", "kind")),
}  # fmt: skip


def _counters(session: Session, given: Mapping[str, Any], brands: Mapping[int, str]) -> list[Family]:
    rows = session.execute(queries.COUNTS, given).all()
    families = []
    for counted, (name, says, labels) in _COUNTERS.items():
        own = counted is not Counted.answers
        samples = [
            ((brands[row.brand_id], *row.labels) if own else tuple(row.labels), float(row.number))
            for row in rows
            if row.kind == counted and (not own or row.brand_id in brands)
        ]
        families.append(Family(name, says, ("brand", *labels) if own else labels, samples, rises=True))
    return families


def _by_first(rows: Iterable[Any]) -> dict[Any, float]:
    return dict(tuple(row) for row in rows)


def _seconds(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0
