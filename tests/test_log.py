"""What a log line shows of addresses and numbers, and that everything else stays readable."""

import pytest

from app.log import mask


@pytest.mark.parametrize(
    "line",
    ["to +46701740605", "whatsapp:+46701740605", "To:+46701740605", "From=+46701740605&Body=x", "(+46701740605)"],
)
def test_a_number_is_hidden_whatever_stands_before_it(line):
    """The country and the last two digits are left, to tell one from another."""
    assert mask(line) == line.replace("+46701740605", "+46…05")


@pytest.mark.parametrize(
    "line",
    [
        "at 2026-11-26 14:05:33+01:00",
        "at 2026-11-26T14:05:33.123456+00:00 it took 00:00:05",
        "http://127.0.0.1:8080/v1/orders?after=1041",
        "redis://localhost:6379/0",
        "doorstep-1.2.3+20261126 started",
        "[::1]:8080",
    ],
)
def test_times_places_and_versions_stay_readable(line):
    """They hold colons, pluses and digits too."""
    assert mask(line) == line


def test_rows_at_fault_are_left_out():
    """PostgreSQL says what was wrong, and then the row with everything in it."""
    said = 'violates check constraint "x"\nDETAIL:  Failing row contains (2, Alma Berg,\nMalmö).\n\nThe above'
    assert mask(said) == 'violates check constraint "x"\nDETAIL: …\n\nThe above'
    assert mask("bad\nCONTEXT:  COPY orders, line 1: Alma\nHINT: ask") == "bad\nCONTEXT: …\nHINT: ask"


def test_addresses_and_secrets_are_cut_down():
    """A hint is left of a mail address; of a key only that it is one."""
    assert mask("maja@example.test SG.abcd1234 Bearer xyz") == "m…@e….test SG.abcd… Bearer …"


@pytest.mark.parametrize("end", ["", "@", "@example.test", " maja@example.test", "@" + "y" * 1_000_000])
def test_a_long_word_is_read_once(end):
    """A million letters that a stranger sent cost what their length does, not its square, and hide no address."""
    shown = {"@example.test": "x…@e….test", " maja@example.test": "x" * 1_000_000 + " m…@e….test"}
    assert mask("x" * 1_000_000 + end) == shown.get(end, "x" * 1_000_000 + end)


def test_addresses_that_touch_are_all_hidden():
    """A second one that begins in what might have been the first one's end is cut down too."""
    shown = "a…@s….example.…@d….example,<e…@f….test>"
    assert mask("a.b@shop.example.c@d.example,<e@f.test>") == shown
