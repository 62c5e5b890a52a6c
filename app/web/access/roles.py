"""What each role may do in the console. Reading needs `see`; whoever has no role has nothing."""

from collections.abc import Mapping
from enum import StrEnum

from app.models.accounts import Role


class Right(StrEnum):
    """One thing that a person may be allowed to do."""

    see = "see"
    correct = "correct"
    suppress = "suppress"
    pause = "pause"
    rules = "rules"
    templates = "templates"
    settings = "settings"
    keys = "keys"
    people = "people"
    export = "export"
    audit = "audit"


_AGENT = frozenset({Right.see, Right.correct, Right.suppress})

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.owner: frozenset(Right),
    Role.operations: _AGENT | {Right.pause, Right.rules, Right.settings, Right.audit},
    Role.marketer: frozenset({Right.see, Right.templates}),
    Role.agent: _AGENT,
    Role.reader: frozenset({Right.see}),
}

MEANINGS: Mapping[Role, str] = {
    Role.owner: "everything, people and keys included",
    Role.operations: "rules, pauses, carriers and parcels",
    Role.marketer: "templates and brand",
    Role.agent: "parcels, and who is not written to",
    Role.reader: "looking, and nothing else",
}
"""Each role in a few words, for those who give it."""
