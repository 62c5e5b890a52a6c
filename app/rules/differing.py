"""What changes from one rule set to another, in words: rules that come, go or move, and keys that say otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.rules.ruleset import RuleSet
from app.rules.wording import rest_as_written, rule_as_written


@dataclass(frozen=True, slots=True)
class Difference:
    """One change: `what` is added, removed, changed or moved; of a change `key`, and what it said `before` and says
    `after` (None where it was or is not written). `rule` is None for what stands beside the rules."""

    what: str
    rule: str | None
    key: str | None = None
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        whose = f"rule {self.rule!r}" if self.rule else "the set"
        if self.what != "changed":
            return f"{whose} is {self.what}" + (f": {self.after}" if self.after else "")
        if self.before is None:
            return f"{whose} has {self.key}: {self.after}"
        if self.after is None:
            return f"{whose} has no {self.key} any more; it was {self.before}"
        return f"{whose} has {self.key}: {self.after}; it was {self.before}"


def differences(before: RuleSet, after: RuleSet) -> list[Difference]:
    """Every change, in the order of the newer document; the same rules in another order come last."""
    old = {rule.name: rule_as_written(rule) for rule in before.rules}
    new = {rule.name: rule_as_written(rule) for rule in after.rules}
    found = _changes(None, rest_as_written(before), rest_as_written(after))
    for name, written in new.items():
        if name not in old:
            found.append(Difference("added", name, after=written["when"]))
        else:
            found += _changes(name, old[name], written)
    found += [Difference("removed", name) for name in old if name not in new]
    return found + _moves([name for name in old if name in new], [name for name in new if name in old])


def _changes(rule: str | None, before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    keys = [*after, *(key for key in before if key not in after)]
    return [
        Difference("changed", rule, key, before.get(key), after.get(key))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _moves(before: list[str], after: list[str]) -> list[Difference]:
    """Which rules stand elsewhere among those that both sets have: of several for one milestone the first one tells."""
    found: list[Difference] = []
    order = list(before)
    for at, name in enumerate(after):
        if order[at] != name:
            order.remove(name)
            order.insert(at, name)
            found.append(
                Difference("moved", name, after=f"before {after[at + 1]!r}" if at + 1 < len(after) else "last")
            )
    return found
