"""What a UPS activity means: its status code, its type and its two-character code, and which of them decides.

The status codes are those of UPS's appendix "Status description codes" (https://developer.ups.com/tag/Tracking,
"Codes"): what UPS itself would tell its customer, in three digits. The rule, in this order:

1. Types whose one meaning the manual gives decide by themselves: M (billing information received) but for a voided
   manifest, MV (billing information voided).
2. A status code that is known decides, unless it contradicts the type (nothing is delivered but under D), or says no
   more than "delivered" or "exception"; then a two-character code that is known tells more.
3. Without one, the two-character code decides, read in the list of its type.
4. Anything else is unknown, "delivered" first: D also stands on parcels that went back to their senders.
"""

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone
from app.tracking.carriers.ups_codes import DELIVERIES, EXCEPTIONS, SCANS

_TYPES: dict[str, Meaning] = {"M": Milestone.registered, "MV": Milestone.cancelled}
_VOIDED: dict[str, Meaning] = {"M:007": Milestone.cancelled, "M:VP": Milestone.cancelled}

_GROUPS: tuple[tuple[Meaning, str], ...] = (
    # Ready for UPS; on the way to UPS; the order is processed.
    (Milestone.registered, "003 044 045 079 080 157 166"),
    (Milestone.cancelled, "007"),  # Shipment Information Voided
    # Picked up; "We have your package"; dropped off by its sender.
    (Milestone.dispatched, "038 160 167 168 169"),
    # On the way; cleared; with a delivery partner; on the way to an access point.
    (Milestone.in_transit, "005 010 014 025 039 047 057 071 073 074 084 087 134 137 143 158 159 164 165"),
    (Milestone.in_transit, "072"),  # Loaded on Delivery Vehicle, which may not leave before Monday
    # Out for delivery; "your driver is arriving soon".
    (Milestone.out_for_delivery, "006 021 037 078 089 091 146 162"),
    # Held or ready for the customer; at a post office; at an access point, for which UPS says "delivered".
    (Milestone.ready_for_pickup, "017 040 144 161"),
    # First, second and final attempts; nobody of age; no funds; the post office's attempt.
    (Milestone.attempt_failed, "022 023 024 060 061 062 066 145"),
    # Delivered; by the post office; commercial inside release.
    (Milestone.delivered, "011 026 156"),
    (Milestone.returned, "034 067 081"),  # Returned to sender, by the post office, damaged
    (Milestone.returning, "035 036 118"),  # Returning; in transit; the return is confirmed
    # Exceptions; information or an address needed; damaged, refused, lost; undeliverable; seized, destroyed; unpaid.
    (Milestone.exception, "013 029 030 049 050 058 059 064 068 069 076 085 124 125 139 141 147 149"),
    # Delay, whatever its reason; a delivery rescheduled.
    (Milestone.delayed, "046 048 051 052 053 055 086 090 132"),
    # Weather that may cause one; held; rescheduled for Saturday; customs and agencies at work.
    (NoMilestone.movement, "012 016 019 032 070 075 083 092 093 094 123 126 136 138"),
    # No status; a test; information that is not available.
    (NoMilestone.nothing, "000 088 148 163"),
    # Changes of delivery, holds, upgrades and returns: requested, and confirmed before they are done.
    (NoMilestone.nothing, "018 020 027 028 033 041 042 054 056 063 082 095 096 097 098 099 100 101 102 103 104 105"),
    (NoMilestone.nothing, "106 107 108 109 110 111 112 113 114 115 116 117 119 120 121 122"),
    # Pickups at the sender's: scheduled, tried, voided.
    (NoMilestone.nothing, "043 065 077 131 135"),
    # Investigations and claims; a return label was left; a new time, a new day, a photo.
    (NoMilestone.nothing, "127 128 129 130 133 140 142 153 154 155"),
)

STATUSES: dict[str, Meaning] = {code: meaning for meaning, codes in _GROUPS for code in codes.split()}
"""Every status code that UPS lists."""

_BROAD = frozenset({"000", "011", "013", "026", "148", "163"})
"""Status codes that say the least: a two-character code beside them tells more."""

_ENDS = frozenset({Milestone.delivered, Milestone.returned, Milestone.returning, Milestone.ready_for_pickup})
_UNDERWAY = frozenset(Milestone) - {Milestone.delivered, Milestone.registered, Milestone.cancelled}

_CAN_BE: dict[str, frozenset[Milestone]] = {
    "D": _ENDS,
    "I": _UNDERWAY | {Milestone.registered, Milestone.cancelled},
    "P": _UNDERWAY | {Milestone.registered, Milestone.cancelled},
    "O": _UNDERWAY,
    "X": _UNDERWAY,
    "RS": frozenset({Milestone.returned, Milestone.returning}),
    "U": frozenset(),
    "W": _UNDERWAY,
    "NA": _UNDERWAY,
    "DO": _UNDERWAY,  # at the depot of origin or destination (freight): not at the recipient's
    "DD": _UNDERWAY,
    "": _UNDERWAY,
}
"""What an activity of each type can mean. A status code that says anything else contradicts its type."""

_LISTS: dict[str, dict[str, Meaning]] = {
    "D": DELIVERIES,
    "I": EXCEPTIONS | SCANS,
    "P": EXCEPTIONS | SCANS,
    "O": EXCEPTIONS | SCANS,
    "X": SCANS | EXCEPTIONS,
}
"""The lists of two-character codes by type, where the same characters mean what the later list says."""


def _fits(kind: str, meaning: Meaning) -> bool:
    return isinstance(meaning, NoMilestone) or meaning in _CAN_BE[kind]


_HANDED_ON: dict[str, Meaning] = {f"D:{code}": Milestone.in_transit for code in ("073", "074", "137", "143")}
"""Under "delivered": to the partner, agent or post office who delivers it."""

CODES: dict[str, Meaning] = (
    _TYPES
    | _VOIDED
    | _HANDED_ON
    | {f"{t}:{c}": m for t in _CAN_BE for c, m in STATUSES.items() if _fits(t, m)}
    | {f"{t}:{c}": m for t, listed in _LISTS.items() for c, m in listed.items() if _fits(t, m)}
)
"""Every activity that is known: a type that decides alone, or type and code."""


def code_of(kind: str, status_code: str, code: str) -> str:
    """The code by which an activity is known: that part of it which decides (`M`, `I:005`, `D:2Q`), or all of it
    where nothing does (`X:999/QQ`). `kind` is the type, `status_code` has three digits, `code` two characters."""
    kind, status_code, code = kind.strip().upper(), status_code.strip(), code.strip().upper()
    by_status = f"{kind}:{status_code.zfill(3)}" if status_code else ""
    by_code = f"{kind}:{code.zfill(2)}" if code else ""
    if kind in _TYPES:
        return next((known for known in (by_status, by_code) if known in _VOIDED), kind)
    if by_status in CODES and (by_code not in CODES or status_code.zfill(3) not in _BROAD):
        return by_status
    if by_code in CODES:
        return by_code
    return f"{kind}:{'/'.join(filter(None, (status_code, code)))}"
