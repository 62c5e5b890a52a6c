"""Which carrier a tracking number is likely to belong to: by its shape first, then by who the shop sends with.

A shape is weighed by how much it says (`NumberFormat.strength`, as a chance), and the shop's own habits multiply the
odds: an unmistakable number is never outvoted by habit, while "twelve digits" are whoever the shop mostly uses.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from app.tracking.adapter.base import Carrier
from app.tracking.adapter.numbers import NumberFormat, plain

MOST = 5
"""No more carriers than these are asked about one number: the fifth guess is a guess about a typing error."""

_SET_UP = 2.0
_RECENT = 8.0
_FEW = 5
"""So many parcels are no habit yet."""
_AT_HOME = 1.5
_ABROAD = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A carrier that a number may belong to. `chance` from 0 to 1 ranks; `reasons` say why, for people."""

    carrier: str
    chance: float
    reasons: tuple[str, ...]


def which(
    number: str,
    carriers: Mapping[str, Carrier],
    *,
    usable: Collection[str] = (),
    recent: Mapping[str, int] | None = None,
    country: str | None = None,
) -> list[Candidate]:
    """The carriers whose formats fit a number, likeliest first, at most `MOST`.

    `usable` are those that this installation can ask, `recent` counts the shop's latest parcels by carrier, `country`
    (ISO 3166, two letters) is where the parcel goes. Of equal candidates the first by name is first: the answer
    depends on what is given alone.
    """
    written, counts = plain(number), recent or {}
    found = [
        _candidate(carrier, best, carrier.name in usable, counts, country)
        for carrier in carriers.values()
        if (best := _best(carrier.formats, written, country)) is not None
    ]
    return sorted(found, key=lambda one: (-one.chance, one.carrier))[:MOST]


def _best(formats: Iterable[NumberFormat], number: str, country: str | None) -> NumberFormat | None:
    fitting = [one for one in formats if one.fits(number)]
    return max(fitting, key=lambda one: _odds(one.strength) * _by_country(one, country)[0], default=None)


def _candidate(
    carrier: Carrier, best: NumberFormat, set_up: bool, recent: Mapping[str, int], country: str | None
) -> Candidate:
    reasons = ["the format fits, and so does its check digit" if best.check else "the format fits"]
    home, at_home = _by_country(best, country)
    odds = _odds(best.strength) * home * (_SET_UP if set_up else 1.0)
    reasons += [at_home] if at_home else []
    reasons += ["it is set up here"] if set_up else []
    if of_these := recent.get(carrier.name, 0):
        total = sum(recent.values())
        odds *= 1 + _RECENT * of_these / (total + _FEW)
        reasons.append(f"{of_these / total:.0%} of the shop's latest parcels travelled with it")
    return Candidate(carrier.name, round(odds / (1 + odds), 4), tuple(reasons))


def _by_country(one: NumberFormat, country: str | None) -> tuple[float, str]:
    if not one.countries or country is None:
        return 1.0, ""
    if country.upper() in one.countries:
        return _AT_HOME, f"it is used in {country.upper()}"
    return _ABROAD, f"it is rather used in {', '.join(sorted(one.countries)[:4])}"


def _odds(strength: float) -> float:
    chance = min(max(strength, 0.01), 0.99)
    return chance / (1 - chance)
