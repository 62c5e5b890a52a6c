"""Reads the `milestones:` of a rule set: when the engine itself says late, early, changed or soon to go back."""

from collections.abc import Callable, Collection
from datetime import timedelta

import yaml

from app.models.expectations import Delay, EtaChange, Expectations, PickupReminder, SilenceLimit
from app.models.vocabulary import Milestone
from app.rules.nodes import Nodes
from app.rules.one_rule import no_pattern, one_of

ZERO = timedelta(0)

KEYS = ("delayed", "arriving_early", "eta_changed", "pickup_expiring")
DELAYED = ("promise", "carrier", "eta", "silence", "again")
GRACE, BEYOND, EARLY = ("grace",), ("beyond",), ("by",)
LIMIT = ("after", "carrier", "service", "stage")
CHANGED = ("by", "again")
REMINDER = ("before", "waited")

STAGES = (
    Milestone.registered, Milestone.dispatched, Milestone.in_transit, Milestone.out_for_delivery,
    Milestone.attempt_failed, Milestone.exception, Milestone.returning,
)  # fmt: skip
"""Where a parcel can be forgotten."""


def read_expectations(nodes: Nodes, node: yaml.Node | None, carriers: Collection[str] | None = None) -> Expectations:
    """The section's value; what it does not name keeps its default. `carriers` are those that exist, if that is to be
    checked."""
    if node is None:
        return Expectations()
    entries = nodes.entries(node, "milestones", KEYS)
    return Expectations(
        delayed=_delayed(nodes, entries["delayed"], carriers) if "delayed" in entries else Delay(),
        arriving_early=_early(nodes, entries.get("arriving_early")),
        eta_changed=_changed(nodes, entries.get("eta_changed")),
        pickup_expiring=_reminder(nodes, entries.get("pickup_expiring")),
    )


def _delayed(nodes: Nodes, node: yaml.Node, carriers: Collection[str] | None) -> Delay | None:
    if (said := nodes.switched(node)) is not None:
        return Delay() if said else None
    entries = nodes.entries(node, "delayed", DELAYED)
    again = nodes.number(entries.get("again"), "again")
    carrier = nodes.truth(entries["carrier"], "carrier") if "carrier" in entries else True
    return Delay(
        promise=_span_or_off(nodes, entries.get("promise"), "promise", GRACE),
        carrier=carrier,
        eta=_span_or_off(nodes, entries.get("eta"), "eta", BEYOND),
        silence=_silence(nodes, entries.get("silence"), carriers),
        again=1 if again is None else again,
    )


def _span_or_off(nodes: Nodes, node: yaml.Node | None, name: str, keys: tuple[str]) -> timedelta | None:
    if node is None:
        return ZERO
    if (said := nodes.switched(node)) is not None:
        return ZERO if said else None
    return nodes.duration(nodes.entries(node, name, keys), node, keys[0], None)


def _silence(nodes: Nodes, node: yaml.Node | None, carriers: Collection[str] | None) -> tuple[SilenceLimit, ...]:
    if node is None or nodes.switched(node) is False:
        return ()
    if isinstance(node, yaml.ScalarNode):
        return (SilenceLimit(nodes.business_days(node, "silence")),)
    if not isinstance(node, yaml.SequenceNode):
        nodes.fault(node, "silence", "not a list", "Write `silence: 3bd`, or a list of `{stage: …, after: 3bd}`.")
        return ()
    return tuple(_limit(nodes, one, carriers) for one in node.value)


def _limit(nodes: Nodes, node: yaml.Node, carriers: Collection[str] | None) -> SilenceLimit:
    entries = nodes.entries(node, "silence", LIMIT)
    stage = nodes.choice(entries, node, "stage", STAGES) if "stage" in entries else None
    carrier = _one_word(nodes, entries.get("carrier"), "carrier", one_of(carriers))
    service = _one_word(nodes, entries.get("service"), "service", no_pattern)
    if "after" not in entries:
        nodes.fault(node, "after", "missing", "Write `after: 3bd`.")
        return SilenceLimit(1)
    days = nodes.business_days(entries["after"], "after")
    return SilenceLimit(days, carrier, service, Milestone(stage) if stage else None)


def _one_word(nodes: Nodes, node: yaml.Node | None, key: str, fits: Callable[[str], str | None]) -> str | None:
    if isinstance(node, yaml.SequenceNode):
        nodes.fault(node, key, "a list", "Write one here, and a line for each.")
        return None
    return next(iter(nodes.words(node, key, fits)), None)


def _early(nodes: Nodes, node: yaml.Node | None) -> timedelta | None:
    if node is None or (said := nodes.switched(node)) is False:
        return None
    return timedelta(days=1) if said else nodes.duration(nodes.entries(node, "arriving_early", EARLY), node, "by", None)


def _changed(nodes: Nodes, node: yaml.Node | None) -> EtaChange | None:
    if node is None or (said := nodes.switched(node)) is False:
        return None
    if said:
        return EtaChange()
    entries = nodes.entries(node, "eta_changed", CHANGED)
    again = nodes.number(entries.get("again"), "again")
    return EtaChange(nodes.duration(entries, node, "by", timedelta(days=1)), 2 if again is None else again)


def _reminder(nodes: Nodes, node: yaml.Node | None) -> PickupReminder | None:
    if node is None or (said := nodes.switched(node)) is False:
        return None
    if said:
        return PickupReminder()
    entries = nodes.entries(node, "pickup_expiring", REMINDER)
    waited: timedelta | None = timedelta(days=5)
    if "waited" in entries:
        off = nodes.switched(entries["waited"]) is False
        waited = None if off else nodes.duration(entries, node, "waited", None)
    return PickupReminder(nodes.duration(entries, node, "before", timedelta(days=2)), waited)
