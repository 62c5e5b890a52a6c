"""A set can be told as JSON without changing what it says, and two sets can be compared in words."""

import json

from app.rules.as_json import as_json
from app.rules.differing import Difference, differences
from app.rules.document import default_rules, parse_rules
from tests.rules.test_faults import GOOD


def said(before: str, after: str) -> list[str]:
    return [str(one) for one in differences(parse_rules(before), parse_rules(after))]


def test_the_json_form_says_the_same():
    """Numbers and switches are values, text stays text, and reading it gives the same rules."""
    for text in (GOOD, default_rules().content, GOOD.replace("waited: off", "waited: no").replace("SE,", "NO,")):
        again = parse_rules(json.dumps(as_json(text)))
        assert differences(parse_rules(text), again) == []
        assert again.rules == parse_rules(text).rules and again.expectations == parse_rules(text).expectations
    value = as_json(GOOD.replace("SE,", "NO,"))
    assert value["version"] == 1 and value["caps"]["shopper"] == 12
    assert value["rules"][0]["for"]["country"] == "NO" and value["rules"][0]["resend_unconfirmed"] is False
    assert value["milestones"]["pickup_expiring"]["waited"] is False


def test_the_same_set_differs_in_nothing():
    """Comments, order of keys and quotes are no difference."""
    assert said(GOOD, "# a remark\n" + GOOD.replace('"21:00-08:00"', "'21:00-08:00'")) == []


def test_each_change_is_told_by_its_key():
    """What is added, taken away and changed, with what it said and says."""
    after = (
        GOOD.replace("expires: 72h", "expires: 10d")
        .replace("    cap: 100\n", "")
        .replace("name: late", "name: later")
        .replace("shopper: 12", "shopper: 5")
        .replace("after: 3bd", "after: 4bd")
        .replace("country: SE", "country: [SE, NO]")
    )
    told = said(GOOD, after)
    assert told == [
        "the set has milestones.delayed: promise with a grace of 2h, carrier on, eta beyond 0h, silence of 4bd for dhl"
        " in_transit, again 1; it was promise with a grace of 2h, carrier on, eta beyond 0h, silence of 3bd for dhl"
        " in_transit, again 1",
        "the set has caps.shopper: 5; it was 12",
        "rule 'delivered' has for: carrier dhl or usps, service express*, country NO or SE, brand fjallhem, tag vip;"
        " it was carrier dhl or usps, service express*, country SE, brand fjallhem, tag vip",
        "rule 'delivered' has expires: 10d; it was 72h",
        "rule 'delivered' has cap: 50000; it was 100",
        "rule 'later' is added: delayed",
        "rule 'late' is removed",
    ]


def test_every_key_of_a_rule_is_compared():
    """Taking any key of a full rule away, or changing it, is seen."""
    lines = GOOD[GOOD.index("    description:") : GOOD.index("  - name: late")].splitlines()
    for line in lines:
        key = line.strip().partition(":")[0]
        if key in ("when", "send", "expires", "quiet_hours", "resend_unconfirmed"):
            continue
        found = differences(parse_rules(GOOD), parse_rules(GOOD.replace(f"{line}\n", "", 1)))
        assert [(one.what, one.rule, one.key) for one in found] == [("changed", "delivered", key)], line
    for old, new, key in (
        ("when: delivered", "when: dispatched", "when"),
        ("template: delivered_gift", "audience: team", "send"),
        ('{sms: "22:00-07:00"}', "none", "quiet_hours"),
        ("resend_unconfirmed: false", "despite_owner: true", "despite_owner"),
    ):
        found = differences(parse_rules(GOOD), parse_rules(GOOD.replace(old, new, 1)))
        assert key in {one.key for one in found}, key


def test_another_order_is_a_difference():
    """Of several rules for a milestone the first one tells, so where one stands matters."""
    line = "  - {name: %s, when: delivered, send: [email], for: {tag: %s}, expires: 1h}\n"
    one, two, three = (line % (name, name) for name in ("one", "two", "three"))
    head = "version: 1\nrules:\n"
    found = differences(parse_rules(head + one + two + three), parse_rules(head + two + one + three))
    assert found == [Difference("moved", "two", after="before 'one'")]
    assert str(found[0]) == "rule 'two' is moved: before 'one'"
    back = differences(parse_rules(head + one + two + three), parse_rules(head + three + one + two))
    assert [str(one) for one in back] == ["rule 'three' is moved: before 'one'"]
    assert differences(parse_rules(head + one + two), parse_rules(head + one + two)) == []
