"""What docs/rules.md shows can be written: its examples are read, and its table has every key."""

import re
from pathlib import Path

import pytest

from app.rules import document, one_rule, thresholds
from app.rules.document import parse_rules

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.strip().splitlines()[0][:40])
def test_an_example_is_read(example):
    """Whole sets as they stand; what is shown of the rest of the document, beside a set without rules."""
    assert len(EXAMPLES) >= 3
    whole = example if "version:" in example else f"version: 1\n{example}\nrules: []\n"
    assert parse_rules(whole).content == whole


def test_every_key_is_explained():
    """Each key of a rule has a row, and each other key is shown in an example or named."""
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M))
    assert rows >= set(one_rule.KEYS)
    others = {*document.KEYS, *document.CAPS, *thresholds.KEYS, *thresholds.DELAYED, *thresholds.LIMIT, *one_rule.FOR}
    written = set(re.findall(r"\w+", " ".join(EXAMPLES) + " ".join(re.findall(r"`[^`]+`", PAGE))))
    assert others | {*thresholds.REMINDER, *thresholds.CHANGED, *thresholds.GRACE, *thresholds.BEYOND} <= written
