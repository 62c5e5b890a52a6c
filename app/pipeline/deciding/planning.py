"""Turns decisions into rows: the ledger key is taken first, and only the message that got it is written."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.messages.base import Template, TemplateMissing
from app.models import Message, RuleSetVersion, TemplateVersion, public_id
from app.models.event_counts import Counted, count_events
from app.models.vocabulary import FIRED, MessageState, Reason
from app.pipeline.brakes.braking import count_planned
from app.pipeline.brakes.capping import Capped, Wanted, count_capped, within_caps
from app.pipeline.deciding.in_line import next_in_line
from app.pipeline.deciding.keys import Claim, new_message_ids, take_keys
from app.pipeline.deciding.merging import Gathering, Gatherings
from app.pipeline.deciding.planned import Planned
from app.pipeline.deciding.restarting import told_under_another_number
from app.pipeline.deciding.stopped import in_turn
from app.pipeline.house import House
from app.pipeline.leaving.team import TEAM, team_locale, team_of
from app.rules.decide import Crossed, in_place_of, reachable
from app.rules.ruleset import Audience, Priority, Rule, Send

Outcome = tuple[Reason, str]
_Told = tuple[int, str, str]
"""Of which crossing, on which channel and to whom, whichever rule tells it."""
Candidate = tuple[int, dict[str, Any]]
"""A decision's place among the batch's, and the message that it would be."""


def plan(
    session: Session, house: House, planned: Sequence[Planned], now: datetime, decisions: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Write a message for each fired decision whose ledger key is free; append every answer to `decisions`.

    Returns the rows of the messages written.
    """
    planned = in_turn(session, with_templates(house, planned, now))
    _store_versions(session, house, planned)
    outcomes: dict[int, Outcome] = {}
    candidates: list[Candidate] = []
    known = told_under_another_number(session, planned)
    for index, entry in enumerate(planned):
        outcomes[index] = (entry.decided.reason, entry.decided.detail)
        if not entry.decided.fired:
            continue
        try:
            row = _message_row(session, house, entry, now)
        except TemplateMissing as error:
            outcomes[index] = (Reason.no_template, str(error))
        else:
            if index in known:
                outcomes[index] = (Reason.already_told, "under the tracking number that it had before")
            else:
                candidates.append((index, row))
    rows = _take(session, planned, candidates, outcomes, now)
    following = next_in_line(house, planned, outcomes, now)
    answered = [i for i in range(len(planned)) if i not in following.replaced]
    decisions += [_decision_row(session, house, planned[i], outcomes[i], now) for i in answered]
    if rows:
        session.execute(insert(Message), rows)
        count_planned(session, rows, now)
        made = ((row["brand_id"], (row["channel"], row["milestone"], "planned")) for row in rows)
        count_events(session, Counted.messages, made)
    return [*rows, *plan(session, house, following.entries, now, decisions)] if following.entries else rows


def sender_of(priority: int) -> str:
    """The kind of work that sends messages of a priority: what is urgent has workers of its own."""
    return "urgent" if priority == Priority.urgent else "send"


def _take(
    session: Session,
    planned: Sequence[Planned],
    candidates: Sequence[Candidate],
    outcomes: dict[int, Outcome],
    now: datetime,
) -> list[dict[str, Any]]:
    """Take the candidates' ledger keys; the rows of the messages that came of it, those that tell of several parcels
    once. What was told already, and what is told together with another parcel, is noted among the `outcomes`."""
    if not candidates:
        return []
    gatherings = Gatherings.of(
        session, (planned[i].crossing["order_id"] for i, _ in candidates if planned[i].merges), now
    )
    gathered: dict[int, Gathering] = {}
    claims: list[Claim] = []
    opening: dict[int, int] = {}
    for (index, row), message_id in zip(candidates, new_message_ids(session, len(candidates)), strict=True):
        entry, row["id"] = planned[index], message_id
        if entry.merges:
            gathered[index] = gatherings.of_decision(row, entry.decided, entry.rule, now)
            row |= {"id": gathered[index].message_id, "public_id": gathered[index].public_id}
        if row["id"] == message_id:
            opening[index] = message_id
        claims.append(Claim(index, row["id"], entry.key, row["brand_id"]))
    beside = _beside(planned)
    capped = within_caps(session, [_wanted(planned[index], index, beside, now) for index in opening])
    candidates = _uncapped(candidates, capped, opening, outcomes)
    taken = take_keys(session, [claim for claim in claims if outcomes[claim.index][0] in FIRED], now)
    rows = []
    for index, row in candidates:
        gathering, entry = gathered.get(index), planned[index]
        if index not in taken:
            outcomes[index] = (Reason.already_told, "")
        elif gathering is None or gathering.take(entry.facts, entry.decided, entry.rule, now):
            rows.append(row)
        else:
            outcomes[index] = (Reason.merged, f"told by {gathering.public_id}")
    written = {row["id"] for row in rows}
    count_capped(session, capped, {index for index, message_id in opening.items() if message_id in written})
    gatherings.move(session)
    for row in rows:
        row |= gatherings.timing(row["id"])
        row["state"] = (MessageState.held if row["send_at"] > now else MessageState.ready).value
    return rows


def _uncapped(
    candidates: Sequence[Candidate], capped: Capped, opening: Mapping[int, int], outcomes: dict[int, Outcome]
) -> list[Candidate]:
    """Those whose message may be: what would have joined one that is capped is capped with it."""
    refused = {opening[index]: (why.reason, why.detail) for index, why in capped.refused.items()}
    for index, row in candidates:
        outcomes[index] = refused.get(row["id"], outcomes[index])
    return [(index, row) for index, row in candidates if row["id"] not in refused]


def _message_row(session: Session, house: House, entry: Planned, now: datetime) -> dict[str, Any]:
    decided, crossing = entry.decided, entry.crossing
    template = template_of(house, entry)
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
        "template_edition": house.catalog.edition_of(entry.facts.brand.key),
        "priority": decided.priority,
        "reason": Reason.planned.value,
        "planned_at": now,
        "send_at": decided.send_at,
        "expires_at": decided.expires_at,
        "fallback_of": entry.fallback_of,
        "quiet": str(decided.quiet) if decided.quiet else None,
        "merge_until": None,
    }


def _decision_row(session: Session, house: House, entry: Planned, outcome: Outcome, now: datetime) -> dict[str, Any]:
    reason, detail = outcome
    return {
        "brand_id": entry.crossing["brand_id"],
        "crossing_id": entry.crossing_id,
        "rule_set_version_id": _version(session, house, _rules_key(entry)),
        "rule": entry.decided.rule,
        "channel": entry.decided.channel.value,
        "recipient_id": entry.decided.recipient_id,
        "fired": reason in FIRED or reason is Reason.merged,
        "reason": reason.value,
        "detail": detail,
        "inputs": dict(entry.decided.inputs),
        "decided_at": now,
    }


_Key = tuple[str, int, bytes]


def template_of(house: House, entry: Planned) -> Template:
    """The template that a decision's message is pinned to, in its reader's language. Raises TemplateMissing."""
    decided, brand = entry.decided, entry.facts.brand.key
    locale = team_locale(house, brand) if decided.recipient_id == TEAM else None
    return house.catalog.resolve(brand, locale or entry.locale, decided.template, decided.channel)


def with_templates(house: House, planned: Sequence[Planned], now: datetime) -> list[Planned]:
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
        template_of(house, entry)
    except TemplateMissing:
        return True
    return False


def _in_its_place(house: House, entry: Planned, now: datetime) -> list[Planned]:
    rule = entry.rules.named(entry.decided.rule)
    send = rule.step(entry.decided.channel, Audience(entry.decided.recipient_id)) if rule else None
    if rule is None or send is None:
        return []
    crossed = Crossed(entry.facts, team=team_of(house, entry.facts.brand.key), unwanted=entry.unwanted)

    def reach(following: Send) -> tuple[Reason, str]:
        reason, detail = reachable(crossed, following, house.channels)
        key = (following.template, following.channel.value)
        lacking = reason is Reason.planned and key not in house.catalog.keys(entry.facts.brand.key)
        return (Reason.no_template, f"no template {following.template!r}") if lacking else (reason, detail)

    answers = in_place_of(crossed, rule, send, Reason.no_template, reach, now)
    return [replace(entry, decided=decided) for decided in answers]


def _wanted(entry: Planned, index: int, beside: Mapping[_Told, Sequence[Rule]], now: datetime) -> Wanted:
    """What a message would count as. One that stands in for another has that one's place with the shopper."""
    rule = entry.rules.named(entry.decided.rule)
    counts = entry.decided.recipient_id != TEAM and entry.fallback_of is None
    return Wanted(
        index=index,
        brand_id=entry.crossing["brand_id"],
        rule=entry.decided.rule,
        rule_cap=rule.cap if rule else None,
        shopper=entry.shopper if counts else None,
        order_id=entry.crossing["order_id"],
        shopper_cap=entry.rules.shopper_cap,
        urgent=entry.decided.priority == Priority.urgent,
        at=now,
        zone=entry.facts.shopper.zone,
        later=tuple((one.name, one.cap) for one in beside.get(_told(entry), ()) if one.cap is not None),
    )


def _told(entry: Planned) -> _Told:
    return entry.crossing_id, entry.decided.channel.value, entry.decided.recipient_id


def _beside(planned: Sequence[Planned]) -> Mapping[_Told, Sequence[Rule]]:
    """The rules that leave a word to another rule before them."""
    found: dict[_Told, list[Rule]] = defaultdict(list)
    for entry in planned:
        if entry.decided.reason is Reason.another_rule and entry.rule is not None:
            found[_told(entry)].append(entry.rule)
    return found


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
                template = template_of(house, entry)
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
