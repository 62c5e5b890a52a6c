"""Keeps the incidents: what is newly wrong is opened, what is wrong no more is closed, and each is to be told once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.insight.alarms import GRACE_SECONDS, REMEDIES, Limits, Trouble, observe
from app.insight.audit import STRETCHES, Breach, audit_recent, newest
from app.log import logger, mask
from app.models import AlarmNotice, AuditMark, Brand, Incident, public_id
from app.models.vocabulary import IncidentKind, NoticeRoute, NoticeStage
from app.pipeline.deciding.live_rules import rules_of
from app.pipeline.house import House

log = logger(__name__)

QUIET_SECONDS = 60.0
"""How long a thing must not have been seen before its incident is over, so that what flickers is told once."""

AUDIT_SECONDS = 60.0
MOST_ROWS = 100_000
"""How many ids of each table one pass of the audit goes through at most; what is left waits for the next one."""

_HOUR = 3600.0


def keep_incidents(house: House) -> None:
    """Look at what is wrong and write it down: opened and closed incidents, each in one transaction with its notices.

    The audit's marks move with what it found, or not at all. Two workers that look at once open one incident: its kind
    and subject are unique while it is open.
    """
    with house.sessions() as session:
        found = [*observe(session, _limits(house)), *_unreadable(session, house)]
    with house.sessions.begin() as session:
        _open(session, house, found)
        _close(session, house)
    passed = audit_what_is_new(house)
    if passed is not None:
        with house.sessions.begin() as session:
            _open(session, house, map(_broken, passed.breaches))
            session.execute(_ADVANCE, {"before": json.dumps(passed.before), "reached": json.dumps(passed.reached)})


def _unreadable(session: Session, house: House) -> Iterable[Trouble]:
    """The live rule sets that were valid when they were published and that today's program cannot read as a whole."""
    brands = {row.id: row.key for row in session.execute(sa.select(Brand.id, Brand.key))}
    for brand_id, rules in rules_of(session, house, brands).items():
        if rules.unread:
            key, told = brands[brand_id], f"{len(rules.rules)} {'rule' if len(rules.rules) == 1 else 'rules'}"
            summary = (
                f"the published rules of {key} cannot be read as a whole by this version of Doorstep;"
                f" {told} of them can, the others tell nothing. {rules.unread[0]}"
            )
            yield Trouble(IncidentKind.failing, f"{key} rules", len(rules.unread), summary, brand_id)


def _limits(house: House) -> Limits:
    after = house.clock.after_wall
    told = house.alerts
    return Limits(after(-GRACE_SECONDS), after(-told.queue), after(-_HOUR), told.unconfirmed, told.queue)


def _broken(breach: Breach) -> Trouble:
    examples = f", e.g. {', '.join(breach.examples)}" if breach.examples else ""
    return Trouble(IncidentKind.breach, breach.law, breach.count, f"broken: {breach.law}: {breach.count}{examples}")


_SEEN = {
    "last_seen_at": sa.func.clock_timestamp(),
    "summary": insert(Incident).excluded.summary,
    "count": insert(Incident).excluded.count,
    "brand_id": insert(Incident).excluded.brand_id,
}
_NEW: sa.Label[bool] = sa.literal_column("incidents.xmax = 0").label("new")


def _open(session: Session, house: House, found: Iterable[Trouble]) -> None:
    for one in sorted(found, key=lambda one: (one.kind, one.subject)):
        row = {
            "public_id": public_id("inc"),
            "kind": one.kind.value,
            "subject": one.subject,
            "summary": mask(one.summary)[:500],
            "count": one.count,
            "brand_id": one.brand_id,
        }
        kept = session.execute(
            insert(Incident)
            .values(row)
            .on_conflict_do_update(
                index_elements=["kind", "subject"], index_where=sa.text("closed_at IS NULL"), set_=_SEEN
            )
            .returning(*_COLUMNS, _NEW)
        ).one()
        if kept.new:
            log.warning("incident opened", kind=kept.kind, summary=kept.summary, count=kept.count)
            _notify(session, house, kept, NoticeStage.opened)


_COLUMNS = (
    Incident.id, Incident.public_id, Incident.kind, Incident.summary, Incident.count, Incident.opened_at,
    Incident.closed_at,
)  # fmt: skip


def _close(session: Session, house: House) -> None:
    """End what was seen no more. A broken law is not seen twice, so only a whole audit ends it."""
    unseen = Incident.last_seen_at < sa.func.clock_timestamp() - sa.func.make_interval(0, 0, 0, 0, 0, 0, QUIET_SECONDS)
    _end(session, house, sa.and_(unseen, Incident.kind != IncidentKind.breach.value))


def end_mended(session: Session, house: House, broken: Iterable[str]) -> int:
    """After a whole audit: end the incidents of those laws that hold again; `broken` are those that do not."""
    return _end(
        session, house, sa.and_(Incident.kind == IncidentKind.breach.value, Incident.subject.not_in(list(broken)))
    )


def _end(session: Session, house: House, which: sa.ColumnElement[bool]) -> int:
    ended = session.execute(
        sa.update(Incident)
        .where(Incident.closed_at.is_(None), which)
        .values(closed_at=sa.func.clock_timestamp())
        .returning(*_COLUMNS),
        execution_options={"synchronize_session": False},
    ).all()
    for row in ended:
        log.info("incident over", kind=row.kind, summary=row.summary)
        _notify(session, house, row, NoticeStage.resolved)
    return len(ended)


def _notify(session: Session, house: House, incident: Any, stage: NoticeStage) -> None:
    """A notice on each way out that is set up; it is told after the commit, by whoever comes first."""
    ways = {NoticeRoute.url: house.alerts.url.get_secret_value(), NoticeRoute.email: house.alerts.email}
    rows = [
        {
            "public_id": public_id("alm"),
            "incident_id": incident.id,
            "stage": stage.value,
            "route": route.value,
            "content": _content(house, incident, stage),
        }
        for route, way in ways.items()
        if way
    ]
    if rows:
        session.execute(insert(AlarmNotice).on_conflict_do_nothing(), rows)


def _content(house: House, incident: Any, stage: NoticeStage) -> dict[str, Any]:
    """What is told. `text` says it in one line, for programs that show no more than that."""
    over = stage is NoticeStage.resolved
    return {
        "text": f"Doorstep: {'over: ' if over else ''}{incident.summary}",
        "incident": incident.public_id,
        "stage": stage.value,
        "kind": incident.kind,
        "summary": incident.summary,
        "count": incident.count,
        "remedy": None if over else REMEDIES[IncidentKind(incident.kind)],
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
        "installation": house.public_url,
    }


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of the audit: what it found, and where the next one begins and this one came to, by table."""

    breaches: Sequence[Breach]
    before: Mapping[str, int]
    reached: Mapping[str, int]


def audit_what_is_new(house: House) -> Pass | None:
    """Check the laws over what was written since the pass before the last; None if one ran within a minute.

    The turn is taken first, in a transaction of its own: whoever dies in the middle leaves the marks where they were.
    """
    with house.sessions.begin() as session:
        _first_mark(session)
        turn = session.execute(_TURN, {"seconds": AUDIT_SECONDS}).one_or_none()
    if turn is None:
        return None
    with house.sessions() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(sa.text("SET TRANSACTION READ ONLY"))
        reached = newest(session)
        upto = {table: min(reached[table], turn.reached[table] + MOST_ROWS) for table in STRETCHES}
        found = audit_recent(session, house.sending.settle, turn.before, upto)
    return Pass(found, turn.reached, upto)


_LAWS = "laws"
_ADVANCE = sa.text(
    "UPDATE audit_marks SET before = cast(:before AS jsonb), reached = cast(:reached AS jsonb) WHERE name = 'laws'"
)
_TURN = sa.text("""
    UPDATE audit_marks SET at = clock_timestamp()
    WHERE name = 'laws' AND at < clock_timestamp() - make_interval(secs => :seconds)
    RETURNING before, reached
""")


def _first_mark(session: Session) -> None:
    """Where the audit begins on a database that it has not seen: a stretch before the newest rows."""
    if session.get(AuditMark, _LAWS) is None:
        start = {table: max(0, highest - MOST_ROWS) for table, highest in newest(session).items()}
        row = {"name": _LAWS, "before": start, "reached": start, "at": datetime.fromtimestamp(0, UTC)}
        session.execute(insert(AuditMark).values(row).on_conflict_do_nothing())
