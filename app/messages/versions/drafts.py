"""Drafts: what somebody wrote under a path and nobody published yet, one a brand and path, kept byte for byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import Conflict, InvalidInput, NotFound
from app.messages.catalog import Catalog
from app.messages.versions.fitting import faults_of, require_place
from app.messages.versions.live import counting, digest_of, edition_of
from app.models import Brand, TemplateDraft


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft. `based_on` is the digest of the file that counted when it was begun, None where there was none;
    `saved_at` is engine time."""

    path: str
    content: bytes
    based_on: str | None
    revision: int
    saved_at: datetime
    saved_by: str

    @property
    def digest(self) -> str:
        """The draft's name by content."""
        return digest_of(self.content)


def drafts_of(session: Session, brand_id: int) -> dict[str, Draft]:
    """A brand's drafts by path."""
    rows = session.execute(_DRAFTS.where(TemplateDraft.brand_id == brand_id).order_by(TemplateDraft.path))
    return {row.path: _as_draft(row) for row in rows}


def draft_of(session: Session, brand_id: int, path: str) -> Draft | None:
    """The draft under a path, or None."""
    row = session.execute(_DRAFTS.where(TemplateDraft.brand_id == brand_id, TemplateDraft.path == path)).one_or_none()
    return _as_draft(row) if row else None


def save(
    session: Session, catalog: Catalog, brand: Brand, path: str, content: bytes, expected: str | None, by: str,
    now: datetime,
) -> Draft:  # fmt: skip
    """Keep a draft, as it was handed in. It need not be ready to be published, only to be a file of its kind.

    `expected` is the digest of what its writer saw: the draft, else the file that counted; None for whatever is there.
    Saving what stands there already changes nothing. Raises InvalidInput for a file that can stand under no such path,
    and Conflict when another saved since; that draft stays as it is then.
    """
    faults = faults_of(path, content, brand.key)
    if faults:
        raise InvalidInput(faults)
    _lock(session, brand.id)
    before = draft_of(session, brand.id, path)
    live = counting(catalog, brand.key, edition_of(session, brand.id), path)
    standing = before.digest if before else digest_of(live.content) if live else ""
    if before is not None and before.content == content:
        return before
    if expected is not None and expected != standing:
        raise _conflict(path, before)
    based_on = before.based_on if before else digest_of(live.content) if live else None
    draft = Draft(path, content, based_on, before.revision + 1 if before else 1, now, by)
    if before is None and live is not None and live.content == content:
        return Draft(path, content, based_on, 0, now, by)  # as it counts: there is nothing to keep
    row = {
        "brand_id": brand.id,
        "path": path,
        "content": content,
        "based_on": bytes.fromhex(based_on) if based_on else None,
        "revision": draft.revision,
        "saved_at": now,
        "saved_by": by,
    }
    kept = insert(TemplateDraft).values(row)
    changed = {name: row[name] for name in ("content", "revision", "saved_at", "saved_by")}
    session.execute(kept.on_conflict_do_update(index_elements=["brand_id", "path"], set_=changed))
    return draft


def discard(session: Session, brand: Brand, path: str, expected: str | None) -> None:
    """Throw a draft away. Raises NotFound where there is none, and Conflict when another saved it since."""
    require_place(path)
    _lock(session, brand.id)
    before = draft_of(session, brand.id, path)
    if before is None:
        raise NotFound(f"There is no draft of {path}.")
    if expected is not None and expected != before.digest:
        raise _conflict(path, before)
    forget(session, brand.id, [path])


def require_read(
    session: Session, brand_id: int, publishing: Mapping[str, bytes | None], read: Mapping[str, str]
) -> None:
    """Raise Conflict where another draft stands under one of the paths than the one that was read, by its digest. What
    is published in its place, if it says the same as the draft, needs no reading."""
    drafts = drafts_of(session, brand_id)
    others = [
        drafts[path]
        for path, content in sorted(publishing.items())
        if path in drafts and drafts[path].content != content and read.get(path) != drafts[path].digest
    ]
    if others:
        who = ", ".join(f"{one.path} ({one.saved_by}, {one.saved_at:%Y-%m-%d %H:%M} UTC)" for one in others)
        raise Conflict(
            f"Another draft was saved than the one that you read: {who}. It was kept, and nothing was published: read "
            "it, and publish then."
        )


def forget(session: Session, brand_id: int, paths: list[str]) -> None:
    """Delete the drafts under these paths: they were published, or thrown away."""
    session.execute(
        sa.delete(TemplateDraft).where(
            TemplateDraft.brand_id == brand_id, TemplateDraft.path == sa.func.any(sa.cast(paths, sa.ARRAY(sa.Text)))
        )
    )


def _conflict(path: str, before: Draft | None) -> Conflict:
    if before is None:
        return Conflict(f"Another {path} counts than the one that you saw. Read it, and write on top of it.")
    when = f"{before.saved_at:%Y-%m-%d %H:%M} UTC"
    return Conflict(
        f"{before.saved_by} saved another draft of {path} at {when}, after the one that you saw. It was kept, and "
        "yours was not saved over it: read it, and write on top of it."
    )


def _lock(session: Session, brand_id: int) -> None:
    session.execute(sa.select(Brand.id).where(Brand.id == brand_id).with_for_update(key_share=True))


_DRAFTS = sa.select(
    *(getattr(TemplateDraft, name) for name in ("path", "content", "based_on", "revision", "saved_at", "saved_by"))
)


def _as_draft(row: Any) -> Draft:
    based_on = bytes(row.based_on).hex() if row.based_on is not None else None
    return Draft(row.path, bytes(row.content), based_on, row.revision, row.saved_at, row.saved_by)
