"""An error's own sentences become a finding: its line and column, what it is, and the remedy, each once."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.check import check

MAIL = "messages/en/delivered.email.md"
FRONT = '---\nsubject: "s"\npreheader: p\neyebrow: e\nheadline: h\nlead: l\nbutton: b\n---\n'


@pytest.mark.parametrize(
    ("body", "line", "column", "said", "remedy"),
    [
        ("Hello {{ ordr.number }}", 9, 10, "there is no field called 'ordr.number'", "Write order.number."),
        ("{% include 'x' %}", 9, 1, "other files cannot be pulled in; write the text here", "Mend the tag there."),
        ("a\n<p onclick=x>", 10, None, "a mail cannot hold the attribute onclick, take it out", "Mend it there."),
    ],
)
def test_a_fault_has_its_place_and_one_remedy(
    catalog: Catalog, body: str, line: int, column: int | None, said: str, remedy: str
) -> None:
    """The line is the file's, not the layout's; no remedy is said twice, and no file."""
    report = check(catalog.over("fjallhem", {MAIL: f"{FRONT}{body}\n".encode()}), "fjallhem", [MAIL])
    found = [(one.line, one.column, one.message, one.remedy) for one in report.findings]
    assert (line, column, said, remedy) in found
