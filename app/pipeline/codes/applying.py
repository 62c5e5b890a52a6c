"""What operations have mapped, as one transaction sees it, and what that makes of a scan."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import SAYABLE, Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

HEARING = 0x0D005C0DE5
"""The advisory lock that everyone who stores scans shares, and that whoever changes a mapping takes alone: so each scan
is either stored by the new mapping or already there when the stored ones are gone through."""

_SHARE = sa.text("SELECT pg_advisory_xact_lock_shared(:lock)")
_STANDING = sa.text("""
    SELECT id, brand_id, carrier, code, meaning FROM code_mappings WHERE ended_at IS NULL AND carrier = ANY(:carriers)
""")


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a code means by a mapping (its row id)."""

    id: int
    meaning: Meaning

    @property
    def milestone(self) -> Milestone | None:
        """The milestone that it is, if it is one."""
        return self.meaning if isinstance(self.meaning, Milestone) else None

    @property
    def moves(self) -> bool:
        """Whether the carrier handled the parcel."""
        return self.meaning is not NoMilestone.nothing


class Standing:
    """The mappings that stand for some carriers. A brand's own goes before the one for all brands."""

    def __init__(self, mapped: Mapping[tuple[str, str, int | None], Mapped]) -> None:
        self._mapped = mapped

    def of(self, carrier: str | None, code: str, brand_id: int) -> Mapped | None:
        """The mapping of a carrier's code for a brand, or None."""
        if not self._mapped or carrier is None:
            return None
        return self._mapped.get((carrier, code, brand_id)) or self._mapped.get((carrier, code, None))


def meaning_of(word: str) -> Meaning:
    """A stored word as what it means: what a carrier can say, or none. Raises ValueError for any other word."""
    return Milestone(word) if word in SAYABLE else NoMilestone(word)


def as_read(milestone: str | None, moves: bool) -> str:
    """What an adapter read in a scan, as one word."""
    return milestone or (NoMilestone.movement if moves else NoMilestone.nothing).value


def standing_for_hearing(session: Session, carriers: Collection[str]) -> Standing:
    """The mappings by which scans of these carriers are stored in this transaction; none changes until it ends."""
    if not carriers:
        return Standing({})
    session.execute(_SHARE, {"lock": HEARING})
    return standing(session, carriers)


def standing(session: Session, carriers: Collection[str]) -> Standing:
    """The mappings of these carriers that stand now."""
    rows = session.execute(_STANDING, {"carriers": sorted(carriers)})
    return Standing({(row.carrier, row.code, row.brand_id): Mapped(row.id, meaning_of(row.meaning)) for row in rows})
