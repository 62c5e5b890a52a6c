"""However scans are heard, nobody is told what lies behind the furthest that was announced."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.facts import BrandFacts, Facts, News, OrderFacts, ParcelFacts, ShopperFacts
from app.models.vocabulary import CARRIER_MILESTONES, ENDS, PROGRESS, Channel, Milestone, Reason
from app.rules.decide import Crossed, decide
from app.rules.ruleset import Rule, RuleSet, Send
from app.tracking.milestones import KnownCrossing, KnownScan, NewCrossing, ParcelState, fold, new_crossings
from app.tracking.outdated import Now, outdated
from tests.tracking.stories import START, M, scan

TALKATIVE = RuleSet(
    tuple(
        Rule(one.value, "Tells everything.", one, (Send(Channel.email, one.value),), timedelta(days=90))
        for one in CARRIER_MILESTONES
    ),
    content="tell everything",
)


@dataclass
class Message:
    """A planned message on its way: `leaves_after` more batches, and then told or not."""

    milestone: Milestone
    occurred_at: datetime
    leaves_after: int
    silent: bool = False
    left: bool = False


@dataclass
class Shopper:
    """A parcel that is heard of in batches, and what its shopper is told."""

    heard: list[KnownScan] = field(default_factory=list)
    crossings: list[KnownCrossing] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    announced: list[Message] = field(default_factory=list)
    standing_then: list[ParcelState] = field(default_factory=list)

    def hear(self, batch: list[KnownScan], now: datetime, hold: int) -> None:
        """Fold, cross, decide, plan; then let leave what is due."""
        self.heard += batch
        state = fold(self.heard)
        for new in new_crossings(state.episodes, self.crossings):
            episode = new.episode
            self.crossings.append(KnownCrossing(episode.milestone, new.occurrence, episode.anchor, episode.occurred_at))
            for answer in decide(crossed(new, state), TALKATIVE, {Channel.email}, now):
                if answer.fired:
                    self.messages.append(Message(episode.milestone, episode.occurred_at, hold))
        for place, message in enumerate(self.messages):
            if message.left or message.silent:
                continue
            if message.leaves_after > 0:
                message.leaves_after -= 1
                continue
            others = [one.milestone for one in self.messages if not one.silent]
            newer = any(one.milestone is message.milestone and not one.silent for one in self.messages[place + 1 :])
            if outdated(message.milestone, Now(state.milestone, state.delivery_doubted, others, newer)):
                message.silent = True
            else:
                message.left = True
                self.announced.append(message)
                self.standing_then.append(state)


def crossed(new: NewCrossing, state: ParcelState) -> Crossed:
    episode = new.episode
    facts = Facts(
        brand=BrandFacts(key="b", name="B"),
        order=OrderFacts(number="1", placed_at=START),
        parcel=ParcelFacts(id="shp_1", link="/t/x", milestone=state.milestone),
        shopper=ShopperFacts(has_email=True, has_phone=False, locale="en"),
        news=News(milestone=episode.milestone, occurrence=new.occurrence, occurred_at=episode.occurred_at),
    )
    return Crossed(facts, new.late)


histories = st.lists(
    st.tuples(
        st.builds(scan, st.integers(0, 23), st.sampled_from([*CARRIER_MILESTONES, None]), st.sampled_from(["", "x"])),
        st.integers(0, 4),  # the batch it is heard in, whenever it happened
    ),
    max_size=10,
    unique_by=lambda one: one[0].digest,
)


def tell(history, hold: int) -> Shopper:
    shopper = Shopper()
    for batch in range(5):
        told = [one for one, heard_in in history if heard_in == batch]
        shopper.hear(told, START + timedelta(days=2, hours=batch), hold)
    for later in range(hold + 1):
        shopper.hear([], START + timedelta(days=3, hours=later), hold)
    return shopper


@given(histories, st.integers(0, 3))
def test_no_message_announces_what_lies_behind(history, hold):
    """Of an earlier time and a lesser milestone than something that was announced before; after an arrival, only
    another arrival, a return, or what happened after it was found to be none."""
    shopper = tell(history, hold)
    for place, message in enumerate(shopper.announced):
        for before in shopper.announced[:place]:
            further = PROGRESS.get(before.milestone, 0) > PROGRESS.get(message.milestone, 0)
            assert not (further and message.milestone in PROGRESS and before.occurred_at > message.occurred_at)


@given(histories, st.integers(0, 3))
def test_what_is_told_of_where_it_is_was_so_as_it_left(history, hold):
    """Where a message says that the parcel is, it was at that moment; an arrival that was doubted was not told."""
    shopper = tell(history, hold)
    for message, state in zip(shopper.announced, shopper.standing_then, strict=True):
        if message.milestone not in (M.registered, M.dispatched, M.in_transit):
            assert state.milestone is message.milestone
            assert not (state.delivery_doubted and message.milestone is M.delivered)
        elif state.milestone in ENDS:
            raise AssertionError(f"{message.milestone} was told of a parcel that is {state.milestone}")


@given(histories)
def test_nothing_is_announced_twice_for_one_happening(history):
    """Each milestone's announcements are of different times, each later than the last."""
    told: dict[Milestone, datetime] = {}
    for message in tell(history, 0).announced:
        assert message.milestone not in told or told[message.milestone] < message.occurred_at
        told[message.milestone] = message.occurred_at


@pytest.mark.parametrize(("news", "now", "why"), [
    (M.out_for_delivery, Now(M.delivered), Reason.overtaken),
    (M.out_for_delivery, Now(M.exception), Reason.no_longer_so),
    (M.out_for_delivery, Now(M.in_transit), Reason.no_longer_so),
    (M.out_for_delivery, Now(M.out_for_delivery, told=[M.attempt_failed]), None),
    (M.attempt_failed, Now(M.out_for_delivery), Reason.no_longer_so),
    (M.exception, Now(M.in_transit), Reason.no_longer_so),
    (M.exception, Now(M.exception, told=[M.out_for_delivery]), None),
    (M.delivered, Now(M.delivered, doubted=True), Reason.no_longer_so),
    (M.return_received, Now(M.return_received, doubted=True), Reason.no_longer_so),
    (M.all_delivered, Now(M.delivered, doubted=True), Reason.no_longer_so),
    (M.all_delivered, Now(M.delivered), None),
    (M.delivered, Now(M.returning), Reason.overtaken),
    (M.returning, Now(M.delivered), Reason.no_longer_so),
    (M.expired, Now(M.in_transit), Reason.no_longer_so),
    (M.in_transit, Now(M.cancelled), Reason.overtaken),
    (M.dispatched, Now(M.exception), None),
    (M.dispatched, Now(M.exception, told=[M.out_for_delivery]), Reason.overtaken),
    (M.dispatched, Now(M.dispatched, told=[M.delayed]), None),
    (M.delayed, Now(M.delivered), Reason.overtaken),
    (M.delayed, Now(M.in_transit), None),
    (M.delayed, Now(M.out_for_delivery, told=[M.out_for_delivery]), Reason.overtaken),
    (M.delayed, Now(M.out_for_delivery, told=[M.out_for_delivery], already=True), None),
    (M.delayed, Now(M.attempt_failed, told=[M.out_for_delivery], already=True), None),
    (M.delayed, Now(M.ready_for_pickup, already=True), Reason.overtaken),
    (M.pickup_expiring, Now(M.ready_for_pickup), None),
    (M.pickup_expiring, Now(M.delivered), Reason.overtaken),
    (M.pickup_expiring, Now(M.out_for_delivery), Reason.no_longer_so),
    (M.eta_changed, Now(M.out_for_delivery), Reason.overtaken),
    (M.eta_changed, Now(M.in_transit), None),
    (M.delivered, Now(M.delivered, told_newer=True), Reason.overtaken),
])  # fmt: skip
def test_why_news_is_not_told_any_more(news, now, why):
    """The reason that a support agent reads."""
    assert outdated(news, now) is why
