"""Every decision has a reason, and only a planned one fires."""

from datetime import UTC, datetime, timedelta

import pytest

from app.models.facts import BrandFacts, Facts, News, OrderFacts, ParcelFacts, ShopperFacts
from app.models.vocabulary import Channel, Milestone, Reason
from app.rules.decide import Crossed, decide
from app.rules.document import default_rules

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
BOTH = frozenset(Channel)


def facts(milestone=Milestone.out_for_delivery, ago=timedelta(minutes=5), email=True, phone=True) -> Facts:
    return Facts(
        brand=BrandFacts(key="fjallhem", name="Fjällhem"),
        order=OrderFacts(number="1001", placed_at=NOW - timedelta(days=3)),
        parcel=ParcelFacts(id="shp_1", link="/t/x", milestone=milestone),
        shopper=ShopperFacts(has_email=email, has_phone=phone, locale="en"),
        news=News(milestone=milestone, occurred_at=NOW - ago),
    )


def reasons(crossed: Crossed, channels=BOTH) -> dict[Channel, Reason]:
    return {one.channel: one.reason for one in decide(crossed, default_rules(), channels, NOW)}


def test_fresh_news_is_planned_on_every_channel_of_its_rule():
    """Out for delivery goes out by email and SMS at once, and is worth sending for twelve hours."""
    answers = decide(Crossed(facts()), default_rules(), BOTH, NOW)
    assert [(a.channel, a.fired, a.priority) for a in answers] == [(Channel.email, True, 0), (Channel.sms, True, 0)]
    assert all(a.send_at == NOW and a.expires_at == NOW - timedelta(minutes=5) + timedelta(hours=12) for a in answers)


@pytest.mark.parametrize(
    ("crossed", "expected"),
    [
        (Crossed(facts(), cancelled=True), Reason.cancelled),
        (Crossed(facts(), history_until=NOW), Reason.history),
        (Crossed(facts(), late=True), Reason.late_news),
        (Crossed(facts(ago=timedelta(hours=12))), Reason.stale),
    ],
)
def test_news_that_must_not_be_told_fires_nothing(crossed, expected):
    """Cancelled, historic, late and stale news is answered with its reason on both channels."""
    assert reasons(crossed) == {Channel.email: expected, Channel.sms: expected}


def test_stale_news_says_in_words_how_long_it_was_news():
    """Hours, as the rule's sentence has them, not a clock's 12:00:00."""
    answers = decide(Crossed(facts(ago=timedelta(hours=12))), default_rules(), BOTH, NOW)
    assert {one.detail for one in answers} == {"it happened at 2026-03-01 20:00 UTC and is news for 12 hours"}


def test_what_is_newer_than_the_baseline_is_told():
    """Only crossings at or before the baseline are history."""
    crossed = Crossed(facts(ago=timedelta(minutes=5)), history_until=NOW - timedelta(minutes=6))
    assert set(reasons(crossed).values()) == {Reason.planned}


def test_a_missing_address_or_provider_stops_only_its_channel():
    """Without a phone the email still leaves; without an SMS provider too."""
    assert reasons(Crossed(facts(phone=False))) == {Channel.email: Reason.planned, Channel.sms: Reason.no_address}
    assert reasons(Crossed(facts()), {Channel.email}) == {
        Channel.email: Reason.planned,
        Channel.sms: Reason.channel_off,
    }


def test_a_milestone_without_a_rule_is_answered_by_nobody():
    """No rule of the default set looks at a label."""
    assert decide(Crossed(facts(Milestone.registered)), default_rules(), BOTH, NOW) == []


def test_every_reason_has_a_sentence():
    """Whatever is stored can be read out to a shopper."""
    assert all(reason.sentence.endswith(".") for reason in Reason)
