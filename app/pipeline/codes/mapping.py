"""Saying what a carrier's code means, without a deploy: for one brand or for all, with who, when and why, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Fault, InvalidInput, NotFound
from app.log import logger
from app.models import Brand, CodeMapping, UnknownCode
from app.models.vocabulary import SAYABLE
from app.pipeline.codes.applying import HEARING, meaning_of, standing
from app.pipeline.house import House
from app.tracking.adapter.base import Meaning, NoMilestone, clean

MEANINGS: tuple[str, ...] = (*(one.value for one in SAYABLE), *(one.value for one in NoMilestone))
"""What a code can be mapped to, as people write it."""

UNKNOWN = "unknown"
_MAPPERS = 0x0D005C0DE6
_ALONE = sa.text("SELECT pg_advisory_xact_lock(:lock)")
_LONGEST_CODE, _LONGEST_WHY = 100, 300

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """A code that nothing maps, as one brand's parcels have shown it. Times are the database's clock."""

    carrier: str
    code: str
    count: int
    example: str
    first_seen_at: datetime
    last_seen_at: datetime
    brand: str


@dataclass(frozen=True, slots=True)
class MappingTold:
    """One mapping, standing or ended. `brand` is None where it holds for all; `refolding`: parcels are still being read
    again on its account. Times are the database's clock."""

    brand: str | None
    carrier: str
    code: str
    meaning: str
    before: str
    why: str
    mapped_by: str
    mapped_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None
    refolding: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """What mapping or unmapping came to: what the code meant and means, and what the carrier's own table says of it
    (None: it does not know the code). `new` is False where it was so already."""

    carrier: str
    code: str
    before: str
    meaning: str
    by_table: str | None
    new: bool


def read_meaning(written: str) -> Meaning:
    """What a code shall mean. Raises InvalidInput naming the nearest right word."""
    word = written.strip().lower()
    if word in MEANINGS:
        return meaning_of(word)
    close = get_close_matches(word, MEANINGS, n=1)
    remedy = f"Write {close[0]}." if close else f"One of: {', '.join(MEANINGS)}."
    raise InvalidInput([Fault(None, "MEANING", f"{clean(written, 60)!r} is none that a code can have", remedy)])


def read_carrier(house: House, written: str) -> str:
    """The name of an adapter, whose codes can be mapped. Raises NotFound naming the nearest."""
    name = written.strip().lower()
    if name in house.carriers:
        return name
    close = get_close_matches(name, list(house.carriers), n=1)
    remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(house.carriers))}."
    raise NotFound(f"There is no carrier {clean(written, 60)!r}. {remedy}")


def map_code(
    session: Session, house: House, key: tuple[str, str], meaning: Meaning, brand_id: int | None, said: tuple[str, str]
) -> Changed:
    """Let a code mean something from now on. `key` is carrier and code, `brand_id` None for all brands, `said` who says
    so and why. Stored parcels follow: `refold` reads them again. Raises InvalidInput or NotFound."""
    carrier, code, by, why = _checked(house, key, said)
    before = _stand_alone(session, house, carrier, code, brand_id)
    changed = Changed(carrier, code, before, meaning.value, by_table(house, carrier, code), True)
    own = _own(session, carrier, code, brand_id)
    if own is not None and own.meaning == meaning.value:
        return Changed(carrier, code, own.before, meaning.value, changed.by_table, False)
    if own is not None:
        _end(session, own, by, why, refold=False)
    session.add(
        CodeMapping(
            brand_id=brand_id, carrier=carrier, code=code, meaning=meaning.value, before=before, why=why,
            mapped_by=by, refold_after=0,
        )
    )  # fmt: skip
    session.flush()
    log.info("code mapped", carrier=carrier, code=code, brand=brand_id, before=before, after=meaning.value, by=by)
    return changed


def unmap_code(
    session: Session, house: House, key: tuple[str, str], brand_id: int | None, said: tuple[str, str]
) -> Changed:
    """Take a mapping back: the code means again what it means without it. Raises NotFound where none stands."""
    carrier, code, by, why = _checked(house, key, said)
    before = _stand_alone(session, house, carrier, code, brand_id)
    own = _own(session, carrier, code, brand_id)
    if own is None:
        whose = "for all brands" if brand_id is None else "for this brand"
        raise NotFound(f"{carrier}'s code {code!r} is not mapped {whose}. `doorstep carriers mappings` lists what is.")
    _end(session, own, by, why, refold=True)
    now_so = _meaning(session, house, carrier, code, brand_id)
    log.info("code unmapped", carrier=carrier, code=code, brand=brand_id, before=before, after=now_so, by=by)
    return Changed(carrier, code, before, now_so, by_table(house, carrier, code), True)


def by_table(house: House, carrier: str, code: str) -> str | None:
    """What a carrier's own table says of a code, or None."""
    meaning = house.carriers[carrier].codes.get(code)
    return meaning.value if meaning is not None else None


def unknown_codes(session: Session, brand_id: int | None = None) -> list[CodeSeen]:
    """The codes that nobody knows and that no mapping stands for, most frequent first; of one brand, or of all."""
    mapped = sa.exists().where(
        CodeMapping.ended_at.is_(None),
        CodeMapping.carrier == UnknownCode.carrier,
        CodeMapping.code == UnknownCode.code,
        sa.or_(CodeMapping.brand_id.is_(None), CodeMapping.brand_id == UnknownCode.brand_id),
    )
    query = sa.select(UnknownCode, Brand.key).join(Brand, Brand.id == UnknownCode.brand_id).where(~mapped)
    if brand_id is not None:
        query = query.where(UnknownCode.brand_id == brand_id)
    rows = session.execute(query.order_by(UnknownCode.count.desc(), UnknownCode.id).limit(1000)).all()
    return [
        CodeSeen(one.carrier, one.code, one.count, one.example, one.first_seen_at, one.last_seen_at, brand)
        for one, brand in rows
    ]


def mappings(
    session: Session, brand_id: int | None = None, *, history: bool = True, key: tuple[str, str] | None = None
) -> list[MappingTold]:
    """The mappings that hold for a brand (its own and those for all), or all there are, newest first; `key` (carrier
    and code) picks those of one code."""
    query = sa.select(CodeMapping, Brand.key).outerjoin(Brand, Brand.id == CodeMapping.brand_id)
    if brand_id is not None:
        query = query.where(sa.or_(CodeMapping.brand_id.is_(None), CodeMapping.brand_id == brand_id))
    if key is not None:
        query = query.where(CodeMapping.carrier == key[0], CodeMapping.code == key[1])
    if not history:
        query = query.where(CodeMapping.ended_at.is_(None))
    rows = session.execute(query.order_by(CodeMapping.id.desc()).limit(1000)).all()
    return [
        MappingTold(
            brand, one.carrier, one.code, one.meaning, one.before, one.why, one.mapped_by, one.mapped_at, one.ended_at,
            one.ended_by, one.ended_why, one.refold_after is not None,
        )
        for one, brand in rows
    ]  # fmt: skip


def _checked(house: House, key: Sequence[str], said: Sequence[str]) -> tuple[str, str, str, str]:
    carrier, code, why = read_carrier(house, key[0]), clean(key[1]).strip(), clean(said[1]).strip()
    if not code or len(code) > _LONGEST_CODE:
        raise InvalidInput([Fault(None, "CODE", "is empty, or longer than any code", "Write it as the carrier does.")])
    if not why or len(why) > _LONGEST_WHY:
        remedy = f"Say in 1 to {_LONGEST_WHY} letters how you know: it stands in the history."
        raise InvalidInput([Fault(None, "why", "is empty, or too long", remedy)])
    return carrier, code, clean(said[0], 200), why


def _stand_alone(session: Session, house: House, carrier: str, code: str, brand_id: int | None) -> str:
    """Wait until nobody hears, maps or reads again by this code; what it means now.

    In this order: mappers one after the other, then the rows that reading again holds, then those who hear. Whoever
    reads again never waits for the third, so none of them waits for one that waits for it.
    """
    session.execute(_ALONE, {"lock": _MAPPERS})
    rows = sa.select(CodeMapping.id).where(CodeMapping.carrier == carrier, CodeMapping.code == code)
    session.execute(rows.order_by(CodeMapping.id).with_for_update()).all()
    session.execute(_ALONE, {"lock": HEARING})
    return _meaning(session, house, carrier, code, brand_id)


def _meaning(session: Session, house: House, carrier: str, code: str, brand_id: int | None) -> str:
    found = standing(session, [carrier]).of(carrier, code, brand_id or 0)
    return found.meaning.value if found else by_table(house, carrier, code) or UNKNOWN


def _own(session: Session, carrier: str, code: str, brand_id: int | None) -> CodeMapping | None:
    """The mapping that stands for just this brand, or just for all."""
    query = sa.select(CodeMapping).where(
        CodeMapping.carrier == carrier,
        CodeMapping.code == code,
        CodeMapping.brand_id.is_(None) if brand_id is None else CodeMapping.brand_id == brand_id,
        CodeMapping.ended_at.is_(None),
    )
    return session.scalars(query).one_or_none()


def _end(session: Session, one: CodeMapping, by: str, why: str, *, refold: bool) -> None:
    one.ended_at, one.ended_by, one.ended_why = session.scalars(sa.select(sa.func.now())).one(), by, why
    one.refold_after = 0 if refold else None
    session.flush()
