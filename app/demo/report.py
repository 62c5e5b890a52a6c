"""What a demo came to: counted in the database, held against the provider's journal and the carrier's truth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from rich.table import Column, Table

from app.db import Sessions
from app.demo.stage import Stage
from app.insight.audit import audit
from app.models import Attempt, CarrierAnswer, Crossing, Decision, Message, Scan, Shipment, UnknownCode
from app.models.vocabulary import PENDING, SENT, Channel, Milestone
from app.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The table's figures. `lost`, `repeated` and `unexplained` name what is wrong; all empty is a good end.

    `messages` counts by channel, then state. `unfinished`: parcels that have not come to their end, and messages
    still under way: wrong only when the demo had all its time.
    """

    parcels: int
    scans: int
    unusable_answers: int
    unknown_codes: int
    milestones: dict[str, int]
    messages: dict[str, dict[str, int]]
    reasons: dict[str, int]
    in_journal: int
    repeated: tuple[str, ...]
    lost: tuple[str, ...]
    unexplained: tuple[str, ...]
    unfinished: tuple[str, ...]
    finished: bool
    example: str

    @property
    def exit_code(self) -> int:
        """0 when nothing is lost, repeated or unexplained, and nothing is left unfinished at the end."""
        return 1 if self.repeated or self.lost or self.unexplained or (self.finished and self.unfinished) else 0

    def as_json(self) -> dict[str, Any]:
        """The figures as plain values."""
        return asdict(self) | {"duplicates": len(self.repeated), "exit_code": self.exit_code}

    def tables(self) -> list[Table]:
        """The figures as a person reads them."""
        return [self._what_happened(), self._messages(), self._verdict()]

    def _what_happened(self) -> Table:
        table = Table("what happened", Column(justify="right"), box=None)
        table.add_row("parcels", str(self.parcels))
        table.add_row("scans stored", str(self.scans))
        table.add_row("answers that could not be used", str(self.unusable_answers))
        table.add_row("unknown codes kept", str(self.unknown_codes))
        for milestone, count in self.milestones.items():
            table.add_row(f"reached {milestone.replace('_', ' ')}", str(count))
        return table

    def _messages(self) -> Table:
        states = sorted({state for counts in self.messages.values() for state in counts})
        table = Table("messages", *(Column(name, justify="right") for name in (*states, "together")), box=None)
        for channel, counts in sorted(self.messages.items()):
            cells = [str(counts.get(state, 0)) for state in states]
            table.add_row("SMS" if channel == Channel.sms else channel, *cells, str(sum(counts.values())))
        return table

    def _verdict(self) -> Table:
        table = Table("proof", Column(justify="right"), "", box=None)
        table.add_row("in the provider's journal", str(self.in_journal), "")
        for name, wrong in (
            ("duplicates", self.repeated),
            ("lost", self.lost),
            ("unexplained", self.unexplained),
            ("unfinished", self.unfinished),
        ):
            table.add_row(name, str(len(wrong)), "; ".join(wrong[:3]))
        return table


def report(stage: Stage, sessions: Sessions, rules: RuleSet, *, finished: bool, settle: float) -> DemoReport:
    """Count everything, and hold it against what the stand-ins know."""
    journal = _journal(stage)
    truth = stage.http.get(f"{stage.carrier_url}/truth").json()["parcels"]
    with sessions() as session:
        broken = [f"{breach.law}: {breach.count}" for breach in audit(session, settle).breaches]
    with sessions() as session:
        attempts = {row[0]: row[1] for row in session.execute(_attempts())}
        sent = set(session.scalars(sa.select(Message.public_id).where(Message.state.in_([s.value for s in SENT]))))
        under_way = session.scalars(
            sa.select(Message.public_id).where(Message.state.in_([s.value for s in PENDING]))
        ).all()
        standing = {row[0]: row[1] for row in session.execute(sa.select(Shipment.tracking_number, Shipment.milestone))}
        reached = _reached(session)
        undecided = _undecided(session, rules)
        messages: dict[str, dict[str, int]] = {}
        for channel, state, count in session.execute(
            sa.select(Message.channel, Message.state, sa.func.count()).group_by(Message.channel, Message.state)
        ):
            messages.setdefault(channel, {})[state] = count
        counts = {
            table: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in (Shipment, Scan)
        }
        unusable = session.scalar(
            sa.select(sa.func.count())
            .select_from(CarrierAnswer)
            .where(CarrierAnswer.kind.not_in(["tracked", "not_found"]))
        )
        unknown = session.scalar(sa.select(sa.func.coalesce(sa.func.sum(UnknownCode.count), 0)))
        by_milestone = {row[0]: row[1] for row in session.execute(_crossings_by_milestone())}
        reasons = {row[0]: row[1] for row in session.execute(_decisions_by_reason())}
        example = session.scalar(
            sa.select(Shipment.tracking_number)
            .join(Crossing, Crossing.shipment_id == Shipment.id)
            .where(Crossing.milestone == Milestone.delayed.value)
            .order_by(Shipment.id)
        )
    taken = Counter(attempts.get(name, f"unknown attempt {name}") for name in journal)
    strange = [name for name in taken if name.startswith("unknown attempt")]
    not_there = [
        f"{parcel['tracking_number']} never {milestone}"
        for parcel in truth
        for milestone in _expected(parcel, rules)
        if finished and milestone not in reached.get(parcel["tracking_number"], set())
    ]
    return DemoReport(
        parcels=counts[Shipment],
        scans=counts[Scan],
        unusable_answers=int(unusable or 0),
        unknown_codes=int(unknown or 0),
        milestones={m.value: by_milestone[m.value] for m in Milestone if m.value in by_milestone},
        messages=messages,
        reasons=reasons,
        in_journal=len(journal),
        repeated=tuple(sorted(name for name, times in taken.items() if times > 1)),
        lost=tuple(sorted(sent - set(taken)) + not_there),
        unexplained=tuple(broken + strange + undecided),
        unfinished=tuple(
            [_standing(p["tracking_number"], standing) for p in truth
             if standing.get(p["tracking_number"]) != p["final"]] + list(under_way)
        ),
        finished=finished,
        example=example or next(iter(standing), "") or "",
    )  # fmt: skip


def _standing(number: str, standing: Mapping[str | None, str]) -> str:
    """Where a parcel stands that has not come to its end."""
    return f"{number} is {standing[number].replace('_', ' ')}" if number in standing else f"{number} was never heard of"


def settled(stage: Stage, sessions: Sessions) -> bool:
    """Whether every parcel has come to its end as the carrier knows it, and no message is under way."""
    truth = stage.http.get(f"{stage.carrier_url}/truth").json()["parcels"]
    with sessions() as session:
        waiting = session.scalar(
            sa.select(sa.func.count()).select_from(Message).where(Message.state.in_([s.value for s in PENDING]))
        )
        unread = session.scalar(sa.text("SELECT count(*) FROM receipts WHERE applied_at IS NULL"))
        standing = {row[0]: row[1] for row in session.execute(sa.select(Shipment.tracking_number, Shipment.milestone))}
    return not waiting and not unread and all(standing.get(p["tracking_number"]) == p["final"] for p in truth)


def _journal(stage: Stage) -> list[str]:
    """The attempt id of every message that the provider took, in order."""
    names: list[str] = []
    while True:
        page = stage.http.get(f"{stage.provider_url}/journal?after={len(names)}&limit=1000&bodies=0").json()
        entries: Sequence[dict[str, Any]] = page["entries"]
        names += [entry["attempt_id"] for entry in entries]
        if not entries:
            return names


def _expected(parcel: dict[str, Any], rules: RuleSet) -> set[str]:
    """The milestones of a parcel's own timetable that some rule looks at."""
    return {event["milestone"] for event in parcel["events"]} & {rule.when.value for rule in rules.rules}


def _attempts() -> sa.Select[str, str]:
    return sa.select(Attempt.public_id, Message.public_id).join(Message, Message.id == Attempt.message_id)


def _reached(session: Any) -> dict[str, set[str]]:
    reached: dict[str, set[str]] = {}
    query = sa.select(Shipment.tracking_number, Crossing.milestone).join(Shipment, Shipment.id == Crossing.shipment_id)
    for number, milestone in session.execute(query):
        reached.setdefault(number, set()).add(milestone)
    return reached


def _undecided(session: Any, rules: RuleSet) -> list[str]:
    """Crossings that some rule looks at and that have no decision."""
    looked_at = [rule.when.value for rule in rules.rules]
    query = sa.select(Crossing.id).where(
        Crossing.milestone.in_(looked_at), ~sa.exists().where(Decision.crossing_id == Crossing.id)
    )
    return [f"crossing {crossing} has no decision" for crossing in session.scalars(query)]


def _crossings_by_milestone() -> sa.Select[str, int]:
    return sa.select(Crossing.milestone, sa.func.count()).group_by(Crossing.milestone)


def _decisions_by_reason() -> sa.Select[str, int]:
    return sa.select(Decision.reason, sa.func.count()).group_by(Decision.reason)
