"""Rules read as sentences: what each key says is in them, and no valid rule is without one."""

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.vocabulary import Channel, Milestone
from app.rules.condition_words import condition_words
from app.rules.conditions import check
from app.rules.document import default_rules, parse_rules
from app.rules.parts import CODE, plain
from app.rules.quiet import Quiet
from app.rules.ruleset import Audience, Once, Per, Priority, Reach, Rule, Send
from app.rules.sentences import rule_sentence, set_sentences
from app.rules.spans import span_words

EVERYTHING = """
version: 1
quiet_hours: {sms: "21:00-08:00"}
milestones:
  delayed:
    {promise: {grace: 6h}, carrier: off, eta: {beyond: 1d}, silence: [{after: 3bd, carrier: dhl, stage: in_transit}]}
  eta_changed: on
caps: {shopper: 5}
owners: {delayed: {sms: PostNord}}
rules:
  - name: late
    when: delayed
    for: {carrier: [dhl, postnord], service: "express*", country: [se, no], brand: fjallhem, tag: vip}
    if: shopper.country == "SE" && has(order.total_minor) && order.total_minor >= 500000
    per: order
    send: [email, {channel: sms, template: late_text}, {channel: email, template: late_inside, audience: team}]
    fallback: {sms: {channel: whatsapp, template: late_chat}}
    hold: 30m
    merge: 90m
    expires: 48h
    once_per: 24h
    priority: urgent
    quiet_hours: {sms: "20:00-09:00"}
    cap: 500
    despite_owner: true
"""


def test_every_key_says_its_part():
    """A rule that uses every key is one sentence with all of them, and what a mail risks is a second."""
    rules = parse_rules(EVERYTHING)
    said = plain(rule_sentence(rules.rules[0]))
    assert said == (
        "When the first parcel of an order with DHL or PostNord by the service “express*” to Norway or Sweden of the"
        " brand fjallhem in an order tagged vip is late and the country is Sweden and the order's total (in minor"
        " units) is at least 500,000, wait 30 minutes and then send email and SMS from the template late_text"
        " and email from the template late_inside to the brand's own team, or WhatsApp from the template late_chat"
        " where SMS cannot reach them, together with other parcels of the order that follow within 90 minutes, not"
        " between 20:00 and 09:00 by SMS, not again within 24 hours, if still true within 48 hours. It leaves before"
        " others. At most 500 messages a day. It is sent although somebody else tells it too."
    )
    again = parse_rules(
        "{version: 1, rules: [{name: a, when: delivered, send: [email], expires: 1h, resend_unconfirmed: true,"
        " once_per: order}]}"
    )
    assert plain(rule_sentence(again.rules[0])).endswith(
        "once for each order, if still true within 1 hour. Where nobody can say whether it was taken, it leaves twice"
        " rather than never."
    )


def test_what_stands_beside_the_rules_is_said_too():
    """When a parcel is late, what one shopper gets at most, and who else tells what."""
    said = {key: plain(sentence) for key, sentence in set_sentences(parse_rules(EVERYTHING))}
    assert said["milestones.delayed"] == (
        "A parcel is late when its promised day ended 6 hours ago, its carrier expects it 24 hours or more later than"
        " promised or nobody has scanned it for 3 business days with DHL while it is on its way, and at most once more"
        " after that."
    )
    assert said["milestones.arriving_early"].endswith("switched off.")
    assert said["caps.shopper"] == "One shopper gets at most 5 messages a day."
    assert (
        said["owners.delayed.sms"] == "PostNord tells that a parcel is late by SMS, so no rule does unless it says so."
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('shopper.country == "SE"', "the country is Sweden"),
        ('shopper.country in ["SE", "NO"]', "the country is Sweden or Norway"),
        ('!(parcel.carrier in ["dhl"])', "the carrier is not DHL"),
        ("order.parcel_count > 1", "the number of parcels in the order is more than 1"),
        ('"vip" in order.tags', "the order is tagged vip"),
        ('!("vip" in order.tags)', "the order is not tagged vip"),
        ("!shopper.has_phone", "the order has no phone number"),
        ("shopper.has_phone == false", "the order has no phone number"),
        ("has(promise.on)", "a day was promised"),
        ("!has(eta.day)", "the carrier names no day"),
        ("has(promise.ends_at) && now > promise.ends_at",
         "a day was promised and the present time is after the end of the promised day"),
        ('news.cause == "silence"', "the cause is nobody has scanned it for too long"),
        ('!history.exists(one, one.milestone == "dispatched")',
         "the shopper was not told that it is handed to the carrier"),
        ('parcel.carrier == "dhl" && (shopper.country == "SE" || shopper.country == "NO")',
         "the carrier is DHL and either the country is Sweden or the country is Norway"),
        ("news.occurrence >= 2", "the number of times it has come to that is at least 2"),
    ],
)  # fmt: skip
def test_simple_conditions_have_words(source, words):
    """A comparison is said as people would say it."""
    check(source)
    sentence = condition_words(source)
    assert plain(sentence) == words
    assert not [part for part in sentence if part.mark == CODE]


@pytest.mark.parametrize(
    "source",
    [
        'shopper.country == "SE" && shopper.has_email || shopper.has_phone',
        'order.items.exists(item, item.sku.startsWith("SOFA"))',
        'parcel.service.contains("a && b")',
        "order.total_minor * 2 > 5",
        'order.number == "a\\"b" ? true : false',
        "((((",
        '5 == "',
        "",
    ],
)
def test_what_has_no_words_stays_code(source):
    """Where words could say something else than the expression, the expression itself is shown, whole."""
    sentence = condition_words(source)
    assert [part.mark for part in sentence] == [CODE]
    assert plain(sentence).replace(" ", "") == source.replace(" ", "")


def test_only_the_part_without_words_is_code():
    """Beside what can be said the rest stands as code."""
    sentence = condition_words('shopper.country == "SE" && order.items.exists(item, item.sku == "A")')
    assert [(part.text, part.mark) for part in sentence][-1] == ('order.items.exists(item, item.sku == "A")', CODE)


def test_brackets_without_end_are_no_trouble():
    """The deepest nesting that a condition has room for is shown as code."""
    source = "(a && " * 166 + "b" + ")" * 166
    assert plain(condition_words(source))


@given(st.text(max_size=200) | st.text("()[]!&|\"'=<>, .abc1\\", max_size=60))
def test_no_text_at_all_raises(source):
    """Whatever is written, something is shown."""
    assert isinstance(plain(condition_words(source)), str)


spans = st.timedeltas(timedelta(seconds=1), timedelta(days=365)).map(
    lambda one: timedelta(seconds=int(one.total_seconds()) or 1)
)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
some = st.lists(words, max_size=3)
conditions = st.sampled_from(
    [None, *(check(one) for one in ("true", 'shopper.country == "SE"', "order.parcel_count > 1"))]
)
quiets = st.dictionaries(st.sampled_from(list(Channel)), st.just(Quiet(time(21), time(8))))
single = st.builds(Send, st.sampled_from(list(Channel)), words, st.sampled_from(list(Audience)))
sends = st.builds(Send, st.sampled_from(list(Channel)), words, st.sampled_from(list(Audience)), st.none() | single)
rules = st.builds(
    Rule,
    name=words,
    description=words,
    when=st.sampled_from(list(Milestone)),
    send=st.lists(sends, min_size=1, max_size=4).map(tuple),
    expires=spans,
    hold=st.just(timedelta(0)) | spans,
    priority=st.sampled_from(list(Priority)),
    resend_unconfirmed=st.booleans(),
    condition=conditions,
    quiet=quiets,
    reach=st.builds(
        Reach,
        *([some.map(frozenset), some.map(tuple)] + [some.map(frozenset)] * 3),
        st.sampled_from(["outbound", "return"]),
    ),
    per=st.sampled_from(list(Per)),
    once=st.none() | spans | st.sampled_from(list(Once)),
    merge=st.just(timedelta(0)) | spans,
    cap=st.none() | st.integers(1, 999_999_999),
    despite_owner=st.booleans(),
)


@given(rules)
def test_every_rule_has_a_sentence(rule):
    """Each is one that begins and ends as sentences do, and names its channels, its reach and how long it is news."""
    said = plain(rule_sentence(rule))
    assert said.startswith("When ") and said.endswith(".")
    assert span_words(rule.expires) in said
    for one in (*rule.reach.brands, *rule.reach.tags, *rule.reach.services):
        assert one in said
    assert (f"{rule.cap:,}" in said) if rule.cap else True


def test_the_rules_that_ship_read_well():
    """Three of them, as they are shown."""
    said = {rule.name: plain(rule_sentence(rule)) for rule in default_rules().rules}
    assert said["out_for_delivery"] == (
        "When a parcel is out for delivery, send email and SMS, together with other parcels of the order that follow"
        " within 10 minutes, not between 21:00 and 08:00 by SMS, if still true within 12 hours. It leaves before"
        " others."
    )
    assert said["delivered_early_scans"].startswith(
        "When a parcel with USPS is delivered, wait 1 hour and then send email and SMS"
    )
    assert said["return_received"].startswith("When a return has arrived with the shop, send email, or SMS where email")
