"""The list of who must not be written to, as a CSV file: one row an address and a reason, read by line and written.

A provider's own export can be read too: `email` or `phone` name the address there, `created` when it happened.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TextIO, TypeVar

import sqlalchemy as sa
from pydantic_core import PydanticCustomError
from sqlalchemy.orm import Session

from app.db import Sessions
from app.errors import Fault, InvalidInput
from app.intake.fields import email, phone, shown
from app.intake.records import CsvRecords, Record, size_of, unreadable
from app.models import Suppression
from app.models.addresses import fingerprint
from app.models.vocabulary import Channel, SuppressionKind, SuppressionScope
from app.pipeline.people.consenting import Wish, suppress, wish
from app.receipts.suppression import reach

COLUMNS = ("channel", "address", "kind", "scope", "created_at", "digest")

_ALSO = {"email": "address", "phone": "address", "number": "address", "created": "created_at", "reason": "note"}
_AT_ONCE = 500

Word = TypeVar("Word", Channel, SuppressionKind, SuppressionScope)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: rows that were new, rows that stood already, and rows that cannot be used."""

    new: int
    known: int
    faults: tuple[Fault, ...]


class _Bad(Exception):
    def __init__(self, column: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.column, self.problem, self.remedy = column, problem, remedy


_LONGEST = 1000
"""Letters of what may be an address, with blanks around it."""


def address_of(text: str) -> tuple[Channel, str]:
    """An address as a person types it, in its normal form. Raises InvalidInput where it is neither mail nor number."""
    if len(text) > _LONGEST:
        raise InvalidInput([Fault(None, "address", f"has {len(text):,} letters", "Write one address, or one number.")])
    try:
        return _address(text.strip(), Channel.email if "@" in text else Channel.sms)
    except _Bad as bad:
        raise InvalidInput([Fault(None, bad.column, bad.problem, bad.remedy)]) from bad


def import_list(sessions: Sessions, path: Path, brand_id: int, kind: SuppressionKind) -> Imported:
    """Put a file's addresses on a brand's list; `kind` for rows that name none. Bad rows are told and passed over.

    The same file again adds nothing. Raises InvalidInput or ConfigurationError where the file as a whole is no list.
    """
    size_of(path)
    faults: list[Fault] = []
    new = rows = 0
    with sessions() as session:
        own = fingerprint(session)
    with path.open("rb") as file:
        records = CsvRecords(file, None, None)
        try:
            read = _wishes(records, path, own, brand_id, kind)
            while some := list(islice(read, _AT_ONCE)):
                good = [one for one in some if isinstance(one, Wish)]
                faults += [one for one in some if isinstance(one, Fault)]
                with sessions.begin() as session:
                    new += suppress(session, good)
                rows += len(good)
        finally:
            records.detach()
    return Imported(new, rows - new, tuple(faults))


def _wishes(records: CsvRecords, path: Path, own: str, brand_id: int, kind: SuppressionKind) -> Iterator[Wish | Fault]:
    lines = iter(records)
    first = next(lines, None)
    if not isinstance(first, Record):
        raise InvalidInput([first or Fault(1, path.name, "is empty", f"Begin with {','.join(COLUMNS)}.")])
    header = [_ALSO.get(name, name) for name in (cell.strip().lower() for cell in first.cells)]
    if "order_number" in header:
        remedy = "Everybody in it would be written to no more. `doorstep import` reads orders."
        raise InvalidInput([Fault(first.line, "header", "is that of a file of orders", remedy)])
    if not {"address", "digest"} & set(header):
        remedy = f"Name a column address, email or phone. All columns: {', '.join(COLUMNS)}."
        raise InvalidInput([Fault(first.line, "header", "has no column with addresses", remedy)])
    for record in lines:
        if isinstance(record, Fault):
            yield record
        elif fault := unreadable(record, header):
            yield fault
        else:
            cells = {name: cell.strip() for name, cell in zip(header, record.cells, strict=False)}
            try:
                yield _wish(cells, own, brand_id, kind)
            except _Bad as bad:
                yield Fault(record.line, bad.column, bad.problem, bad.remedy)


def _wish(cells: Mapping[str, str], own: str, brand_id: int, default: SuppressionKind) -> Wish:
    named, written = cells.get("channel", "").lower(), _as_it_was(cells.get("address", ""))
    channel = _member(Channel, "channel", named) if named else None
    kind = _member(SuppressionKind, "kind", cells["kind"].lower()) if cells.get("kind") else default
    scope = _member(SuppressionScope, "scope", cells["scope"].lower()) if cells.get("scope") else reach(kind)
    at = _instant(cells["created_at"]) if cells.get("created_at") else None
    if written:
        channel, address = _address(written, channel or (Channel.email if "@" in written else Channel.sms))
        return wish(brand_id, channel, address, kind, scope, at=at)
    if channel is None:
        raise _Bad("address", "is empty", "Give an address, or channel and digest of one that was forgotten.")
    digest, salted = _digest(cells.get("digest", ""), own)
    return Wish(brand_id, channel, None, kind, scope, digest, at=at, salted=salted)


def _address(text: str, channel: Channel) -> tuple[Channel, str]:
    if channel is not Channel.email and not text.startswith(("+", "00")):
        raise _Bad(
            "address", f"{shown(text)} is neither an email address nor a number with its country", _remedy(channel)
        )
    try:
        return channel, email(text) if channel is Channel.email else phone(text, None)
    except PydanticCustomError as error:
        context = error.context or {}
        raise _Bad("address", str(context.get("problem", error)), _remedy(channel)) from error


def _remedy(channel: Channel) -> str:
    if channel is Channel.email:
        return "Write one address, e.g. maja@shop.example."
    return "Write the number with its country code, e.g. +46701740605."


def _member(kind: type[Word], column: str, text: str) -> Word:
    try:
        return kind(text)
    except ValueError as error:
        raise _Bad(
            column, f"{text[:40]!r} is not known", f"One of {', '.join(member.value for member in kind)}."
        ) from error


def _instant(text: str) -> datetime:
    """An instant as ISO 8601 with its offset (UTC where it names none) or in seconds since 1970."""
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        remedy = "Write it like 2026-11-24T12:00:00+00:00, or leave it empty."
        raise _Bad("created_at", f"{text[:40]!r} is no time", remedy) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _digest(text: str, own: str) -> tuple[bytes, bool]:
    """A digest, and whether it is salted: as an export of this very installation writes it, its fingerprint first."""
    salt, colon, digits = text.rpartition(":")
    if colon and salt != own:
        remedy = "A forgotten address can only be read back where it was forgotten; leave the row out."
        raise _Bad("digest", "was written by another installation", remedy)
    try:
        digest = bytes.fromhex(digits)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise _Bad("digest", "is no SHA-256", "Give the address instead, or what an export wrote.")
    return digest, bool(colon)


def export_list(session: Session, brand_id: int, file: TextIO) -> int:
    """Write a brand's standing suppressions, oldest first; how many. The file can be imported as it is, and a
    spreadsheet takes no address in it for a formula."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    query = sa.select(Suppression).where(Suppression.brand_id == brand_id, Suppression.lifted_at.is_(None))
    count, own = 0, fingerprint(session)
    for row in session.scalars(query.order_by(Suppression.id).execution_options(yield_per=1000)):
        at = row.created_at.isoformat()
        digest = "" if row.address else f"{own}:{row.address_digest.hex()}"
        writer.writerow([row.channel, _harmless(row.address or ""), row.kind, row.scope, at, digest])
        count += 1
    return count


_FORMULAS = ("=", "-", "@")
"""What an email address may begin with and a formula does, too. A number's own `+` makes none."""


def _harmless(address: str) -> str:
    return f"'{address}" if address.startswith(_FORMULAS) else address


def _as_it_was(written: str) -> str:
    return written[1:] if written.startswith("'") and written[1:].startswith(_FORMULAS) else written
