"""A slice of `doorstep bench decide`: the sets and the parcels that it measures are what it says."""

import json

from app.bench.decide import RULES, bench_decide, facts_of, many_rules
from app.models.vocabulary import Channel, Reason
from app.rules.decide import Crossed, decide
from app.rules.document import default_rules
from tests.cli.test_commands import run


def test_both_sets_answer_the_same_parcels():
    """The set that ships, and 200 rules of mixed milestones and conditions, of which some hold and some do not."""
    shipped, many = bench_decide(100)
    assert (shipped.rules, many.rules) == (len(default_rules().rules), RULES)
    assert shipped.parcels == many.parcels == 100 and many.answers > shipped.answers > 0.5
    assert shipped.cpu_ms > 0 and many.ratio > 0
    rules = many_rules()
    assert len({rule.when for rule in rules.rules}) == 9 and all(rule.condition for rule in rules.rules)
    crossed = [Crossed(facts_of(number)) for number in range(300)]
    at = crossed[0].facts.news.occurred_at
    reasons = {one.reason for each in crossed for one in decide(each, rules, frozenset(Channel), at)}
    assert {Reason.planned, Reason.condition_false, Reason.another_rule, Reason.no_address} <= reasons
    assert Reason.rule_error not in reasons


def test_the_command_prints_both():
    """With how many times the first set the second costs."""
    first, second = json.loads(run("bench", "decide", "--parcels", "100", "--json")[1])
    assert first["times"] == 1.0 and second["rules"] == 200 and second["cpu_ms"] > 0
