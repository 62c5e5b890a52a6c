"""What is on the stage: crossings that were opened, the rules' answers to them, and the messages that would have been
planned, each with the parcels that it tells of."""

from dataclasses import dataclass
from datetime import datetime

from app.models.facts import Facts
from app.models.vocabulary import FIRED, TAKEN_BACK, Channel, MessageState, Milestone, Reason
from app.pipeline.leaving.judging import Withheld
from app.rules.decide import Crossed, Decided

TOLD = FIRED | {Reason.merged}


@dataclass(frozen=True, slots=True)
class Opened:
    """One crossing on the stage, with what it is decided on. `id` is its row's; None where it is only rehearsed."""

    id: int | None
    shipment_id: int
    scope: tuple[str, int]
    crossed: Crossed
    channels: frozenset[Channel]
    at: datetime

    @property
    def name(self) -> tuple[int, str, int]:
        """Which parcel, which milestone, which time."""
        news = self.crossed.facts.news
        return self.shipment_id, news.milestone.value, news.occurrence


@dataclass(frozen=True, slots=True)
class Cover:
    """One parcel that a message tells of: the facts that its news was decided on, since when the message tells of it
    and until when it is worth telling (UTC). `real`: it told of it before the rehearsal began."""

    shipment_id: int
    facts: Facts
    since: datetime
    expires_at: datetime
    real: bool = False


@dataclass(slots=True)
class Mail:
    """One message as it would have been planned, and what became of it: where `left_at` stands it left then.

    `number` counts up in the order of planning; the first of `covers` is the parcel by which it came to be. Until
    `merge_until` others may join it. `template_version_id` is the row it is pinned to, where it is one that really
    waits.
    """

    number: int
    milestone: Milestone
    occurrence: int
    decided: Decided
    covers: list[Cover]
    planned_at: datetime
    send_at: datetime
    expires_at: datetime
    merge_until: datetime | None = None
    left_at: datetime | None = None
    withheld: Withheld | None = None
    template_version_id: int = 0
    public_id: str = ""

    @property
    def shipment_id(self) -> int:
        """The parcel by which it came to be."""
        return self.covers[0].shipment_id

    @property
    def facts(self) -> Facts:
        """Those of the parcel by which it came to be."""
        return self.covers[0].facts

    @property
    def name(self) -> tuple[int, str, int, str, str]:
        """What makes it the same message to its reader, whichever rule planned it."""
        told = self.decided.channel.value, self.decided.recipient_id
        return (self.shipment_id, self.milestone.value, self.occurrence, *told)

    @property
    def waits(self) -> bool:
        """Whether it has neither left nor ended."""
        return self.left_at is None and (self.withheld is None or self.withheld.state is MessageState.ready)

    @property
    def taken_back(self) -> bool:
        """Whether it ended without having told anybody."""
        return self.left_at is None and self.withheld is not None and self.withheld.state in TAKEN_BACK

    def tells_of(self, shipment_id: int) -> bool:
        """Whether it tells of a parcel."""
        return any(one.shipment_id == shipment_id for one in self.covers)


@dataclass(frozen=True, slots=True)
class Answer:
    """One rule's answer to one crossing, as it would have been recorded, with the message that tells of it."""

    opened: Opened
    decided: Decided
    reason: Reason
    detail: str
    mail: Mail | None = None

    @property
    def fired(self) -> bool:
        """Whether a message tells of it."""
        return self.reason in TOLD
