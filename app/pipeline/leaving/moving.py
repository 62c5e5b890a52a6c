"""Messages that wait, and were decided with other words than their template has now: which, and moving them on request.

A message keeps the version that it was decided with. Only here may it get another, and only while nothing of it has
been rendered: from its first release on, what it says is frozen (law 11).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.channels.base import one_line
from app.errors import Conflict, Fault, InvalidInput
from app.messages.base import Template, TemplateMissing
from app.messages.catalog import Catalog
from app.models import Brand, Message, Shipment, TemplateMove, TemplateVersion
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House

MOST = 5_000
"""Messages that are listed, and moved, at one go; what is left is listed next."""
LONGEST_WHY = 300


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message that waits with an older version of its template. Digests are hexadecimal; `changed` names the parts
    of the template that differ. Instants are engine time."""

    message: str
    shipment: str
    key: str
    channel: str
    locale: str
    state: str
    send_at: datetime
    old: str
    old_since: datetime
    new: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class List:
    """What would move: at most MOST messages of `total`, by age, under the `token` that names exactly these moves."""

    messages: tuple[Waiting, ...]
    total: int
    token: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list as it was seen, and who wants it moved, and why."""

    key: str
    token: str
    messages: tuple[str, ...]
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Which messages were moved, and which of the list had left, or begun to, or ended by then."""

    moved: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One stored version that messages wait with, and what stands in its place now."""

    version: Any
    template: Template


# The states as they stand in the indexes' own conditions, so that a prepared statement finds those too.
_WAITS = (
    sa.text("messages.state IN ('held', 'ready')"),
    Message.rendered_at.is_(None),
    Message.open_attempt_id.is_(None),
)


def not_rendered(brand_id: int) -> sa.CompoundSelect[Any]:
    """A brand's messages that wait and of which nothing was rendered, with their versions: those whose time will come
    and those that a pause has put aside, each by its own index."""
    either = (Message.pause_id.is_(None), Message.pause_id.is_not(None))
    columns = (Message.id, Message.template_version_id.label("version"))
    return sa.union_all(*(sa.select(*columns).where(Message.brand_id == brand_id, *_WAITS, one) for one in either))


def waiting(session: Session, house: House, brand: Brand, key: str | None = None) -> List:
    """The brand's messages that wait with another version than their template has now, oldest first; those of one
    template with `key`. Raises ConfigurationError where the templates that count now cannot be read."""
    held = not_rendered(brand.id).subquery()
    turns = _turns(session, house, brand, key, sa.select(held.c.version).distinct())
    if not turns:
        return List((), 0, token_of(()))
    old = held.c.version.in_(sorted(turns))
    total = session.scalar(sa.select(sa.func.count()).select_from(held).where(old)) or 0
    query = (
        sa.select(Message, Shipment.public_id)
        .join(Shipment, Shipment.id == Message.shipment_id)
        .where(Message.id.in_(sa.select(held.c.id).where(old).order_by(held.c.id).limit(MOST)))
        .order_by(Message.id)
    )
    found = tuple(
        _waiting(message, parcel, turns[message.template_version_id or 0]) for message, parcel in session.execute(query)
    )
    return List(found, total, token_of((one.message, one.old, one.new) for one in found))


def move(
    house: House, brand_id: int, wanted: Wanted, noted: Callable[[Session, Moved], None] = lambda session, done: None
) -> Moved:
    """Give the messages of a list the versions that it named, each if it still waits as it did; commits. `noted` is
    called in the same transaction, to write down what was moved.

    Raises InvalidInput without a reason, and Conflict, with nothing moved, where the list is not what it was: a
    template has changed again, somebody else has moved some, or another message waits by now. One that has left
    since, or is being sent at this very moment, is left as it is and told.
    """
    why = one_line(wanted.why)[:LONGEST_WHY]
    if not why:
        raise InvalidInput([Fault(None, "why", "missing", "Say in a sentence why they get the new words.")])
    turns, edition = _stored(house, brand_id, wanted)
    with house.sessions.begin() as session:
        rows = _locked(session, brand_id, wanted.messages)
        _agreed(session, house, brand_id, wanted, turns)
        moves = [
            {
                "brand_id": brand_id,
                "message_id": row.id,
                "from_version_id": row.template_version_id,
                "to_version_id": turns[row.template_version_id],
                "template_edition": edition,
                "moved_by": wanted.by,
                "why": why,
                "moved_at": house.clock.now(),
            }
            for row in rows
        ]
        if moves:
            versions = [turns[row.template_version_id] for row in rows]
            session.execute(_MOVE, {"ids": [row.id for row in rows], "to": versions})
            session.execute(insert(TemplateMove), moves)
        moved = tuple(row.public_id for row in rows)
        done = Moved(moved, tuple(sorted(set(wanted.messages) - set(moved))))
        noted(session, done)
    return done


_MOVE = sa.text("""
    UPDATE messages SET template_version_id = moves.version
    FROM unnest(cast(:ids AS bigint[]), cast(:to AS bigint[])) AS moves (id, version)
    WHERE messages.id = moves.id
""")


def token_of(moves: Iterable[tuple[str, str, str]]) -> str:
    """The name of a list: a digest over each message with the versions that it goes from and to."""
    listed = "\n".join(" ".join(one) for one in sorted(moves))
    return hashlib.sha256(listed.encode()).hexdigest()


def what_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts of a template that differ, as people call them; what is short as it was and as it is."""
    found = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return tuple(_difference(_PARTS.get(name, name), old.get(name), new.get(name)) for name in found)


_SHORT = 160


def _difference(part: str, old: Any, new: Any) -> str:
    short = all(isinstance(one, str) and len(one) <= _SHORT for one in (old, new))
    return f"{part}: “{old}” → “{new}”" if short else part


_PARTS = {
    "html": "what the email looks like",
    "text": "the text",
    "words": "the language's small words",
    "content_sid": "the approved template",
    "form": "how it is compiled",
}


def _turns(session: Session, house: House, brand: Brand, key: str | None, which: sa.Select[Any]) -> dict[int, _Turn]:
    """Those of some versions that are not what counts now, by row id, each with what does. `which` selects the ids."""
    catalog = catalog_of(session, house, brand.key)
    query = sa.select(TemplateVersion).where(TemplateVersion.id.in_(which)).order_by(TemplateVersion.id)
    if key is not None:
        query = query.where(TemplateVersion.key == key)
    found = {}
    for version in session.scalars(query):
        template = _now(catalog, brand.key, version)
        if template is not None and template.digest != bytes(version.digest):
            found[version.id] = _Turn(version, template)
    return found


def _now(catalog: Catalog, brand_key: str, version: TemplateVersion) -> Template | None:
    """What stands now under a version's name. None where that is gone, or is only there in another language: what was
    decided in Swedish is not to turn English while it waits."""
    try:
        template = catalog.resolve(brand_key, version.locale, version.key, version.channel)
    except TemplateMissing:
        return None
    return template if template.locale == version.locale else None


def _waiting(message: Message, parcel: str, turn: _Turn) -> Waiting:
    return Waiting(
        message=message.public_id,
        shipment=parcel,
        key=turn.template.key,
        channel=message.channel,
        locale=message.locale,
        state=message.state,
        send_at=message.send_at,
        old=bytes(turn.version.digest).hex(),
        old_since=turn.version.created_at,
        new=turn.template.digest.hex(),
        changed=what_changed(turn.version.parts, turn.template.parts),
    )


def _stored(house: House, brand_id: int, wanted: Wanted) -> tuple[dict[int, int], int]:
    """For each version that is left, the row id of what takes its place; and the number of the publication that did.

    Stored in a transaction of its own, sorted: whoever decides stores versions while it holds orders and messages,
    so nobody may wait for one of those while holding a version.
    """
    with house.sessions.begin() as session:
        brand = session.get_one(Brand, brand_id)
        pinned = sa.select(Message.template_version_id).where(
            Message.brand_id == brand_id, Message.public_id == sa.func.any(list(wanted.messages))
        )
        turns = _turns(session, house, brand, wanted.key, pinned)
        ordered = sorted(turns.items(), key=lambda turn: turn[1].template.digest)
        edition = catalog_of(session, house, brand.key).edition_of(brand.key)
        return {version_id: _store(session, brand_id, turn.template) for version_id, turn in ordered}, edition


def _store(session: Session, brand_id: int, template: Template) -> int:
    """The row id of an exact template of a brand, which is stored once and for ever."""
    row = {
        "brand_id": brand_id,
        "digest": template.digest,
        "key": template.key,
        "channel": template.channel,
        "locale": template.locale,
        "parts": dict(template.parts),
    }
    written = session.scalar(insert(TemplateVersion).on_conflict_do_nothing().returning(TemplateVersion.id), row)
    found = sa.select(TemplateVersion.id).where(
        TemplateVersion.brand_id == brand_id, TemplateVersion.digest == template.digest
    )
    return written if written is not None else session.scalars(found).one()


def _locked(session: Session, brand_id: int, names: Sequence[str]) -> list[Any]:
    """The listed messages that still wait, locked in the one order. One that is being claimed is waited for, and is
    then no longer among them."""
    columns = (Message.id, Message.public_id, Message.template_version_id)
    query = sa.select(*columns).where(
        Message.brand_id == brand_id, Message.public_id == sa.func.any(list(names)), *_WAITS
    )
    return list(session.execute(query.order_by(Message.id).with_for_update(key_share=True)))


def _agreed(session: Session, house: House, brand_id: int, wanted: Wanted, turns: Mapping[int, int]) -> None:
    """Raise Conflict unless the listed messages have the versions that the list gave, and no other waits beside."""
    brand = session.get_one(Brand, brand_id)
    now = waiting(session, house, brand, wanted.key)
    pinned = session.execute(
        sa.select(Message.public_id, TemplateVersion.digest, TemplateVersion.id)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .where(Message.brand_id == brand_id, Message.public_id == sa.func.any(list(wanted.messages)))
    ).all()
    stored = sa.select(TemplateVersion.id, TemplateVersion.digest).where(TemplateVersion.id.in_(turns.values()))
    digests = {row.id: bytes(row.digest).hex() for row in session.execute(stored)}
    new = {old: digests[version] for old, version in turns.items()}
    token = token_of((row.public_id, bytes(row.digest).hex(), new.get(row.id, "")) for row in pinned)
    others = {one.message for one in now.messages} - set(wanted.messages)
    if token != wanted.token or (others and len(wanted.messages) < MOST):
        what = f"{len(others)} more wait by now" if others else "the template or what waits has changed"
        raise Conflict(f"This is not the list that you saw: {what}. Nothing was moved. List them again.")
