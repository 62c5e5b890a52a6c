"""The rule set's JSON Schema (draft 2020-12), by which editors complete and underline it.

It says the document's form; what only a look at the whole can tell (a condition's types, two rules that collide, a
template that is not there) the parser alone does. Its keys and words are the parser's own.
"""

from collections.abc import Iterable
from typing import Any

from app.models.vocabulary import Channel, Milestone
from app.rules import document, nodes, one_rule, thresholds
from app.rules.conditions import LONGEST
from app.rules.ruleset import Audience, Once, Per, Priority

Schema = dict[str, Any]

SCHEMA_ID = "urn:doorstep:schema:rules:1"
_ON_OFF: Schema = {"enum": [True, False, "on", "off", "yes", "no"]}
_SPAN: Schema = {"type": "string", "pattern": r"^\s*[0-9]{1,4}\s*(s|m|h|d)\s*$", "examples": ["30m", "48h", "2d"]}
_BUSINESS_DAYS: Schema = {"type": "string", "pattern": r"^\s*[0-9]{1,3}\s*bd\s*$", "examples": ["3bd"]}
_NAME: Schema = {"type": "string", "pattern": f"^{nodes.NAME.pattern}$"}
_WORD: Schema = {"type": "string", "minLength": 1, "maxLength": nodes.LONGEST_NAME}
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_QUIET: Schema = {"type": "string", "pattern": rf"^\s*({_CLOCK}\s*-\s*{_CLOCK}|none)\s*$", "examples": ["21:00-08:00"]}


def rules_schema() -> Schema:
    """The schema, as JSON values."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "A rule set of Doorstep",
        "description": "Which milestone reaches which shopper, when, on which channel, and on what condition.",
        **_mapping(
            document.KEYS,
            {
                "version": ("The form of this document.", {"const": 1}),
                "quiet_hours": (
                    "When channels must not be used, by the shopper's clock; for all rules.",
                    _quiet_hours(),
                ),
                "milestones": ("What the engine itself watches for.", _milestones()),
                "caps": ("Messages a day at most, for one shopper and for one rule.", _caps()),
                "owners": ("Who else tells a milestone on a channel.", _owners()),
                "rules": ("Of several for one milestone, the first that tells a channel does.", _rules()),
            },
            required=("version", "rules"),
        ),
    }


def _rules() -> Schema:
    return {"type": "array", "maxItems": document.MOST_RULES, "items": _rule()}


def _rule() -> Schema:
    text = {"type": "string", "maxLength": one_rule.LONGEST_DESCRIPTION}
    return _mapping(
        one_rule.KEYS,
        {
            "name": ("Once in the set; pauses, caps and explanations go by it.", _NAME),
            "description": ("For people.", text),
            "when": ("The milestone that it looks at.", _words(Milestone)),
            "if": ("A condition in CEL over the facts.", {"type": "string", "minLength": 1, "maxLength": LONGEST}),
            "for": ("Which parcels it is for.", _reach()),
            "per": ("Each parcel's milestone, or the first of them in an order.", _words(Per)),
            "send": ("The channels, each with its template.", {"type": "array", "minItems": 1, "items": _send()}),
            "fallback": ("What is sent in place of a channel that cannot reach them.", _by_channel(_send())),
            "expires": ("How long after the event it is worth telling.", _SPAN),
            "hold": ("How long it waits, and is judged again then.", _SPAN),
            "merge": ("How long it waits for other parcels of the order.", _SPAN),
            "once_per": ("Not told again for that.", {"anyOf": [_words(Once), _SPAN]}),
            "priority": ("Which leaves first when not all can.", _words(Priority.__members__)),
            "quiet_hours": ("When a channel must not be used, for this rule.", _quiet_hours()),
            "cap": ("Messages a day at most.", _count(1)),
            "resend_unconfirmed": ("Rather twice than never, for an email.", _ON_OFF),
            "despite_owner": ("It tells what somebody else tells too, and means to.", _ON_OFF),
        },
        required=("name", "when", "send", "expires"),
    )


def _reach() -> Schema:
    country = {"type": "string", "pattern": "^[A-Za-z]{2}$", "examples": ["SE"]}
    return _mapping(
        one_rule.FOR,
        {
            "carrier": ("One or a list.", _one_or_many(_WORD)),
            "service": ("The carrier's own name for it; `*` stands for anything.", _one_or_many(_WORD)),
            "country": ("Where the parcel goes (ISO 3166).", _one_or_many(country)),
            "brand": ("By the name of its folder.", _one_or_many(_WORD)),
            "tag": ("The order has one of them.", _one_or_many(_WORD)),
            "direction": ("To the shopper, or back.", {"enum": ["outbound", "return"]}),
        },
    )


def _send() -> Schema:
    keys = {
        "channel": ("How it is sent.", _words(Channel)),
        "template": ("The milestone's name unless another is written.", _NAME),
        "audience": ("To whom: the shopper, or the brand's own team.", _words(Audience)),
    }
    return {"anyOf": [_words(Channel), _mapping(one_rule.SEND, keys, required=("channel",))]}


def _quiet_hours() -> Schema:
    return {"anyOf": [{"const": "none"}, _by_channel(_QUIET)]}


def _caps() -> Schema:
    keys = {
        "shopper": ("Messages a day to one shopper.", _count(1)),
        "rule": ("Messages a day of one rule that names none.", _count(1)),
    }
    return _mapping(document.CAPS, keys)


def _owners() -> Schema:
    by_milestone = {milestone.value: _by_channel(_WORD) for milestone in Milestone}
    return {"type": "object", "additionalProperties": False, "properties": by_milestone}


def _milestones() -> Schema:
    early = _mapping(thresholds.EARLY, {"by": ("So long before the promised day ends.", _SPAN)}, required=("by",))
    changed = {"by": ("How far it moves.", _SPAN), "again": ("How often it is news again.", _count(0))}
    reminder = {
        "before": ("So long before its last day ends.", _SPAN),
        "waited": ("Once it has waited so long, where no last day is named.", _or_off(_SPAN)),
    }
    return _mapping(
        thresholds.KEYS,
        {
            "delayed": ("A parcel is late.", _or_off(_delayed())),
            "arriving_early": ("The carrier expects it before the promised day.", _or_off(early)),
            "eta_changed": ("The carrier expects it another day.", _or_off(_mapping(thresholds.CHANGED, changed))),
            "pickup_expiring": ("It goes back soon.", _or_off(_mapping(thresholds.REMINDER, reminder))),
        },
    )


def _delayed() -> Schema:
    limit = {
        "after": ("Business days without a scan.", _BUSINESS_DAYS),
        "carrier": ("Of this carrier only.", _WORD),
        "service": ("Of this service only; `*` stands for anything.", _WORD),
        "stage": ("At this stage only.", _words(thresholds.STAGES)),
    }
    limits = {"type": "array", "items": _mapping(thresholds.LIMIT, limit, required=("after",))}
    grace = _mapping(thresholds.GRACE, {"grace": ("So long after the promised day.", _SPAN)}, required=("grace",))
    beyond = _mapping(thresholds.BEYOND, {"beyond": ("So much later than promised.", _SPAN)}, required=("beyond",))
    return _mapping(
        thresholds.DELAYED,
        {
            "promise": ("The promised day has ended.", _or_off(grace)),
            "carrier": ("The carrier says so.", _ON_OFF),
            "eta": ("The carrier expects it later than promised.", _or_off(beyond)),
            "silence": ("Nobody has scanned it for so long.", {"anyOf": [_OFF, _BUSINESS_DAYS, limits]}),
            "again": ("How often it may open again, after it closed.", _count(0)),
        },
    )


_OFF: Schema = {"enum": [False, "off", "no"]}


def _or_off(schema: Schema) -> Schema:
    return {"anyOf": [_ON_OFF, schema]}


def _mapping(keys: Iterable[str], described: dict[str, tuple[str, Schema]], required: Iterable[str] = ()) -> Schema:
    """An object of exactly these keys, which are the parser's."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(required),
        "properties": {key: {"description": described[key][0], **described[key][1]} for key in keys},
    }


def _by_channel(schema: Schema) -> Schema:
    by_channel = {channel.value: schema for channel in Channel}
    return {"type": "object", "additionalProperties": False, "properties": by_channel}


def _words(known: Iterable[str]) -> Schema:
    return {"enum": [str(word) for word in known]}


def _one_or_many(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "minItems": 1, "maxItems": nodes.MOST_WORDS, "items": schema}]}


def _count(least: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": 999_999_999}
