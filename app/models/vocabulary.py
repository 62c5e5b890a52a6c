"""The words that everything is told in: milestones, message states, and the reason behind each outcome."""

from enum import StrEnum


class Milestone(StrEnum):
    """What a parcel has come to. The first block a carrier can say, the second only the engine decides."""

    __hash__ = str.__hash__  # an enum's own is Python code, and tables are looked up by milestones everywhere

    registered = "registered"
    dispatched = "dispatched"
    in_transit = "in_transit"
    out_for_delivery = "out_for_delivery"
    ready_for_pickup = "ready_for_pickup"
    attempt_failed = "attempt_failed"
    delivered = "delivered"
    exception = "exception"
    returning = "returning"
    returned = "returned"
    cancelled = "cancelled"
    expired = "expired"

    delayed = "delayed"
    arriving_early = "arriving_early"
    eta_changed = "eta_changed"
    pickup_expiring = "pickup_expiring"
    all_delivered = "all_delivered"
    return_received = "return_received"


CARRIER_MILESTONES: tuple[Milestone, ...] = tuple(Milestone)[: tuple(Milestone).index(Milestone.delayed)]
"""Where a carrier can say that a parcel is."""

SAYABLE: tuple[Milestone, ...] = (*CARRIER_MILESTONES, Milestone.delayed)
"""What a carrier's code can mean: where the parcel is, or that it is late, which moves no parcel and which the engine
weighs with what else it knows."""

ENDS: frozenset[Milestone] = frozenset(
    {Milestone.delivered, Milestone.returned, Milestone.return_received, Milestone.cancelled, Milestone.expired}
)
"""Milestones after which a parcel is no longer watched closely."""

PROGRESS: dict[Milestone, int] = {
    Milestone.registered: 0,
    Milestone.dispatched: 1,
    Milestone.in_transit: 2,
    Milestone.delayed: 2,
    Milestone.arriving_early: 2,
    Milestone.eta_changed: 2,
    Milestone.out_for_delivery: 3,
    Milestone.attempt_failed: 4,
    Milestone.ready_for_pickup: 4,
    Milestone.pickup_expiring: 4,
    Milestone.delivered: 5,
    Milestone.returning: 6,
    Milestone.returned: 7,
    Milestone.return_received: 7,
}
"""How far along a milestone stands: news about a lower one is stale once a higher one is reached."""


NO_TIME = {
    "unreadable": "the carrier's time cannot be read",
    "date_only": "the carrier gives a day without a time",
    "impossible": "the carrier's time lies further ahead than any clock on earth",
    "elsewhere": "it goes to another country than the order: another parcel has the same number",
    "former": "it happened before the order: to another parcel that had the number",
}
"""Why a scan has no instant, by its `zone_source`."""


class MessageState(StrEnum):
    """Where one planned message stands."""

    held = "held"
    ready = "ready"
    sending = "sending"
    unconfirmed = "unconfirmed"
    accepted = "accepted"
    delivered = "delivered"
    bounced = "bounced"
    suppressed = "suppressed"
    superseded = "superseded"
    expired = "expired"
    cancelled = "cancelled"
    failed = "failed"


PENDING = frozenset({MessageState.held, MessageState.ready, MessageState.sending, MessageState.unconfirmed})
SENT = frozenset({MessageState.accepted, MessageState.delivered, MessageState.bounced})
WITHHELD = frozenset({MessageState.suppressed, MessageState.superseded, MessageState.expired, MessageState.cancelled})
FAILED = frozenset({MessageState.failed})
TAKEN_BACK = frozenset({MessageState.superseded, MessageState.expired, MessageState.cancelled, MessageState.failed})
"""Ends of which the shopper has heard nothing: for what is told later it is as if such a message had never been. One
that failed as `ambiguous` may have arrived, and what shadow mode or an address withholds counts as told."""


class Channel(StrEnum):
    """The ways a message can reach a shopper."""

    email = "email"
    sms = "sms"
    whatsapp = "whatsapp"


class Cause(StrEnum):
    """What opened a crossing: something that was said, or something that was not."""

    scan = "scan"
    promise_passed = "promise_passed"
    silence = "silence"
    carrier_says = "carrier_says"
    eta_beyond_promise = "eta_beyond_promise"
    eta = "eta"
    pickup_ends = "pickup_ends"
    order = "order"


class Source(StrEnum):
    """Who told us of a scan."""

    poll = "poll"
    push = "push"
    api = "api"
    file = "file"
    person = "person"


class Reason(StrEnum):
    """Why a decision or a message came out as it did; every member has a sentence for people."""

    planned = "planned"
    history = "history"
    stale = "stale"
    late_news = "late_news"
    no_address = "no_address"
    channel_off = "channel_off"
    no_template = "no_template"
    already_told = "already_told"
    cancelled = "cancelled"
    overtaken = "overtaken"
    outlived = "outlived"
    shadow = "shadow"
    not_on_allowlist = "not_on_allowlist"
    accepted = "accepted"
    confirmed_by_receipt = "confirmed_by_receipt"
    bounced = "bounced"
    refused = "refused"
    retrying = "retrying"
    paced = "paced"
    gave_up = "gave_up"
    no_answer = "no_answer"
    silence_is_no = "silence_is_no"
    found_by_asking = "found_by_asking"
    not_there = "not_there"
    resent_unconfirmed = "resent_unconfirmed"
    ambiguous = "ambiguous"
    not_renderable = "not_renderable"
    no_provider = "no_provider"
    suppressed_address = "suppressed_address"
    person_erased = "person_erased"
    condition_false = "condition_false"
    rule_error = "rule_error"
    quiet_hours = "quiet_hours"
    merged = "merged"
    told_once = "told_once"
    another_rule = "another_rule"
    shopper_cap = "shopper_cap"
    rule_cap = "rule_cap"
    fell_back = "fell_back"
    no_longer_so = "no_longer_so"
    asked_again = "asked_again"
    unfollowed = "unfollowed"
    not_wanted = "not_wanted"

    @property
    def sentence(self) -> str:
        """What happened, as a support agent would say it."""
        return _SENTENCES[self]


FIRED = frozenset({Reason.planned, Reason.fell_back})
"""With which reasons a decision plans a message."""

UNREACHED = frozenset(
    {Reason.no_address, Reason.channel_off, Reason.no_template, Reason.suppressed_address, Reason.not_wanted}
)
"""Why a channel is passed over for the one that stands in for it."""

_SENTENCES: dict[Reason, str] = {
    Reason.planned: "The rule matched, and a message was planned.",
    Reason.history: "This happened before the parcel was handed to Doorstep, so nobody is told again.",
    Reason.stale: "We heard of it too late for the news to be worth sending.",
    Reason.late_news: "By the time we heard of it the parcel had come further, or the same had happened again.",
    Reason.no_address: "The order has no address for this channel.",
    Reason.channel_off: "No provider is set up for this channel.",
    Reason.no_template: "The rule names a template that does not exist.",
    Reason.already_told: "The shopper has already been told this.",
    Reason.cancelled: "The order or the parcel was cancelled before the message left.",
    Reason.overtaken: "By the time it would have left, the parcel had come further.",
    Reason.outlived: "It could not leave before its news went stale.",
    Reason.shadow: "Doorstep runs in shadow mode: everything is decided, nothing leaves.",
    Reason.not_on_allowlist: "Only listed test addresses are written to, and this one is not listed.",
    Reason.accepted: "The provider accepted it.",
    Reason.confirmed_by_receipt: "The provider's own report showed that it had been accepted.",
    Reason.bounced: "The provider reported that it could not be delivered.",
    Reason.refused: "The provider refused it for good.",
    Reason.retrying: "It could not leave just then; it will be tried again.",
    Reason.paced: "Its sender may go only so fast; it leaves when its turn comes.",
    Reason.gave_up: "Every try was turned away.",
    Reason.no_answer: "The provider never answered, so it may or may not have been accepted.",
    Reason.silence_is_no: "Later messages of the same sender were reported and this one was not: it never got through.",
    Reason.found_by_asking: "The provider never answered; asked again later, it had the message.",
    Reason.not_there: "The provider never answered; asked again later, it did not have the message.",
    Reason.resent_unconfirmed: "Nobody knows whether it was accepted; its rule says rather twice than never.",
    Reason.ambiguous: "The provider never answered and no report came; it is not sent again on a guess.",
    Reason.not_renderable: "The template could not be filled in for this parcel.",
    Reason.no_provider: "No configured provider could carry it.",
    Reason.suppressed_address: "This address must not be written to.",
    Reason.not_wanted: "The shopper chose not to be told this in this way.",
    Reason.condition_false: "The rule's condition did not hold for this parcel.",
    Reason.rule_error: "The rule's condition could not be answered for this parcel, so nothing was sent.",
    Reason.quiet_hours: "It is night where the shopper lives; in the morning it leaves, unless it is no news by then.",
    Reason.merged: "It is told together with another parcel of the order.",
    Reason.told_once: "The rule tells this only so often, and the shopper has been told.",
    Reason.another_rule: "Another rule, before this one in the set, tells the shopper of it.",
    Reason.shopper_cap: "The shopper has had as many messages today as one shopper may.",
    Reason.rule_cap: "The rule has sent as many messages today as it may.",
    Reason.fell_back: "The first channel could not reach the shopper, so this one was tried in its place.",
    Reason.no_longer_so: "By the time it would have left, it was no longer so.",
    Reason.asked_again: "Somebody of the shop asked for it to be sent once more.",
    Reason.unfollowed: "Somebody of the shop stopped following the parcel, so nobody is told of it any more.",
    Reason.person_erased: "The shopper was erased, so nothing more is sent about this order.",
}


class AttemptOutcome(StrEnum):
    """How one call to a provider ended; an attempt without one is still open."""

    accepted = "accepted"
    refused = "refused"
    not_sent = "not_sent"
    unanswered = "unanswered"


class SuppressionKind(StrEnum):
    """Why an address must not be written to. `block` is a server's passing refusal, `invalid` no address at all."""

    bounce = "bounce"
    block = "block"
    complaint = "complaint"
    stop = "stop"
    unsubscribe = "unsubscribe"
    invalid = "invalid"
    manual = "manual"


class SuppressionScope(StrEnum):
    """What a suppression holds back: everything, or only what the shopper did not order."""

    all = "all"
    marketing = "marketing"


class NewsKind(StrEnum):
    """What a shopper can choose to be told, or not, on each channel; every message is of one kind."""

    on_its_way = "on_its_way"
    arriving_today = "arriving_today"
    ready_to_collect = "ready_to_collect"
    delivered = "delivered"
    problems = "problems"
    returns = "returns"


class Meaning(StrEnum):
    """What a shopper's own SMS is: a word that the law gives a meaning, or something that a person must read."""

    stop = "stop"
    start = "start"
    help = "help"
    message = "message"


class PauseKind(StrEnum):
    """What a pause holds: everything, one brand, or the messages of one rule, template, carrier, channel or
    milestone. A carrier that is paused is not asked either."""

    all = "all"
    brand = "brand"
    rule = "rule"
    template = "template"
    carrier = "carrier"
    channel = "channel"
    milestone = "milestone"


class IncidentKind(StrEnum):
    """What can be wrong. `docs/brakes.md` says for each when it is told and what to do."""

    overdue = "overdue"
    stuck = "stuck"
    unconfirmed = "unconfirmed"
    ambiguous = "ambiguous"
    failing = "failing"
    sender = "sender"
    reports = "reports"
    breach = "breach"
    storm = "storm"
    capped = "capped"
    not_received = "not_received"
    carrier_down = "carrier_down"
    carrier_denied = "carrier_denied"
    carrier_throttled = "carrier_throttled"


class CarrierState(StrEnum):
    """Whether a carrier is asked: freely (`closed`), not at all (`open`), or one question to see (`probing`)."""

    closed = "closed"
    open = "open"
    probing = "probing"


class CarrierFault(StrEnum):
    """What is wrong with a carrier, as far as one answer can show. `maintenance` is a web page in place of an answer,
    `certificate` an https certificate that nobody can trust, `denied` credentials that it refuses."""

    timeout = "timeout"
    unreachable = "unreachable"
    certificate = "certificate"
    throttled = "throttled"
    server_error = "server_error"
    maintenance = "maintenance"
    malformed = "malformed"
    denied = "denied"

    @property
    def sentence(self) -> str:
        """What is wrong, as the end of a sentence about the carrier."""
        return _ILL[self]


_ILL: dict[CarrierFault, str] = {
    CarrierFault.timeout: "it does not answer in time",
    CarrierFault.unreachable: "it cannot be reached",
    CarrierFault.certificate: "its certificate cannot be trusted",
    CarrierFault.throttled: "it asks for fewer questions",
    CarrierFault.server_error: "it says that it is not able to answer",
    CarrierFault.maintenance: "it shows a web page instead of an answer",
    CarrierFault.malformed: "its answers cannot be read",
    CarrierFault.denied: "it refuses the credentials",
}


class NoticeStage(StrEnum):
    """Which end of an incident is told."""

    opened = "opened"
    resolved = "resolved"


class NoticeRoute(StrEnum):
    """The ways an alarm can reach the owner."""

    url = "url"
    email = "email"
