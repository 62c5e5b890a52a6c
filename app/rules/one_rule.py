"""Reads one rule of a rule set: when, for which parcels, on what condition, what is sent, and how patiently."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import yaml

from app.errors import nearest
from app.models.vocabulary import Channel, Milestone
from app.rules.conditions import Condition, Unfit, check
from app.rules.nodes import Entries, Nodes
from app.rules.quiet import Quiet, parse_quiet
from app.rules.ruleset import Audience, Once, Per, Priority, Reach, Rule, Send

KEYS = (
    "name", "description", "when", "if", "for", "per", "send", "fallback", "expires", "hold", "merge", "once_per",
    "priority", "quiet_hours", "cap", "resend_unconfirmed", "despite_owner",
)  # fmt: skip
FOR = ("carrier", "service", "country", "brand", "tag", "direction")

Templates = frozenset[tuple[str, str]] | None


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
        if not isinstance(written, yaml.ScalarNode) or written.value == "none":
            continue
        try:
            found[Channel(name)] = parse_quiet(written.value)
        except ValueError as error:
            nodes.fault(written, name, str(error), 'Write `"21:00-08:00"`, in quotes, or `none`.')
    return found


class RuleReader:
    """Reads rules that share their document's templates, quiet hours and cap."""

    def __init__(self, nodes: Nodes, templates: Templates, quiet: Mapping[Channel, Quiet], cap: int | None) -> None:
        self.nodes, self.templates, self.quiet, self.cap = nodes, templates, quiet, cap

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
            description=_description(entries),
            when=Milestone(when) if when else Milestone.registered,
            send=sends,
            expires=nodes.duration(entries, node, "expires", None),
            hold=nodes.duration(entries, node, "hold", timedelta(0)),
            priority=Priority[self.optional(entries, node, "priority", Priority.__members__) or "normal"],
            resend_unconfirmed=self.resending(entries.get("resend_unconfirmed"), sends),
            condition=self.condition(entries.get("if")),
            quiet=read_quiet_hours(nodes, entries.get("quiet_hours"), self.quiet),
            reach=self.reach(entries.get("for")),
            per=Per(self.optional(entries, node, "per", Per) or "parcel"),
            once=self.once(entries, node),
            merge=nodes.duration(entries, node, "merge", timedelta(0)),
            cap=self.cap if cap is None else cap,
            despite_owner=nodes.truth(entries.get("despite_owner"), "despite_owner"),
        )
        return rule if len(nodes.faults) == before else None

    def optional(self, entries: Entries, node: yaml.Node, key: str, allowed: Iterable[str]) -> str | None:
        """One of the known words, None where nothing is written."""
        return self.nodes.choice(entries, node, key, allowed) if key in entries else None

    def reach(self, node: yaml.Node | None) -> Reach:
        """Which parcels it is for."""
        if node is None:
            return Reach()
        entries = self.nodes.entries(node, "for", FOR)
        words = {key: self.nodes.words(entries.get(key), key) for key in FOR if key != "direction"}
        direction = self.optional(entries, node, "direction", ("outbound", "return")) or "outbound"
        return Reach(
            carriers=frozenset(words["carrier"]),
            services=words["service"],
            countries=frozenset(country.upper() for country in words["country"]),
            brands=frozenset(words["brand"]),
            tags=frozenset(words["tag"]),
            direction=direction,
        )

    def once(self, entries: Entries, node: yaml.Node) -> Once | timedelta | None:
        """`once_per`: parcel, order, or a span within which it is not told again."""
        written = entries.get("once_per")
        if written is None:
            return None
        if isinstance(written, yaml.ScalarNode) and written.value in set(Once):
            return Once(written.value)
        return self.nodes.duration(entries, node, "once_per", None)

    def condition(self, node: yaml.Node | None) -> Condition | None:
        """The checked `if`."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.nodes.fault(node, "if", "not an expression", 'Write `if: parcel.carrier == "dhl"`, say.')
            return None
        try:
            return check(node.value)
        except Unfit as unfit:
            self.nodes.unfit(node, "if", unfit)
            return None

    def resending(self, node: yaml.Node | None, sends: tuple[Send, ...]) -> bool:
        """Whether it may leave twice rather than never: an email alone may."""
        asked = self.nodes.truth(node, "resend_unconfirmed")
        if asked and node is not None and any(send.channel is not Channel.email for send in sends):
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

    def one_send(self, node: yaml.Node, when: str | None, whom: Audience = Audience.shopper) -> Send | None:
        """One channel, with the template of the milestone's name and the audience `whom` unless others are named."""
        entries: Entries = {"channel": node}
        if isinstance(node, yaml.MappingNode):
            entries = self.nodes.entries(node, "send", ("channel", "template", "audience"))
        channel = self.nodes.choice(entries, node, "channel", Channel)
        audience = Audience(self.optional(entries, node, "audience", Audience) or whom)
        template = entries.get("template")
        name = str(template.value) if isinstance(template, yaml.ScalarNode) else (when or "")
        if channel:
            self.check_template(template or node, name, channel)
        return Send(Channel(channel), name, audience) if channel else None

    def check_template(self, node: yaml.Node, name: str, channel: str) -> None:
        """A template must be there for the channel, if the caller said which are."""
        if self.templates is not None and name and (name, channel) not in self.templates:
            there = {one for one, of in self.templates if of == channel}
            self.nodes.fault(node, "template", f"no template {name!r} for {channel}", nearest(name, there))

    def with_fallbacks(self, node: yaml.Node | None, sends: tuple[Send, ...]) -> tuple[Send, ...]:
        """`fallback: {email: sms}`: what is sent where a channel cannot reach the shopper; chains, and never in a
        circle."""
        if node is None:
            return sends
        steps = {Channel(name): one for name, one in self.nodes.entries(node, "fallback", Channel).items()}
        return tuple(self._chained(send, steps, (send.channel,)) for send in sends)

    def _chained(self, send: Send, steps: Mapping[Channel, yaml.Node], passed: tuple[Channel, ...]) -> Send:
        node = steps.get(send.channel)
        if node is None:
            return send
        following = self.one_send(node, send.template, send.audience)
        if following is None:
            return send
        if following.channel in passed:
            way = " → ".join([*passed, following.channel])
            self.nodes.fault(node, "fallback", f"goes in a circle: {way}", "Let the last channel have no fallback.")
            return send
        following = self._chained(following, steps, (*passed, following.channel))
        return Send(send.channel, send.template, send.audience, following)


def _description(entries: Entries) -> str:
    node = entries.get("description")
    return str(node.value).strip() if isinstance(node, yaml.ScalarNode) else ""
