"""The settings file: `doorstep.env` in the folder that a command is run in, or the file that `DOORSTEP_SETTINGS_FILE`
names (nothing: none). One `NAME=value` a line; what stands in the environment wins over it."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigurationError

PREFIX = "DOORSTEP_"
NAMED_BY = "DOORSTEP_SETTINGS_FILE"
USUAL = "doorstep.env"

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_QUOTED = re.compile(r"""(?:'(?P<plain>[^']*)'|"(?P<escaped>(?:[^"\\]|\\.)*)")\s*(?:\#.*)?""")
_NOTE = re.compile(r"(?:^|\s)#.*")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Written:
    """A value of a settings file, and the line that it stands in, from 1."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file as it was read: values by name, in capital letters."""

    path: Path
    values: Mapping[str, Written]

    def place(self, name: str) -> str:
        """Where in it a name stands: "doorstep.env, line 3"."""
        return f"{self.path}, line {self.values[name].line}"

    @property
    def seen_by_others(self) -> bool:
        """Whether anybody else on this machine may read it."""
        try:
            return os.name == "posix" and bool(stat.S_IMODE(self.path.stat().st_mode) & 0o077)
        except OSError:
            return False


def settings_file(environ: Mapping[str, str] = os.environ) -> SettingsFile | None:
    """The file that counts, read; None where there is none.

    Raises ConfigurationError for one that is named and cannot be read, and, with file and line, for what is no
    setting's line. A value is never repeated: it may be a secret.
    """
    named = environ.get(NAMED_BY)
    if named == "":
        return None
    path = Path(named) if named else Path(USUAL)
    if not named and not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        named_by = f"Mend that, or what {NAMED_BY} names" if named else f"Mend that, or set {NAMED_BY}= to do without"
        raise ConfigurationError(f"The settings file {path} cannot be read: {why}. {named_by}.") from error
    return SettingsFile(path, _read(path, text))


def _read(path: Path, text: str) -> dict[str, Written]:
    found: dict[str, Written] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        where = f"{path}, line {number}"
        matched = _LINE.fullmatch(stripped)
        if matched is None:
            raise ConfigurationError(f"{where}: no setting. Write NAME=value, or begin the line with #.")
        name = matched["name"].upper()
        if not name.startswith(PREFIX) or name == NAMED_BY:
            raise ConfigurationError(f"{where}: {name} is no setting of Doorstep. They begin with {PREFIX}.")
        if name in found:
            raise ConfigurationError(f"{where}: {name} stands in line {found[name].line} too. Keep one of them.")
        found[name] = Written(_value(where, name, matched["value"]), number)
    return found


def _value(where: str, name: str, written: str) -> str:
    """What a value says: as it is between single quotes; with `\\"` and `\\\\` between double ones; else to the end of
    the line, or to a # after a space."""
    if not written.startswith(("'", '"')):
        return _NOTE.sub("", written).strip()
    matched = _QUOTED.fullmatch(written)
    if matched is None:
        raise ConfigurationError(f"{where}: the quotation mark of {name} is not closed. Close it, or leave both out.")
    return matched["plain"] if matched["plain"] is not None else _ESCAPED.sub(r"\1", matched["escaped"])
