"""What tracking numbers look like: patterns and check digits.

The check digit procedures are those of UPU S10 (https://www.upu.int, standard S10-12), GS1 (General Specifications
7.9), ISO 7064, and the carriers' own label guides.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.zones import zone_of_country

Check = Callable[[re.Match[str]], bool]


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """One shape of a carrier's tracking numbers.

    `pattern` is matched against the whole number, upper case and without spaces, with the groups that `check` needs.
    `countries` are those in which the carrier uses it, empty for everywhere. `strength` from 0 to 1 is how much a
    match says: near 1 where prefix and check digit are the carrier's own, near 0 for "some digits".
    """

    pattern: str
    check: Check | None = None
    strength: float = 0.5
    countries: frozenset[str] = frozenset()

    def fits(self, number: str) -> bool:
        """Whether a number, as `plain` gives it, has this shape and its check digit is right."""
        found = _compiled(self.pattern).fullmatch(number)
        return found is not None and (self.check is None or self.check(found))


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def plain(number: str) -> str:
    """A tracking number as it is compared: upper case, without spaces, dots and hyphens."""
    return re.sub(r"[\s.\-]", "", number).upper()


def unspaced(number: str) -> str:
    """A tracking number as it is asked about: people write them in groups, carriers know them without spaces."""
    return re.sub(r"\s", "", number)


def _digits(text: str) -> list[int]:
    return [ord(letter) - ord("0") for letter in text]


def weighted(weights: Sequence[int], modulo: int, *, then: int = 10) -> Check:
    """Groups `serial` and `check`: the sum of digit times weight, modulo `modulo` and then `then`, is the check digit.

    Weights are taken from the left and repeat.
    """

    def check(found: re.Match[str]) -> bool:
        total = sum(digit * weights[at % len(weights)] for at, digit in enumerate(_digits(found["serial"])))
        return total % modulo % then == int(found["check"])

    return check


def mod10(odd: int = 3, even: int = 1, *, from_right: bool = True) -> Check:
    """Groups `serial` and `check`: digits times `odd` and `even` in turn, counted from the right (GS1) or from the
    left; the check digit fills the sum up to a multiple of ten. A letter counts as its place in the alphabet plus
    one, modulo ten, as in UPS's label guide."""

    def check(found: re.Match[str]) -> bool:
        values = [int(one) if one.isdigit() else (ord(one) - 63) % 10 for one in found["serial"]]
        if from_right:
            values.reverse()
        total = sum(value * (odd if at % 2 == 0 else even) for at, value in enumerate(values))
        return -total % 10 == int(found["check"])

    return check


def mod7(found: re.Match[str]) -> bool:
    """Groups `serial` and `check`: the serial number modulo seven (DHL Express)."""
    return int(found["serial"]) % 7 == int(found["check"])


def s10(found: re.Match[str]) -> bool:
    """Groups `serial` (eight digits) and `check`, by UPU S10."""
    weights = (8, 6, 4, 2, 3, 5, 9, 7)
    rest = 11 - sum(digit * weight for digit, weight in zip(_digits(found["serial"]), weights, strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest) == int(found["check"])


def s10_from_abroad(*homes: str) -> NumberFormat:
    """The UPU S10 numbers of every other country's post, whose items the post of `homes` carries the last stretch."""

    def check(found: re.Match[str]) -> bool:
        return s10(found) and zone_of_country(found["country"]) is not None

    others = rf"(?!{'|'.join(homes)})(?P<country>[A-Z]{{2}})"
    return NumberFormat(rf"[A-Z]{{2}}(?P<serial>\d{{8}})(?P<check>\d){others}", check, 0.2, frozenset(homes))


def mod37_36(found: re.Match[str]) -> bool:
    """Groups `serial` and `check` over digits and letters, by ISO 7064 MOD 37,36 (DPD)."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    rest = 36
    for letter in found["serial"]:
        rest = (rest + letters.index(letter)) % 36 or 36
        rest = rest * 2 % 37
    return letters[(37 - rest) % 36] == found["check"]
