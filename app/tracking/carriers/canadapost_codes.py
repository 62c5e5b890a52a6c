"""What Canada Post's event identifiers mean: its whole vocabulary, as a table.

The codes are those of "Tracking scan events" in Canada Post's message and code tables
(https://www.canadapost-postescanada.ca/info/mc/business/productsservices/developers/messagescodetables.jsf). They are
written with and without leading zeros (`0174`, `174`); four digits are taken for both. Numbers that others list without
any description are left out on purpose: nobody knows what they say.
"""

import re

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

_GROUPS: tuple[tuple[Meaning, str], ...] = (
    # Electronic information submitted by the shipper; return label created.
    (Milestone.registered, "3000 3002"),
    # Accepted (1300 at a counter, 1303 a return), picked up by Canada Post, mailed in the country of origin.
    (Milestone.dispatched, "1300 1301 1302 1303 2300 4000"),
    # "Item processed", which says no more than that a facility has it.
    (Milestone.in_transit, "0100 0102 0104 0105 0106 0107 0170 1240 1241 1244 2500 2501"),
    # Arrived, departed, handed to or from a partner; in transit, to a post office (1703) or a parcel locker (1705).
    (Milestone.in_transit, "0113 0114 0115 0116 0175 0400 0405 0410 0804 1703 1705"),
    # Sent on to the recipient's new address.
    (Milestone.in_transit, "1480 1490"),
    # Over a border: arrived, forwarded, released by customs, on to the delivery office.
    (Milestone.in_transit, "0130 0700 0701 0815 0900 0910 4100 4202 4310 4311 4450 4500 4550 4600 4900 4950 5201 8901"),
    # Out for delivery.
    (Milestone.out_for_delivery, "0174 0500"),
    # Available for pick-up (1701 at a post office, 1405 in a locker that hands out parcels), and the last reminder.
    (Milestone.ready_for_pickup, "1405 1407 1701 2407 0156"),
    # The carrier came: a card was left, the business was closed, or it will come again.
    (Milestone.attempt_failed, "1411 1435 1436 1437 1438 1443 1479 1488 2411"),
    # Delivered: with a signature, at a door, in a box or garage, to a concierge, mailroom or community mailbox; fetched
    # from a locker (1406).
    (Milestone.delivered, "1406 1408 1409 1441 1442 1461 1462 1463 1465 1466 1467 1468 1469 1471 1472 1473 1475 1476"),
    (Milestone.delivered, "1421 1422 1423 1424 1425 1426 1427 1428 1429 1430 1431 1432 1433 1434 1496 1498"),
    # Something is wrong: papers or address irregular, refused or unclaimed, arrived damaged, cannot be delivered,
    # disposed of, in the hands of the undeliverable mail office.
    (Milestone.exception, "0117 0118 0120 0121 0150 0179 0710 1450 1483 1493 4650"),
    # Being returned: refused by customs, postage, label, papers, address, refused, unclaimed, not mailable.
    (Milestone.returning, "0167 0168 0169 0181 0182 0183 0184 1100 1415 1416 1417 1418 1419 1420"),
    (Milestone.returning, "1481 1482 1491 1492 2600 2802 3001"),
    # With customs, on its way to them or held by them.
    (NoMilestone.movement, "0127 0800 0810 1487 1495 2601 4330 4400"),
    # On hold (1410, 2410 because the recipient wished it), checked for its address, re-routed, not redirected.
    (NoMilestone.movement, "0171 0172 0173 1245 1410 1412 1484 1494 2410 2412 4700"),
    # Late: weather, protest, strike, transport, power; delivery put off to the next business day.
    (Milestone.delayed, "0159 0160 0161 0162 0163 0621 0622 0623 0624 0625 0626 0627 0628 1414 1444 2414"),
    # A locker that was not emptied, or could not be filled: the post office will have it.
    (NoMilestone.movement, "0629 0630"),
    # "Item is at …": found there, and not said to be delivered.
    (NoMilestone.movement, "0610 0611 0612 0613 0614 0615 0616 0617 0618 0619 0620"),
    # The expected day was changed: the day itself is read.
    (NoMilestone.nothing, "1200 1203"),
    # A signature or photo can be seen.
    (NoMilestone.nothing, "0020 0021 2001"),
    # Duty and taxes paid or refunded, cash on delivery, corrections of a label, a voided sale at a counter.
    (NoMilestone.nothing, "0152 0190 0198 1210 1214 1215 1216 2101"),
    # Where to leave it, and redirections asked for and withdrawn.
    (NoMilestone.nothing, "1220 1221 1223 1224 1225 1230 1232 1234"),
)

_SENDER_BOUND: tuple[tuple[Meaning, str], ...] = (
    (Milestone.returned, "1496 1498"),  # Item successfully returned to sender
    (Milestone.returning, "0174 0500 1412 1479 2412"),  # out, arrived, or a card left, for the sender
)
"""Codes that are used on the way back too; only their text tells which way the item goes."""

_DIGITS = 4
_TO_SENDER = " to sender"

CODES: dict[str, Meaning] = {code: meaning for meaning, codes in _GROUPS for code in codes.split()} | {
    code + _TO_SENDER: meaning for meaning, codes in _SENDER_BOUND for code in codes.split()
}
"""Every event identifier that is known, by what a shopper would be told."""

_RETURNED = re.compile(
    r"(?<!will be )\breturn(ed|ing)?\b.{0,40}\bsender|\breturned item|(renvoy|retourn).{0,40}exp[ée]diteur", re.I
)


def code_of(identifier: str, description: str) -> str:
    """The code by which an event is known: the identifier in four digits, and for those that are used on the
    way back too, `to sender` behind it where the description says so."""
    identifier = identifier.strip()
    code = identifier.lstrip("0").zfill(_DIGITS) if identifier.isdigit() else identifier
    returned = code + _TO_SENDER
    return returned if returned in CODES and _RETURNED.search(description[:300]) else code
