"""Reads one rule of a rule set: when, for which parcels, on what condition, what is sent, and how patiently."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import yaml

from app.errors import nearest
from app.models.vocabulary import Channel, Milestone
from app.rules.conditions import Condition, Unfit, check
from app.rules.known import Known, no_country
from app.rules.nodes import LONGEST_NAME, Entries, Nodes, shown
from app.rules.quiet import Quiet, parse_quiet
from app.rules.ruleset import Audience, Once, Per, Priority, Reach, Rule, Send

KEYS = (
    "name", "description", "when", "if", "for", "per", "send", "fallback", "expires", "hold", "merge", "once_per",
    "priority", "quiet_hours", "cap", "resend_unconfirmed", "despite_owner",
)  # fmt: skip
SEND = ("channel", "template", "audience")
FOR = ("carrier", "service", "country", "brand", "tag", "direction")

ONCE = (*Once, "a span such as 24h")
LONGEST_DESCRIPTION = 500
ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the rules of one document share: the names that are known (None: not checked), and what stands beside
    them."""

    known: Known | None
    quiet: Mapping[Channel, Quiet]
    shopper_cap: int | None = None
    rule_cap: int | None = None


def read_quiet_hours(nodes: Nodes, node: yaml.Node | None, usual: Mapping[Channel, Quiet]) -> dict[Channel, Quiet]:
    """Each channel's quiet hours: as usual, where nothing is written; none, where `none` is."""
    if node is None:
        return dict(usual)
    if isinstance(node, yaml.ScalarNode) and node.value == "none":
        return {}
    if not isinstance(node, yaml.MappingNode):
        nodes.fault(node, "quiet_hours", "not a mapping", 'Write `quiet_hours: {sms: "21:00-08:00"}`, or `none`.')
        return {}
    found = dict(usual)
    for name, written in nodes.entries(node, "quiet_hours", Channel).items():
        found.pop(Channel(name), None)
        text = written.value if isinstance(written, yaml.ScalarNode) else ""
        if text == "none":
            continue
        try:
            found[Channel(name)] = parse_quiet(text[:LONGEST_NAME])
        except ValueError as error:
            nodes.fault(written, name, str(error), 'Write `"21:00-08:00"`, in quotes, or `none`.')
    return found


def _stated(node: yaml.Node | None) -> frozenset[Channel]:
    """The channels whose quiet hours a rule states itself, `none` included."""
    if node is None:
        return frozenset()
    if isinstance(node, yaml.MappingNode):
        names = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        return frozenset(channel for channel in Channel if channel.value in names)
    return frozenset(Channel)


class RuleReader:
    """Reads rules, one after the other."""

    def __init__(self, nodes: Nodes, shared: Shared) -> None:
        self.nodes, self.shared, self.known = nodes, shared, shared.known

    def rule(self, node: yaml.Node) -> Rule | None:
        """The rule, or None when something in it is wrong."""
        nodes = self.nodes
        if not isinstance(node, yaml.MappingNode):
            nodes.fault(node, "rules", "a rule is not a mapping", "Write `- name: …` with `when:` and `send:`.")
            return None
        entries = nodes.entries(node, "a rule", KEYS)
        before = len(nodes.faults)
        name, when = nodes.text(entries, node, "name"), nodes.choice(entries, node, "when", Milestone)
        sends = self.sends(entries.get("send"), node, when)
        sends = self.with_fallbacks(entries.get("fallback"), sends)
        cap = nodes.number(entries.get("cap"), "cap", 1)
        rule = Rule(
            name=name,
            description=self.description(entries.get("description")),
            when=Milestone(when) if when else Milestone.registered,
            send=sends,
            expires=nodes.duration(entries, node, "expires", None),
            hold=nodes.duration(entries, node, "hold", ZERO),
            priority=Priority[self.optional(entries, node, "priority", Priority.__members__) or "normal"],
            resend_unconfirmed=self.resending(entries.get("resend_unconfirmed"), sends),
            condition=self.condition(entries.get("if")),
            quiet=read_quiet_hours(nodes, entries.get("quiet_hours"), self.shared.quiet),
            own_quiet=_stated(entries.get("quiet_hours")),
            reach=self.reach(entries.get("for")),
            per=Per(self.optional(entries, node, "per", Per) or "parcel"),
            once=self.once(entries.get("once_per")),
            merge=nodes.duration(entries, node, "merge", ZERO),
            cap=self.shared.rule_cap if cap is None else cap,
            despite_owner=nodes.truth(entries.get("despite_owner"), "despite_owner"),
        )
        if len(nodes.faults) == before:
            self.check_spans(rule, entries)
        return rule if len(nodes.faults) == before else None

    def check_spans(self, rule: Rule, entries: Entries) -> None:
        """News is told before it is stale, or never."""
        if not rule.expires:
            self.nodes.fault(entries["expires"], "expires", "stale at once", "Write `expires: 48h`, say.")
        for key, span in (("hold", rule.hold), ("merge", rule.merge)):
            if span and span >= rule.expires:
                remedy = f"Let `expires` be longer than `{key}`."
                self.nodes.fault(entries[key], key, "it would wait until its news is stale", remedy)

    def description(self, node: yaml.Node | None) -> str:
        """What people are told of a rule."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or len(node.value) > LONGEST_DESCRIPTION:
            remedy = f"Write a sentence or two, of at most {LONGEST_DESCRIPTION} characters."
            self.nodes.fault(node, "description", "not a short text", remedy)
            return ""
        return str(node.value).strip()

    def optional(self, entries: Entries, node: yaml.Node, key: str, allowed: Iterable[str]) -> str | None:
        """One of the known words, None where nothing is written."""
        return self.nodes.choice(entries, node, key, allowed) if key in entries else None

    def reach(self, node: yaml.Node | None) -> Reach:
        """Which parcels it is for."""
        if node is None:
            return Reach()
        entries = self.nodes.entries(node, "for", FOR)
        carriers = self.known.carriers if self.known else None
        no_brand = self.known.no_brand if self.known else one_of(None)
        direction = self.optional(entries, node, "direction", ("outbound", "return")) or "outbound"
        countries = self.nodes.words(entries.get("country"), "country", lambda word: no_country(word.upper()))
        return Reach(
            carriers=frozenset(self.nodes.words(entries.get("carrier"), "carrier", one_of(carriers))),
            services=self.nodes.words(entries.get("service"), "service", no_pattern),
            countries=frozenset(word.upper() for word in countries),
            brands=frozenset(self.nodes.words(entries.get("brand"), "brand", no_brand)),
            tags=frozenset(self.nodes.words(entries.get("tag"), "tag", _no_tag)),
            direction=direction,
        )

    def once(self, node: yaml.Node | None) -> Once | timedelta | None:
        """`once_per`: parcel, order, or a span within which it is not told again."""
        if node is None:
            return None
        written = node.value if isinstance(node, yaml.ScalarNode) else ""
        if written in set(Once):
            return Once(written)
        if not written[:1].isdigit():
            self.nodes.fault(node, "once_per", f"{shown(written)} is not known", nearest(written[:LONGEST_NAME], ONCE))
            return None
        span = self.nodes.duration({"once_per": node}, node, "once_per", None)
        if not span:
            self.nodes.fault(node, "once_per", "no span", "Write `once_per: 24h`, say.")
        return span

    def condition(self, node: yaml.Node | None) -> Condition | None:
        """The checked `if`."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.nodes.fault(node, "if", "not an expression", 'Write `if: parcel.carrier == "dhl"`, say.')
            return None
        try:
            return check(node.value, self.nodes.stored)
        except Unfit as unfit:
            self.nodes.unfit(node, "if", unfit)
            return None

    def resending(self, node: yaml.Node | None, sends: tuple[Send, ...]) -> bool:
        """Whether it may leave twice rather than never: an email alone may."""
        asked = self.nodes.truth(node, "resend_unconfirmed")
        if asked and node is not None and any(one.channel is not Channel.email for send in sends for one in send.chain):
            remedy = "Give the email a rule of its own, and write it there."
            self.nodes.fault(node, "resend_unconfirmed", "only an email may be sent twice on a guess", remedy)
        return asked

    def sends(self, node: yaml.Node | None, rule: yaml.Node, when: str | None) -> tuple[Send, ...]:
        """What is sent; one message a channel and audience."""
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.nodes.fault(node or rule, "send", "missing or empty", "Write `send: [email, sms]`.")
            return ()
        sends = [send for entry in node.value if (send := self.one_send(entry, when))]
        if len({(send.channel, send.audience) for send in sends}) < len(sends):
            self.nodes.fault(node, "send", "the same channel twice", "One rule sends one message a channel.")
        return tuple(sends)

    def one_send(self, node: yaml.Node, when: str | None, audience: Audience = Audience.shopper) -> Send | None:
        """One channel, with the template of the milestone's name unless another is named."""
        entries: Entries = {"channel": node}
        if isinstance(node, yaml.MappingNode):
            entries = self.nodes.entries(node, "send", SEND)
        channel = self.nodes.choice(entries, node, "channel", Channel)
        to = Audience(self.optional(entries, node, "audience", Audience) or audience)
        name = self.nodes.text(entries, node, "template") if "template" in entries else when or ""
        if channel and name:
            self.check_template(entries.get("template", node), name, channel)
        if channel and to is Audience.team and self.known and self.known.team is not None:
            self.check_team(node, channel, self.known.team)
        return Send(Channel(channel), name, to) if channel else None

    def check_team(self, node: yaml.Node, channel: str, reachable: frozenset[str]) -> None:
        """The brand must say where its own people are written to."""
        if channel not in reachable:
            address = "email" if channel == Channel.email else "phone"
            problem = f"the brand's team has no {address} for {channel}"
            self.nodes.fault(node, "audience", problem, f"Write `team: {{{address}: …}}` into its brand.yaml.")

    def check_template(self, node: yaml.Node, name: str, channel: str) -> None:
        """A template must be there for the channel, if the caller said which are."""
        if self.known is not None and (name, channel) not in self.known.templates:
            there = self.known.of_channel(channel)
            self.nodes.fault(node, "template", f"no template {name!r} for {channel}", nearest(name, there))

    def with_fallbacks(self, node: yaml.Node | None, sends: tuple[Send, ...]) -> tuple[Send, ...]:
        """`fallback: {email: sms}`: what is sent where a channel cannot reach them; chains, and never in a circle."""
        if node is None:
            return sends
        written = self.nodes.entries(node, "fallback", Channel)
        steps = {Channel(name): one for name, one in written.items()}
        chained = tuple(self._chained(send, steps, (send.channel,)) for send in sends)
        for channel in steps.keys() - {one.channel for send in chained for one in send.chain}:
            remedy = "Leave it out, or send on that channel."
            self.nodes.fault(steps[channel], "fallback", f"nothing is sent by {channel}", remedy)
        for send in chained:
            for one in send.chain[1:]:
                if any((one.channel, one.audience) == (other.channel, other.audience) for other in chained):
                    problem = f"{one.channel} is sent anyway"
                    self.nodes.fault(node, "fallback", problem, f"Leave {one.channel} out of `send`, or of `fallback`.")
        return chained

    def _chained(self, send: Send, steps: Mapping[Channel, yaml.Node], passed: tuple[Channel, ...]) -> Send:
        node = steps.get(send.channel)
        following = self.one_send(node, send.template, send.audience) if node is not None else None
        if node is None or following is None:
            return send
        if following.channel in passed:
            way = " → ".join([*passed, following.channel])
            self.nodes.fault(node, "fallback", f"goes in a circle: {way}", "Let the last channel have no fallback.")
            return send
        following = self._chained(following, steps, (*passed, following.channel))
        return Send(send.channel, send.template, send.audience, following)


def one_of(known: Iterable[str] | None) -> Callable[[str], str | None]:
    """Whether a word is one of those, if there are any: nothing, or which is meant."""
    names = None if known is None else frozenset(known)
    return lambda word: None if names is None or word in names else nearest(word, names)


def no_pattern(word: str) -> str | None:
    """What is wrong with a service's name in which `*` stands for anything, if something is."""
    return None if not set(word) & set("?[]") else "Only `*` stands for anything; the rest is taken as it is."


def _no_tag(word: str) -> str | None:
    return None if not set(word) & set("*?,;") else "A tag is written as it is in the order; several are a list."
