"""Which rules a brand lives by from now on: a set is checked and published, compared, and taken back.

What is published counts from the next batch of every worker; where it changes what counts as late, the brand's living
parcels are looked at again. A message that waits keeps the version it was decided
with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.channels.base import one_line
from app.errors import Conflict, Fault, InvalidInput, NotFound
from app.intake.fields import ANY_CARRIER
from app.models import Brand, RuleSetPublication, RuleSetVersion
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.watching import look_again
from app.pipeline.house import House
from app.pipeline.leaving.team import team_channels
from app.pipeline.polling.routing import accepted_carriers
from app.rules.document import parse_rules, reread_rules
from app.rules.known import Known
from app.rules.ruleset import RuleSet

LONGEST_WHY = 300
_HIGHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Said:
    """Who publishes a set, and why."""

    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Published:
    """The nth publication of a brand. Instants are engine time; `replaced_at` is None for the one that counts. `new` is
    false where exactly this text counted already."""

    number: int
    digest: str
    published_at: datetime
    published_by: str
    why: str
    replaced_at: datetime | None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Live:
    """What a brand lives by: its publication, None for the set that ships, and the rules."""

    publication: Published | None
    rules: RuleSet

    @property
    def digest(self) -> str:
        """The version's name, in hexadecimal digits."""
        return self.rules.digest.hex()


def known_names(house: House, brand_key: str | None) -> Known:
    """What a brand's rules may name; without one, what any brand's may. The house's catalog is asked: hand in one
    `as_of_now` for the templates that count."""
    carriers = accepted_carriers(house)
    brands = frozenset(house.catalog.brands())
    team = team_channels(house, brand_key) if brand_key is not None else None
    return Known(house.catalog.keys(brand_key), None if ANY_CARRIER in carriers else carriers, brands, brand_key, team)


def live_set(session: Session, house: House, brand_id: int) -> Live:
    """The rules that count now."""
    row = session.execute(_published(brand_id).where(RuleSetPublication.replaced_at.is_(None))).one_or_none()
    return Live(_as_published(row), reread_rules(row.content)) if row else Live(None, house.rules)


def publish(
    session: Session, house: House, brand: Brand, content: str, said: Said, expected: str | None
) -> tuple[Published, RuleSet, RuleSet]:
    """Let a brand live by a set from the caller's commit on; the publication, the rules before it, and its own.

    `expected` is the digest (in hexadecimal digits) of the set that the publisher saw; None for whatever counts now.
    The same text again is no new publication. Raises InvalidInput with every fault of the set, or Conflict when
    another was published since; nothing is changed then.
    """
    rules = parse_rules(content, known_names(as_of_now(session, house), brand.key))
    why = one_line(said.why)[:LONGEST_WHY]
    if not why:
        raise InvalidInput([Fault(None, "why", "missing", "Say in a sentence why these rules are published.")])
    before = live_set(session, house, brand.id)
    if expected is not None and expected != before.digest:
        raise _conflict(before)
    if before.publication is not None and before.rules.digest == rules.digest:
        return before.publication, before.rules, rules
    version_id = _store(session, brand.id, rules)
    now = house.clock.now()
    _retire(session, brand.id, before, now)
    row = {
        "brand_id": brand.id,
        "rule_set_version_id": version_id,
        "number": _next_number(session, brand.id),
        "published_at": now,
        "published_by": said.by,
        "why": why,
    }
    written = insert(RuleSetPublication).on_conflict_do_nothing().returning(RuleSetPublication.number)
    number = session.scalar(written, row)
    if number is None:  # the first of all, and somebody else's was sooner
        raise _conflict(live_set(session, house, brand.id))
    if rules.expectations != before.rules.expectations:
        look_again(session, brand.id)
    return Published(number, rules.digest.hex(), now, said.by, why, None, new=True), before.rules, rules


def rollback(
    session: Session, house: House, brand: Brand, number: int, said: Said, expected: str | None
) -> tuple[Published, RuleSet, RuleSet]:
    """Publish an older publication's text again, as it was; raises as `publish` does, and NotFound."""
    _, content = version(session, brand.id, number)
    return publish(session, house, brand, content, said, expected)


def history(session: Session, brand_id: int, before: int | None = None, limit: int = 50) -> list[Published]:
    """A brand's publications, newest first; `before` a number."""
    query = _published(brand_id).order_by(RuleSetPublication.number.desc()).limit(limit)
    if before is not None:
        query = query.where(RuleSetPublication.number < before)
    return [_as_published(row) for row in session.execute(query)]


def version(session: Session, brand_id: int, number: int) -> tuple[Published, str]:
    """One publication and its text. Raises NotFound."""
    one = _published(brand_id).where(RuleSetPublication.number == number)
    row = session.execute(one).one_or_none() if 0 < number <= _HIGHEST else None
    if row is None:
        raise NotFound(f"There is no publication {number} of these rules. `doorstep rules history` lists them.")
    return _as_published(row), row.content


def _published(brand_id: int) -> sa.Select[Any]:
    columns = ("number", "published_at", "published_by", "why", "replaced_at")
    return (
        sa.select(
            *(getattr(RuleSetPublication, name) for name in columns), RuleSetVersion.digest, RuleSetVersion.content
        )
        .join(RuleSetVersion, RuleSetVersion.id == RuleSetPublication.rule_set_version_id)
        .where(RuleSetPublication.brand_id == brand_id)
    )


def _as_published(row: Any) -> Published:
    return Published(row.number, bytes(row.digest).hex(), row.published_at, row.published_by, row.why, row.replaced_at)


def _conflict(live: Live) -> Conflict:
    since = live.publication
    what = f"number {since.number}, by {since.published_by}" if since else "the set that ships"
    return Conflict(f"Other rules count than those that you saw: {what}. Read them, and publish on top of them.")


def _store(session: Session, brand_id: int, rules: RuleSet) -> int:
    """The row id of a text, which is stored once and for ever."""
    row = {"brand_id": brand_id, "digest": rules.digest, "content": rules.content}
    written = session.scalar(insert(RuleSetVersion).on_conflict_do_nothing().returning(RuleSetVersion.id), row)
    found = sa.select(RuleSetVersion.id).where(
        RuleSetVersion.brand_id == brand_id, RuleSetVersion.digest == rules.digest
    )
    return written if written is not None else session.scalars(found).one()


def _retire(session: Session, brand_id: int, before: Live, now: datetime) -> None:
    """End the publication that was seen to count. Whoever publishes at the same time waits here for the other's
    commit, and finds that it no longer does."""
    if before.publication is None:
        return
    ended: Sequence[int] = session.scalars(
        sa.update(RuleSetPublication)
        .where(
            RuleSetPublication.brand_id == brand_id,
            RuleSetPublication.number == before.publication.number,
            RuleSetPublication.replaced_at.is_(None),
        )
        .values(replaced_at=now)
        .returning(RuleSetPublication.id)
    ).all()
    if not ended:
        raise Conflict("Somebody else published rules at this very moment. Read them, and publish on top of them.")


def _next_number(session: Session, brand_id: int) -> int:
    last = sa.select(sa.func.max(RuleSetPublication.number)).where(RuleSetPublication.brand_id == brand_id)
    return (session.scalar(last) or 0) + 1
