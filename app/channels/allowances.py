"""How fast each sender may go: the lanes that a message takes up on its way out, and for how long.

Sources: twilio.com/docs/messaging/guides ("Understanding Twilio rate limits and message queues") for the kinds of
number; a carrier's own limit for a country is told by settings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import phonenumbers

from app.channels.base import Outgoing
from app.settings import SegmentPace

_TOLL_FREE = re.compile(r"\+1(800|833|844|855|866|877|888)\d{7}")
_SHORT_CODE = re.compile(r"\d{3,8}")


@dataclass(frozen=True, slots=True)
class Lane:
    """One thing that takes only so much: an account, a number, a country. `seconds` is how long a message has it
    for itself, in wall time; `key` is the same for all that share it."""

    key: str
    seconds: float


@runtime_checkable
class Paced(Protocol):
    """A provider that may be asked for only so much a second."""

    def lanes(self, outgoing: Outgoing) -> tuple[Lane, ...]:
        """The lanes that this message takes up; none where nothing is limited."""
        ...


def request_lane(provider: str, account: str, per_second: float | None) -> tuple[Lane, ...]:
    """The lane of a whole account, one call a message; none without a limit."""
    return (Lane(f"{provider} {account}", 1 / per_second),) if per_second else ()


def text_lanes(
    account: str, sender: str, to_phone: str, segments: int, pace: SegmentPace, countries: Mapping[str, float]
) -> tuple[Lane, ...]:
    """The lanes of one SMS of so many segments: its sender's own, and that of the country it goes to."""
    lanes: list[Lane] = []
    own = segments_per_second(sender, pace)
    if own:
        lanes.append(Lane(f"twilio {account} from {sender}", segments / own))
    country = country_of(to_phone) if countries else ""
    if country in countries:
        lanes.append(Lane(f"twilio {account} to {country}", segments / countries[country]))
    return tuple(lanes)


def segments_per_second(sender: str, pace: SegmentPace) -> float | None:
    """What a sender may carry by its kind; None where the provider itself spreads the load."""
    if sender.startswith("MG"):
        return pace.service
    if _TOLL_FREE.fullmatch(sender):
        return pace.toll_free
    if sender.startswith("+"):
        return pace.long_code
    return pace.short_code if _SHORT_CODE.fullmatch(sender) else pace.alphanumeric


def country_of(phone: str) -> str:
    """The two-letter country of an E.164 number, or nothing where it cannot be told."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""
