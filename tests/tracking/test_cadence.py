"""When a parcel is asked about next."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.vocabulary import CARRIER_MILESTONES, ENDS, Milestone
from app.tracking.cadence import (
    DEFAULT,
    EVENING,
    LATER_LOOKS,
    MORNING,
    Cadence,
    Rank,
    Watched,
    after_failure,
    after_not_found,
    describe,
    next_question,
)
from app.zones import zone, zone_names

M = Milestone
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)  # a Wednesday, 11 o'clock in Stockholm
ALIVE = [milestone for milestone in CARRIER_MILESTONES if milestone not in ENDS]
ZONES = sorted(zone_names() - {"localtime"})
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


def parcel(milestone: Milestone = M.in_transit, **given: object) -> Watched:
    return Watched(**{
        "id": 7, "milestone": milestone, "milestone_at": NOW, "quiet_since": NOW, "zone": "Europe/Stockholm",
        "country": "SE", **given,
    })  # fmt: skip


def local_hour(at: datetime, zone_name: str) -> float:
    local = at.astimezone(zone(zone_name))
    return local.hour + local.minute / 60


def asked_on(watched: Watched, day: date, cadence: Cadence = DEFAULT) -> list[datetime]:
    """Every question of one local day, if the parcel stays where it is."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=26)
    found = []
    while at.astimezone(zone(watched.zone)).date() <= day:
        if at.astimezone(zone(watched.zone)).date() == day:
            found.append(at)
        question = next_question(watched, at, cadence)
        assert question is not None
        at = question.at
    return found


@given(
    st.sampled_from(ALIVE), st.integers(1, 2**40), st.sampled_from(ZONES), INSTANTS,
    st.floats(0, 90), st.none() | st.integers(-20, 40), st.sampled_from(["SE", "SA", None]),
)  # fmt: skip
def test_a_living_parcel_is_always_asked_about_again(milestone, seed, zone_name, now, silent, eta, country):
    """In every zone and at every instant: soon enough, never at once, and at night only after a good while."""
    watched = parcel(
        milestone, id=seed, zone=zone_name, country=country, quiet_since=now - timedelta(days=silent),
        eta_day=now.date() + timedelta(days=eta) if eta is not None else None,
    )  # fmt: skip
    question = next_question(watched, now)
    assert question is not None
    patience_ends = watched.quiet_since + DEFAULT.patience(milestone)
    assert question.at > now
    assert question.at - now > timedelta(minutes=4) or question.at == patience_ends
    assert question.at - now < timedelta(hours=36)
    if not MORNING <= local_hour(question.at, zone_name) < EVENING and question.at != patience_ends:
        assert question.at - now >= DEFAULT.night * 0.9


@given(st.sampled_from(ALIVE), st.integers(1, 2**40), st.sampled_from(ZONES), INSTANTS)
def test_no_morning_is_slept_through(milestone, seed, zone_name, now):
    """A parcel that may go out today is asked about by seven in the morning, over every change of the clocks."""
    watched = parcel(milestone, id=seed, zone=zone_name, quiet_since=now)
    if milestone not in (M.in_transit, M.attempt_failed, M.exception):
        return
    question = next_question(watched, now)
    assert question is not None
    mornings = (now.astimezone(zone(zone_name)).date() + timedelta(days=n) for n in range(3))
    sevens = [datetime(d.year, d.month, d.day, 7, 5, tzinfo=zone(zone_name)) for d in mornings]
    first = next(seven for seven in sevens if seven - now > timedelta(hours=1, minutes=30))
    assert question.at <= first


def test_the_nearer_the_news_the_more_often():
    """Out for delivery before expected today, before on its way, before far away, before back to the shop."""
    wednesday = date(2026, 3, 4)
    often = [
        parcel(M.out_for_delivery),
        parcel(eta_day=wednesday),
        parcel(),
        parcel(eta_day=date(2026, 3, 9)),
        parcel(M.returning),
    ]
    counts = [len(asked_on(one, wednesday)) for one in often]
    assert counts == sorted(counts, reverse=True) and len(set(counts)) >= 4, counts
    assert counts[0] >= 36 and counts[-1] <= 5


def test_what_was_due_days_ago_is_not_watched_like_what_comes_today():
    """An estimate that has passed loses its weight as the carrier falls silent."""
    wednesday = date(2026, 3, 4)
    today = parcel(eta_day=wednesday)
    overdue = parcel(eta_day=wednesday - timedelta(days=6), quiet_since=NOW - timedelta(days=7))
    assert len(asked_on(overdue, wednesday)) < len(asked_on(today, wednesday)) / 2


def test_nobody_delivers_on_the_countrys_day_of_rest():
    """On Sunday few questions are asked in Sweden, on Saturday in Saudi Arabia; what is out for delivery is watched."""
    saturday, sunday = date(2026, 3, 7), date(2026, 3, 8)
    swede, saudi = parcel(quiet_since=NOW), parcel(country="SA", zone="Asia/Riyadh")
    assert len(asked_on(swede, sunday)) < len(asked_on(swede, saturday))
    assert len(asked_on(saudi, saturday)) < len(asked_on(saudi, sunday))
    out = parcel(M.out_for_delivery)
    assert len(asked_on(out, sunday)) == len(asked_on(out, saturday))


def test_parcels_of_one_moment_are_not_asked_together():
    """A thousand parcels that stand alike spread their questions over minutes, in the morning too."""
    evening = datetime(2026, 3, 4, 20, 30, tzinfo=UTC)
    for milestone, now, least in [(M.out_for_delivery, NOW, 100), (M.in_transit, evening, 700)]:
        questions = [next_question(parcel(milestone, id=n), now) for n in range(1000)]
        seconds = {round(question.at.timestamp()) for question in questions if question}
        assert len(seconds) >= least


@pytest.mark.parametrize("end", sorted(ENDS))
def test_an_end_is_looked_at_once_more_and_then_never(end):
    """After some days, for a return or a correction; an end that is heard of later than that has had its look."""
    after = LATER_LOOKS[end]
    question = next_question(parcel(end), NOW)
    assert question is not None and after <= question.at - NOW <= after * 1.1 and question.rank is Rank.cold
    assert next_question(parcel(end), question.at) is None
    assert next_question(parcel(end, milestone_at=NOW - 2 * after), NOW) is None
    assert next_question(parcel(end), NOW, Cadence(later={end: timedelta(0)})) is None


def test_a_silent_parcel_is_asked_when_its_patience_ends():
    """So that it expires then, by its carrier's own silence, and not a day later."""
    quiet = NOW - DEFAULT.give_up + timedelta(hours=1)
    question = next_question(parcel(quiet_since=quiet), NOW)
    assert question is not None and question.at == NOW + timedelta(hours=1)


def test_ranks_say_what_is_likely():
    """Out for delivery first, then what is expected today, then what moves; what has ended last."""
    ranks = [
        next_question(one, NOW).rank  # type: ignore[union-attr]
        for one in (parcel(M.out_for_delivery), parcel(eta_day=NOW.date()), parcel(), parcel(M.returning))
    ]
    assert ranks == [Rank.hot, Rank.warm, Rank.cool, Rank.cold]


@given(st.integers(1, 2**40), st.integers(0, 400))
def test_an_unknown_number_is_asked_ever_more_seldom(shipment_id, days):
    """Every three hours at first, later twice a day."""
    wait = after_not_found(NOW, NOW - timedelta(days=days), shipment_id) - NOW
    assert timedelta(hours=2) < wait <= timedelta(hours=3 if days < 3 else 12)


@given(st.integers(1, 1000), st.integers(1, 2**40))
def test_back_off_grows_and_is_bounded(failures, shipment_id):
    """A failing carrier is asked ever more seldom, but at least every hour and a quarter."""
    assert 10 < after_failure(failures, shipment_id) <= 4500


def test_the_cadence_is_shown_as_it_is_written():
    """Every span by its setting's name, in the shortest unit that says it whole."""
    shown = describe(DEFAULT)
    assert (shown["out_for_delivery"], shown["in_transit"], shown["delivered"], shown["give_up"]) == (
        "20m", "1h", "2d", "30d",
    )  # fmt: skip
    assert describe(Cadence(night=timedelta(minutes=90), later={M.delivered: timedelta(0)})) | {"x": ""} == {
        **{name: span for name, span in shown.items() if name not in ENDS}, "night": "90m", "delivered": "0d", "x": "",
    }  # fmt: skip
