"""The errors that people see: each says what happened, where, and what to do about it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class DoorstepError(Exception):
    """Something a person can mend; the text is shown as it is, without a traceback."""

    exit_code = 1


class ConfigurationError(DoorstepError):
    """A setting is missing, contradicts another, or names something that is not there."""

    exit_code = 2


class Unreachable(DoorstepError):
    """The database or the broker did not answer."""

    exit_code = 3


class NotFound(DoorstepError):
    """What was asked for by name or number is not there."""

    exit_code = 4


class Conflict(DoorstepError):
    """Somebody else changed what was to be changed."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field of outside input.

    `line` counts from 1 as a text editor does, and so does `at`, the character in the line; `column` is the field's
    name as its owner wrote it.
    """

    line: int | None
    column: str
    problem: str
    remedy: str
    at: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, " if self.line is not None else ""
        where += f"column {self.at}, " if self.at is not None else ""
        return f"{where}{self.column}: {self.problem}. {self.remedy}"

    @property
    def sentence(self) -> str:
        """The same for a person who sees one field and no file: "The password has 5 characters. Choose …"."""
        return f"The {self.column.replace('_', ' ')} {self.problem}. {self.remedy}"

    @property
    def beside(self) -> str:
        """The same where it stands beside its field: "Has 5 characters. Choose …"."""
        return f"{self.problem[:1].upper()}{self.problem[1:]}. {self.remedy}"


class InvalidInput(DoorstepError):
    """Outside input was refused; `faults` names each field, its place and the remedy."""

    exit_code = 2

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults

    @property
    def beside(self) -> str:
        """The first of them, as it stands beside its field."""
        return self.faults[0].beside


class Forged(Exception):
    """A call from outside is not signed by who it says it is."""


class Unreadable(Exception):
    """A call from outside is signed but cannot be parsed; the text says why."""


def in_words(message: str) -> str:
    """What pydantic says of a fault, without the words that it puts before ours."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def nearest(written: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """A remedy that names the closest right word, or else all of them; `otherwise` in place of a list too long."""
    names = sorted(map(str, known))  # a member of an enum as the word that it is
    close = difflib.get_close_matches(written, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else otherwise or f"One of: {', '.join(names)}."
