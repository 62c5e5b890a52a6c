"""Whether a claimed message may leave at this instant: is it still true, still wanted, is it day, may it go at all?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.models.facts import Facts, Person
from app.models.vocabulary import Channel, MessageState, Milestone, NewsKind, Reason, SuppressionKind
from app.pipeline.leaving.gate import closed_to
from app.receipts.choices import kind_in_words, kind_of
from app.receipts.suppression import in_words
from app.rules.quiet import first_allowed, is_quiet, parse_quiet, zones_of
from app.settings import SendMode
from app.tracking.outdated import Now, outdated

_LOOK_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Release:
    """A claimed message with everything it is judged and rendered from.

    `as_decided`: the facts are still those of the decision, so that nothing else need be stored. `avoid` names the
    provider of which nobody knows whether it took the message, where it leaves again all the same. `stood_already`: the
    parcel stood where it stands before the news came. `anew`: what was frozen before is not true of all its parcels any
    more, and is written again. `gone`: what it tells has been taken back since, by another number of the parcel or
    another parcel of the order.
    """

    id: int
    public_id: str
    brand_id: int
    channel: Channel
    milestone: Milestone
    template_version_id: int
    tries: int
    expires_at: datetime
    facts: Facts
    person: Person
    address_digest: bytes | None
    suppressed: SuppressionKind | None
    rendered_at: datetime
    parcel_id: str
    parcel_milestone: Milestone
    stood_already: bool
    delivery_doubted: bool
    cancelled: bool
    told: frozenset[Milestone]
    told_newer: bool
    gone: bool
    unasked: bool
    as_decided: bool
    avoid: str | None
    priority: int
    quiet: str | None = None
    erased: bool = False
    undone: str | None = None
    """Why what it tells is so no longer, where that is the case."""
    recipient_id: str = "shopper"
    zones: tuple[str, ...] = ()
    anew: bool = False
    unfollowed: bool = False
    unwanted: frozenset[NewsKind] = frozenset()
    """The kinds of news that its shopper does not want on this channel."""

    @classmethod
    def only_read(cls, **given: Any) -> "Release":
        """One that is only written out and never judged: of what a judgement reads there is nothing."""
        unjudged: dict[str, Any] = {
            "address_digest": None,
            "suppressed": None,
            "stood_already": False,
            "delivery_doubted": False,
            "cancelled": False,
            "told": frozenset(),
            "told_newer": False,
            "gone": False,
            "unasked": False,
            "avoid": None,
        }
        return cls(**{**unjudged, **given})

    @property
    def kind(self) -> NewsKind:
        """Of which kind its news is, as shoppers choose."""
        return kind_of(self.milestone, self.facts.parcel.direction)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a claimed message does not leave after all."""

    message_id: int
    state: MessageState
    reason: Reason
    detail: str = ""
    again_at: datetime | None = None
    """When it is tried again, for one that is only put off (`ready`)."""


def put_off_reason(release: Release, reason: Reason) -> Reason:
    """Why a message waits; one that leaves again without evidence keeps saying so, for it must know whom to avoid."""
    return Reason.resent_unconfirmed if release.avoid else reason


def untrue(release: Release, now: datetime) -> Withheld | None:
    """Why what a message tells is not so any more, or None."""
    if release.erased:
        return Withheld(release.id, MessageState.suppressed, Reason.person_erased)
    if release.cancelled:
        return Withheld(release.id, MessageState.cancelled, Reason.cancelled)
    if release.unfollowed:
        return Withheld(release.id, MessageState.cancelled, Reason.unfollowed)
    if release.gone:
        return Withheld(release.id, MessageState.superseded, Reason.no_longer_so)
    if old := outdated(release.milestone, _now(release)):
        return Withheld(release.id, MessageState.superseded, old, _where(release))
    if release.undone is not None:
        return Withheld(release.id, MessageState.superseded, Reason.no_longer_so, release.undone)
    if release.expires_at <= now:
        return Withheld(release.id, MessageState.expired, Reason.outlived)
    return None


def judge(release: Release, now: datetime, mode: SendMode, allowlist: frozenset[str]) -> Withheld | None:
    """Why a message must not leave at this instant, or None. The last look before a provider is called."""
    if old := untrue(release, now):
        return old
    address = release.person.email if release.channel is Channel.email else release.person.phone
    if not address:
        return Withheld(release.id, MessageState.suppressed, Reason.no_address)
    if release.suppressed is not None:
        return Withheld(release.id, MessageState.suppressed, Reason.suppressed_address, in_words(release.suppressed))
    if release.kind in release.unwanted:
        return Withheld(release.id, MessageState.suppressed, Reason.not_wanted, kind_in_words(release.kind))
    closed = closed_to(address, mode, allowlist)
    if closed is not None:
        return Withheld(release.id, MessageState.suppressed, closed)
    if morning := _morning(release, now):
        reason = put_off_reason(release, Reason.quiet_hours)
        return Withheld(release.id, MessageState.ready, reason, f"it is quiet there: {release.quiet}", morning)
    if release.unasked:
        detail = "it has waited for long, so the carrier is asked first whether it is still so"
        return Withheld(
            release.id, MessageState.ready, put_off_reason(release, Reason.retrying), detail, now + _LOOK_AGAIN
        )
    return None


_ON_ITS_WAY = timedelta(minutes=1)
"""From here to the shopper's hand: what is begun in the last minute before the night would ring in it."""


def _morning(release: Release, now: datetime) -> datetime | None:
    """When a message may leave that must not now, for it is quiet where its shopper lives."""
    if release.quiet is None:
        return None
    quiet, zones = parse_quiet(release.quiet), release.zones or zones_of(release.facts.shopper)
    soon = now + _ON_ITS_WAY
    if not is_quiet(now, zones, quiet) and not is_quiet(soon, zones, quiet):
        return None
    return first_allowed(soon, zones, quiet)


def _now(release: Release) -> Now:
    return Now(
        release.parcel_milestone, release.delivery_doubted, release.told, release.told_newer, release.stood_already
    )


def _where(release: Release) -> str:
    """Where the parcel is instead, or what its shopper knows by now, for people."""
    if release.parcel_milestone is release.milestone and not release.delivery_doubted:
        return "something newer has been told, or is about to be"
    stands = f"the parcel is {release.parcel_milestone.value.replace('_', ' ')}"
    return f"{stands}, and has been scanned on its way since" if release.delivery_doubted else stands
