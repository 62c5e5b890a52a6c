"""A folder with a brand's files: written by `pull`, changed by people, read by `push`; it remembers what was pulled."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import ConfigurationError, Conflict
from app.messages.shelf import known_path
from app.messages.versions.live import digest_of

MARK = ".doorstep-templates.json"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a folder was pulled from: the digests of all files that counted then, by path, those written here, and the
    digests of the drafts that others had then."""

    brand: str
    edition: int
    counted: Mapping[str, str] = field(default_factory=dict)
    written: frozenset[str] = frozenset()
    drafts: Mapping[str, str] = field(default_factory=dict)


def pulled(folder: Path, brand: str) -> Pulled | None:
    """What the folder says it was pulled from; None where it says nothing. Raises ConfigurationError when that cannot
    be read, or is another brand's."""
    mark = folder / MARK
    if not mark.exists():
        return None
    try:
        told = json.loads(mark.read_bytes())
        found = Pulled(
            told["brand"],
            int(told["edition"]),
            dict(told["files"]),
            frozenset(told["written"]),
            dict(told.get("drafts", {})),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{mark} cannot be read. Delete it, and pull into an empty folder.") from error
    if found.brand != brand:
        raise ConfigurationError(f"{folder} holds the files of {found.brand}. Name it with --brand, or another folder.")
    return found


def local_files(folder: Path) -> dict[str, bytes]:
    """Every file of the folder that a brand has a place for, by path. Raises ConfigurationError."""
    if not folder.is_dir():
        raise ConfigurationError(f"There is no folder {folder}. `doorstep templates pull {folder}` makes it.")
    try:
        places = {place.relative_to(folder).as_posix(): place for place in folder.rglob("*") if place.is_file()}
        return {path: place.read_bytes() for path, place in sorted(places.items()) if known_path(path)}
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}. Make it readable.") from error


def write(folder: Path, now: Pulled, files: Mapping[str, bytes], force: bool) -> list[str]:
    """Bring the folder up to date; the paths that changed there.

    A file that was pulled and counts no more is deleted. Raises Conflict naming the files that were edited here and
    would be lost; nothing is written then.
    """
    before = pulled(folder, now.brand) if folder.exists() else None
    here = local_files(folder) if folder.exists() else {}
    gone = {path for path in (before.written if before else ()) if path not in files and path in here}
    changed = sorted({path for path, content in files.items() if here.get(path) != content} | gone)
    counted = before.counted if before else {}
    edited = [path for path in changed if path in here and digest_of(here[path]) != counted.get(path)]
    if edited and not force:
        raise Conflict(
            f"These files of {folder} were changed there, and would be lost: {', '.join(edited)}. Push them, move them "
            "away, or pull with --force. Nothing was written."
        )
    try:
        for path in changed:
            place = folder / path
            if path in gone:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(files[path])
        remember(folder, now)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be written: {error.strerror}. Make it writable.") from error
    return changed


def remember(folder: Path, now: Pulled) -> None:
    """Write down what the folder was pulled from."""
    told = {"brand": now.brand, "edition": now.edition, "files": dict(now.counted), "written": sorted(now.written)}
    if now.drafts:
        told["drafts"] = dict(now.drafts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
