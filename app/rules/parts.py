"""The parts of a sentence about rules: plain words, what is to be emphasised, and code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from babel.core import Locale

from app.models.vocabulary import Channel, Milestone

STRONG, CODE = "strong", "code"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; `mark` says how it is shown: "" as it is, `strong` emphasised, `code` as code."""

    text: str
    mark: str = ""


Sentence = tuple[Part, ...]

CHANNELS = {Channel.email: "email", Channel.sms: "SMS", Channel.whatsapp: "WhatsApp"}

MILESTONES = {
    Milestone.registered: "is registered with the carrier",
    Milestone.dispatched: "is handed to the carrier",
    Milestone.in_transit: "is on its way",
    Milestone.out_for_delivery: "is out for delivery",
    Milestone.ready_for_pickup: "is ready to be collected",
    Milestone.attempt_failed: "could not be delivered",
    Milestone.delivered: "is delivered",
    Milestone.exception: "is held up",
    Milestone.returning: "is turning back to its sender",
    Milestone.returned: "is back with its sender",
    Milestone.cancelled: "is cancelled by its carrier",
    Milestone.expired: "is followed no longer, for nothing is heard of it",
    Milestone.delayed: "is late",
    Milestone.arriving_early: "will come early",
    Milestone.eta_changed: "is expected on another day",
    Milestone.pickup_expiring: "must be collected soon",
    Milestone.all_delivered: "is the last of its order to be delivered",
    Milestone.return_received: "has arrived with the shop",
}
"""What is said of a parcel that has come to each milestone."""


def strong(text: str) -> Part:
    """Words that the eye is to find."""
    return Part(text, STRONG)


def code(text: str) -> Part:
    """What is shown as it is written."""
    return Part(text, CODE)


def together(parts: Iterable[Part]) -> Sentence:
    """The same with neighbours of one mark as one part."""
    return tuple(Part("".join(one.text for one in group), mark) for mark, group in groupby(parts, lambda one: one.mark))


def plain(sentence: Iterable[Part]) -> str:
    """A sentence as text alone."""
    return "".join(part.text for part in sentence)


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def country_name(code_of_it: str) -> str:
    """Sweden for SE; the code itself where there is no name."""
    return str(_names().get(code_of_it.upper(), code_of_it))


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return dict(Locale("en").territories)
