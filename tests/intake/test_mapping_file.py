"""What is wrong with a mapping is told by file, line and remedy; what ships with the docs can be used."""

from pathlib import Path

import pytest

from app.errors import ConfigurationError, InvalidInput
from app.intake.mapping_file import load_mapping, reading_options

HEADER = ["id", "at", "who", "state"]
GOOD = "order_number: id\nplaced_at: at\nemail: who\n"


def load(folder: Path, text: str) -> object:
    """Load a mapping given as text."""
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path, HEADER)


@pytest.mark.parametrize(
    ("text", "line", "column", "problem", "remedy"),
    [
        ("emial: who", 4, "emial", "is no key here", "Did you mean 'email'?"),
        ("city: town", 4, "city", "the file has no column 'town'", "{constant: town}"),
        ("name: who\nname: id", 5, "name", "stands here twice", "Keep one"),
        ('name: "{whom}"', 4, "name", "no column for the placeholder {whom}", "Did you mean 'who'?"),
        ('name: "{who!r}"', 4, "name", "the pattern cannot be read", "a brace itself is written twice"),
        ('name: "{who"', 4, "name", "the pattern cannot be read", "a brace itself is written twice"),
        ('name: "{}"', 4, "name", "the pattern cannot be read", "a brace itself is written twice"),
        ("name:", 4, "name", "must be a text", "behind the colon"),
        ("name: {}", 4, "name", "must name one source", "exactly one"),
        ("name: {column: who, constant: x}", 4, "name", "must name one source", "exactly one"),
        ("name: {colum: who}", 4, "colum", "is no key here", "Did you mean 'column'?"),
        ('total: {column: id, format: "%Q"}', 4, "total", "no time format", "%d/%m/%Y"),
        ("times_in: Sweden", 4, "times_in", "no time zone", "IANA"),
        ("delimiter: '|'", 4, "delimiter", "no delimiter", "tab"),
        ("encoding: latin", 4, "encoding", "is not read", "utf-8, utf-16, cp1252"),
        ("skip_when: {sate: [x]}", 4, "sate", "is no key here", "Did you mean 'state'?"),
        ("scans: delivered", 4, "scans", "must be a list", "- milestone: delivered"),
        ("scans:\n- milestone: delivered", 5, "scans", "needs milestone and at", "Name the milestone"),
        ("scans:\n- {milestone: deliverd, at: at}", 5, "milestone", "'deliverd' is none", "Did you mean 'delivered'?"),
        ("scans:\n- {milestone: delayed, at: at}", 5, "milestone", "decided by Doorstep", "Leave it out"),
        ("scans:\n- {milestone: delivered, at: then}", 5, "at", "no column 'then'", "For a fixed text"),
    ],
)
def test_each_mistake_is_told_by_line(
    tmp_path: Path, text: str, line: int, column: str, problem: str, remedy: str
) -> None:
    """One mistake gives one fault: the mapping's file, its line, what is wrong, what to write instead."""
    with pytest.raises(InvalidInput) as refusal:
        load(tmp_path, GOOD + text + "\n")
    [fault] = refusal.value.faults
    assert (fault.line, fault.column) == (line, f"shop.yaml: {column}")
    assert problem in fault.problem
    assert remedy in fault.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("order_number: id\nemail: who\n", "nothing gives placed_at"),
        ("", "nothing gives order_number, placed_at, email"),
        ("a: [b\n", r"shop\.yaml, line 2: no YAML \(.+\)\. Mend the syntax"),
        ("order_number: id\nplaced_at: at\n", "email"),
    ],
)
def test_a_mapping_that_cannot_give_orders_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """What every order needs must come from somewhere."""
    with pytest.raises(ConfigurationError, match=said):
        load(tmp_path, text)


def test_a_mapping_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """A wrong path is a sentence, not a traceback."""
    with pytest.raises(ConfigurationError, match=r"shop\.yaml cannot be read"):
        load_mapping(tmp_path / "shop.yaml", HEADER)


def test_a_list_instead_of_a_mapping_is_told(tmp_path: Path) -> None:
    """YAML of another shape is told by its line."""
    with pytest.raises(InvalidInput, match=r"line 1, shop\.yaml: the mapping: is no mapping"):
        load(tmp_path, "- order_number\n")


def test_options_are_known_before_the_header_is(tmp_path: Path) -> None:
    """Encoding and delimiter come from the mapping first, and wrong ones wait for the real check."""
    path = tmp_path / "shop.yaml"
    path.write_text(GOOD + "encoding: cp1252\ndelimiter: tab\n")
    assert reading_options(path) == ("cp1252", "\t")
    path.write_text(GOOD + "encoding: latin\n")
    assert reading_options(path) == (None, None)
    assert reading_options(None) == (None, None)
