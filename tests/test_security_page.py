"""The page on security promises no test that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_is_promised_exists():
    """Each name in the table is a test of this suite, and the table names many."""
    promised = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/security.md").read_text(encoding="utf-8")))
    written = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        written |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.M))
    assert promised - written == set()
    assert len(promised) > 50
