"""The warnings that somebody let through in a templates folder, and why: `accepted.yaml` beside the templates."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from app.errors import ConfigurationError
from app.messages.authoring.plain_yaml import read_yaml

FILE = "accepted.yaml"
LONGEST_REASON = 300
_HEAD = "# Warnings of `doorstep templates check` that were let through. Take an entry out to be warned again.\n"
_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One warning by its id, as it read, why it was let through, by whom, and on which day (`2026-11-27`, UTC)."""

    id: str
    sentence: str
    reason: str
    by: str = ""
    on: str = ""


def read_accepted(root: Path) -> dict[str, Accepted]:
    """What a templates folder accepts, by id; nothing where it has no such file. Raises ConfigurationError."""
    place = root / FILE
    if not place.is_file():
        return {}
    try:
        listed = read_yaml(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{place} cannot be read: {error}. Mend it, or delete it to accept nothing."
        ) from error
    if not isinstance(listed, list | None):
        raise ConfigurationError(f"{place} holds no list. Each entry begins with `- id:` and has a `reason:`.")
    found = (_entry(place, number, one) for number, one in enumerate(listed or (), 1))
    return {one.id: one for one in found}


def _entry(place: Path, number: int, written: Any) -> Accepted:
    told = {str(name): str(value) for name, value in written.items()} if isinstance(written, dict) else {}
    reason = " ".join(told.get("reason", "").split())[:LONGEST_REASON]
    if not _ID.fullmatch(told.get("id", "")):
        raise ConfigurationError(
            f"{place}, entry {number}: there is no id of a warning. Write the twelve letters and digits that the check "
            "gives in brackets, in quotes."
        )
    if not reason:
        raise ConfigurationError(f"{place}, entry {number}: there is no reason. Write why {told['id']} is let through.")
    return Accepted(told["id"], told.get("sentence", ""), reason, told.get("by", ""), told.get("on", ""))


def keep_accepted(root: Path, accepted: Mapping[str, Accepted]) -> None:
    """Write what a templates folder accepts, sorted by id, so that two who accept seldom touch the same lines; no file
    for nothing. Raises ConfigurationError."""
    place = root / FILE
    listed = [asdict(one) for _, one in sorted(accepted.items())]
    try:
        if listed:
            told = yaml.safe_dump(listed, allow_unicode=True, sort_keys=False, width=1_000)
            place.write_text(_HEAD + told, encoding="utf-8")
        else:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{place} cannot be written: {error.strerror}. Make it writable.") from error
