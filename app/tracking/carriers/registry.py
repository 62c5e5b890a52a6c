"""Every carrier that Doorstep can ask, by name. A new carrier is one file, its recordings, and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from app.errors import NotFound
from app.tracking.carriers.aftership import AfterShip
from app.tracking.carriers.australiapost import AustraliaPost
from app.tracking.carriers.base import Carrier
from app.tracking.carriers.dhl import Dhl
from app.tracking.carriers.easypost import EasyPost
from app.tracking.carriers.inpost import InPost
from app.tracking.carriers.laposte import LaPoste
from app.tracking.carriers.royalmail import RoyalMail

CARRIERS: Mapping[str, Carrier] = MappingProxyType(
    {
        "aftership": AfterShip(),
        "australiapost": AustraliaPost(),
        "dhl": Dhl(),
        "easypost": EasyPost(),
        "inpost": InPost(),
        "laposte": LaPoste(),
        "royalmail": RoyalMail(),
    }
)


def find(name: str) -> Carrier:
    """The carrier of that name, in any case. Raises NotFound with the names that are known."""
    carrier = CARRIERS.get(name.strip().lower())
    if carrier is None:
        raise NotFound(f"There is no carrier {name!r}. Known: {', '.join(sorted(CARRIERS))}.")
    return carrier
