"""A condition is checked when its rule is saved, and answered from the facts and the instant alone."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.models.facts import BrandFacts, Eta, Facts, Item, News, OrderFacts, ParcelFacts, Promise, ShopperFacts, Told
from app.models.vocabulary import Channel, Milestone, Reason
from app.rules.conditions import LONGEST, ConditionFailed, Unfit, View, check
from app.rules.decide import Crossed, decide
from app.rules.document import parse_rules
from app.rules.language import variables

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FACTS = Facts(
    brand=BrandFacts(key="fjallhem", name="Fjällhem"),
    order=OrderFacts(
        number="1001", placed_at=NOW - timedelta(days=3), currency="SEK", total_minor=99900, tags=("vip",)
    ),
    parcel=ParcelFacts(
        id="shp_1",
        link="/t/x",
        carrier="dhl",
        milestone=Milestone.in_transit,
        items=(Item(sku="SOFA-1", name="Sofa"), Item(sku="LAMP-2", name="Lamp", quantity=2)),
    ),
    shopper=ShopperFacts(has_email=True, has_phone=True, locale="sv", country="SE", zone="Europe/Stockholm"),
    promise=Promise(on=NOW.date() + timedelta(days=1)),
    eta=Eta(ends_at=NOW + timedelta(days=2)),
    news=News(milestone=Milestone.in_transit, occurred_at=NOW - timedelta(minutes=5)),
    history=(Told(milestone=Milestone.dispatched, channel="email", planned_at=NOW - timedelta(days=1)),),
)


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ('parcel.carrier == "dhl" && has(order.total_minor) && order.total_minor >= 50000', True),
        ('parcel.items.exists(i, i.sku.startsWith("SOFA"))', True),
        ("parcel.items.all(i, i.quantity == 1)", False),
        ('"vip" in order.tags', True),
        ("has(eta.ends_at) && eta.ends_at - now > duration('24h')", True),
        ("has(eta.starts_at)", False),
        ("has(parcel.pickup)", False),
        ('has(promise.on) && promise.on == "2026-03-03"', True),
        ('history.exists(told, told.milestone == "dispatched" && now - told.planned_at < duration("48h"))', True),
        ('now.getHours("Europe/Stockholm") == 9', True),
        ("size(other_parcels) == 0 || other_parcels.all(one, one.milestone == 'delivered')", True),
        ("news.cause == 'scan' && news.occurrence == 1", True),
    ],
)
def test_facts_are_asked(source, holds):
    """Each part of the facts can be asked about: text, numbers, instants, days, lists, and what is missing."""
    assert check(source).holds(View(FACTS, NOW)) is holds


@pytest.mark.parametrize(
    ("source", "problem", "remedy", "column"),
    [
        ("order.totl_minor > 1", "'totl_minor' is no field of OrderFacts", "'total_minor'", 6),
        ("ordr == 1", "'ordr' is not known", "'order'", 1),
        ("order.number > 1", "does not go with string, int", "one kind", 14),
        ("order.number", "not true or false", "Compare", 1),
        ("1 +", "breaks off", "to its end", 4),
        ('parcel.milestone == "delivred"', "'delivred' is no milestone", "'delivered'", 21),
        ("news.cause != 'promise_pased'", "is no cause", "'promise_passed'", 15),
        ('now.getHours("Europe/Stokholm") > 8', "'Europe/Stokholm' is no time zone", "'Europe/Stockholm'", 14),
        ('shopper.zone == "Europe/Pariss"', "is no time zone", "'Europe/Paris'", 17),
        ('shopper.country in ["SE", "UK"]', "'UK' is no country", "'GB'", 27),
        ('other_parcels.exists(o, o.milestone == "delivred")', "is no milestone", "'delivered'", 40),
        ('"delivred" == parcel.milestone', "is no milestone", "'delivered'", 1),
        ("parcel.items.exists(i, parcel.items.exists(j, i.sku == j.name))", "too costly", "nest", 1),
        ("shopper.country == 'SE' && parcel.items.exists(i, order.items.exists(j, i == j))", "too costly", "nest", 1),
        ('now - order.placed_at > duration("3d")', "'3d' is no span of time", "72h", 34),
        ('now > timestamp("2026-11-27")', "'2026-11-27' is no time", "T08:00:00Z", 17),
        ('order.number.matches("(FH|AO")', "'(FH|AO' is no pattern", "brackets", 22),
        ('now - parcel.delivered_at > duration("1h")', "'delivered_at' may be missing", "has(parcel.delivered_at)", 14),
        ('promise.on < "2026-12-24"', "'on' may be missing", "has(promise.on)", 9),
        ("order.total_minor < 50000", "'total_minor' may be missing", "has(order.total_minor)", 7),
        ("shopper.has_email && (order.total_minor > 0 || true)", "'total_minor' may be missing", "has(", 29),
        ("order.items.exists(i, i.price_minor == 0)", "'price_minor' may be missing", "has(….price_minor)", 25),
        ("other_parcels.exists(o, o.milestone_at < now)", "may be missing", "has(….milestone_at)", 27),
        ("open('/etc/passwd')", "'open' is not known", "One of", 5),
        ("x" * (LONGEST + 1), "characters long", "two rules", 1),
        ("order.number.__class__ == 1", "have no fields", "", 13),
    ],
)
def test_what_cannot_be_a_condition_is_refused(source, problem, remedy, column):
    """An unknown name, a wrong type, a misspelt word and a runaway loop are refused with place and remedy."""
    with pytest.raises(Unfit) as refused:
        check(source)
    assert problem in refused.value.problem and remedy in refused.value.remedy
    assert (refused.value.line, refused.value.column) == (1, column)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="order.total_minor><=&|()'\"[]{}+-*/%!?:, 0123456789abc", max_size=60))
def test_no_text_breaks_the_checker(source):
    """Whatever is written, it is a condition with an answer or is refused; nothing else happens."""
    try:
        assert check(source).holds(View(FACTS, NOW)) in (True, False)
    except (Unfit, ConditionFailed):
        return


@pytest.mark.parametrize(
    "source",
    [
        'has(parcel.delivered_at) && now - parcel.delivered_at > duration("1h30m")',
        '!has(promise.on) || promise.on < "2026-12-24"',
        "other_parcels.exists(o, has(o.milestone_at) && o.milestone_at < now)",
        "other_parcels.exists(o, o.items.exists(i, i.quantity > 1))",
        '[1, 2, 3].exists(n, order.items.exists(i, i.quantity == n)) && order.number.matches("^(FH|ÅÄ😀)-")',
    ],
)
def test_what_asks_first_and_ends_soon_is_a_condition(source):
    """What may be missing is asked for, and loops that stay short are welcome."""
    assert check(source).holds(View(FACTS, NOW)) in (True, False)


def test_an_error_is_no_truth():
    """What has no answer for these facts raises, and never counts as true."""
    with pytest.raises(ConditionFailed, match="index=5"):
        check('order.tags[5] == "x" || order.tags[5] != "x"').holds(View(FACTS, NOW))


@pytest.mark.parametrize("total", [None, 0, 40000])
@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("has(order.total_minor) && order.total_minor < 50000", {None: False, 0: True, 40000: True}),
        ("!has(order.total_minor) || order.total_minor < 30000", {None: True, 0: True, 40000: False}),
        ("!(has(order.total_minor) && order.total_minor >= 30000)", {None: True, 0: True, 40000: False}),
    ],
)
def test_a_sum_that_nobody_knows_is_not_nought(source, holds, total):
    """An order without a total is neither cheap nor dear; one of nothing is cheap."""
    facts = FACTS.model_copy(update={"order": FACTS.order.model_copy(update={"total_minor": total})})
    assert check(source).holds(View(facts, NOW)) is holds[total]


RULES = """version: 1
rules:
  - name: big
    when: in_transit
    if: {condition}
    send: [email, sms]
    expires: 48h
"""


def answers(condition, facts=FACTS):
    return decide(Crossed(facts), parse_rules(RULES.format(condition=condition)), frozenset(Channel), NOW)


def test_a_rule_whose_condition_does_not_hold_says_so():
    """It fires on no channel, and its answer carries the expression."""
    told = answers("has(order.total_minor) && order.total_minor > 100000")
    assert {(one.fired, one.reason) for one in told} == {(False, Reason.condition_false)}
    assert told[0].detail == "not true: has(order.total_minor) && order.total_minor > 100000"
    assert all(one.fired for one in answers("has(order.total_minor) && order.total_minor > 50000"))


def test_a_rule_whose_condition_has_no_answer_sends_nothing():
    """The reason is an error of the rule, with what went wrong."""
    [told, _] = answers("order.tags[3] == 'x'")
    assert (told.fired, told.reason) == (False, Reason.rule_error)
    assert "index=3" in told.detail


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("order.totl > 1", 5, 14),
        ("'order.totl > 1'", 5, 15),
        ("|\n      has(order.total_minor) && order.total_minor > 1 &&\n      order.totl > 1", 7, 12),
        ("[1]", 5, 9),
    ],
)
def test_a_fault_is_named_where_it_stands(written, line, column):
    """Line and column are those of the document, plain, quoted or in a block."""
    with pytest.raises(InvalidInput) as refused:
        parse_rules(RULES.format(condition=written))
    [fault] = refused.value.faults
    assert (fault.line, fault.column, fault.at) == (line, "if", column)


def test_every_field_is_documented():
    """`docs/rules.md` lists each field that a condition may name, with its type, and no other."""
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    table = text[text.index("| field | type |") :]
    listed = dict(re.findall(r"^\| `([\w.\[\]]+)` \| ([^|]+?) \|", table, re.M))
    expected = {
        f"{group}.{name}" if name else group: kind
        for group, fields in variables().items()
        for name, kind in fields.items()
    }
    assert listed == expected
