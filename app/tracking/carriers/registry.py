"""Every carrier that Doorstep can ask, by name. A new carrier is one file, its recordings, and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from app.tracking.adapter.base import Carrier
from app.tracking.carriers.aftership import AfterShip
from app.tracking.carriers.australiapost import AustraliaPost
from app.tracking.carriers.bring import Bring
from app.tracking.carriers.canadapost import CanadaPost
from app.tracking.carriers.dhl import Dhl
from app.tracking.carriers.dpd import Dpd
from app.tracking.carriers.easypost import EasyPost
from app.tracking.carriers.fedex import Fedex
from app.tracking.carriers.gls import Gls
from app.tracking.carriers.inpost import InPost
from app.tracking.carriers.laposte import LaPoste
from app.tracking.carriers.postnord import PostNord
from app.tracking.carriers.royalmail import RoyalMail
from app.tracking.carriers.ups import Ups
from app.tracking.carriers.usps import Usps

CARRIERS: Mapping[str, Carrier] = MappingProxyType(
    {
        "aftership": AfterShip(),
        "australiapost": AustraliaPost(),
        "bring": Bring(),
        "canadapost": CanadaPost(),
        "dhl": Dhl(),
        "dpd": Dpd(),
        "easypost": EasyPost(),
        "fedex": Fedex(),
        "gls": Gls(),
        "inpost": InPost(),
        "laposte": LaPoste(),
        "postnord": PostNord(),
        "royalmail": RoyalMail(),
        "ups": Ups(),
        "usps": Usps(),
    }
)
