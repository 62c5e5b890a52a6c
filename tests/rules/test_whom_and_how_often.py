"""Whom a rule is for, how often it tells, which of several rules tells, and what its condition read."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.models.facts import Facts, Team, Told
from app.models.vocabulary import Channel, Milestone, Reason
from app.rules import decide as deciding
from app.rules.conditions import check
from app.rules.decide import Crossed, decide
from app.rules.document import parse_rules
from app.rules.inputs import LONGEST, MOST, inputs_of

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ALL = frozenset(Channel)


def facts(**changes) -> Facts:
    """A parcel that has just been delivered; parts are replaced field by field: `parcel={"carrier": "ups"}`."""
    whole = {
        "brand": {"key": "fjallhem", "name": "Fjällhem"},
        "order": {"number": "1001", "placed_at": NOW - timedelta(days=3), "tags": ("vip", "gift"), "total_minor": 5000},
        "parcel": {"id": "shp_1", "link": "/t/x", "carrier": "dhl", "service": "Express 24", "milestone": "delivered"},
        "shopper": {"has_email": True, "has_phone": True, "locale": "sv", "country": "SE", "zone": "Europe/Stockholm"},
        "news": {"milestone": "delivered", "occurred_at": NOW - timedelta(minutes=5)},
    }
    for name, change in changes.items():
        whole[name] = {**whole[name], **change} if isinstance(change, dict) and name in whole else change
    return Facts.model_validate(whole)


def rule(name: str = "one", **keys: str) -> str:
    """One rule's line; `when` and the rest can be replaced."""
    written = {"when": "delivered", "send": "[email]", "expires": "48h", **keys}
    listed = ", ".join(f"{key.rstrip('_')}: {value}" for key, value in written.items())
    return f"  - {{name: {name}, {listed}}}\n"


def answers(*rules: str, of: Facts | None = None, now: datetime = NOW):
    """What the rules say of a parcel: (rule, channel, reason)."""
    read = parse_rules("version: 1\nrules:\n" + "".join(rules))
    crossed = Crossed(of or facts(), team=Team(has_email=True))
    return [(one.rule, one.channel.value, one.reason) for one in decide(crossed, read, ALL, now)]


@pytest.mark.parametrize(
    ("reach", "parcel", "is_for"),
    [
        ("{carrier: dhl}", facts(), True),
        ("{carrier: [ups, dhl]}", facts(), True),
        ("{carrier: ups}", facts(), False),
        ("{carrier: ups}", facts(parcel={"carrier": None}), False),
        ("{service: 'express*'}", facts(), True),
        ("{service: 'EXPRESS 24'}", facts(), True),
        ("{service: ['a', '*24']}", facts(), True),
        ("{service: express}", facts(), False),
        ("{service: '*'}", facts(parcel={"service": None}), True),
        ("{service: 'e*'}", facts(parcel={"service": None}), False),
        ("{country: se}", facts(), True),
        ("{country: [NO, FI]}", facts(), False),
        ("{country: SE}", facts(shopper={"country": None}), False),
        ("{country: SE}", facts(shopper={"country": "se"}), True),
        ("{brand: fjallhem}", facts(), True),
        ("{brand: atelier-ombre}", facts(), False),
        ("{tag: [b2b, gift]}", facts(), True),
        ("{tag: b2b}", facts(), False),
        ("{tag: VIP}", facts(), False),
        ("{tag: vip}", facts(order={"tags": ()}), False),
        ("{direction: outbound}", facts(parcel={"direction": "return"}), False),
        ("{carrier: dhl, country: SE, tag: vip}", facts(), True),
        ("{carrier: dhl, country: NO, tag: vip}", facts(), False),
    ],
)
def test_a_rule_answers_only_for_its_parcels(reach, parcel, is_for):
    """One that is for others gives no answer at all; every part that is written must fit."""
    assert bool(answers(rule(for_=reach), of=parcel)) is is_for


def test_returns_have_rules_of_their_own():
    """Without a word a rule is for outbound parcels, and a rule for returns is for nothing else."""
    usual, own = rule(when="exception"), rule("own", when="exception", for_="{direction: return}")
    there = facts(news={"milestone": "exception"})
    back = facts(news={"milestone": "exception"}, parcel={"direction": "return"})
    assert [one[0] for one in answers(usual, own, of=there)] == ["one"]
    assert [one[0] for one in answers(usual, own, of=back)] == ["own"]


def told(rule_name="one", channel="email", ago=timedelta(hours=5), parcel="shp_1"):
    return Told(milestone=Milestone.delivered, channel=channel, planned_at=NOW - ago, rule=rule_name, parcel_id=parcel)


@pytest.mark.parametrize(
    ("once", "history", "order_history", "reason"),
    [
        ("parcel", (), (), Reason.planned),
        ("parcel", (told(),), (told(),), Reason.told_once),
        ("parcel", (told("other"),), (told("other"),), Reason.planned),
        ("parcel", (told(channel="sms"),), (told(channel="sms"),), Reason.planned),
        ("parcel", (), (told(parcel="shp_2"),), Reason.planned),
        ("order", (), (told(parcel="shp_2"),), Reason.told_once),
        ("order", (), (told("other", parcel="shp_2"),), Reason.planned),
        ("6h", (told(),), (), Reason.told_once),
        ("5h", (told(),), (), Reason.planned),
        ("6h", (), (told(parcel="shp_2"),), Reason.planned),
        ("6h, per: order", (), (told(parcel="shp_2"),), Reason.told_once),
        ("6h", (told(ago=timedelta(hours=9)), told(ago=timedelta(hours=2))), (), Reason.told_once),
    ],
)
def test_once_per_parcel_order_or_span(once, history, order_history, reason):
    """What the rule told before, on the same channel, of this parcel or of the order, keeps it silent."""
    [(_, _, found)] = answers(rule(once_per=once), of=facts(history=history, order_history=order_history))
    assert found is reason


def test_the_first_that_tells_a_channel_is_the_one():
    """A later rule for the same milestone and channel names the one that tells; its other channels are its own."""
    narrow, wide = rule("narrow", for_="{tag: vip}"), rule("wide", send="[email, sms]")
    assert answers(narrow, wide) == [
        ("narrow", "email", Reason.planned), ("wide", "email", Reason.another_rule), ("wide", "sms", Reason.planned),
    ]  # fmt: skip
    read = parse_rules("version: 1\nrules:\n" + narrow + wide)
    details = [one.detail for one in decide(Crossed(facts()), read, ALL, NOW)]
    assert "'narrow'" in details[1]


@pytest.mark.parametrize(
    "silent",
    [
        {"if_": "has(order.total_minor) && order.total_minor > 9000"},
        {"if_": "\"order.tags[7] == 'x'\""},
        {"once_per": "parcel", "for_": "{tag: vip}"},
        {"expires": "4m", "for_": "{tag: vip}"},
        {"for_": "{country: NO}"},
    ],
)
def test_one_that_does_not_tell_hides_no_other(silent):
    """Whatever keeps a rule silent, the next one tells."""
    found = answers(rule("first", **silent), rule("next"), of=facts(history=(told("first"),)))
    assert found[-1] == ("next", "email", Reason.planned)


def test_the_team_and_the_shopper_are_told_apart():
    """Two rules that write to different people both do."""
    team = rule("team", send="[{channel: email, audience: team}]")
    found = answers(rule("shopper"), team)
    assert [one[2] for one in found] == [Reason.planned, Reason.planned]


def test_a_condition_that_is_not_reached_is_not_asked(monkeypatch):
    """Facts become a condition's values only for a rule that is for the parcel, has news, and is not told already."""
    made = []
    monkeypatch.setattr(deciding, "View", lambda *given: made.append(given) or pytest.fail("it was asked"))
    condition = {"if_": "has(order.total_minor) && order.total_minor > 1"}
    stale = rule("stale", expires="1m", for_="{tag: vip}", **condition)
    elsewhere = rule("elsewhere", for_="{carrier: ups}", **condition)
    other = rule("other", when="dispatched", **condition)
    found = answers(stale, elsewhere, other, rule("tells", for_="{tag: gift}"), rule("told", **condition))
    assert [one[2] for one in found] == [Reason.stale, Reason.planned, Reason.another_rule] and made == []


def test_the_inputs_are_what_the_condition_read():
    """Each field that it names, as it was, for an answer of yes and of no alike; none where nothing was asked."""
    dear = "has(order.total_minor) && order.total_minor > 100"
    condition = f"has(parcel.late_since) || {dear} && parcel.items.exists(i, i.sku == 'TENT')"
    parcel = {"items": [{"sku": "TENT", "name": "Tent"}, {"sku": "MAT", "name": "Mat"}]}
    read = parse_rules("version: 1\nrules:\n" + rule(if_=f'"{condition}"', send="[email, sms]") + rule("plain"))
    yes = decide(Crossed(facts(parcel=parcel)), read, ALL, NOW)
    expected = {"parcel.late_since": None, "order.total_minor": 5000, "parcel.items[].sku": ["TENT", "MAT"]}
    assert [one.inputs for one in yes] == [expected, expected, {}]
    [no, *_] = decide(Crossed(facts(order={"total_minor": 100})), read, ALL, NOW)
    assert no.reason is Reason.condition_false and no.inputs["order.total_minor"] == 100
    assert decide(Crossed(facts(), late=True), read, ALL, NOW)[0].inputs == {}


READS = [
    ("parcel.carrier == 'dhl' || true", {"parcel.carrier"}),
    ("size(other_parcels) == 0", {"other_parcels"}),
    ("other_parcels.exists(o, o.items.exists(i, i.sku == 'a'))", {"other_parcels[].items[].sku"}),
    ("parcel.items.filter(i, i.quantity > 1).exists(j, j.name == 'x')",
     {"parcel.items", "parcel.items[].name", "parcel.items[].quantity"}),
    ("parcel.items[0] == parcel.items[1]", {"parcel.items"}),
    ("order.tags[0] == 'x'", {"order.tags"}),
    ("order.items.exists(parcel, parcel.sku == 'x')", {"order.items[].sku"}),
    ("history.exists(told, true)", {"history"}),
    ("now - order.placed_at > duration('24h')", {"now", "order.placed_at"}),
    ("has(parcel.pickup) && parcel.pickup.hours.size() > 1", {"parcel.pickup", "parcel.pickup.hours"}),
    ("parcel.items.map(i, i.quantity * 2).exists(q, q > 3)", {"parcel.items[].quantity"}),
    ("[order.number, parcel.id].exists(t, t == 'x')", {"order.number", "parcel.id"}),
    ("{'a': shopper.zone}['a'] == 'UTC'", {"shopper.zone"}),
    ("parcel.carrier == 'dhl' ? shopper.has_email : shopper.has_phone",
     {"parcel.carrier", "shopper.has_email", "shopper.has_phone"}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "reads"), READS)
def test_what_an_expression_reads(source, reads):
    """The fields are found through loops, indexes, filters, and names that hide others."""
    assert check(source).reads == reads


@pytest.mark.parametrize("source", [source for source, _ in READS])
def test_a_condition_needs_no_more_than_it_reads(source):
    """Its answer from only the fields that it reads is its answer from all of them."""
    whole = facts(
        parcel={
            "items": [{"sku": "a", "name": "x", "quantity": 2}] * 2,
            "pickup": {"name": "Kiosk", "hours": ["8", "9"]},
        },
        order={"items": [{"sku": "x", "name": "y"}]},
        other_parcels=[{"id": "shp_2", "milestone": "in_transit", "items": [{"sku": "a", "name": "x"}]}],
        history=[told()],
    )
    condition = check(source)
    masked = deciding.View(whole, NOW, parse_rules_reads(source))
    assert condition.holds(masked) == condition.holds(deciding.View(whole, NOW))


def parse_rules_reads(source: str):
    return parse_rules("version: 1\nrules:\n" + rule(if_=f'"{source}"')).reads(Milestone.delivered)


def test_inputs_are_bounded_and_plain():
    """Long text is cut, long lists are counted, whole lines are only counted, days and instants are text."""
    order = {"tags": tuple(f"t{n}" for n in range(40)), "number": "9" * 500, "items": [{"name": "x"}] * 30}
    read = {"order.tags", "order.number", "order.items", "promise.on", "now", "parcel.pickup", "order.items[].sku"}
    whole = facts(order=order, parcel={"pickup": {"name": "Kiosk"}}, promise={"on": date(2026, 3, 3)})
    found = inputs_of(whole, read, NOW)
    assert len(found["order.tags"]) == MOST + 1 and found["order.tags"][-1] == "… and 28 more"
    assert len(found["order.number"]) == LONGEST + 1 and found["order.items"] == {"count": 30}
    assert (found["promise.on"], found["now"], found["parcel.pickup"]) == ("2026-03-03", NOW.isoformat(), True)
    assert len(found["order.items[].sku"]) == MOST + 1
    assert inputs_of(facts(), {"parcel.pickup.until", "other_parcels[].id"}, NOW) == {
        "parcel.pickup.until": None, "other_parcels[].id": [],
    }  # fmt: skip


def test_what_was_told_for_the_order_hides_no_rule_of_each_parcel():
    """The order's first parcel is told of by the one, every other by the next: nobody silently gets nothing."""
    first, each = rule("first", per="order"), rule("each")
    assert [one[2] for one in answers(first, each)] == [Reason.planned, Reason.another_rule]
    after = facts(order_history=(told("first", parcel="shp_2"),))
    assert [one[2] for one in answers(first, each, of=after)] == [Reason.already_told, Reason.planned]
    other = facts(order_history=(told("first", parcel="shp_2").model_copy(update={"milestone": Milestone.dispatched}),))
    assert [one[2] for one in answers(first, each, of=other)] == [Reason.planned, Reason.another_rule]
