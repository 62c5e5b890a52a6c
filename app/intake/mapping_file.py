"""Reads a mapping (YAML) and says, by line, what in it cannot be used."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

import yaml

from app.errors import ConfigurationError, Fault, InvalidInput
from app.intake.mapping import (
    FIELDS,
    Cell,
    Condition,
    FileMapping,
    ScanColumn,
    check_needed,
    did_you_mean,
    pattern,
    readable_format,
)
from app.models.vocabulary import CARRIER_MILESTONES, Milestone
from app.zones import zone

T = TypeVar("T")
_OPTIONS = ("source", "times_in", "encoding", "delimiter", "scans", "skip_when", "cancelled_when")
_CELL_KEYS = ("column", "constant", "pattern", "values", "format")
_SCAN_KEYS = ("milestone", "at", "description", "place", "expected_when")
_DELIMITERS = {",": ",", ";": ";", "tab": "\t", "\t": "\t"}
ENCODINGS = ("utf-8", "utf-16", "cp1252")


def load_mapping(path: Path, header: Collection[str]) -> FileMapping:
    """Read and check a mapping against the columns of the file that it is for.

    Raises ConfigurationError when it cannot be read at all, InvalidInput with one Fault per wrong line.
    """
    reader = _Reader(frozenset(header))
    mapping = reader.mapping(_compose(path))
    if reader.faults:
        raise InvalidInput([Fault(f.line, f"{path.name}: {f.column}", f.problem, f.remedy) for f in reader.faults])
    check_needed(mapping, path.name)
    return mapping


def _compose(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is no text in UTF-8. Name a mapping in YAML.") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        remedy = "Mend the syntax: close brackets and quotes, and let keys that belong together stand in one column."
        raise ConfigurationError(f"{path}{line}: no YAML ({error.problem}). {remedy}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def reading_options(path: Path | None) -> tuple[str | None, str | None]:
    """The encoding and delimiter that a mapping states, needed before the file's header can be checked.

    Faults are left for `load_mapping` to tell, together with all others.
    """
    node = _compose(path) if path else None
    if not isinstance(node, yaml.MappingNode):
        return None, None
    reader = _Reader(frozenset())
    parts = {str(key.value): value for key, value in node.value}
    encoding = reader.encoding(parts["encoding"], "encoding") if "encoding" in parts else None
    delimiter = reader.delimiter(parts["delimiter"], "delimiter") if "delimiter" in parts else None
    return (encoding if encoding in ENCODINGS else None), delimiter


class _Reader:
    """Walks the YAML nodes, which know their lines, and collects faults as it goes."""

    def __init__(self, header: frozenset[str]) -> None:
        self.header = header
        self.faults: list[Fault] = []

    def fault(self, node: yaml.Node, name: str, problem: str, remedy: str) -> None:
        self.faults.append(Fault(node.start_mark.line + 1, name, problem, remedy))

    def mapping(self, node: yaml.Node | None) -> FileMapping:
        if node is None:
            return FileMapping(cells={})
        parts = self.keys(node, "the mapping", (*FIELDS, *_OPTIONS))
        cells = {name: self.cell(part, name) for name, part in parts.items() if name in FIELDS}

        def option(name: str, read: Callable[[yaml.Node, str], T], otherwise: T) -> T:
            return read(parts[name], name) if name in parts else otherwise

        return FileMapping(
            cells={name: cell for name, cell in cells.items() if cell},
            scans=option("scans", self.scans, ()),
            source=option("source", self.text, "shop"),
            times_in=option("times_in", self.zone, None),
            skip_when=option("skip_when", self.condition, {}),
            cancelled_when=option("cancelled_when", self.condition, {}),
            encoding=option("encoding", self.encoding, None),
            delimiter=option("delimiter", self.delimiter, None),
        )

    def keys(self, node: yaml.Node, name: str, known: Collection[str]) -> dict[str, yaml.Node]:
        """The entries of a YAML mapping whose keys are known; the rest are faults."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, name, "is no mapping", "Write it as `key: value` lines.")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            word = str(key.value)
            if word not in known:
                self.fault(key, word, "is no key here", did_you_mean(word, known))
            elif word in found:
                self.fault(key, word, "stands here twice", "Keep one of them.")
            else:
                found[word] = value
        return found

    def text(self, node: yaml.Node, name: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null") or not node.value.strip():
            self.fault(node, name, "must be a text", "Write it behind the colon, in quotes if it has special signs.")
            return ""
        return str(node.value).strip()

    def texts(self, node: yaml.Node, name: str) -> frozenset[str]:
        entries = node.value if isinstance(node, yaml.SequenceNode) else [node]
        # An empty text is a fair thing to compare a cell with, so it is no fault here.
        return frozenset(e.value if isinstance(e, yaml.ScalarNode) else self.text(e, name) for e in entries)

    def zone(self, node: yaml.Node, name: str) -> str:
        text = self.text(node, name)
        if text and not _is_zone(text):
            self.fault(node, name, f"{text!r} is no time zone", "Use an IANA name such as America/Sao_Paulo.")
        return text

    def encoding(self, node: yaml.Node, name: str) -> str:
        text = self.text(node, name)
        if text not in ENCODINGS:
            self.fault(node, name, f"{text!r} is not read", f"Use one of {', '.join(ENCODINGS)}, or leave it out.")
        return text

    def delimiter(self, node: yaml.Node, name: str) -> str:
        text = str(node.value)
        if text not in _DELIMITERS:
            self.fault(node, name, f"{text!r} is no delimiter", 'Use ",", ";" or "tab", or leave it out.')
        return _DELIMITERS.get(text, ",")

    def column(self, node: yaml.Node, name: str) -> str:
        text = self.text(node, name)
        if text and text not in self.header:
            remedy = f"{did_you_mean(text, self.header)} For a fixed text write {name}: {{constant: {text}}}."
            self.fault(node, name, f"the file has no column {text!r}", remedy)
        return text

    def condition(self, node: yaml.Node, name: str) -> Condition:
        parts = self.keys(node, name, self.header)
        return {column: self.texts(value, column) for column, value in parts.items()}

    def cell(self, node: yaml.Node, name: str) -> Cell | None:
        if isinstance(node, yaml.MappingNode):
            return self.described_cell(node, name)
        text = self.text(node, name)
        if not text:
            return None
        if "{" in text or "}" in text:
            return self.pattern_cell(node, name)
        if name == "zone" and text not in self.header and _is_zone(text):
            return Cell(constant=text)
        return Cell(column=self.column(node, name))

    def pattern_cell(self, node: yaml.Node, name: str) -> Cell | None:
        try:
            parts = pattern(self.text(node, name))
        except ValueError as error:
            remedy = 'Write e.g. "{order_id}@example.test"; a brace itself is written twice.'
            self.fault(node, name, f"the pattern cannot be read: {error}", remedy)
            return None
        for _, column in parts:
            if column is not None and column not in self.header:
                remedy = did_you_mean(column, self.header)
                self.fault(node, name, f"the file has no column for the placeholder {{{column}}}", remedy)
        return Cell(pattern=parts)

    def described_cell(self, node: yaml.MappingNode, name: str) -> Cell | None:
        parts = self.keys(node, name, _CELL_KEYS)
        kinds = [key for key in ("column", "constant", "pattern") if key in parts]
        if len(kinds) != 1:
            if len(parts) < len(node.value):
                return None  # a misspelt key has been told already
            self.fault(node, name, "must name one source", "Give exactly one of column, constant or pattern.")
            return None
        if kinds == ["constant"]:
            return Cell(constant=self.text(parts["constant"], name))
        if kinds == ["pattern"]:
            return self.pattern_cell(parts["pattern"], name)
        values = parts.get("values")
        entries = values.value if isinstance(values, yaml.MappingNode) else []
        return Cell(
            column=self.column(parts["column"], name),
            values={str(key.value): str(value.value) for key, value in entries},
            format=self.format(parts["format"], name) if "format" in parts else None,
        )

    def format(self, node: yaml.Node, name: str) -> str:
        text = self.text(node, name)
        if not readable_format(text):
            self.fault(node, name, f"{text!r} is no time format", 'Write e.g. "%d/%m/%Y %H:%M".')
        return text

    def scans(self, node: yaml.Node, name: str) -> tuple[ScanColumn, ...]:
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, name, "must be a list", "Write `- milestone: delivered` and under it `at: COLUMN`.")
            return ()
        scans = [self.scan(entry) for entry in node.value]
        return tuple(scan for scan in scans if scan)

    def scan(self, node: yaml.Node) -> ScanColumn | None:
        parts = self.keys(node, "scans", _SCAN_KEYS)
        if not {"milestone", "at"} <= parts.keys():
            self.fault(node, "scans", "an entry needs milestone and at", "Name the milestone and its time's column.")
            return None
        word = self.text(parts["milestone"], "milestone")
        if word not in CARRIER_MILESTONES:
            decided = word in set(Milestone)
            problem = f"{word!r} is decided by Doorstep, not reported" if decided else f"{word!r} is none"
            remedy = "Leave it out." if decided else did_you_mean(word, CARRIER_MILESTONES)
            self.fault(parts["milestone"], "milestone", problem, remedy)
            return None
        at = self.cell(parts["at"], "at")
        expected = self.condition(parts["expected_when"], "expected_when") if "expected_when" in parts else {}
        texts = {key: self.cell(parts[key], key) for key in ("description", "place") if key in parts}
        return ScanColumn(Milestone(word), at, expected_when=expected, **texts) if at else None


def _is_zone(text: str) -> bool:
    try:
        zone(text)
    except ValueError:
        return False
    return True
