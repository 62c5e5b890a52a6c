"""The table of state × input: what each thing that a carrier can say makes of a parcel that stands somewhere.

It is total, and this text is the table: the fold reads it, `docs/milestones.md` shows it to people, and tests hold both
to it. A row is where the parcel stands, a column what is said of it next, in the order in which it happened.
"""

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from app.models.vocabulary import Milestone


class Effect(StrEnum):
    """What one thing that is said does to where the parcel stands."""

    __hash__ = str.__hash__  # an enum's own is Python code, and this is asked for at every scan

    goes = ">"
    """It stands there from now on."""
    same = "="
    """The same is said once more."""
    anew = "+"
    """The same is said once more; a round (`ROUND`) after it was said last, it has happened again."""
    went_back = "~"
    """It stands there again if the round is over (`ROUND` after it was said last): it did not come that day."""
    stays = "."
    """Nothing: it belongs to what lies behind the parcel, or says nothing of where it is."""
    doubts = "?"
    """It stays arrived, and that is doubted: what has arrived is not scanned on its way."""
    confirms = "!"
    """It stays arrived; a doubt is over, and it arrived now."""
    first_time = "1"
    """It stands there from now on, unless it had arrived before: then it has arrived at its sender."""
    resumes = "<"
    """It is alive after all: it stands where it stood before."""


class Other(StrEnum):
    """What can be said of a parcel beside a milestone."""

    __hash__ = str.__hash__

    movement = "movement"
    """The carrier handled it, and that is all."""
    note = "note"
    """Nothing about where it is, or words that nobody knows."""
    untimed = "untimed"
    """Anything at all, without an instant at which it happened: a day without a time, a time nobody can read."""


Input = Milestone | Other
_M = Milestone

INPUTS: tuple[Input, ...] = (
    _M.registered, _M.dispatched, _M.in_transit, _M.out_for_delivery, _M.ready_for_pickup, _M.attempt_failed,
    _M.delivered, _M.exception, _M.returning, _M.returned, _M.cancelled, _M.expired, _M.delayed, *Other,
)  # fmt: skip
"""The columns. `delivered` is also what a return parcel's carrier says when the shop has it."""

_TEXT = """
                   reg dis tra out rdy try del exc bck rtd can exp  late mov note none
registered          =   >   >   >   >   >   >   >   >   >   >   >     .   .    .    .
dispatched          .   =   >   >   >   >   >   >   >   >   >   >     .   .    .    .
in_transit          .   .   =   >   >   >   >   >   >   >   >   >     .   .    .    .
out_for_delivery    .   .   ~   +   >   >   >   >   >   >   >   >     .   .    .    .
ready_for_pickup    .   .   .   >   =   .   >   >   >   >   >   >     .   .    .    .
attempt_failed      .   .   .   >   >   +   >   >   >   >   >   >     .   .    .    .
exception           .   >   >   >   >   >   >   =   >   >   >   >     .   .    .    .
delivered           .   ?   ?   ?   ?   ?   !   ?   >   >   .   .     .   .    .    .
return_received     .   ?   ?   ?   ?   ?   !   ?   ?   ?   .   .     .   .    .    .
returning           .   .   .   .   .   .   1   .   =   >   .   >     .   .    .    .
returned            .   .   .   .   .   .   .   .   .   =   .   .     .   .    .    .
cancelled           .   >   >   >   >   >   >   .   >   >   =   .     .   <    .    .
expired             .   >   >   >   >   >   >   >   >   >   >   =     .   <    .    .
"""

# Why, where it is not plain:
# out × tra    A van's own scans, and the depot's, come all day. The morning after, it is back in the depot.
# rdy × try    The card in the letterbox, written down after the parcel had reached the counter.
# out, try × + One card a day is news; the same morning's second scan is not.
# exc × mov    That it was handled does not put right what went wrong; that it travels does.
# del × reg    Label data comes late, and a cancelled label after that; neither was in anybody's hands.
# del × rdy    It lies at a counter after all: a doubt, for nobody who was told "delivered" is told less.
# bck × out …  On its way back it is sorted, loaded, and tried at the sender's. Only an arrival at the shopper's counts,
#              and only the first: what turned round after it had arrived arrives at its sender.
# rtd × …      It ended. What a carrier says of it later is about papers, or about another parcel.
# can, exp × … Whoever moves is neither cancelled nor lost.


def _read() -> dict[Milestone, dict[Input, Effect]]:
    rows = (line.split() for line in _TEXT.strip().splitlines()[1:])
    return {
        Milestone(row[0]): {column: Effect(sign) for column, sign in zip(INPUTS, row[1:], strict=True)} for row in rows
    }


TABLE = MappingProxyType(_read())
"""Where it stands → what is said → what that does."""

ROUND = timedelta(hours=12)
"""A van's round, with all that is scanned about it, is over so long after the last that was said of it."""

FORMER = timedelta(hours=24)
"""What is said to have happened so long before the label was made, happened to another parcel of that number."""

LINKED = timedelta(days=7)
"""Between two scans of one parcel there are days; between those of two parcels with one number, weeks or months."""

RECYCLED = timedelta(days=90)
"""Carriers use a number again after months: so long after an arrival, what is said is about another parcel."""

DOUBTED_FOR = timedelta(days=14)
"""For so long a parcel whose arrival is doubted is looked for. What was not heard of by then will not be."""

ARRIVALS = frozenset({Milestone.delivered, Milestone.return_received})
"""Where a parcel's way ends as it should: an outbound one's, and a return's."""

LASTING = frozenset({Milestone.registered, Milestone.dispatched, Milestone.in_transit})
"""What stays true once it was: the parcel was sent, wherever it is now. All others tell where it is, and are true as
long as it is there."""


def arrival(direction: str) -> Milestone:
    """What "delivered" means for a parcel of this direction (`outbound` or `return`)."""
    return Milestone.return_received if direction == "return" else Milestone.delivered


ONCE = frozenset(
    {Milestone.registered, Milestone.dispatched, Milestone.in_transit, Milestone.returned, Milestone.expired}
)
"""What happens once in a parcel's life, however its scans are scattered. The others happen anew after something else
has."""
