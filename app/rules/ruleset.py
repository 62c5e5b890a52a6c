"""The rule set as a value: what it says of each rule, and the exact text that it was read from (`document.py`)."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import IntEnum, StrEnum
from fnmatch import fnmatchcase
from functools import cached_property

from app.errors import Fault
from app.models.expectations import Expectations
from app.models.facts import Facts
from app.models.vocabulary import Channel, Milestone
from app.rules.conditions import Condition
from app.rules.language import Reads, reads_of
from app.rules.quiet import Quiet


class Priority(IntEnum):
    """Which message leaves first when not all can; lower is sooner."""

    urgent = 0
    normal = 1
    bulk = 2


class Audience(StrEnum):
    """To whom a rule writes: a role, never an address. `team` is the brand's own people."""

    shopper = "shopper"
    team = "team"


class Per(StrEnum):
    """What a rule counts as one: each parcel's milestone, or the first of them in an order."""

    parcel = "parcel"
    order = "order"


class Once(StrEnum):
    """How often a rule may tell, however often its milestone comes: once for a parcel, or for the whole order."""

    parcel = "parcel"
    order = "order"


@dataclass(frozen=True, slots=True)
class Send:
    """One message that a rule sends: through which channel, from which template, to whom.

    `fallback`: what is sent in its place when it cannot reach them (no address, bounced, refused); it may have one
    of its own.
    """

    channel: Channel
    template: str
    audience: Audience = Audience.shopper
    fallback: "Send | None" = None

    @property
    def chain(self) -> "tuple[Send, ...]":
        """This one, and what is sent in its place, one after the other."""
        return (self, *self.fallback.chain) if self.fallback else (self,)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which parcels a rule is for; an empty part is any. `services` may hold `*` for anything; of `tags` the order
    has one."""

    carriers: frozenset[str] = frozenset()
    services: tuple[str, ...] = ()
    countries: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    direction: str = "outbound"

    def takes(self, facts: Facts) -> bool:
        """Whether it is for the parcel of these facts."""
        parcel = facts.parcel
        return (
            parcel.direction == self.direction
            and (not self.carriers or parcel.carrier in self.carriers)
            and (not self.countries or (facts.shopper.country or "").upper() in self.countries)
            and (not self.brands or facts.brand.key in self.brands)
            and (not self.tags or not self.tags.isdisjoint(facts.order.tags))
            and (not self.services or self._serves(parcel.service or ""))
        )

    def _serves(self, service: str) -> bool:
        written = service.casefold()
        return any(fnmatchcase(written, one.casefold()) for one in self.services)


@dataclass(frozen=True)
class Rule:
    """When a parcel reaches `when`, and `condition` holds, send these, unless it takes longer than `expires` to leave.

    `resend_unconfirmed`: rather twice than never, when nobody can say whether a provider took it. `quiet`: when each
    channel must not be used, by the shopper's own clock; `own_quiet`: the channels for which it says so itself.
    `merge`: how long it waits for other parcels of the order that reach the same milestone, to tell of them together.
    `once`: told once for that, or (a span) not again within it. `cap`: messages a day at most. `despite_owner`: it
    tells what somebody else tells too, and means to.
    """

    name: str
    description: str
    when: Milestone
    send: tuple[Send, ...]
    expires: timedelta
    hold: timedelta = timedelta(0)
    priority: Priority = Priority.normal
    resend_unconfirmed: bool = False
    condition: Condition | None = None
    quiet: Mapping[Channel, Quiet] = field(default_factory=dict)
    own_quiet: frozenset[Channel] = frozenset()
    reach: Reach = field(default_factory=Reach)
    per: Per = Per.parcel
    once: Once | timedelta | None = None
    merge: timedelta = timedelta(0)
    cap: int | None = None
    despite_owner: bool = False

    def within(self, brands: Mapping[Channel, Quiet | None]) -> "Rule":
        """The same with a brand's quiet hours (None: none) where it states none itself."""
        theirs = {channel: quiet for channel, quiet in brands.items() if channel not in self.own_quiet}
        merged = {channel: quiet for channel, quiet in {**self.quiet, **theirs}.items() if quiet is not None}
        return replace(self, quiet=merged) if merged != self.quiet else self

    def step(self, channel: Channel, audience: Audience) -> Send | None:
        """What it sends through a channel to an audience: itself, or in the place of another channel."""
        return next((one for one in self._steps() if (one.channel, one.audience) == (channel, audience)), None)

    def _steps(self) -> Iterator[Send]:
        yield from self.send
        for send in self.send:
            while send.fallback is not None:
                send = send.fallback
                yield send


@dataclass(frozen=True)
class RuleSet:
    """A validated set of rules and the exact text it was read from.

    `expectations` say when the engine itself opens a milestone; `shopper_cap` is how many messages a day one shopper
    gets at most; `owners` who else tells a milestone on a channel. `unread` is what today's program cannot read of a
    set that was valid when it was stored.
    """

    rules: tuple[Rule, ...]
    content: str
    expectations: Expectations = field(default_factory=Expectations)
    shopper_cap: int | None = None
    owners: Mapping[tuple[Milestone, Channel], str] = field(default_factory=dict)
    unread: tuple[Fault, ...] = field(default=(), compare=False)

    def within(self, brands: Mapping[Channel, Quiet | None]) -> "RuleSet":
        """The same set as a brand lives by it that has quiet hours of its own. Made once for each such hours."""
        if not brands:
            return self
        key = tuple(sorted(brands.items()))
        if key not in self._within:
            self._within[key] = replace(self, rules=tuple(rule.within(brands) for rule in self.rules))
        return self._within[key]

    @cached_property
    def _within(self) -> dict[tuple[tuple[Channel, Quiet | None], ...], "RuleSet"]:
        return {}

    @cached_property
    def digest(self) -> bytes:
        """The version's name: 32 bytes over the text."""
        return hashlib.blake2b(self.content.encode(), digest_size=32).digest()

    @cached_property
    def _by_milestone(self) -> Mapping[Milestone, tuple[Rule, ...]]:
        return {one: tuple(rule for rule in self.rules if rule.when is one) for one in Milestone}

    def for_milestone(self, milestone: Milestone) -> tuple[Rule, ...]:
        """The rules that look at a milestone, in the order of the document."""
        return self._by_milestone[milestone]

    def reads(self, milestone: Milestone) -> Reads:
        """What the conditions of the rules that look at a milestone read, of all the facts."""
        if milestone not in self._reads:
            conditions = [rule.condition for rule in self.for_milestone(milestone) if rule.condition]
            self._reads[milestone] = reads_of({path for condition in conditions for path in condition.reads})
        return self._reads[milestone]

    @cached_property
    def _reads(self) -> dict[Milestone, Reads]:
        return {}

    def named(self, name: str) -> Rule | None:
        """The rule of that name."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Rule]:
        return {rule.name: rule for rule in self.rules}
