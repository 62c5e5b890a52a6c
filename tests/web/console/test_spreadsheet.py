"""Lists as files for a spreadsheet: what people wrote into them is text there, wherever a cell begins."""

import csv
import io

import pytest

from app.web.console.spreadsheet import csv_file


@pytest.mark.parametrize(
    ("written", "stands"),
    [
        ("=1+2", "'=1+2"),
        ("+46 70", "'+46 70"),
        ("a;=1+2", "a;'=1+2"),
        ("a\n@SUM(1)", "a\n'@SUM(1)"),
        ("a=b; c-d", "a=b; c-d"),
        ("Maja", "Maja"),
    ],
)
def test_what_would_be_a_formula_is_text(written: str, stands: str):
    """Where cells end at a semicolon, as in half of Europe, one begins after it as well."""
    answer = csv_file("list", ["what"], [[written]])
    rows = list(csv.reader(io.StringIO(bytes(answer.body).decode().removeprefix("\ufeff"), newline="")))
    assert rows[1] == [stands]
