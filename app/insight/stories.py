"""What a parcel's story is made of: plain frozen values, as explain tells them and the API shows them."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.models.vocabulary import Cause


class StoryPart(BaseModel):
    """A part of a parcel's story, frozen. Its fields are named as the columns that they are read from."""

    model_config = ConfigDict(frozen=True)


class ScanStory(StoryPart):
    """One scan. `occurred_at` is UTC, None when the carrier's time could not be read. From `retired_at` on it counts
    for nothing: it was another parcel's, under a number that turned out to be wrong."""

    occurred_at: datetime | None
    written_time: str
    zone_source: str
    heard_at: datetime
    source: str
    code: str
    milestone: str | None
    description: str
    place: str | None
    retired_at: datetime | None = None


class AnswerStory(StoryPart):
    """One answer of the carrier that could not be used."""

    heard_at: datetime
    kind: str
    http_status: int | None
    detail: str | None


class FollowingStory(StoryPart):
    """What is agreed with the carrier about calling: until when it follows the number, when it last called about it,
    and why it would not follow it."""

    followed_until: datetime | None
    called_at: datetime | None
    problem: str | None


class EstimateStory(StoryPart):
    """What its carrier expected from `as_of` on: a window (UTC) or a day; neither where it took its word back."""

    as_of: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    day: date | None


class ReceiptStory(StoryPart):
    received_at: datetime
    kind: str
    detail: str | None
    effect: str | None


class AttemptStory(StoryPart):
    """One call to a provider. Times are the database's clock."""

    id: str
    number: int
    provider: str
    begun_at: datetime
    settled_at: datetime | None
    outcome: str
    http_status: int | None
    error: str | None
    provider_ref: str | None
    asked_count: int = 0
    conclusion: str | None = None
    receipts: tuple[ReceiptStory, ...] = ()


class PauseStory(StoryPart):
    """A pause that a message waits for. `since` is the database's clock."""

    scope: str
    why: str
    paused_by: str
    since: datetime


class MoveStory(StoryPart):
    """That a message which waited was given another version of its template. `old` and `new` name the versions by the
    digest of their content, `new_since` says when the new one was first used; `moved_at` is engine time.
    `publication` is the brand's last publication of templates at that time (None: those that ship)."""

    moved_at: datetime
    moved_by: str
    why: str
    old: str
    new: str
    new_since: datetime
    publication: int | None = None


class AskedAgainStory(StoryPart):
    """That somebody asked for a message to be sent once more; engine time. `waiting` until it has left or has not,
    `not_sent` is then why not, None where it left."""

    asked_at: datetime
    asked_by: str
    why: str
    waiting: bool
    not_sent: str | None


class MessageStory(StoryPart):
    """One message. `in_place_of` is the one that it stands in for, `tells_of` the outside ids of the parcels that it
    tells of, where there are several. `templates_publication` is the brand's last publication of templates when it was
    decided (None: it was decided with those that ship). `quiet`: when its channel must not be used;
    `quiet_from`: whose hours these are, `rule`, `rule set` or `brand`; None where nobody looked."""

    id: str
    channel: str
    recipient_id: str
    in_place_of: str | None
    locale: str
    state: str
    reason: str
    sentence: str
    detail: str | None
    subject: str | None
    planned_at: datetime
    send_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    templates_publication: int | None = None
    quiet: str | None = None
    quiet_from: str | None = None
    tells_of: tuple[str, ...] = ()
    moves: tuple[MoveStory, ...] = ()
    asked_again: tuple[AskedAgainStory, ...] = ()
    pauses: tuple[PauseStory, ...] = ()
    attempts: tuple[AttemptStory, ...] = ()


class DecisionStory(StoryPart):
    """One rule's answer, with the message it planned if it did, or that of another parcel that tells of this one.

    `inputs` are the facts that its condition asked for. `rules_publication` says as which publication its rules counted
    (None: they are those that ship), `rules_digest` names their text. `about` is what its rule is for, in the words of
    whoever wrote it, and `asks` its condition in words; None where it says nothing, has no
    words, or cannot be read any more.
    """

    rule: str
    rules_publication: int | None
    rules_digest: str
    channel: str
    recipient_id: str
    fired: bool
    reason: str
    sentence: str
    detail: str
    decided_at: datetime
    inputs: dict[str, Any] = Field(default_factory=dict)
    about: str | None = None
    asks: str | None = None
    message: MessageStory | None = None
    rule_set_version_id: int = Field(exclude=True)


class AsideStory(StoryPart):
    """A rule that looks at the milestone and was not for this parcel."""

    rule: str
    why: str


class CrossingStory(StoryPart):
    """One milestone that the parcel reached, or (`scope`) its whole order. `crossed_at` is when the engine concluded
    it. From `retired_at` on it counts for nothing: it was opened under a number that turned out to be wrong."""

    scope: str
    milestone: str
    occurrence: int
    cause: str
    occurred_at: datetime
    crossed_at: datetime
    retired_at: datetime | None = None
    decisions: tuple[DecisionStory, ...] = ()
    aside: tuple[AsideStory, ...] = ()
    id: int = Field(exclude=True)


class ReplyStory(StoryPart):
    """One SMS that the shopper wrote back. `text` is None once the person was forgotten."""

    received_at: datetime
    meaning: str
    text: str | None


class ClaimStory(StoryPart):
    """The shopper said that a delivered parcel is not there; engine time. `closed_by` is `shopper` or a person."""

    id: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None


class TroubleStory(StoryPart):
    """Why the parcel's carrier is not asked at present; engine time."""

    carrier: str
    why: str
    since: datetime | None
    asked_again_at: datetime | None


class ComingStory(StoryPart):
    """One thing that is due. `what` is `message` (it leaves, if it is still true then), `promise` (late, unless it has
    arrived), `look` (the engine looks at the calendar again) or `question` (its carrier is asked). `at` is UTC."""

    at: datetime
    what: Literal["message", "promise", "look", "question"]
    milestone: str | None = None
    channel: str | None = None
    message: str | None = None


class Story(StoryPart):
    """Everything that is known of one parcel. All instants are UTC; `zone` is where the shopper lives."""

    shipment: str
    order: str
    carrier: str | None
    asked_of: str | None
    candidates: tuple[str, ...]
    tracking_number: str | None
    milestone: str
    milestone_at: datetime | None
    delivery_doubted_at: datetime | None
    late_since: datetime | None
    promised_on: date | None
    eta_from: datetime | None
    eta_through: datetime | None
    eta_day: date | None
    notes: dict[str, Any]
    zone: str
    zone_source: str
    baseline: datetime | None
    cancelled_at: datetime | None
    unfollowed_at: datetime | None = None
    erased_at: datetime | None
    problem: str | None
    last_polled_at: datetime | None
    next_poll_at: datetime | None
    watch_at: datetime | None
    scans: tuple[ScanStory, ...]
    faults: tuple[AnswerStory, ...]
    estimates: tuple[EstimateStory, ...]
    crossings: tuple[CrossingStory, ...]
    replies: tuple[ReplyStory, ...] = ()
    claims: tuple[ClaimStory, ...] = ()
    following: FollowingStory | None = None
    carrier_trouble: TroubleStory | None = None
    coming: tuple[ComingStory, ...] = ()


CAUSES: dict[str, str] = {
    Cause.scan.value: "the carrier said so",
    Cause.promise_passed.value: "the promised day ended and it had not arrived",
    Cause.silence.value: "nothing new had been heard of it for too long",
    Cause.carrier_says.value: "the carrier called it delayed",
    Cause.eta_beyond_promise.value: "the carrier expected it later than the shop had promised",
    Cause.eta.value: "the carrier expected it at another time than was known",
    Cause.pickup_ends.value: "it had not been collected, and would soon go back",
    Cause.order.value: "every parcel of the order has arrived",
}
