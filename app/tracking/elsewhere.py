"""Whether a carrier's parcel goes to another country than the order: then it is another parcel with the same number."""

from collections.abc import Iterable

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import HeardScan

_COUNTED_WITH = {
    territory: state
    for state, territories in {
        "US": "PR VI GU AS MP UM", "GB": "IM JE GG GI", "FR": "MC GP MQ GF RE YT PM BL MF NC PF WF TF",
        "NO": "SJ BV", "FI": "AX", "DK": "FO GL", "NL": "AW CW SX BQ", "ES": "IC EA", "IT": "SM VA", "CH": "LI",
        "AU": "CX CC NF", "CN": "HK MO TW",
    }.items()
    for territory in territories.split()
}  # fmt: skip
"""What some carriers count as the country beside it, or as the one that it belongs to."""


def goes_elsewhere(scans: Iterable[HeardScan], bound_for: str | None, country: str | None) -> bool:
    """Whether these scans are of a parcel for `bound_for`, by its carrier, while the order goes to `country` (both ISO
    3166, None where nobody says). What is on its way back is bound for its sender, and says nothing."""
    if not bound_for or not country or _counted(bound_for) == _counted(country):
        return False
    return not any(scan.milestone in _BACK for scan in scans)


_BACK = frozenset({Milestone.returning, Milestone.returned})


def _counted(country: str) -> str:
    return _COUNTED_WITH.get(country.upper(), country.upper())
