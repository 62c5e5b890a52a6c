"""No text in the night: by the shopper's own clock, through every clock change, in every zone of the country."""

import random
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.intake.shopper_zone import work_out
from app.models.facts import ShopperFacts
from app.models.vocabulary import Channel, Milestone, Reason
from app.rules.decide import Crossed, decide
from app.rules.document import default_rules, parse_rules
from app.rules.quiet import Quiet, first_allowed, is_quiet, parse_quiet, zones_of
from app.zones import zone_names, zones_of_country
from tests.rules.test_decide import facts

NIGHT = parse_quiet("21:00-08:00")
STRETCHES = (NIGHT, parse_quiet("22:00-02:30"), parse_quiet("00:00-06:00"), parse_quiet("01:15-03:00"))
MINUTE, QUARTER, YEAR = timedelta(minutes=1), timedelta(minutes=15), 2026


def transitions(name: str) -> tuple[tuple[datetime, timedelta], ...]:
    """When a zone's clocks change within the year, to the quarter, and to which offset."""
    here, found = ZoneInfo(name), []
    at = datetime(YEAR, 1, 1, tzinfo=UTC)
    before = at.astimezone(here).utcoffset()
    for _ in range(366 * 96):
        at += QUARTER
        now = at.astimezone(here).utcoffset()
        if now != before:
            found.append((at, now))
            before = now
    return tuple(found)


def distinct_zones() -> list[str]:
    """One zone for each distinct set of transitions and offset."""
    seen: dict[tuple, str] = {}
    for name in sorted(zone_names()):
        at = datetime(YEAR, 1, 1, tzinfo=UTC)
        offsets = [(at + timedelta(days=30 * n)).astimezone(ZoneInfo(name)).utcoffset() for n in range(13)]
        if len(set(offsets)) > 1 or tuple(offsets) not in seen:
            seen.setdefault(tuple(offsets), name)
    return sorted(seen.values())


def check(name: str, at: datetime, quiet: Quiet) -> None:
    """From an instant, the first allowed one is later or the same, is not quiet, and nothing before it is allowed."""
    first = first_allowed(at, [name], quiet)
    assert first >= at and not is_quiet(first, [name], quiet)
    if first > at:
        assert is_quiet(first - MINUTE, [name], quiet) or first - MINUTE < at
        assert first - at <= timedelta(hours=25)
        half = at + (first - at) / 2
        assert is_quiet(half, [name], quiet)


@pytest.mark.parametrize("name", ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_every_minute_around_each_clock_change(name):
    """Within a day and a half of each change no instant that is given is quiet, and none is later than it need be."""
    for change, _ in transitions(name):
        for quiet in STRETCHES:
            for minute in range(-36 * 60, 36 * 60, 7):
                check(name, change + minute * MINUTE, quiet)


@pytest.mark.sweep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", distinct_zones())
def test_every_minute_of_every_zone(name):
    """For each distinct set of transitions: every minute within 48 hours of each change, every quarter otherwise."""
    for change, _ in transitions(name):
        for minute in range(-48 * 60, 48 * 60):
            check(name, change + minute * MINUTE, NIGHT)
    at = datetime(YEAR, 1, 1, tzinfo=UTC)
    for _ in range(365 * 96):
        check(name, at, NIGHT)
        at += QUARTER


def test_a_slice_of_every_zone():
    """A few hundred instants of the year in each distinct zone."""
    dice = random.Random(7)
    start = datetime(YEAR, 1, 1, tzinfo=UTC)
    for name in distinct_zones():
        for _ in range(40):
            check(name, start + timedelta(minutes=dice.randrange(365 * 1440)), dice.choice(STRETCHES))


@settings(max_examples=150, deadline=None)
@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.lists(st.sampled_from(sorted(zone_names())), min_size=1, max_size=4),
    st.integers(0, 95),
    st.integers(1, 80),
)
def test_any_stretch_in_any_zones(at, names, starts, length):
    """What is given is quiet nowhere, or, where it is always quiet somewhere, not in the first zone."""
    ends = (starts + length) % 96
    quiet = Quiet(time(starts // 4, starts % 4 * 15), time(ends // 4, ends % 4 * 15))
    first = first_allowed(at, names, quiet)
    assert first >= at
    assert not is_quiet(first, names, quiet) or not is_quiet(first, names[:1], quiet)


def test_a_country_of_several_zones_waits_for_its_last():
    """A shopper of whom only "Brazil" is known is texted when it is day in all of Brazil; a known zone is their own."""
    found = work_out(None, "BR", None, "Europe/Stockholm")
    brazil = ShopperFacts(
        has_email=True, has_phone=True, locale="pt", zone=found.zone, zones=found.zones, zone_source=found.source
    )
    assert len(zones_of(brazil)) > 3 and zones_of(brazil)[0] == "America/Sao_Paulo"
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # 06:00 in São Paulo, 04:00 in Rio Branco
    first = first_allowed(at, zones_of(brazil), NIGHT)
    assert first.astimezone(ZoneInfo("America/Rio_Branco")).time() == time(8)
    own = brazil.model_copy(update={"zones": ("America/Sao_Paulo",)})
    assert first_allowed(at, zones_of(own), NIGHT) == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert zones_of_country("XX") == () and zones_of_country(None) == ()


def test_the_default_rules_hold_texts_at_night_and_no_mail():
    """Out for delivery at 06:30: the mail leaves at once, the text at eight."""
    now = datetime(2026, 3, 2, 5, 30, tzinfo=UTC)
    news = facts(ago=timedelta(hours=2)).model_copy(
        update={
            "shopper": facts().shopper.model_copy(update={"zone": "Europe/Stockholm", "zone_source": "order"}),
            "news": facts().news.model_copy(update={"occurred_at": now - timedelta(minutes=5)}),
        }
    )
    told = {one.channel: one for one in decide(Crossed(news), default_rules(), frozenset(Channel), now)}
    assert told[Channel.email].send_at == now and told[Channel.email].quiet is None
    assert told[Channel.sms].send_at == datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    assert told[Channel.sms].fired and str(told[Channel.sms].quiet) == "21:00-08:00"


RULES = """version: 1
quiet_hours: {{sms: "21:00-08:00"}}
rules:
  - name: r
    when: out_for_delivery
    send: [sms]
    expires: 2h
{more}"""


def test_what_is_no_news_by_the_morning_is_not_held():
    """It says so at once: held, it could only expire."""
    now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    news = facts().model_copy(update={"news": facts().news.model_copy(update={"occurred_at": now})})
    [told] = decide(Crossed(news), parse_rules(RULES.format(more="")), frozenset(Channel), now)
    assert (told.fired, told.reason) == (False, Reason.quiet_hours)
    [told] = decide(Crossed(news), parse_rules(RULES.format(more="    quiet_hours: none\n")), frozenset(Channel), now)
    assert told.fired and told.send_at == now and news.news.milestone is Milestone.out_for_delivery


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("    quiet_hours: 9pm\n", "not a mapping"),
        ('    quiet_hours: {sms: "9-8"}\n', "no stretch of the day"),
        ('    quiet_hours: {sms: "08:00-08:00"}\n', "begins when it ends"),
        ('    quiet_hours: {pigeon: "21:00-08:00"}\n', "unknown key"),
    ],
)
def test_bad_hours_are_refused_with_their_line(written, problem):
    """What is no stretch of the day is named by line, with what to write."""
    with pytest.raises(InvalidInput) as refused:
        parse_rules(RULES.format(more=written))
    assert refused.value.faults[0].line == 8 and problem in str(refused.value)
