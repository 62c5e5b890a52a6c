"""Publishing: what a brand's files say from the next batch on, checked, accounted for, and one at a time.

One publication may change several paths at once. A message already decided keeps the version that it was decided with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import Conflict, Fault, InvalidInput, NotFound
from app.messages.catalog import Catalog
from app.messages.checking.findings import Finding, Report
from app.messages.versions.drafts import drafts_of, forget, require_read
from app.messages.versions.fitting import faults_of, require_place
from app.messages.versions.guarding import examine, vanishing
from app.messages.versions.live import Edition, counting, digest_of, edition_of, files_after
from app.models import Brand, TemplatePublication, TemplateText

LONGEST_WHY = 300

Changes = Mapping[str, bytes | None]
"""New contents by path; None lets the file that ships count again."""


@dataclass(frozen=True, slots=True)
class Said:
    """Who publishes, why, and at what engine time."""

    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What a publisher had before them: the edition's number, digests of what counted by path ("" where nothing stood),
    and those of the `drafts` that they read. What is None, or of the files not named, may be whatever it is; a draft
    that is not named was not read."""

    edition: int | None = None
    digests: Mapping[str, str | None] = field(default_factory=dict)
    drafts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing came to. `edition` is what counts now; `changes` what was changed, empty and `new` false where
    all of it counted already."""

    number: int
    changes: Changes
    before: Edition
    edition: Edition
    accepted: Sequence[Mapping[str, Any]] = ()

    @property
    def new(self) -> bool:
        """Whether anything changed."""
        return bool(self.changes)


class Refused(InvalidInput):
    """The check found what may not be published, or warnings that nobody accepted; `objections` are both."""

    def __init__(self, objections: Report) -> None:
        super().__init__([fault_of(one) for one in (*objections.errors, *objections.warnings)])
        self.objections = objections


def fault_of(one: Finding) -> Fault:
    """A finding as any other fault is told."""
    accept = "" if one.severity == "error" else f" Or accept {one.id} with a reason."
    return Fault(one.line, one.path, one.message.rstrip("."), f"{one.remedy}{accept}".strip(), at=one.column)


def publish(
    session: Session,
    catalog: Catalog,
    brand: Brand,
    changes: Changes,
    said: Said,
    seen: Seen,
    accept: Mapping[str, str],
) -> Published:
    """Let these files count from the caller's commit on. `catalog` is the one that ships.

    `accept` gives reasons by the id of each warning that is let through. What counts already is no change. Raises
    InvalidInput (Refused, with its findings) or Conflict; nothing is changed then.
    """
    why = " ".join(said.why.split())[:LONGEST_WHY]
    faults = [] if why else [Fault(None, "why", "missing", "Say in a sentence why this is published.")]
    for path, content in sorted(changes.items()):
        faults += faults_of(path, content, brand.key) if content is not None else _unplaced(path)
    if faults:
        raise InvalidInput(faults)
    before, wanted, found = _checked(session, catalog, brand, changes, seen)
    if not wanted:
        return Published(before.number, {}, before, before)
    accepted = _accepted(found, before, accept, said)
    number = before.number + 1
    _write(session, brand.id, number, wanted, said, why, accepted)
    session.execute(sa.update(Brand).where(Brand.id == brand.id).values(template_edition=number))
    files = {path: content for path, content in {**before.files, **wanted}.items() if content is not None}
    _follow_brand(session, catalog, brand, wanted, files)
    forget(session, brand.id, _published_drafts(session, brand.id, changes))
    after = Edition(
        number, files, {**before.accepted, **{one["id"]: one for rows in accepted.values() for one in rows}}
    )
    return Published(number, wanted, before, after, [one for rows in accepted.values() for one in rows])


def publish_drafts(
    session: Session, catalog: Catalog, brand: Brand, paths: Sequence[str] | None, said: Said, seen: Seen,
    accept: Mapping[str, str],
) -> Published:  # fmt: skip
    """Publish drafts, of these paths, else those that were read, else all. Each must have been begun from the file that
    counts still, and be the one that was read, else Conflict; raises NotFound where a path has no draft."""
    drafts = drafts_of(session, brand.id)
    wanted = seen.drafts if paths is None else paths
    chosen = sorted(drafts) if wanted is None else sorted(set(wanted))
    missing = [path for path in chosen if path not in drafts]
    if missing or not chosen:
        raise NotFound(f"There is no draft of {', '.join(missing) or 'anything'}. Save one, and publish it then.")
    if seen.drafts is not None:
        require_read(session, brand.id, dict.fromkeys(chosen), seen.drafts)
    digests = {path: drafts[path].based_on for path in chosen}
    changes = {path: drafts[path].content for path in chosen}
    return publish(session, catalog, brand, changes, said, Seen(seen.edition, digests | dict(seen.digests)), accept)


def rollback(
    session: Session, catalog: Catalog, brand: Brand, number: int, paths: Sequence[str] | None, said: Said, seen: Seen,
    accept: Mapping[str, str],
) -> Published:  # fmt: skip
    """Let what counted after the nth publication count again, of these paths or all; 0 is the files that ship.

    A publication of its own, checked like any other. Raises as `publish` does, and NotFound.
    """
    now = edition_of(session, brand.id)
    if not 0 <= number <= now.number:
        raise NotFound(f"There is no publication {number} of these templates. `doorstep templates history` lists them.")
    then = files_after(session, brand.id, number)
    chosen = sorted(now.files.keys() | then.keys()) if paths is None else sorted(set(paths))
    changes = {path: then.get(path) for path in chosen if then.get(path) != now.files.get(path) or paths is not None}
    base = now.number if seen.edition is None else seen.edition
    return publish(session, catalog, brand, changes, said, Seen(base, seen.digests), accept)


def check_changes(
    session: Session, catalog: Catalog, brand: Brand, changes: Changes, *, whole: bool = False
) -> tuple[Changes, Report]:
    """What publishing would change and what the check says to it; `whole` asks more of what is made of these files
    than publishing does. Raises InvalidInput for files of no such kind."""
    faults = [
        fault
        for path, content in sorted(changes.items())
        for fault in (faults_of(path, content, brand.key) if content is not None else _unplaced(path))
    ]
    if faults:
        raise InvalidInput(faults)
    edition = edition_of(session, brand.id)
    wanted = _wanted(catalog, brand.key, edition, changes)
    return wanted, _examined(catalog, brand.key, edition, wanted, whole=whole)


def _unplaced(path: str) -> list[Fault]:
    try:
        require_place(path)
    except InvalidInput as error:
        return error.faults
    return []


def _checked(
    session: Session, catalog: Catalog, brand: Brand, changes: Changes, seen: Seen
) -> tuple[Edition, Changes, Report]:
    """What counts, what would change and what the check says, with the brand's row locked: others wait from here on.

    The check takes a while, so it is made before; it is made again where somebody published meanwhile.
    """
    before = edition_of(session, brand.id)
    _refuse_unseen(catalog, brand.key, before, changes, seen)
    wanted = _wanted(catalog, brand.key, before, changes)
    found = _examined(catalog, brand.key, before, wanted)
    session.execute(sa.select(Brand.id).where(Brand.id == brand.id).with_for_update(key_share=True))
    locked = edition_of(session, brand.id)
    if locked.number != before.number:
        _refuse_unseen(catalog, brand.key, locked, changes, seen)
        wanted = _wanted(catalog, brand.key, locked, changes)
        found = _examined(catalog, brand.key, locked, wanted)
    return locked, wanted, found


def _refuse_unseen(catalog: Catalog, brand_key: str, edition: Edition, changes: Changes, seen: Seen) -> None:
    """Raise Conflict where something else counts than was seen. Who wants what another was sooner to publish, word for
    word, has what they want."""
    if seen.edition is not None and seen.edition != edition.number:
        raise Conflict(
            f"Publication {edition.number} counts by now, and you saw number {seen.edition}. Read what counts, and "
            "publish on top of it."
        )
    other = []
    for path, digest in sorted(seen.digests.items()):
        file = counting(catalog, brand_key, edition, path)
        same = file is not None and file.content == changes.get(path)
        if not same and (digest_of(file.content) if file else "") != (digest or ""):
            other.append(path)
    if other:
        raise Conflict(
            f"Others count by now than those that you changed: {', '.join(other)}. Read them, and publish on top of "
            "them. Nothing was changed, and yours was kept."
        )


def _wanted(catalog: Catalog, brand_key: str, edition: Edition, changes: Changes) -> Changes:
    """What of the changes is none yet. A text like the one that ships is published where another counts only."""
    wanted: dict[str, bytes | None] = {}
    for path, content in sorted(changes.items()):
        now = counting(catalog, brand_key, edition, path)
        if content is None:
            if path in edition.files:
                wanted[path] = None
        elif now is None or now.content != content:
            wanted[path] = content
    return wanted


def _examined(catalog: Catalog, brand_key: str, edition: Edition, wanted: Changes, *, whole: bool = False) -> Report:
    if not wanted:
        return Report()
    files = {path: content for path, content in {**edition.files, **wanted}.items() if content is not None}
    after = catalog.over(brand_key, files)
    before = catalog.over(brand_key, edition.files)
    found = examine(after, brand_key, wanted.keys(), whole=whole, before=before)
    if found.errors or None not in wanted.values():
        return found
    return Report((*found.findings, *vanishing(before, after, brand_key)))


def _accepted(
    found: Report, before: Edition, accept: Mapping[str, str], said: Said
) -> dict[str, list[Mapping[str, Any]]]:
    """The accepted warnings by path: as they were accepted before, or now. Raises Refused for errors and the rest."""
    reasons = {one: " ".join(reason.split())[:LONGEST_WHY] for one, reason in accept.items()}
    left = tuple(one for one in found.warnings if one.id not in before.accepted and not reasons.get(one.id))
    if found.errors or left:
        raise Refused(Report((*found.errors, *left)))
    accepted: dict[str, list[Mapping[str, Any]]] = {}
    for one in found.warnings:
        entry = before.accepted.get(one.id) or {
            "id": one.id, "sentence": one.message, "reason": reasons[one.id], "by": said.by
        }  # fmt: skip
        accepted.setdefault(one.path, []).append(entry)
    return accepted


def _write(
    session: Session,
    brand_id: int,
    number: int,
    wanted: Changes,
    said: Said,
    why: str,
    accepted: Mapping[str, list[Mapping[str, Any]]],
) -> None:
    session.execute(
        sa.update(TemplatePublication)
        .where(
            TemplatePublication.brand_id == brand_id,
            TemplatePublication.path == sa.func.any(sa.cast(sorted(wanted), sa.ARRAY(sa.Text))),
            TemplatePublication.replaced_at.is_(None),
        )
        .values(replaced_at=said.at)
    )
    elsewhere = [one for path, entries in accepted.items() if path not in wanted for one in entries]
    rows = [
        {
            "brand_id": brand_id,
            "number": number,
            "path": path,
            "template_text_id": _store(session, brand_id, content) if content is not None else None,
            "published_at": said.at,
            "published_by": said.by,
            "why": why,
            "accepted": [*accepted.get(path, ()), *(elsewhere if path == min(wanted) else ())],
        }
        for path, content in sorted(wanted.items())
    ]
    session.execute(insert(TemplatePublication), rows)


def _store(session: Session, brand_id: int, content: bytes) -> int:
    """The row id of a text, which is stored once and for ever."""
    digest = bytes.fromhex(digest_of(content))
    row = {"brand_id": brand_id, "digest": digest, "content": content}
    written = session.scalar(insert(TemplateText).on_conflict_do_nothing().returning(TemplateText.id), row)
    found = sa.select(TemplateText.id).where(TemplateText.brand_id == brand_id, TemplateText.digest == digest)
    return written if written is not None else session.scalars(found).one()


def _follow_brand(
    session: Session, catalog: Catalog, brand: Brand, wanted: Changes, files: Mapping[str, bytes]
) -> None:
    """The brand's row says what its `brand.yaml` does."""
    if "brand.yaml" in wanted:
        source = catalog.over(brand.key, files).brands()[brand.key]
        said = {"name": source.name, "zone": source.zone, "locale": source.locale}
        session.execute(sa.update(Brand).where(Brand.id == brand.id).values(said))


def _published_drafts(session: Session, brand_id: int, changes: Changes) -> list[str]:
    """The drafts that say what was published by now: nothing of them is left to do."""
    return [path for path, draft in drafts_of(session, brand_id).items() if changes.get(path) == draft.content]
