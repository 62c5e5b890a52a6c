"""Every mistake in a rule set is refused with its line, its column, the reason and the nearest right name."""

import json
from dataclasses import replace

import pytest

from app.errors import InvalidInput
from app.models.vocabulary import Channel, Milestone
from app.rules.composing import LONGEST
from app.rules.document import MOST_FAULTS, MOST_RULES, default_rules, parse_rules
from app.rules.known import Known

TEMPLATES = frozenset(
    (name, channel.value) for name in [*Milestone, "delivered_gift"] for channel in (Channel.email, Channel.sms)
)
KNOWN = Known(TEMPLATES, frozenset({"dhl", "postnord", "usps"}), frozenset({"fjallhem", "atelier-ombre"}))

GOOD = """\
version: 1
quiet_hours: {sms: "21:00-08:00"}
milestones:
  delayed:
    promise: {grace: 2h}
    silence:
      - {after: 3bd, carrier: dhl, stage: in_transit}
    again: 1
  eta_changed: {by: 1d, again: 2}
  pickup_expiring: {before: 2d, waited: off}
caps: {shopper: 12, rule: 50000}
owners:
  out_for_delivery: {sms: PostNord}
rules:
  - name: delivered
    description: It has arrived.
    when: delivered
    if: parcel.carrier == "dhl" && order.parcel_count > 100
    for: {carrier: [dhl, usps], service: "express*", country: SE, brand: fjallhem, tag: vip, direction: outbound}
    send: [{channel: email, template: delivered_gift}]
    fallback: {email: sms}
    expires: 72h
    hold: 30m
    merge: 10m
    once_per: 24h
    priority: urgent
    quiet_hours: {sms: "22:00-07:00"}
    cap: 100
    resend_unconfirmed: false
  - name: late
    when: delayed
    send: [email]
    expires: 48h
"""

MORE = "  - {name: more, when: dispatched, send: [email], expires: 1h%s}\n"

FAULTS = [
    # what is written, what is written instead, line, column, what is said of it
    ("version: 1", "version: 2", 1, 10, "Write `version: 1`"),
    ("caps:", "cap:", 11, 1, "Did you mean 'caps'?"),
    ("description:", "desciption:", 16, 5, "Did you mean 'description'?"),
    ("when: delivered", "when: deliverd", 17, 11, "Did you mean 'delivered'?"),
    ("name: late", "name: delivered", 30, 11, "two rules are named 'delivered'"),
    ("name: late", "name: 'l*te'", 30, 11, "not a short plain name"),
    ("template: delivered_gift", "template: deliverd_gift", 20, 39, "Did you mean 'delivered_gift'?"),
    ("template: delivered_gift", "template: [x]", 20, 39, "not a short plain name"),
    ("channel: email", "channel: emial", 20, 22, "Did you mean 'email'?"),
    ("template: delivered_gift", "audience: teem", 20, 39, "Did you mean 'team'?"),
    ("template: delivered_gift", "audiance: team", 20, 29, "Did you mean 'audience'?"),
    ("[dhl, usps]", "[dhl, ups]", 19, 26, "Did you mean 'usps'?"),
    ("[dhl, usps]", "[]", 19, 20, "an empty list"),
    ('"express*"', '"express?"', 19, 42, "Only `*` stands for anything"),
    ("country: SE", "country: UK", 19, 63, "Did you mean 'GB'?"),
    ("country: SE", "country: Sweden", 19, 63, "ISO 3166"),
    ("brand: fjallhem", "brand: fjalhem", 19, 74, "Did you mean 'fjallhem'?"),
    ("tag: vip", 'tag: "vip,gold"', 19, 89, "several are a list"),
    ("direction: outbound", "direction: inbound", 19, 105, "Did you mean 'outbound'?"),
    ("order.parcel_count > 100", "order.parcl_count > 100", 18, 41, "Did you mean 'parcel_count'?"),
    ("order.parcel_count > 100", "order.number > 100", 18, 49, "'>' does not go with string, int"),
    ("order.parcel_count > 100", "ordr.total_minor > 100", 18, 40, "Did you mean 'order'?"),
    ('parcel.carrier == "dhl"', 'parcel.milestone == "in_transt"', 18, 29, "Did you mean 'in_transit'?"),
    ('parcel.carrier == "dhl"', 'now.getHours("Europe/Berln") > 8', 18, 22, "Did you mean 'Europe/Berlin'?"),
    ('parcel.carrier == "dhl" && order.parcel_count > 100', "order.number", 18, 9, "not true or false"),
    ('parcel.carrier == "dhl" && order.parcel_count > 100', "a" * 1001, 18, 9, "1001 characters long"),
    (
        'parcel.carrier == "dhl" && order.parcel_count > 100',
        "order.items.exists(a, order.items.exists(b, a.sku == b.name))", 18, 9, "too costly",
    ),
    ("expires: 72h", "expires: 3 weeks", 22, 14, "units are s, m, h and d"),
    ("expires: 72h", "expires: 9999d", 22, 14, "longer than a year"),
    ("expires: 72h", "expires: 0h", 22, 14, "stale at once"),
    ("    expires: 72h\n", "", 15, 5, "Write `expires: 48h`"),
    ("hold: 30m", "hold: 72h", 23, 11, "wait until its news is stale"),
    ("merge: 10m", "merge: 100h", 24, 12, "Let `expires` be longer"),
    ("once_per: 24h", "once_per: ordr", 25, 15, "Did you mean 'order'?"),
    ("once_per: 24h", "once_per: 0h", 25, 15, "no span"),
    ("priority: urgent", "priority: urgnt", 26, 15, "Did you mean 'urgent'?"),
    ('"22:00-07:00"', '"22-7"', 27, 24, "no stretch of the day"),
    ('"22:00-07:00"', '"25:00-07:00"', 27, 24, "no stretch of the day"),
    ("cap: 100", "cap: 0", 28, 10, "no whole number from 1"),
    ("cap: 100", "cap: 99999999999999999999", 28, 10, "no whole number from 1"),
    ("cap: 100", "cap: 1e9", 28, 10, "no whole number from 1"),
    ("resend_unconfirmed: false", "resend_unconfirmed: true", 29, 25, "only an email may be sent twice"),
    ("resend_unconfirmed: false", "resend_unconfirmed: perhaps", 29, 25, "neither true nor false"),
    ("{email: sms}", "{email: sms, sms: email}", 21, 33, "email → sms → email"),
    ("{email: sms}", "{email: sms, whatsapp: sms}", 21, 38, "nothing is sent by whatsapp"),
    ("{email: sms}", "{email: {channel: sms, template: deliverd}}", 21, 48, "Did you mean 'delivered'?"),
    ("send: [{channel: email, template: delivered_gift}]", "send: [email, sms]", 21, 15, "sms is sent anyway"),
    ("send: [{channel: email, template: delivered_gift}]", "send: [email, email]", 20, 11, "the same channel twice"),
    ("send: [{channel: email, template: delivered_gift}]", "send: email", 20, 11, "[email, sms]"),
    ("  delayed:\n    promise: {grace: 2h}", "  delayed:\n    promise: {grce: 2h}", 5, 15, "Did you mean 'grace'?"),
    ("after: 3bd", "after: 3d", 7, 17, "`after: 3bd`"),
    ("carrier: dhl", "carrier: dlh", 7, 31, "Did you mean 'dhl'?"),
    ("stage: in_transit", "stage: delivered", 7, 43, "is not known"),
    ("again: 1\n", "again: -1\n", 8, 12, "no whole number"),
    ("rule: 50000", "rules: 50000", 11, 21, "Did you mean 'rule'?"),
    ("out_for_delivery: {sms: PostNord}", "delayed: {email: Shopify}", 32, 11, "Shopify tells delayed by email"),
    ("out_for_delivery: {sms: PostNord}", "delivered: {sms: PostNord}", 20, 11, "PostNord tells delivered by sms"),
    ("when: delayed", "when: return_received", 31, 11, "never comes to return_received"),
    ("when: delayed", "when: arriving_early", 31, 11, "switched off in `milestones`"),
    ("    promise: {grace: 2h}", "    again: 3\n    promise: {grace: 2h}", 9, 5, "written twice"),
    ("    when: delayed", "    <<: {when: delayed}", 31, 5, "merge keys are not read"),
    ("version: 1", "version: &one 1", 1, 10, "anchors and aliases are not read"),
    ("priority: urgent", "priority: !!python/name:os.system urgent", 26, 15, "tags are not read"),
    ("    when: delayed", "\twhen: delayed", 31, 1, "spaces, not with tabs"),
    ("It has arrived.", "It has arrived: there.", 16, 32, "in quotes"),
    ("It has arrived.", "It has\x07 arrived.", 16, 24, "cannot be written in YAML"),
    ("It has arrived.", "x" * 501, 16, 18, "at most 500 characters"),
    ("expires: 48h\n", "expires: 48h\n---\nversion: 1\n", 34, 1, "a second document"),
]  # fmt: skip


def faults_of(text: str) -> list:
    with pytest.raises(InvalidInput) as refused:
        parse_rules(text, KNOWN)
    return refused.value.faults


def test_the_good_set_is_good():
    """What the seeded faults are sown into has none itself."""
    assert [rule.name for rule in parse_rules(GOOD, KNOWN).rules] == ["delivered", "late"]
    assert len(FAULTS) >= 40


@pytest.mark.parametrize(("old", "new", "line", "column", "said"), FAULTS, ids=lambda value: str(value)[:40])
def test_a_seeded_fault_is_found_in_its_place(old, new, line, column, said):
    """One mistake, and it is told where it stands and what to write instead; no value is quoted at length."""
    assert GOOD.count(old) >= 1
    faults = faults_of(GOOD.replace(old, new, 1))
    assert any((one.line, one.at) == (line, column) and said in str(one) for one in faults), [
        (one.line, one.at, str(one)) for one in faults
    ]
    assert all(len(str(one)) < 700 for one in faults)


def test_the_same_as_json_has_places_too():
    """A JSON text, indented with tabs and with letters written as two halves, is read and refused like YAML."""
    value = {"version": 1, "rules": [{"name": "a", "description": "📦", "when": "delivered"}]}
    value["rules"][0] |= {"send": ["email"], "expires": "48h", "priority": "urgent"}
    text = json.dumps(value, indent="\t")
    assert "\\ud83d" in text and parse_rules(text, KNOWN).rules[0].description == "📦"
    [fault] = faults_of(text.replace('"when"', '"wen"').replace('"priority": "urgent"', '"when": "delivered"'))
    assert (fault.line, fault.at, "Did you mean 'when'?" in str(fault)) == (7, 4, True)


def test_all_faults_are_told_at_once_and_not_without_end():
    """Three mistakes are three faults in the order of the lines; of thousands the first hundred."""
    text = GOOD.replace("deliverd", "x").replace("when: delivered", "when: x").replace("72h", "x").replace("48h", "x")
    assert [fault.line for fault in faults_of(text)] == [17, 22, 33]
    wrong = "version: 1\nrules:\n" + "  - {}\n" * 900
    assert len(faults_of(wrong)) == MOST_FAULTS


LAUGHS = "a: &a [lol, lol]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "anchors and aliases"),
        ("rules: " + "[" * 100_000, "levels deep"),
        ('{"a":' * 50_000, "levels deep"),
        ("- " * 50_000, "levels deep"),
        ("? " * 50_000, "levels deep"),
        ("x" * (LONGEST + 1), "characters long"),
        ("version: 1\nrules:\n" + MORE % "" * (MOST_RULES + 1), "1001 rules"),
        ("version: 1\nrules: [{name: a, when: delivered, send: [email], cap: " + "9" * 400_000 + "}]", "cap"),
        ("version: 1\nrules: [{name: " + "n" * 400_000 + "}]", "name"),
        ("version: 1\n" + "k" * 400_000 + ": 1\nrules: []", "not valid YAML"),
        ("version: 1\nrules: [{when: " + "w" * 400_000 + "}]", "is not known"),
        ("version: 1\nrules: [[[]], {}, 3, null, '']", "not a mapping"),
        ("version: 1\nrules:\n  ? {a: b}\n  : c", "not a list"),
        ("version: 1\nrules: []\n? [x]\n: y", "unknown key"),
        ("\ud800", "cannot be written"),
        ('{"version": 1, "rules": [{"name": "\\ud83d"}]}', "not valid YAML"),
    ],
    ids=lambda text: str(text)[:30],
)  # fmt: skip
def test_what_has_no_bound_is_refused(text, said):
    """Aliases that multiply, nesting without end, huge numbers and names are refused at once; nothing is repeated."""
    faults = faults_of(text)
    assert any(said in str(fault) for fault in faults), [str(fault)[:200] for fault in faults]
    assert all(len(str(fault)) < 1500 for fault in faults)


def test_names_are_checked_only_where_somebody_knows_them():
    """A stored set is read again though its carrier is gone since; a shop that may name any carrier names any."""
    text = GOOD.replace("[dhl, usps]", "[nobody]")
    assert parse_rules(text).rules[0].reach.carriers == {"nobody"}
    anybody = Known(KNOWN.templates, None, KNOWN.brands)
    assert parse_rules(text, anybody).rules[0].reach.carriers == {"nobody"}


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("", "", True),
        ("", ", if: order.parcel_count > 1", True),
        (", if: order.parcel_count > 1", ", if: order.parcel_count > 1", True),
        (", if: order.parcel_count > 1", ", if: order.parcel_count > 2", False),
        (", if: order.parcel_count > 1", "", False),
        (", for: {carrier: [dhl, usps]}", ", for: {carrier: dhl}", True),
        (", for: {carrier: dhl}", ", for: {carrier: [dhl, usps]}", False),
        (", for: {carrier: dhl}", "", False),
        ("", ", for: {country: SE}", True),
        ("", ", for: {direction: return}", False),
        (", for: {service: 'a*'}", ", for: {service: 'a*'}", True),
        (", for: {service: 'a*'}", ", for: {service: 'b*'}", False),
    ],
)
def test_two_rules_that_would_send_the_same_thing(first, second, same):
    """A rule that can never tell anything, because one before it tells the same of all its parcels, is refused."""
    text = "version: 1\nrules:\n" + MORE % first + (MORE % second).replace("more", "again")
    if same:
        [fault] = faults_of(text)
        assert (fault.line, fault.at) == (4, 5) and "'more', before it, sends email for dispatched" in str(fault)
    else:
        assert len(parse_rules(text, KNOWN).rules) == 2


def test_an_owner_is_no_hindrance_to_a_rule_that_means_it():
    """`despite_owner` says that both shall tell it."""
    text = GOOD.replace("out_for_delivery: {sms", "delayed: {email").replace("48h", "48h\n    despite_owner: true")
    assert parse_rules(text, KNOWN).named("late").despite_owner


def test_the_default_set_names_nothing_unknown():
    """The set that ships is valid where only its own names are known."""
    rules = default_rules()
    used = {(one.template, one.channel.value) for rule in rules.rules for send in rule.send for one in send.chain}
    assert parse_rules(rules.content, Known(frozenset(used), None, frozenset())) == rules


def test_one_brand_is_not_told_of_another():
    """A wrong brand in a brand's own rules is answered with its own key and no other; the installation's with all."""
    text = "version: 1\nrules:\n  - {name: a, when: delivered, for: {brand: nobody}, send: [email], expires: 2h}\n"
    for known, others in ((replace(KNOWN, own="fjallhem"), False), (KNOWN, True)):
        with pytest.raises(InvalidInput) as refused:
            parse_rules(text, known)
        assert "fjallhem" in str(refused.value) and ("atelier-ombre" in str(refused.value)) is others


@pytest.mark.parametrize(("channel", "lacking"), [("email", None), ("sms", "phone"), ("whatsapp", "phone")])
def test_a_team_without_an_address_cannot_be_written_to(channel, lacking):
    """A rule for the brand's own people is refused where its folder does not say how to reach them."""
    text = (
        "version: 1\nrules:\n  - {name: a, when: exception, expires: 2h,"
        f" send: [{{channel: {channel}, audience: team, template: exception}}]}}\n"
    )
    known = replace(KNOWN, team=frozenset({"email"}), templates=TEMPLATES | {("exception", "whatsapp")})
    if lacking is None:
        assert parse_rules(text, known).rules[0].send[0].audience == "team"
        return
    with pytest.raises(InvalidInput, match=f"the brand's team has no {lacking} for {channel}") as refused:
        parse_rules(text, known)
    assert "brand.yaml" in str(refused.value) and refused.value.faults[0].line == 3
