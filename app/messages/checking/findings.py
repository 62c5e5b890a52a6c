"""What the check has to say of a template: where, what is wrong, and what to do about it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one file. `line` and `column` count from 1 in the file as it was written, and are
    None where the whole file is meant; `seen` says with which order it showed, where that matters.

    An error is never published. A warning can be, by somebody who says why.
    """

    severity: Severity
    code: str
    path: str
    label: str
    line: int | None
    column: int | None
    message: str
    remedy: str
    about: str = ""
    seen: str = ""

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits: the same as long as the same is wrong with the same thing in the same file,
        whatever figures the message gives."""
        said = "\0".join((self.severity, self.code, self.path, self.about))
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.label, self.line, self.column) if part is not None)
        seen = f" ({self.seen})" if self.seen else ""
        return f"{place}: {self.message}{seen}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found, in the order of the files, and how much was looked at."""

    findings: tuple[Finding, ...] = ()
    templates: int = 0
    renderings: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity == "warning")

    @property
    def passed(self) -> bool:
        return not self.findings


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a place in a text, both counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def report_of(findings: Iterable[Finding], templates: int, renderings: int) -> Report:
    """A report without repetitions: of one fault that several orders show, the first."""
    first: dict[tuple[str, str, str, int | None], Finding] = {}
    for one in findings:
        first.setdefault((one.code, one.path, one.about, one.line), one)
    ordered = sorted(first.values(), key=lambda one: (one.path, one.line or 0, one.column or 0, one.code))
    return Report(tuple(ordered), templates, renderings)
