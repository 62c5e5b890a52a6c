"""A rule set's text as JSON values: the same document for programs, which the parser reads as the same rules."""

from typing import Any

import yaml

from app.rules.composing import compose
from app.rules.nodes import OFF, ON

_NUMBERS = frozenset({"version", "again", "cap", "shopper", "rule"})
_SWITCHES = frozenset(
    {
        "resend_unconfirmed", "despite_owner", "delayed", "promise", "carrier", "eta", "silence", "arriving_early",
        "eta_changed", "pickup_expiring", "waited",
    }
)  # fmt: skip


def as_json(content: str) -> Any:
    """The document as mappings, lists, text, whole numbers, and true and false. `content` is a valid rule set."""
    return _value(compose(content), "")


def _value(node: yaml.Node | None, key: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {name.value: _value(value, name.value) for name, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, "") for one in node.value]
    assert isinstance(node, yaml.ScalarNode)
    text: str = node.value
    if key in _NUMBERS and text.isdecimal():
        return int(text)
    # What is in quotes is text; and a carrier of that name would be written in quotes.
    if key in _SWITCHES and node.style is None and text in ON | OFF:
        return text in ON
    return text
