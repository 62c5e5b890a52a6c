"""Turns decisions into rows: the ledger key is taken first, and only the message that got it is written."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.messages.base import Template, TemplateMissing
from app.models import LedgerKey, Message, RuleSetVersion, TemplateVersion, public_id
from app.models.facts import Facts
from app.models.vocabulary import FIRED, MessageState, Reason
from app.pipeline.brakes.braking import count_planned
from app.pipeline.brakes.capping import Wanted, count_capped, within_caps
from app.pipeline.house import House
from app.pipeline.team import TEAM, team_locale, team_of
from app.rules.decide import Crossed, Decided, in_place_of, reachable
from app.rules.ruleset import Audience, Priority, RuleSet, Send


@dataclass(frozen=True, slots=True)
class Planned:
    """One decision on one crossing, on its way to becoming a message (or only a recorded reason).

    `shopper` is the digest by which the shopper's messages are counted, `fallback_of` the message that it is planned
    in the place of.
    """

    crossing_id: int
    crossing: dict[str, Any]
    facts: Facts
    decided: Decided
    locale: str
    rules: RuleSet
    shopper: bytes | None = None
    fallback_of: int | None = None


def plan(
    session: Session, house: House, planned: Sequence[Planned], now: datetime, decisions: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Write a message for each fired decision whose ledger key is free; append every answer to `decisions`.

    Returns the rows of the messages written.
    """
    planned = _with_templates(house, planned, now)
    _store_versions(session, house, planned)
    outcomes: dict[int, tuple[Reason, str]] = {}
    candidates: list[tuple[int, dict[str, Any]]] = []
    for index, entry in enumerate(planned):
        outcomes[index] = (entry.decided.reason, entry.decided.detail)
        if not entry.decided.fired:
            continue
        try:
            row = _message_row(session, house, entry, now)
        except TemplateMissing as error:
            outcomes[index] = (Reason.no_template, str(error))
        else:
            candidates.append((index, row))
    capped = within_caps(session, [_wanted(planned[index], index, now) for index, _ in candidates])
    outcomes |= {index: (why.reason, why.detail) for index, why in capped.refused.items()}
    candidates = [(index, row) for index, row in candidates if index not in capped.refused]
    written = _take_keys(session, planned, candidates, now)
    for index, _row in candidates:
        if index not in written:
            outcomes[index] = (Reason.already_told, "")
    count_capped(session, capped, written)
    decisions += [_decision_row(session, house, planned[i], outcomes[i], now) for i in range(len(planned))]
    rows = [row for index, row in candidates if index in written]
    if rows:
        session.execute(insert(Message), rows)
        count_planned(session, rows, now)
    return rows


def sender_of(priority: int) -> str:
    """The kind of work that sends messages of a priority: what is urgent has workers of its own."""
    return "urgent" if priority == Priority.urgent else "send"


def _take_keys(
    session: Session, planned: Sequence[Planned], candidates: Sequence[tuple[int, dict[str, Any]]], now: datetime
) -> set[int]:
    """Insert the ledger keys; the indexes of those that were free. Nothing is read first."""
    if not candidates:
        return set()
    sequence = sa.func.pg_get_serial_sequence("messages", "id")
    ids = session.scalars(
        sa.select(sa.func.nextval(sequence)).select_from(sa.func.generate_series(1, len(candidates)))
    ).all()
    keys = []
    for message_id, (index, row) in zip(ids, candidates, strict=True):
        row["id"] = message_id
        crossing = planned[index].crossing
        keys.append(
            {
                **{name: crossing[name] for name in ("scope", "scope_id", "milestone", "occurrence", "brand_id")},
                "channel": row["channel"],
                "recipient_id": row["recipient_id"],
                "message_id": message_id,
                "decided_at": now,
            }
        )
    statement = insert(LedgerKey).on_conflict_do_nothing().returning(LedgerKey.message_id)
    taken = set(session.scalars(statement, keys).all())
    return {index for index, row in candidates if row["id"] in taken}


def _message_row(session: Session, house: House, entry: Planned, now: datetime) -> dict[str, Any]:
    decided, crossing = entry.decided, entry.crossing
    template = _template(house, entry)
    return {
        "public_id": public_id("msg"),
        "brand_id": crossing["brand_id"],
        "order_id": crossing["order_id"],
        "shipment_id": crossing["shipment_id"],
        "crossing_id": entry.crossing_id,
        "rule": decided.rule,
        "milestone": crossing["milestone"],
        "channel": decided.channel.value,
        "recipient_id": decided.recipient_id,
        "locale": template.locale,
        "rule_set_version_id": _version(session, house, _rules_key(entry)),
        "template_version_id": _version(session, house, _template_key(entry, template)),
        "priority": decided.priority,
        "state": (MessageState.held if decided.send_at > now else MessageState.ready).value,
        "reason": Reason.planned.value,
        "planned_at": now,
        "send_at": decided.send_at,
        "expires_at": decided.expires_at,
        "fallback_of": entry.fallback_of,
        "quiet": str(decided.quiet) if decided.quiet else None,
    }


def _decision_row(
    session: Session, house: House, entry: Planned, outcome: tuple[Reason, str], now: datetime
) -> dict[str, Any]:
    reason, detail = outcome
    return {
        "brand_id": entry.crossing["brand_id"],
        "crossing_id": entry.crossing_id,
        "rule_set_version_id": _version(session, house, _rules_key(entry)),
        "rule": entry.decided.rule,
        "channel": entry.decided.channel.value,
        "recipient_id": entry.decided.recipient_id,
        "fired": reason in FIRED,
        "reason": reason.value,
        "detail": detail,
        "inputs": dict(entry.decided.inputs),
        "decided_at": now,
    }


_Key = tuple[str, int, bytes]


def _template(house: House, entry: Planned) -> Template:
    decided, brand = entry.decided, entry.facts.brand.key
    locale = team_locale(house, brand) if decided.recipient_id == TEAM else None
    return house.catalog.resolve(brand, locale or entry.locale, decided.template, decided.channel)


def _with_templates(house: House, planned: Sequence[Planned], now: datetime) -> list[Planned]:
    """The same, and in the place of each whose template is not there, what its rule falls back on."""
    told = {(entry.crossing_id, *_way(entry)) for entry in planned}
    found: list[Planned] = []
    for entry in planned:
        found.append(entry)
        if entry.decided.fired and _lacks_template(house, entry):
            for instead in _in_its_place(house, entry, now):
                if (entry.crossing_id, *_way(instead)) not in told:
                    told.add((entry.crossing_id, *_way(instead)))
                    found.append(instead)
    return found


def _way(entry: Planned) -> tuple[str, str, str]:
    return entry.decided.rule, entry.decided.channel.value, entry.decided.recipient_id


def _lacks_template(house: House, entry: Planned) -> bool:
    try:
        _template(house, entry)
    except TemplateMissing:
        return True
    return False


def _in_its_place(house: House, entry: Planned, now: datetime) -> list[Planned]:
    rule = entry.rules.named(entry.decided.rule)
    send = rule.step(entry.decided.channel, Audience(entry.decided.recipient_id)) if rule else None
    if rule is None or send is None:
        return []
    crossed = Crossed(entry.facts, team=team_of(house, entry.facts.brand.key))

    def reach(following: Send) -> tuple[Reason, str]:
        reason, detail = reachable(crossed, following, house.channels)
        key = (following.template, following.channel.value)
        lacking = reason is Reason.planned and key not in house.catalog.keys(entry.facts.brand.key)
        return (Reason.no_template, f"no template {following.template!r}") if lacking else (reason, detail)

    answers = in_place_of(crossed, rule, send, Reason.no_template, reach, now)
    return [replace(entry, decided=decided) for decided in answers]


def _wanted(entry: Planned, index: int, now: datetime) -> Wanted:
    """What a message would count as. One that stands in for another has that one's place with the shopper."""
    rule = entry.rules.named(entry.decided.rule)
    counts = entry.decided.recipient_id != TEAM and entry.fallback_of is None
    return Wanted(
        index=index,
        brand_id=entry.crossing["brand_id"],
        rule=entry.decided.rule,
        rule_cap=rule.cap if rule else None,
        shopper=entry.shopper if counts else None,
        shopper_cap=entry.rules.shopper_cap,
        urgent=entry.decided.priority == Priority.urgent,
        at=now,
        zone=entry.facts.shopper.zone,
    )


def _rules_key(entry: Planned) -> _Key:
    return "rules", entry.crossing["brand_id"], entry.rules.digest


def _template_key(entry: Planned, template: Template) -> _Key:
    return "template", entry.crossing["brand_id"], template.digest


def _version(session: Session, house: House, key: _Key) -> int:
    """The row id of an exact rule set or template of a brand, stored at first use and for ever after."""
    known = house.versions.get(key)
    return known if known is not None else int(session.info["versions"][key])


def _store_versions(session: Session, house: House, planned: Sequence[Planned]) -> None:
    """Store what this batch is pinned to and no batch was before, in the caller's transaction, sorted by key.

    A second connection would do it sooner, but callers that each hold one and want another wait for each other.
    Only what is committed is remembered by the process; what this transaction writes, by its session.
    """
    wanted: dict[_Key, dict[str, Any]] = {}
    for entry in planned:
        if (rules := _rules_key(entry)) not in house.versions:
            wanted[rules] = {"content": entry.rules.content}
        if entry.decided.fired:
            with suppress(TemplateMissing):
                template = _template(house, entry)
                if (key := _template_key(entry, template)) not in house.versions:
                    wanted[key] = _template_columns(template)
    own: dict[_Key, int] = session.info.setdefault("versions", {})
    for key in sorted(wanted.keys() - own.keys()):
        table = RuleSetVersion if key[0] == "rules" else TemplateVersion
        written = None
        stored = _stored(session, table, key)
        if stored is None:
            row = {"brand_id": key[1], "digest": key[2], **wanted[key]}
            written = session.scalar(insert(table).on_conflict_do_nothing().values(row).returning(table.id))
        if written is not None:
            own[key] = written
        else:
            found = stored if stored is not None else _stored(session, table, key)
            assert found is not None  # whoever was first has committed: that is what the insert waited for
            house.versions[key] = found


def _template_columns(template: Template) -> dict[str, Any]:
    return {
        "key": template.key,
        "channel": template.channel,
        "locale": template.locale,
        "parts": dict(template.parts),
    }


def _stored(session: Session, table: type[RuleSetVersion] | type[TemplateVersion], key: _Key) -> int | None:
    return session.scalar(sa.select(table.id).where(table.brand_id == key[1], table.digest == key[2]))
