"""The rule set is read whole, and what is wrong in it is named by line."""

import pytest

from app.errors import InvalidInput
from app.models.vocabulary import Channel, Milestone
from app.rules.document import default_rules, parse_rules, reread_rules
from app.rules.known import Known

ONE_MORE = "  - {name: b, when: delivered, send: [email], expires: 1h}\n"

KNOWN = Known(
    frozenset({("out_for_delivery", "email"), ("out_for_delivery", "sms")}), frozenset({"dhl"}), frozenset({"fjallhem"})
)
GOOD = """\
version: 1
rules:
  - name: arriving
    description: It comes today.
    when: out_for_delivery
    send: [email, {channel: sms, template: out_for_delivery}]
    expires: 12h
    priority: urgent
"""


def test_the_default_set_tells_the_five_milestones_by_email():
    """Each of the five milestones has a rule that sends an email."""
    told = {rule.when for rule in default_rules().rules if any(s.channel is Channel.email for s in rule.send)}
    assert told >= {
        Milestone.dispatched, Milestone.in_transit, Milestone.out_for_delivery, Milestone.delivered, Milestone.delayed,
    }  # fmt: skip


def test_a_rule_is_read_with_its_template_named_after_the_milestone():
    """`send: [email]` uses the template of the milestone's own name."""
    rule = parse_rules(GOOD).rules[0]
    assert [(send.channel, send.template) for send in rule.send] == [
        (Channel.email, "out_for_delivery"),
        (Channel.sms, "out_for_delivery"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("out_for_delivery\n", "out_for_delivry\n", 5, "Did you mean 'out_for_delivery'?"),
        ("when:", "wen:", 5, "Did you mean 'when'?"),
        ("[email,", "[emial,", 6, "Did you mean 'email'?"),
        ("12h", "12 parsecs", 7, "expires: 48h"),
        ("urgent", "hasty", 8, "normal"),
        ("template: out_for_delivery", "template: out_for_deliver", 6, "Did you mean 'out_for_delivery'?"),
        ("version: 1", "version: 7", 1, "version: 1"),
        ("{channel: sms, template: out_for_delivery}", "email", 6, "One rule sends one message"),
    ],
)
def test_a_fault_is_named_with_its_line_and_remedy(old, new, line, said):
    """Each kind of mistake is refused with the line it stands on and what to write instead."""
    with pytest.raises(InvalidInput) as caught:
        parse_rules(GOOD.replace(old, new, 1), KNOWN)
    assert any(fault.line == line and said in str(fault) for fault in caught.value.faults), str(caught.value)


@pytest.mark.parametrize("text", ["", "rules: 3", "[1, 2]", "version: 1\nrules:\n - 7", "a: [", "\x00"])
def test_nonsense_is_refused_and_never_crashes(text):
    """What is no rule set at all is refused with a fault."""
    with pytest.raises(InvalidInput):
        parse_rules(text)


def test_two_rules_that_would_send_the_same_are_refused():
    """Only one of them could ever be told, so the collision is an error when it is written."""
    twice = GOOD + GOOD.split("rules:\n")[1].replace("name: arriving", "name: again")
    with pytest.raises(InvalidInput, match="email for out_for_delivery"):
        parse_rules(twice)


def test_resending_without_evidence_is_asked_for_by_rule_and_never_for_an_sms():
    """Off unless written; an SMS is never sent twice on a guess; anything but true and false is a fault."""
    text = "version: 1\nrules:\n  - {name: a, when: delivered, send: [%s], expires: 2h%s}\n"
    assert [rule.resend_unconfirmed for rule in parse_rules(text % ("email", "")).rules] == [False]
    assert [rule.resend_unconfirmed for rule in parse_rules(text % ("email", ", resend_unconfirmed: true")).rules] == [
        True
    ]
    assert parse_rules(text % ("sms", ", resend_unconfirmed: false")).rules[0].resend_unconfirmed is False
    for send, written, problem in (
        ("sms", "true", "only an email may be sent twice on a guess"),
        ("whatsapp", "true", "only an email may be sent twice on a guess"),
        ("email, sms", "true", "only an email may be sent twice on a guess"),
        ("email", "maybe", "neither true nor false"),
    ):
        with pytest.raises(InvalidInput) as refused:
            parse_rules(text % (send, f", resend_unconfirmed: {written}"))
        assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("content", "left", "place"),
    [
        ("version: 1\nrules:\n  - {name: a, when: lost, send: [email], expires: 1h}\n" + ONE_MORE, ["b"], 3),
        ("version: 1\nquiet_hours: {sms: late}\nrules:\n" + ONE_MORE, [], 2),
        ("version: 2\nrules:\n" + ONE_MORE, [], 1),
        ("version: 1\nrules: [\n", [], 3),
        ("version: 1\nrules:\n" + ONE_MORE + ONE_MORE, ["b", "b"], 4),
        ("version: 1\nrules:\n" + ONE_MORE, ["b"], None),
        ("version: 1\nrules:\n" + ONE_MORE.rstrip("}\n") + ', if: "order.total_minor > 5"}\n', ["b"], None),
    ],
)
def test_a_stored_set_is_read_as_far_as_it_can_be(content, left, place):
    """What a stricter program cannot read tells nothing; what stands beside all rules silences all of them."""
    rules = reread_rules(content)
    assert [rule.name for rule in rules.rules] == left and rules.content == content
    assert ([fault.line for fault in rules.unread] or [None])[0] == place
