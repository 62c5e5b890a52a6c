"""Each rule as one English sentence, its parts marked for emphasis, and what stands beside the rules as others."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

from app.models.expectations import Delay, Expectations, SilenceLimit
from app.models.vocabulary import Channel, Milestone
from app.rules.condition_words import carrier_name, condition_words
from app.rules.parts import CHANNELS, MILESTONES, Part, Sentence, country_name, listed, strong, together
from app.rules.quiet import Quiet
from app.rules.ruleset import Audience, Once, Per, Priority, Reach, Rule, RuleSet, Send
from app.rules.spans import span_words


def rule_sentence(rule: Rule) -> Sentence:
    """A rule in words: "When a parcel *is out for delivery*, send *email and SMS*, if still true within *12 hours*."
    Every key that says something is in it; of conditions what has no words stands as code."""
    return together(_rule(rule))


def set_sentences(rules: RuleSet) -> list[tuple[str, Sentence]]:
    """What stands beside the rules: each key (`milestones.delayed`, `caps.shopper`, `owners`) with its sentence."""
    found = list(_expected(rules.expectations))
    if rules.shopper_cap is not None:
        found.append(("caps.shopper", (Part("One shopper gets at most "), _messages_a_day(rules.shopper_cap))))
    for (milestone, channel), by in rules.owners.items():
        said = (strong(by), Part(" tells that a parcel "), strong(MILESTONES[milestone]), Part(f" by {_by(channel)}"))
        found.append((f"owners.{milestone}.{channel}", (*said, Part(", so no rule does unless it says so"))))
    return [(key, together((*said, Part(".")))) for key, said in found]


def _rule(rule: Rule) -> Iterator[Part]:
    whole = rule.when is Milestone.all_delivered
    kind = "return" if rule.reach.direction == "return" else "parcel"
    yield Part(f"When the first {kind} of an order" if rule.per is Per.order and not whole else f"When a {kind}")
    yield from _reach(rule.reach)
    yield Part(" ")
    yield strong(MILESTONES[rule.when])
    if rule.condition is not None:
        yield Part(" and ")
        yield from condition_words(rule.condition.source)
    if rule.hold:
        yield Part(", wait ")
        yield strong(span_words(rule.hold))
        yield Part(" and then")
    else:
        yield Part(",")
    yield from _sends(rule)
    yield from _fallbacks(rule.send)
    yield from _patience(rule)
    yield Part(".")
    yield from _besides(rule)


def _reach(reach: Reach) -> Iterator[Part]:
    said = (
        (" with ", [carrier_name(one) for one in sorted(reach.carriers)]),
        (" by the service ", [f"“{one}”" for one in reach.services]),
        (" to ", sorted(country_name(one) for one in reach.countries)),
        (" of the brand ", sorted(reach.brands)),
        (" in an order tagged ", sorted(reach.tags)),
    )
    for word, names in said:
        if names:
            yield Part(word)
            yield strong(listed(names, "or"))


def _sends(rule: Rule) -> Iterator[Part]:
    """The channels of one audience together, each with its template where that is not the milestone's own."""
    yield Part(" send ")
    for at, (audience, group) in enumerate(groupby(rule.send, key=lambda one: one.audience)):
        if at:
            yield Part(" and ")
        sends = list(group)
        for place, (_, alike) in enumerate(groupby(sends, key=lambda one: one.template)):
            same = list(alike)
            if place:
                yield Part(" and ")
            yield strong(listed([CHANNELS[one.channel] for one in same]))
            yield from _template(same[0], rule.when)
        if audience is Audience.team:
            yield Part(" to ")
            yield strong("the brand's own team")


def _template(send: Send, when: Milestone) -> Iterator[Part]:
    if send.template != when.value:
        yield Part(" from the template ")
        yield strong(send.template)


def _fallbacks(sends: Sequence[Send]) -> Iterator[Part]:
    for send in sends:
        before = send
        for instead in send.chain[1:]:
            yield Part(", or ")
            yield strong(CHANNELS[instead.channel])
            if instead.template != before.template:
                yield Part(" from the template ")
                yield strong(instead.template)
            if instead.audience is not before.audience:
                yield Part(f" to {'the shopper' if instead.audience is Audience.shopper else 'the team'}")
            yield Part(f" where {_by(before.channel)} cannot reach them")
            before = instead


def _patience(rule: Rule) -> Iterator[Part]:
    if rule.merge:
        yield Part(", together with other parcels of the order that follow within ")
        yield strong(span_words(rule.merge))
    yield from _quiet(rule)
    if rule.once is not None:
        yield Part(", ")
        yield from _once(rule)
    yield Part(", if still true within ")
    yield strong(span_words(rule.expires))


def _quiet(rule: Rule) -> Iterator[Part]:
    """Quiet hours of the channels that it sends on; with their name where they do not go for all of them."""
    own = [channel for channel in Channel if any(one.channel is channel for send in rule.send for one in send.chain)]
    hours: dict[Quiet, list[Channel]] = {}
    for channel in own:
        if channel in rule.quiet:
            hours.setdefault(rule.quiet[channel], []).append(channel)
    for quiet, channels in hours.items():
        yield Part(", not between ")
        yield strong(f"{quiet.starts:%H:%M} and {quiet.ends:%H:%M}")
        if channels != own:
            yield Part(f" by {listed([_by(one) for one in channels])}")


def _once(rule: Rule) -> Iterator[Part]:
    if isinstance(rule.once, timedelta):
        yield Part("not again within ")
        yield strong(span_words(rule.once))
    else:
        yield strong("once")
        yield Part(" for each order" if rule.once is Once.order else " for each parcel")


def _besides(rule: Rule) -> Iterator[Part]:
    if rule.priority is Priority.urgent:
        yield Part(" It leaves ")
        yield strong("before others")
        yield Part(".")
    elif rule.priority is Priority.bulk:
        yield Part(" Others leave ")
        yield strong("before it")
        yield Part(".")
    if rule.cap is not None:
        yield Part(" At most ")
        yield _messages_a_day(rule.cap)
        yield Part(".")
    if rule.resend_unconfirmed:
        yield Part(" Where nobody can say whether it was taken, it leaves ")
        yield strong("twice rather than never")
        yield Part(".")
    if rule.despite_owner:
        yield Part(" It is sent ")
        yield strong("although somebody else tells it")
        yield Part(" too.")


def _messages_a_day(amount: int) -> Part:
    return strong(f"{amount:,} message{'' if amount == 1 else 's'} a day")


def _by(channel: Channel) -> str:
    return CHANNELS[channel]


def _expected(expectations: Expectations) -> Iterator[tuple[str, Sentence]]:
    yield "milestones.delayed", tuple(_delayed(expectations.delayed))
    early, changed, reminder = expectations.arriving_early, expectations.eta_changed, expectations.pickup_expiring
    if early is None:
        yield "milestones.arriving_early", _off("early")
    else:
        said = (Part("A parcel comes early when its carrier expects it "), strong(span_words(early)))
        yield "milestones.arriving_early", (*said, Part(" or more before the promised day ends"))
    if changed is None:
        yield "milestones.eta_changed", _off("expected on another day")
    else:
        said = (Part("It is expected on another day when the estimate moves by "), strong(span_words(changed.by)))
        yield "milestones.eta_changed", (*said, *_again(changed.again))
    if reminder is None:
        yield "milestones.pickup_expiring", _off("about to go back from its pickup point")
    else:
        ahead = (
            Part("It must be collected soon "),
            strong(span_words(reminder.before)),
            Part(" before its last day ends"),
        )
        waited = reminder.waited
        more = (Part(", or once it has waited "), strong(span_words(waited))) if waited is not None else ()
        yield "milestones.pickup_expiring", (*ahead, *more)


def _off(what: str) -> Sentence:
    return Part("No parcel is ever called "), strong(what), Part(": that is switched off")


def _delayed(delay: Delay | None) -> Iterator[Part]:
    if delay is None:
        yield from _off("late")
        return
    ways: list[Sentence] = []
    if delay.promise is not None:
        ended = (
            f"its promised day ended {span_words(delay.promise)} ago" if delay.promise else "its promised day has ended"
        )
        ways.append((strong(ended),))
    if delay.carrier:
        ways.append((strong("its carrier says so"),))
    if delay.eta is not None:
        beyond = f"{span_words(delay.eta)} or more later" if delay.eta else "later"
        ways.append((Part("its carrier expects it "), strong(f"{beyond} than promised")))
    if delay.silence:
        ways.append((Part("nobody has scanned it for "), strong(_silences(delay.silence))))
    if not ways:
        yield from _off("late")
        return
    yield Part("A parcel is late when ")
    for at, way in enumerate(ways):
        if at:
            yield Part(" or " if at == len(ways) - 1 else ", ")
        yield from way
    yield from _again(delay.again)


def _silences(limits: Sequence[SilenceLimit]) -> str:
    said = []
    for one in limits:
        narrowed = [carrier_name(one.carrier)] if one.carrier else []
        narrowed += [f"“{one.service}”"] if one.service else []
        stage = [f"while it {_STAGES.get(one.stage, MILESTONES[one.stage])}"] if one.stage else []
        whose = f" with {' '.join(narrowed)}" if narrowed else ""
        said.append(" ".join([f"{one.days} business day{'' if one.days == 1 else 's'}{whose}", *stage]))
    return listed(said, "or")


_STAGES: Mapping[Milestone, str] = {
    Milestone.dispatched: "waits to be moved by the carrier",
    Milestone.attempt_failed: "waits after a failed delivery",
}


def _again(times: int) -> Sentence:
    if times == 0:
        return (Part(", once and not again"),)
    return Part(", and at most "), strong(f"{'once' if times == 1 else f'{times} times'} more"), Part(" after that")
