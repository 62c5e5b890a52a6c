"""How two sets of rules are shown beside each other, and what has to be accepted before one takes the other's place."""

from hypothesis import given
from hypothesis import strategies as st

from app.clock import cpu_seconds
from app.rules.document import default_rules, parse_rules
from app.rules.warnings import warnings
from app.web.operations.rules_merge import put_together
from app.web.operations.rules_shown import compared, rule_lines, unified

HEAD = "version: 1\n"
OUT = "  - {name: out, when: out_for_delivery, send: [email, sms], expires: 8h, quiet_hours: {sms: '21:00-08:00'}}\n"
LATE = "  - {name: late, when: delayed, send: [email], expires: 8h}\n"


def ids(before, after):
    """The warnings' names."""
    return [one.id for one in warnings(parse_rules(HEAD + before), parse_rules(HEAD + after))]


def test_only_what_takes_away_or_grows_louder_is_warned_of():
    """A milestone untold, a sender beside another's, night, caps, and twice rather than never; nothing twice over."""
    both = f"rules:\n{OUT}{LATE}"
    assert ids(both, both) == [] == ids(f"rules:\n{OUT}", both)
    assert ids(both, f"rules:\n{OUT}") == ["silent:delayed"]
    assert ids(both, both.replace("email, sms", "sms")) == ["silent:out_for_delivery"]
    assert ids(
        both, both.replace("when: delayed, send: [email]", "when: delayed, send: [sms], fallback: {sms: email}")
    ) == ["night"]
    assert ids(both, both.replace("'21:00-08:00'", "none")) == ["night"]
    assert ids(both.replace("'21:00-08:00'", "none"), both.replace("'21:00-08:00'", "none")) == []
    assert (
        ids(f"caps: {{shopper: 5}}\n{both}", both)
        == ["cap"]
        == ids(f"caps: {{shopper: 5}}\n{both}", f"caps: {{shopper: 9}}\n{both}")
    )
    assert ids(f"caps: {{shopper: 5}}\n{both}", f"caps: {{shopper: 4}}\n{both}") == []
    assert ids(both, both.replace("send: [email], expires", "send: [email], resend_unconfirmed: true, expires")) == [
        "twice:late"
    ]
    owned = f"owners: {{delayed: {{email: Klarna}}}}\n{both}".replace(
        "send: [email], expires", "send: [email], despite_owner: true, expires"
    )
    assert ids(both, owned) == ["owner:late:email"]
    assert ids(owned, owned) == []


def test_two_sets_are_compared_rule_by_rule():
    """New, gone, changed and moved, each with both sentences; words beside the rules come first."""
    before = parse_rules(f"{HEAD}rules:\n{OUT}{LATE}")
    after = parse_rules(
        f"{HEAD}caps: {{shopper: 3}}\nrules:\n{LATE.replace('8h', '9h')}{OUT}".replace("out,", "other,")
    )
    rows = {one.name: one for one in compared(before, after)}
    assert {name: one.what for name, one in rows.items()} == {
        "caps.shopper": "added",
        "late": "changed",
        "other": "added",
        "out": "removed",
    }
    assert rows["late"].changes == ("expires: 9h, was 8h",)
    assert rows["out"].after is None and rows["other"].before is None
    turned = parse_rules(f"{HEAD}rules:\n{LATE}{OUT}")
    assert [(one.name, one.what, one.changes) for one in compared(before, turned)] == [
        ("late", "moved", ("stands before 'out' now",))
    ]


def test_lines_that_differ_stand_with_those_around_them():
    """Numbers of both texts, whatever is the same before and behind; nothing where all is."""
    text = "\n".join(str(number) for number in range(20))
    found = unified(text, text.replace("10", "ten"))
    assert [(one.kind, one.before, one.after, one.text) for one in found][2:6] == [
        ("same", 10, 10, "9"),
        ("gone", 11, None, "10"),
        ("new", None, 11, "ten"),
        ("same", 12, 12, "11"),
    ]
    assert unified(text, text) == []
    assert [one.kind for one in unified("", "a\nb")] == ["new", "new"]
    assert [one.kind for one in unified("a\nb\nc", "a\nc")] == ["same", "gone", "same"]


def test_two_long_texts_are_compared_soon_or_not_at_all():
    """A thousand rules of one kind take no minute of the page that shows them."""
    rules = "\n".join(f"- name: r{n}\n  when: delivered\n  send: [email]\n  expires: 48h" for n in range(500))
    begun = cpu_seconds()
    assert unified(rules, rules.replace("48h", "24h"))
    assert unified(f"{rules}\n" * 4, f"{rules}\n".replace("r", "q") * 4) is None
    assert cpu_seconds() - begun < 15  # the first alone took 27 seconds once


def test_each_rule_is_found_at_its_line():
    """Whatever form it is written in, and in a text that cannot be read at all."""
    assert rule_lines(f"{HEAD}rules:\n{OUT}{LATE}") == {"out": 3, "late": 4}
    assert rule_lines("rules: [") == {} == rule_lines("- a") == rule_lines("rules: 5")
    assert set(rule_lines(default_rules().content)) == {rule.name for rule in default_rules().rules}


@given(*[st.lists(st.sampled_from("abcde"), max_size=12).map("\n".join)] * 3)
def test_what_is_put_together_holds_both_changes(base, mine, theirs):
    """One that changed nothing takes the other's text, the same change twice is one, and the sides do not matter."""
    assert put_together(base, base, theirs) == theirs
    assert put_together(base, mine, base) == mine
    assert put_together(base, mine, mine) == mine
    assert put_together(base, mine, theirs) == put_together(base, theirs, mine)
