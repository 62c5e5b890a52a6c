"""Simulate: one real parcel with its order, forked into memory and into the future; what its shopper would receive.

Scans are made up, the clock steps through them and through whatever comes due by itself, and each message is judged and
rendered as it would be. Nothing is written and nothing but the database is called.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from app.channels.base import OutgoingEmail, OutgoingSms
from app.errors import NotFound
from app.messages.base import NotRenderable, Template
from app.models import Pause, Shipment
from app.models.addresses import address_digest
from app.models.facts import Facts, Person
from app.models.vocabulary import Channel, MessageState, Milestone, Reason, SuppressionKind
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.live_rules import as_lived_by, rules_of
from app.pipeline.deciding.picture import person_of, picture_since
from app.pipeline.deciding.splitting import living
from app.pipeline.deciding.whole_orders import last_parcel, standings_of
from app.pipeline.house import House
from app.pipeline.leaving.releasing import templates_of
from app.pipeline.leaving.team import TEAM
from app.pipeline.leaving.writing import write_out
from app.pipeline.people.consenting import standing
from app.rehearsal.journey import Journey, journeys_of
from app.rehearsal.mails import Answer, Cover, Mail, Opened
from app.rehearsal.planned_before import planned_so_far
from app.rehearsal.reading import HeardOf, Stored, looking, read_orders
from app.rehearsal.redrawing import crossing_of
from app.rehearsal.script import MadeUp, Script
from app.rehearsal.stage import Stage
from app.rehearsal.untold import forget_untold, note_untold
from app.rules.ruleset import RuleSet
from app.settings import SendMode
from app.tracking.adapter.base import scan_digest
from app.tracking.completing import KnownCompletion, completion
from app.tracking.milestones import KnownScan, NewCrossing

HIDDEN = "(name)"


class Happening(BaseModel):
    """One thing that would happen. `what` is `scan`, `milestone`, `unplanned` (a rule said no), `waits`, `sent` or
    `unsent`. `at` is UTC; `until` is when a message that waits is due; `text` is what its reader would see."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    what: str
    shipment: str
    milestone: str
    place: str | None = None
    rule: str | None = None
    channel: str | None = None
    recipient: str | None = None
    until: datetime | None = None
    subject: str | None = None
    text: str | None = None
    reason: str | None = None
    sentence: str | None = None
    detail: str | None = None


class Simulation(BaseModel):
    """What would happen to one parcel and to what its shopper is told, in order. `zone` is where the shopper lives."""

    model_config = ConfigDict(frozen=True)

    shipment: str
    order: str
    carrier: str | None
    zone: str
    starts: datetime
    until: datetime
    rules: str
    happenings: tuple[Happening, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Fork:
    """The parcel's order in memory, and what has happened to it there."""

    house: House
    stage: Stage
    shipment_id: int
    channels: frozenset[Channel]
    templates: Mapping[int, Template]
    shown: Person
    whole: list[KnownCompletion] = field(default_factory=list)
    happened: list[Happening] = field(default_factory=list)
    made_up: int = 0
    paused: list[str] = field(default_factory=list)


def simulate(
    house: House, shipment: str, script: Script, rules: RuleSet | None = None, *, show_person: bool = False
) -> Simulation:
    """Fork the parcel with this outside id and play the script. `rules` are those of its brand, if none are given.

    Raises NotFound.
    """
    with looking(house.sessions) as session:
        fork = _fork(session, house, shipment, script.starts, rules, show_person)
    fork.stage.on_release = lambda mail, at: _released(fork, mail, at)
    now, waiting = script.starts, list(script.scans)
    while True:
        fork.stage.release(now)
        while waiting and waiting[0].at <= now:
            _hear(fork, waiting.pop(0))
        _open(fork, now)
        following = _following(fork, waiting, now)
        if following is None or following > script.until:
            break
        now = following
    fork.stage.release(script.until, at_last=True)
    return _told(fork, script)


def _fork(
    session: Session, house: House, shipment: str, now: datetime, rules: RuleSet | None, show_person: bool
) -> _Fork:
    row = session.execute(sa.select(Shipment.id, Shipment.order_id).where(Shipment.public_id == shipment)).one_or_none()
    if row is None:
        raise NotFound(f"No parcel has the id {shipment!r}. `doorstep explain` finds it by tracking or order number.")
    (stored,) = read_orders(session, [row.order_id])
    house = as_of_now(session, house)
    journeys = journeys_of(house, stored)
    forget_untold(stored, journeys)
    person = person_of(stored.order)
    stage = Stage(
        stored,
        as_lived_by(session, house, stored.order.brand_id, rules)
        if rules
        else rules_of(session, house, {stored.order.brand_id})[stored.order.brand_id],
        house,
        journeys,
        person=person,
        suppressed=_suppressed(session, stored, person),
        draw=lambda cover, at: _drawn(stored, journeys, cover, at),
    )
    stage.mails += planned_so_far(stored, stage.rules, now)
    stage.taken |= stored.taken(now + datetime.resolution)
    pinned = {mail.template_version_id for mail in stage.mails if mail.waits and mail.template_version_id}
    shown = person if show_person else Person(name=HIDDEN if person.name else None, email="-", phone="-")
    templates = templates_of(session, house, pinned)
    fork = _Fork(house, stage, row.id, _channels(house, stored), templates, shown, _known_whole(stored))
    fork.paused += _pauses(session, stored.order.brand_id)
    return fork


def _pauses(session: Session, brand_id: int) -> list[str]:
    """What is paused for a brand at present; it is simulated as if it were not."""
    query = sa.select(Pause.kind, Pause.name).where(
        Pause.lifted_at.is_(None), sa.or_(Pause.brand_id.is_(None), Pause.brand_id == brand_id)
    )
    return [":".join(filter(None, row)) for row in session.execute(query.order_by(Pause.id))]


def _channels(house: House, stored: Stored) -> frozenset[Channel]:
    """Those that have a provider; where none is set up here, those that had one when the parcel was last decided on."""
    if house.channels:
        return house.channels
    recorded = [one.inputs.get("channels") for one in stored.crossings if one.inputs.get("channels")]
    return frozenset(map(Channel, recorded[-1])) if recorded else frozenset({Channel.email, Channel.sms})


def _suppressed(session: Session, stored: Stored, person: Person) -> dict[Channel, SuppressionKind]:
    digests = {
        channel: address_digest(channel, address)
        for channel in Channel
        if (address := person.email if channel is Channel.email else person.phone)
    }
    found = standing(session, digests.values())
    named = {channel: found.get((stored.order.brand_id, channel.value, digest)) for channel, digest in digests.items()}
    return {channel: kind for channel, kind in named.items() if kind is not None}


def _drawn(stored: Stored, journeys: Mapping[int, Journey], cover: Cover, at: datetime) -> Facts:
    """The facts at release: as the rows would stand then, about the news of the decision."""
    others = [one.as_of(at) for key, one in journeys.items() if key != cover.shipment_id]
    decided = cover.facts.model_dump(mode="json")
    return picture_since(decided, stored.order, journeys[cover.shipment_id].as_of(at), others)


def _hear(fork: _Fork, scan: MadeUp) -> None:
    fork.made_up += 1
    said = scan.milestone.value.replace("_", " ").capitalize()
    digest = scan_digest("made up", scan.milestone, scan.at.isoformat(), str(fork.made_up))
    known = KnownScan(digest, scan.milestone, scan.at, said, scan.place, moves=True, heard_at=scan.at)
    journey = fork.stage.journeys[fork.shipment_id]
    journey.hear(HeardOf(scan.at, known))
    name = journey.row.public_id
    fork.happened.append(
        Happening(at=scan.at, what="scan", shipment=name, milestone=scan.milestone.value, place=scan.place)
    )


def _open(fork: _Fork, now: datetime) -> None:
    """What opens at this instant for any parcel of the order, and each rule's answer."""
    stage = fork.stage
    note_untold(stage)
    fresh = [
        (journey, new)
        for journey in stage.journeys.values()
        for new in [*journey.fresh(stage.rules, now), *journey.give_up(now)]
    ]
    fresh += _completed(fork, now)
    if not fresh:
        return
    opened = [_opened(fork, journey, new, now) for journey, new in fresh]
    answers = stage.decide(opened, now)
    for one in opened:
        own = [answer for answer in answers if answer.opened is one]
        name = stage.stored.parcel(one.shipment_id).public_id
        silent = None if own else "No rule is for it, so nobody is told."
        fork.happened.append(Happening(at=now, what="milestone", shipment=name, milestone=one.name[1], sentence=silent))
        fork.happened += [_answered(name, answer, now) for answer in own]


def _answered(name: str, answer: Answer, now: datetime) -> Happening:
    return Happening(
        at=now,
        what="waits" if answer.fired else "unplanned",
        shipment=name,
        milestone=answer.opened.name[1],
        rule=answer.decided.rule,
        channel=answer.decided.channel.value,
        recipient=answer.decided.recipient_id,
        until=answer.mail.send_at if answer.mail is not None else None,
        reason=answer.reason.value,
        sentence=answer.reason.sentence,
        detail=answer.detail or None,
    )


def _completed(fork: _Fork, now: datetime) -> list[tuple[Journey, NewCrossing]]:
    """The whole order's own milestone, where it has come to it, with the parcel that arrived last."""
    stage = fork.stage
    parcels = [one.as_of(now) for one in stage.journeys.values()]
    last = last_parcel(stage.stored.order, parcels)
    new = completion(standings_of(parcels), fork.whole) if last is not None else None
    if last is None or new is None:
        return []
    fork.whole.append(KnownCompletion(new.occurrence, frozenset(one.public_id for one in living(parcels))))
    return [(stage.journeys[last.id], new)]


def _known_whole(stored: Stored) -> list[KnownCompletion]:
    ends: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for message in stored.messages:
        ends[message.crossing_id].add((message.state, message.reason))
    taken_back = {(MessageState.superseded.value, Reason.no_longer_so.value)}
    return [
        KnownCompletion(one.occurrence, frozenset(() if ends[one.id] == taken_back else one.inputs.get("parcels", ())))
        for one in stored.crossings
        if one.scope == "order"
    ]


def _opened(fork: _Fork, journey: Journey, new: NewCrossing, now: datetime) -> Opened:
    stage = fork.stage
    crossed = crossing_of(stage.stored, stage.journeys, journey, new, stage.rules, now)
    whole = new.episode.milestone is Milestone.all_delivered
    scope = ("order", stage.stored.order.id) if whole else ("parcel", journey.row.id)
    return Opened(None, journey.row.id, scope, crossed, fork.channels, now)


def _released(fork: _Fork, mail: Mail, at: datetime) -> None:
    """Note what became of a message whose time had come."""
    held = mail.withheld
    said: dict[str, Any] = {"what": "sent"}
    if held is not None:
        said = {
            "what": "waits" if held.again_at is not None else "unsent",
            "until": held.again_at,
            "reason": held.reason.value,
            "sentence": held.reason.sentence,
            "detail": held.detail or None,
        }
    else:
        said |= _rendered(fork, mail, at)
    fork.happened.append(
        Happening(
            at=at,
            shipment=fork.stage.stored.parcel(mail.shipment_id).public_id,
            milestone=mail.milestone.value,
            rule=mail.decided.rule,
            channel=mail.decided.channel.value,
            recipient=mail.decided.recipient_id,
            **said,
        )
    )


def _rendered(fork: _Fork, mail: Mail, at: datetime) -> dict[str, Any]:
    """Subject and text as they would be read, or why they cannot be."""
    shown = None if mail.decided.recipient_id == TEAM else fork.shown
    release = fork.stage.released(mail, at, shown)
    try:
        template = fork.templates.get(mail.template_version_id) or fork.stage.template(mail)
        outgoing, subject = write_out(fork.house, release, template, f"rehearsed {mail.number}")
    except NotRenderable as error:
        return {"what": "unsent", "reason": "not_renderable", "sentence": str(error)}
    if isinstance(outgoing, OutgoingEmail | OutgoingSms):
        return {"subject": subject, "text": outgoing.text}
    return {"text": " | ".join(outgoing.variables.values())}


def _following(fork: _Fork, waiting: list[MadeUp], now: datetime) -> datetime | None:
    """The next instant at which anything can happen that is not a message's own time."""
    journeys = fork.stage.journeys.values()
    watched = [journey.look(fork.stage.rules, now).next_at for journey in journeys]
    given_up = [quiet.occurred_at for journey in journeys if (quiet := journey.given_up(now)) is not None]
    ahead = [at for at in (*watched, *given_up, waiting[0].at if waiting else None) if at is not None and at > now]
    return min(ahead, default=None)


def _told(fork: _Fork, script: Script) -> Simulation:
    stored, journey = fork.stage.stored, fork.stage.journeys[fork.shipment_id]
    return Simulation(
        shipment=journey.row.public_id,
        order=stored.order.number,
        carrier=journey.row.carrier,
        zone=stored.order.zone,
        starts=script.starts,
        until=script.until,
        rules=fork.stage.rules.digest.hex()[:12],
        happenings=tuple(fork.happened),
        notes=tuple(_notes(fork)),
    )


def _notes(fork: _Fork) -> list[str]:
    notes = []
    if not fork.house.channels:
        supposed = ", ".join(sorted(fork.channels))
        notes.append(f"No provider is set up here, so it is supposed that there is one for {supposed}.")
    elif fork.house.send_mode != SendMode.live:
        notes.append(f"Doorstep runs in {fork.house.send_mode} mode; this is what would leave if it were live.")
    if fork.paused:
        notes.append(f"Paused at present, and taken as if it were not: {', '.join(fork.paused)}.")
    if fork.made_up == 0:
        notes.append("No scan was made up; with --scan delivered@+1d one is.")
    return notes
