"""The brakes: what is paused, by whom and why, and how the messages that waited are let go, each to be judged anew."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.channels.base import one_line
from app.errors import Fault, InvalidInput
from app.models import Brand, Pause
from app.models.pauses import with_pauses
from app.models.vocabulary import Channel, Milestone, PauseKind
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.deciding.live_rules import rules_of
from app.pipeline.house import House
from app.pipeline.polling.putting_off import take_up

NO_REASON = "no reason given"
CHANNELS = ", ".join(f"channel:{channel.value}" for channel in Channel)
_FORMS = f"all, brand:KEY, rule:NAME, template:KEY, carrier:NAME, {CHANNELS} or milestone:NAME"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pause holds, as a person writes it: `all`, `rule:delivered`."""

    kind: PauseKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value


@dataclass(frozen=True, slots=True)
class Standing:
    """A pause with its brand's key (None where it holds every brand) and how many messages wait for it."""

    scope: str
    brand: str | None
    why: str
    paused_by: str
    automatic: bool
    since: datetime
    waiting: int


@dataclass(frozen=True, slots=True)
class Paused:
    """What pausing came to; `new` is false where the same scope was paused already, which then still stands."""

    pause: Pause
    new: bool


@dataclass(frozen=True, slots=True)
class Resumed:
    """What lifting came to: how many messages are let go, and how many of its own another pause still holds."""

    lifted: tuple[str, ...]
    released: int
    still_held: int


def read_scope(session: Session, house: House, written: str, brand: Brand | None = None) -> Scope:
    """The scope that a person wrote. Raises InvalidInput where nothing goes by that name: a pause that holds nothing,
    for a slip of the pen, would be found out too late. With `brand` only what that brand has goes by any name."""
    kind, _, name = written.strip().partition(":")
    if kind not in PauseKind.__members__ or not name.isprintable():
        raise _unreadable(f"{written!r} is no scope", f"Write {_FORMS}.")
    scope = Scope(PauseKind(kind), name.strip())
    if (scope.kind is PauseKind.all) != (not scope.name):
        raise _unreadable(f"{written!r} is no scope", f"Write {_FORMS}.")
    known = _known(session, house, scope.kind, brand)
    if scope.name and scope.name not in known and not _pending(session, scope, brand):
        close = difflib.get_close_matches(scope.name, sorted(known), n=1)
        remedy = f"Did you mean {scope.kind.value}:{close[0]}?" if close else f"One of: {', '.join(sorted(known))}."
        raise _unreadable(f"there is no {scope.kind.value} {scope.name!r}", remedy)
    return scope


def _unreadable(problem: str, remedy: str) -> InvalidInput:
    return InvalidInput([Fault(None, "scope", problem, remedy)])


def _known(session: Session, house: House, kind: PauseKind, brand: Brand | None) -> set[str]:
    names: dict[PauseKind, Iterable[str]] = {
        PauseKind.rule: _rules(session, house, brand) if kind is PauseKind.rule else (),
        PauseKind.template: {
            template for template, _channel in catalog_of(session, house).keys(brand.key if brand else None)
        },
        PauseKind.carrier: house.carriers,
        PauseKind.channel: (channel.value for channel in Channel),
        PauseKind.milestone: (milestone.value for milestone in Milestone),
    }
    return set(session.scalars(sa.select(Brand.key))) if kind is PauseKind.brand else set(names.get(kind, ()))


def _rules(session: Session, house: House, brand: Brand | None) -> set[str]:
    """The names of the rules that some brand, or this one, lives by."""
    brand_ids = [brand.id] if brand is not None else session.scalars(sa.select(Brand.id)).all()
    return {rule.name for rules in rules_of(session, house, brand_ids).values() for rule in rules.rules}


_PENDING = {
    PauseKind.rule: """
        SELECT EXISTS (SELECT 1 FROM messages WHERE state IN ('held', 'ready') AND rule = :name
            AND (cast(:brand AS bigint) IS NULL OR brand_id = :brand))
    """,
    PauseKind.template: """
        SELECT EXISTS (
            SELECT 1 FROM messages JOIN template_versions ON template_versions.id = messages.template_version_id
            WHERE state IN ('held', 'ready') AND template_versions.key = :name
                AND (cast(:brand AS bigint) IS NULL OR messages.brand_id = :brand))
    """,
    PauseKind.carrier: """
        SELECT EXISTS (SELECT 1 FROM shipments WHERE next_poll_at IS NOT NULL AND :name IN (carrier, asked_of)
            AND (cast(:brand AS bigint) IS NULL OR brand_id = :brand))
    """,
}


def _pending(session: Session, scope: Scope, brand: Brand | None) -> bool:
    """Whether something still waits under a name that is no longer in use, or a pause stands that must be lifted."""
    pauses, query = _standing_as(scope), _PENDING.get(scope.kind)
    if brand is not None:
        pauses = pauses.where(Pause.brand_id == brand.id)
    if session.scalar(sa.select(sa.exists(pauses))):
        return True
    return bool(query and session.scalar(sa.text(query), {"name": scope.name, "brand": brand.id if brand else None}))


_WAITING = with_pauses("""
    SELECT pauses.id, count(*) AS waiting
    FROM messages JOIN pauses ON {holds}
    WHERE messages.state IN ('held', 'ready') AND pauses.id = any(:ids)
        AND (cast(:brand AS bigint) IS NULL OR messages.brand_id = :brand)
    GROUP BY pauses.id
""")


def _waiting(session: Session, pauses: Iterable[Pause], brand_id: int | None = None) -> dict[int, int]:
    """How many messages wait for each: all, or those of one brand."""
    ids = [pause.id for pause in pauses]
    if not ids:
        return {}
    return {row.id: row.waiting for row in session.execute(_WAITING, {"ids": ids, "brand": brand_id})}


def count_stopped(session: Session, done: Paused) -> int:
    """How many messages wait for a pause. Takes a while where much waits: count when the pause is committed."""
    return _waiting(session, [done.pause]).get(done.pause.id, 0)


def pause(
    session: Session, scope: Scope, brand_id: int | None, why: str, by: str, *, automatic: bool = False
) -> Paused:
    """Write down a pause, in the caller's transaction: from its commit on nothing of the scope is claimed, and no call
    that has not begun is begun. Paused twice is paused once, with the first one's reason.

    `brand_id` binds it to one brand. Messages whose call has begun are not stopped.
    """
    scope, bound_to = _bound(session, scope, brand_id)
    row = {
        "brand_id": bound_to,
        "kind": scope.kind.value,
        "name": scope.name,
        "why": one_line(why) or NO_REASON,
        "paused_by": by,
        "automatic": automatic,
    }
    found = None
    while found is None:  # one that stood in the way may be lifted before it can be read
        new = session.scalar(insert(Pause).values(row).on_conflict_do_nothing().returning(Pause.id))
        query = _standing_as(scope).where(Pause.brand_id.is_not_distinct_from(bound_to))
        found = session.scalars(query).one_or_none()
    return Paused(found, new is not None)


def _bound(session: Session, scope: Scope, brand_id: int | None) -> tuple[Scope, int | None]:
    """How a pause is written down, and the brand that it is bound to. All of one brand has one name, `brand:KEY`,
    whoever says it and how: else one could not lift what another had paused."""
    if scope.kind is PauseKind.brand:
        return scope, session.scalars(sa.select(Brand.id).where(Brand.key == scope.name)).one()
    if scope.kind is PauseKind.all and brand_id is not None:
        return Scope(PauseKind.brand, session.get_one(Brand, brand_id).key), brand_id
    return scope, brand_id


_STANDING = sa.select(Pause).where(Pause.lifted_at.is_(None))


def _standing_as(scope: Scope) -> sa.Select[Pause]:
    return _STANDING.where(Pause.kind == scope.kind.value, Pause.name == scope.name)


def standing(session: Session, brand_id: int | None = None) -> list[Standing]:
    """The pauses that stand, oldest first: all, or those that hold something of one brand, with its messages only."""
    query = sa.select(Pause, Brand.key).outerjoin(Brand, Brand.id == Pause.brand_id).where(Pause.lifted_at.is_(None))
    if brand_id is not None:
        query = query.where(sa.or_(Pause.brand_id == brand_id, Pause.brand_id.is_(None)))
    found = session.execute(query.order_by(Pause.id)).all()
    waiting = _waiting(session, [one for one, _ in found], brand_id)
    return [
        Standing(one.scope, brand, one.why, one.paused_by, one.automatic, one.since, waiting.get(one.id, 0))
        for one, brand in found
    ]


_CONCERNED = with_pauses("""
    SELECT count(*) AS held,
        count(*) FILTER (WHERE EXISTS (SELECT 1 FROM pauses WHERE {holds} AND pauses.id <> all(:ids))) AS elsewhere
    FROM messages
    WHERE state IN ('held', 'ready') AND EXISTS (SELECT 1 FROM pauses WHERE {holds} AND pauses.id = any(:ids))
""")


def resume(session: Session, scope: Scope, brand_id: int | None, by: str, *, everywhere: bool = False) -> Resumed:
    """Lift a pause, in the caller's transaction; what waited for it is let go afterwards by `let_go`.

    `brand_id` names the brand that it is bound to, None one that holds every brand; `everywhere` lifts each pause of
    this scope, whichever brand it is bound to.
    """
    scope, bound_to = _bound(session, scope, brand_id)
    query = _standing_as(scope)
    if not everywhere:
        query = query.where(Pause.brand_id.is_not_distinct_from(bound_to))
    ids = [one.id for one in session.scalars(query)]
    if not ids:
        return Resumed((), 0, 0)
    # Counted while it still holds, and before its rows are locked: every claim would wait for the end of the count.
    counted = session.execute(_CONCERNED, {"ids": ids}).one()
    # Claims that put messages aside under it hold it until they commit, so none is put aside after this.
    locked = _STANDING.where(Pause.id.in_(ids)).order_by(Pause.id).with_for_update()
    lifted = session.scalars(locked).all()
    if not lifted:  # another lifted it meanwhile
        return Resumed((), 0, 0)
    ended = {"lifted_at": sa.func.clock_timestamp(), "lifted_by": by}
    lifting = sa.update(Pause).where(Pause.id.in_([one.id for one in lifted])).values(ended)
    session.execute(lifting, execution_options=_UNSEEN)
    return Resumed(tuple(one.scope for one in lifted), counted.held - counted.elsewhere, counted.elsewhere)


_UNSEEN = {"synchronize_session": False}


_LET_GO = sa.text("""
    WITH waiting AS MATERIALIZED (
        SELECT id FROM messages WHERE pause_id = :pause AND state IN ('held', 'ready')
        ORDER BY id LIMIT 1000 FOR NO KEY UPDATE
    )
    UPDATE messages
    SET pause_id = NULL, send_at = CASE WHEN cast(:not_before AS timestamptz) IS NULL THEN send_at
        ELSE greatest(send_at, least(cast(:not_before AS timestamptz), expires_at)) END
    FROM waiting WHERE messages.id = waiting.id RETURNING messages.id
""")


CARRIER_FIRST_SECONDS = 120.0
"""How long the messages about a carrier's parcels wait on when its pause is lifted: it was not asked meanwhile, and
they are to be judged on what it says now."""


def let_go(house: House) -> int:
    """Let the messages go that waited for pauses which have been lifted, a thousand at a time; how many.

    They are due again at the time they had, and are claimed and judged like any other. What dies in the middle is
    done again by whoever comes next.
    """
    with house.sessions() as session:
        lifted = session.execute(
            sa.select(Pause.id, Pause.kind, Pause.name, Pause.brand_id)
            .where(Pause.lifted_at.is_not(None), Pause.emptied_at.is_(None))
            .order_by(Pause.id)
        ).all()
    total = 0
    for pause_id, kind, name, brand_id in lifted:
        not_before = None
        if kind == PauseKind.carrier:
            take_up(house, name, brand_id)
            not_before = house.clock.after_wall(CARRIER_FIRST_SECONDS)
        gone = 1
        while gone:
            with house.sessions.begin() as session:
                gone = len(session.scalars(_LET_GO, {"pause": pause_id, "not_before": not_before}).all())
            total += gone
        with house.sessions.begin() as session:
            session.execute(sa.update(Pause).where(Pause.id == pause_id).values(emptied_at=sa.func.clock_timestamp()))
    return total
