"""The published JSON Schema says what the parser says: the same keys and words, and the same refusals of form."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from app.errors import InvalidInput
from app.models.vocabulary import Channel, Milestone
from app.rules.as_json import as_json
from app.rules.document import default_rules, parse_rules
from app.rules.schema import rules_schema
from tests.rules.test_faults import FAULTS, GOOD

SCHEMA = rules_schema()
JUDGE = jsonschema.Draft202012Validator(SCHEMA)

SEEN_BY_THE_PARSER_ALONE = (
    "two rules are named", "Did you mean 'usps'?", "Only `*`", "Did you mean 'GB'?", "fjallhem", "several are",
    "parcel_count", "'>' does not go", "Did you mean 'order'?", "Did you mean 'in_transit'?", "Berlin",
    "not true or false", "too costly", "longer than a year", "stale at once", "wait until", "Let `expires`", "no span",
    "only an email", "→", "nothing is sent by", "is sent anyway", "the same channel twice", "Did you mean 'dhl'?",
    "tells de", "never comes", "switched off", "written twice", "merge keys", "anchors", "tags are not", "tabs",
    "in quotes",    "cannot be written", "a second document",
)  # fmt: skip
"""What takes more than a look at the form: other rules, other names, the calendar, the YAML itself."""


def value_of(text: str):
    """The document as an editor sees it, which reads YAML 1.1 or 1.2; both are in the schema."""
    return yaml.safe_load(text)


def test_the_schema_is_one():
    """It is valid JSON Schema of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema") and json.dumps(SCHEMA)


@pytest.mark.parametrize("text", [GOOD, default_rules().content], ids=["every key", "the default set"])
def test_good_sets_are_good_by_the_schema(text):
    """As YAML and as JSON."""
    JUDGE.validate(value_of(text))
    JUDGE.validate(as_json(text))


STRUCTURAL = [
    fault
    for fault in FAULTS
    if not any(said in fault[4] for said in SEEN_BY_THE_PARSER_ALONE) and "template: deliverd" not in fault[1]
]


@pytest.mark.parametrize("fault", STRUCTURAL, ids=lambda fault: fault[1][:40])
def test_each_fault_of_form_is_refused_by_both(fault):
    """What the parser refuses for its form alone an editor underlines."""
    assert len(STRUCTURAL) >= 20
    assert not JUDGE.is_valid(value_of(GOOD.replace(fault[0], fault[1], 1)))


def objects(schema, where="document"):
    """Every closed object of the schema, with its way."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield where, schema
        for key, below in schema.items():
            yield from objects(below, f"{where}.{key}")
    elif isinstance(schema, list):
        for at, below in enumerate(schema):
            yield from objects(below, f"{where}[{at}]")


def test_no_object_lets_an_unknown_key_pass():
    """Wherever keys can stand, only known ones may, and each of them is explained or is a channel or a milestone."""
    found = dict(objects(SCHEMA))
    assert len(found) >= 12 and all(one["additionalProperties"] is False for one in found.values())
    known = {*Channel, *Milestone}
    for one in found.values():
        assert all("description" in below or name in known for name, below in one["properties"].items())


def samples(schema, text=False):
    """A value for a schema: its first word, its first example, or the least that it takes."""
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "anyOf" in schema:
        return samples(schema["anyOf"][-1])
    if schema["type"] == "object":
        return {name: samples(below) for name, below in schema["properties"].items()}
    if schema["type"] == "array":
        return [samples(schema["items"])]
    if schema["type"] == "integer":
        return max(schema["minimum"], 1)
    return schema.get("examples", ["one"])[0]


def test_every_key_of_the_schema_is_one_of_the_parsers():
    """A document with every key at once is read without an unknown key; so the schema offers none that is refused."""
    whole = samples(SCHEMA)
    whole["rules"][0]["if"] = "true"
    with pytest.raises(InvalidInput) as refused:
        parse_rules(json.dumps(whole))
    assert not [fault for fault in refused.value.faults if "unknown key" in fault.problem or "missing" in fault.problem]


@pytest.mark.parametrize("key", ["name", "when", "send", "expires"])
def test_what_must_be_there_must_be_there_for_both(key):
    """A rule without one of these is none."""
    value = as_json(GOOD)
    del value["rules"][0][key]
    assert not JUDGE.is_valid(value)
    with pytest.raises(InvalidInput, match=key):
        parse_rules(json.dumps(value))


WORDS = [
    (words, name)
    for _, one in objects(SCHEMA)
    for name, below in one["properties"].items()
    for part in [below, *below.get("anyOf", [])]
    if (words := part.get("enum"))
]


def test_every_word_of_the_schema_is_one_of_the_parsers():
    """Each milestone, channel, priority and so on that an editor offers is read."""
    rule = {"name": "a", "when": "delivered", "send": ["email"], "expires": "2h"}
    for key in ("when", "per", "priority", "despite_owner"):
        [words] = [words for words, name in WORDS if name == key]
        for word in words:
            one = {**rule, key: word}
            if key == "when" and word == "return_received":
                one["for"] = {"direction": "return"}
            watched = {"arriving_early": True, "eta_changed": True, "pickup_expiring": "on"}
            document = {"version": 1, "milestones": watched if key == "when" else {}, "rules": [one]}
            JUDGE.validate(document)
            assert parse_rules(json.dumps(document)).rules


def test_the_schema_can_be_stored_beside_the_rules(tmp_path: Path):
    """Its identity is no address that an editor would try to fetch."""
    assert SCHEMA["$id"].startswith("urn:")
