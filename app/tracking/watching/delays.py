"""When a parcel is late: every source of that knowledge, and the episodes that they amount to.

A source says since when something speaks for a delay; `SOURCES` lists them all, and another one is another function.
Evidence holds until the parcel moves or arrives, or until it is taken back; what overlaps is one episode, opened by the
earliest of it. So the episodes follow from the sets of scans and estimates, the promise and the present instant alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from app.models.expectations import Delay
from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode
from app.tracking.watching.business_days import after, at_least
from app.tracking.watching.estimates import in_force, is_beyond
from app.tracking.watching.outlook import Outlook, Sign, anchor, as_bytes

_DEAF, _FORGOTTEN = timedelta(hours=3), timedelta(days=30)
"""How long at least until silence is looked at again that may be our own, for the carrier could not be asked; and how
old it grows before nobody looks any more."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a delay from `since` on (which may lie ahead), until the source itself takes it back (`until`).

    `anchor` names it, so that it is the same evidence however often it is found. `known_at` is from when it may be
    believed, where that is later.
    """

    since: datetime
    cause: Cause
    anchor: bytes
    until: datetime | None = None
    known_at: datetime | None = None
    description: str = ""
    place: str | None = None

    @property
    def believed_at(self) -> datetime:
        """The first instant at which it counts."""
        return self.known_at or self.since


Source = Callable[[Outlook, Delay], Iterable[Evidence]]


def promise_passed(outlook: Outlook, delay: Delay) -> Iterator[Evidence]:
    """The promised day has ended where the shopper lives, and the grace after it."""
    if delay.promise is not None and outlook.promise_ends_at is not None and outlook.promised_on is not None:
        name = anchor(b"promise", as_bytes(outlook.promised_on))
        yield Evidence(outlook.promise_ends_at + delay.promise, Cause.promise_passed, name)


def carrier_says(outlook: Outlook, delay: Delay) -> Iterator[Evidence]:
    """The carrier itself calls it delayed."""
    if not delay.carrier or not outlook.outbound:
        return
    for scan in outlook.scans:
        if scan.milestone is Milestone.delayed and scan.occurred_at is not None:
            said, name = scan.description, anchor(b"carrier", scan.digest)
            yield Evidence(scan.occurred_at, Cause.carrier_says, name, description=said, place=scan.place)


def eta_beyond_promise(outlook: Outlook, delay: Delay) -> Iterator[Evidence]:
    """The carrier came to expect it later than promised. Once the day has passed, that is nothing new."""
    ends_at, on = outlook.promise_ends_at, outlook.promised_on
    if delay.eta is None or ends_at is None or on is None:
        return
    beyond_since: datetime | None = None
    for estimate, _until in in_force(outlook.estimates):
        beyond = not estimate.empty and is_beyond(estimate, on, outlook.zone, delay.eta)
        if beyond and beyond_since is None:
            beyond_since = estimate.as_of
        elif not beyond and beyond_since is not None:
            yield from _expected_late(beyond_since, estimate.as_of, ends_at, delay)
            beyond_since = None
    if beyond_since is not None:
        yield from _expected_late(beyond_since, None, ends_at, delay)


def _expected_late(since: datetime, until: datetime | None, ends_at: datetime, delay: Delay) -> Iterator[Evidence]:
    if since < ends_at or delay.promise is None:
        yield Evidence(since, Cause.eta_beyond_promise, anchor(b"eta", as_bytes(since)), until)


def silence(outlook: Outlook, delay: Delay) -> Iterator[Evidence]:
    """Nothing was heard for more business days than its carrier, service and stage may take."""
    if not delay.silence:
        return
    signs = outlook.signs
    if outlook.known_at is not None and (not signs or signs[0].at > outlook.known_at):
        signs = [Sign(outlook.known_at, b""), *signs]
    shortest = at_least(min(limit.days for limit in delay.silence))
    for sign, until in zip_longest(signs, (sign.at for sign in signs[1:])):
        if until is not None and until - sign.at < shortest:
            continue
        days = delay.patience(outlook.carrier, outlook.service, outlook.stage(sign.at))
        if days is None:
            continue
        since = after(sign.at, days, outlook.zone, outlook.country)
        if until is not None and (since >= until or (outlook.known_at is not None and until <= outlook.known_at)):
            continue  # it was heard of in time, or all of that was before our own
        heard = until is not None or since > outlook.now or since <= outlook.listened_until
        if heard or outlook.now - since < _FORGOTTEN:
            known_at = None if heard else outlook.now + max(_DEAF, (outlook.now - since) / 4)
            yield Evidence(since, Cause.silence, anchor(b"silence", sign.digest), until, known_at)


SOURCES: tuple[Source, ...] = (promise_passed, carrier_says, eta_beyond_promise, silence)
"""Everything by which a parcel is known to be late. A further source is a further function, and a line here."""


@dataclass(slots=True)
class Late:
    """A stretch in which a parcel was late; still is, where `until` is None."""

    opening: Evidence
    anchors: set[bytes]
    until: datetime | None

    def takes_in(self, evidence: Evidence, until: datetime | None) -> bool:
        """Whether evidence that is not older overlaps it, and so belongs to it; if so it lasts as long as both."""
        if self.until is not None and evidence.since > self.until:
            return False
        self.anchors.add(evidence.anchor)
        self.until = None if self.until is None or until is None else max(self.until, until)
        return True

    def episode(self) -> Episode:
        """The same, as an episode of the milestone `delayed`."""
        opening = self.opening
        return Episode(
            Milestone.delayed,
            opening.since,
            anchor=opening.anchor,
            digests=frozenset(self.anchors),
            cause=opening.cause,
            description=opening.description,
            place=opening.place,
        )


def delays(outlook: Outlook, delay: Delay) -> tuple[list[Late], datetime | None]:
    """Every stretch in which the parcel was late until now, oldest first, and when evidence lies ahead."""
    found = [one for source in SOURCES for one in source(outlook, delay)]
    found.sort(key=lambda one: (one.since, one.cause.value, one.anchor))
    late: list[Late] = []
    for one in found:
        if one.believed_at > outlook.now or outlook.was_off(one.since):
            continue
        ends = [at for at in (one.until, outlook.closed_after(one.since)) if at is not None]
        until = min(ends, default=None)
        if until == one.since and one.cause is not Cause.promise_passed:
            continue  # it was over as it was said; only a promise is broken by arriving on its last stroke
        if not late or not late[-1].takes_in(one, until):
            late.append(Late(one, {one.anchor}, until))
    ahead = [one.believed_at for one in found if one.believed_at > outlook.now]
    return late, min(ahead, default=None) if not outlook.off_now else None
