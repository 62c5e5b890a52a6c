"""What a shopper gets by the default set: the journeys of docs/default-rules.md, one piece of news after another."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.messages.catalog import Catalog
from app.models.facts import (
    BrandFacts,
    Eta,
    Facts,
    News,
    OrderFacts,
    OtherParcel,
    ParcelFacts,
    Promise,
    ShopperFacts,
    Told,
)  # fmt: skip
from app.models.vocabulary import Cause, Channel, Milestone
from app.rules.decide import Crossed, decide
from app.rules.document import default_rules
from app.rules.ruleset import Audience, Priority

M = Milestone
ROOT = Path(__file__).resolve().parents[2]
MORNING = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CHANNELS = frozenset({Channel.email, Channel.sms})
PROMISED = Promise(on=date(2026, 11, 27), ends_at=datetime(2026, 11, 27, 23, tzinfo=UTC))
STANDS = {
    M.delayed: M.in_transit, M.arriving_early: M.in_transit, M.eta_changed: M.in_transit,
    M.pickup_expiring: M.ready_for_pickup, M.all_delivered: M.delivered,
}  # fmt: skip


@dataclass
class Life:
    """An order's shopper, and what they were told: `channel template`, with `+2h` where it is held for so long."""

    direction: str = "outbound"
    carrier: str = "dhl"
    parcels: int = 1
    phone: bool = True
    promise: Promise = PROMISED
    now: datetime = MORNING
    told: list[str] = field(default_factory=list)
    history: list[Told] = field(default_factory=list)
    stands: dict[str, tuple[Milestone, datetime]] = field(default_factory=dict)

    def comes(self, milestone: Milestone, parcel: str = "1", hours: float = 3, **more: Any) -> "Life":
        """Some hours later (by day) a parcel comes to a milestone; what is planned is told."""
        self.now += timedelta(hours=hours)
        stands = STANDS.get(milestone, milestone)
        self.stands[parcel] = (stands, self.now)
        answers = decide(Crossed(self.facts(milestone, parcel, stands, more)), default_rules(), CHANNELS, self.now)
        for one in answers:
            if one.fired:
                held = round((one.send_at - self.now).total_seconds() / 3600, 1)
                self.told.append(f"{one.channel} {one.template}" + (f" +{held:g}h" if held else ""))
                self.history.append(Told(milestone=milestone, channel=one.channel, planned_at=self.now, rule=one.rule,
                                         parcel_id=parcel))  # fmt: skip
        return self

    def facts(self, milestone: Milestone, parcel: str, stands: Milestone, more: dict[str, Any]) -> Facts:
        others = [
            OtherParcel(id=name, milestone=at, milestone_at=since)
            for name, (at, since) in self.stands.items()
            if name != parcel
        ]
        cause = more.pop("cause", Cause.scan)
        eta, late = more.pop("eta", Eta()), more.pop("late_since", None)
        assert not more
        return Facts(
            brand=BrandFacts(key="fjallhem", name="Fjällhem"),
            order=OrderFacts(number="1001", placed_at=MORNING, parcel_count=self.parcels),
            parcel=ParcelFacts(
                id=parcel, link="/t/x", direction=self.direction, carrier=self.carrier, milestone=stands,
                milestone_at=self.now, late_since=late,
            ),
            other_parcels=tuple(others),
            shopper=ShopperFacts(has_email=True, has_phone=self.phone, locale="en", zone="Europe/Stockholm"),
            promise=self.promise,
            eta=eta,
            news=News(milestone=milestone, cause=cause, occurred_at=self.now),
            history=tuple(told for told in self.history if told.parcel_id == parcel),
            order_history=tuple(self.history),
        )  # fmt: skip


def test_a_plain_delivery_is_told_of_three_times():
    """Sent, out for delivery, delivered: three mails and two texts, the label and the way between them in silence."""
    life = Life().comes(M.registered).comes(M.dispatched).comes(M.in_transit)
    life.comes(M.out_for_delivery, hours=20).comes(M.delivered)
    assert life.told == [
        "email dispatched", "email out_for_delivery", "sms out_for_delivery", "email delivered", "sms delivered",
    ]  # fmt: skip


def test_who_was_not_told_that_it_left_is_told_that_it_moves():
    """A parcel that was handed to us on its way begins with one mail that it is."""
    assert Life().comes(M.in_transit).told == ["email in_transit"]


def test_a_failed_attempt_and_a_counter():
    """Half an hour of patience, then where it waits, then one reminder, then that it was handed over."""
    life = Life().comes(M.attempt_failed).comes(M.ready_for_pickup, hours=4)
    life.comes(M.pickup_expiring, hours=120, cause=Cause.pickup_ends).comes(M.delivered)
    assert life.told == [
        "email attempt_failed +0.5h", "sms attempt_failed +0.5h", "email ready_for_pickup", "sms ready_for_pickup",
        "email pickup_expiring", "sms pickup_expiring", "email delivered", "sms delivered",
    ]  # fmt: skip


def test_a_wavering_carrier_is_not_passed_on():
    """A second attempt in the same half day, a counter named twice, an exception on each of three days: told once."""
    life = Life().comes(M.attempt_failed).comes(M.attempt_failed, hours=4).comes(M.attempt_failed, hours=20)
    assert life.told.count("email attempt_failed +0.5h") == 2
    life = Life().comes(M.ready_for_pickup).comes(M.ready_for_pickup, hours=5)
    assert life.told == ["email ready_for_pickup", "sms ready_for_pickup"]
    life = Life().comes(M.exception).comes(M.exception, hours=24).comes(M.exception, hours=24)
    assert life.told == ["email exception +4h"]


def test_a_late_parcel_gets_one_apology_and_later_its_new_day():
    """The promise passes, then the carrier names a day, then it arrives."""
    late = MORNING + timedelta(hours=3)
    life = Life().comes(M.delayed, cause=Cause.promise_passed, late_since=late)
    life.comes(M.eta_changed, hours=9, cause=Cause.eta, late_since=late, eta=Eta(day=date(2026, 11, 30)))
    life.comes(M.out_for_delivery, hours=18)
    assert life.told == [
        "email delayed", "sms delayed", "email eta_changed", "email out_for_delivery", "sms out_for_delivery",
    ]  # fmt: skip


def test_a_day_that_moves_again_is_told_again():
    """Whoever was told of a day must hear when it is another: still before the promise, or hours after the apology."""
    life = Life().comes(M.arriving_early, cause=Cause.eta, eta=Eta(day=date(2026, 11, 25)))
    life.comes(M.eta_changed, cause=Cause.eta, eta=Eta(day=date(2026, 11, 26)))
    assert life.told == ["email arriving_early", "email eta_changed"]
    late = Life().comes(M.delayed, cause=Cause.promise_passed, late_since=MORNING + timedelta(hours=3))
    late.comes(M.eta_changed, hours=1, cause=Cause.eta, late_since=MORNING, eta=Eta(day=date(2026, 11, 30)))
    assert late.told == ["email delayed", "sms delayed", "email eta_changed"]


def test_a_hold_up_is_told_only_if_it_lasts():
    """It waits four hours, and is judged again then."""
    assert Life().comes(M.exception).told == ["email exception +4h"]


def test_a_parcel_that_comes_back():
    """On its way back, after two hours of doubt, and back with us."""
    life = Life().comes(M.returning).comes(M.returning, hours=12).comes(M.returned, hours=48)
    assert life.told == ["email returning +2h", "email returned"]


def test_a_parcel_that_is_lost_sight_of():
    """The shopper is asked, by mail alone."""
    assert Life().comes(M.expired, cause=Cause.silence).told == ["email expired"]


def test_five_parcels_that_come_apart_end_with_one_word_on_the_whole():
    """Each parcel is told of as it comes, and the order's completion two hours after the last."""
    life = Life(parcels=5)
    for number in "12345":
        life.comes(M.delivered, number, hours=24)
    life.comes(M.all_delivered, "5", hours=0, cause=Cause.order)
    assert life.told == ["email delivered", "sms delivered"] * 5 + ["email all_delivered +2h"]


def test_parcels_that_come_together_are_not_summed_up():
    """What arrived within a few hours has been told; an order of one parcel has nothing to sum up."""
    life = Life(parcels=2).comes(M.delivered, "1").comes(M.delivered, "2", hours=1)
    assert "all_delivered" not in str(life.comes(M.all_delivered, "2", hours=0, cause=Cause.order).told)
    assert Life().comes(M.delivered).comes(M.all_delivered, cause=Cause.order).told == [
        "email delivered", "sms delivered",
    ]  # fmt: skip


def test_what_befalls_several_parcels_at_once_is_told_together():
    """Every milestone that the parcels of an order share has a window, shorter where the hour matters."""
    merging = {rule.when: rule.merge for rule in default_rules().rules if rule.merge}
    shared = {
        M.dispatched,
        M.in_transit,
        M.out_for_delivery,
        M.attempt_failed,
        M.ready_for_pickup,
        M.delivered,
        M.delayed,
        M.eta_changed,
    }
    assert set(merging) == shared
    assert merging[M.out_for_delivery] == timedelta(minutes=10) == min(merging.values())
    assert max(merging.values()) <= timedelta(minutes=30)


def test_a_carrier_that_scans_early_gets_an_hour():
    """Its word is passed on an hour later, once."""
    assert Life(carrier="usps").comes(M.delivered).told == ["email delivered +1h", "sms delivered +1h"]


def test_a_return_is_told_by_mail_as_far_as_it_matters():
    """Handed in, and arrived; not each step between, and never by the words of a delivery."""
    life = Life(direction="return").comes(M.registered).comes(M.dispatched).comes(M.in_transit)
    life.comes(M.out_for_delivery, hours=24).comes(M.return_received)
    assert life.told == ["email return_dispatched", "email return_received"]


def test_a_return_that_is_stuck_held_up_or_comes_back():
    """Silence is told, the broken promise of the delivery is not; a hold-up only after a day."""
    back = Life(direction="return")
    assert back.comes(M.delayed, cause=Cause.promise_passed).told == []
    back.comes(M.delayed, cause=Cause.silence, hours=24).comes(M.exception).comes(M.returning).comes(M.expired)
    assert back.told == [
        "email return_delayed", "email return_exception +24h", "email return_returning +4h", "email return_expired",
    ]  # fmt: skip


def test_what_nobody_is_told():
    """A label and a called-off label are no news to a shopper."""
    assert Life().comes(M.registered).comes(M.cancelled).told == []


def test_a_text_that_comes_up_at_night_waits_for_the_morning_and_the_mail_does_not():
    """At 23:00 in Stockholm the mail leaves; the text at eight, nine hours later."""
    night = Life(now=MORNING + timedelta(hours=14)).comes(M.delayed, hours=0, cause=Cause.promise_passed)
    assert night.told == ["email delayed", "sms delayed +9h"]


def test_out_for_delivery_goes_first_and_goes_stale_first():
    """Nothing else is urgent, and no other news is worth less the next day."""
    rules = {rule.name: rule for rule in default_rules().rules}
    assert [name for name, rule in rules.items() if rule.priority is Priority.urgent] == ["out_for_delivery"]
    assert min(rule.expires for rule in rules.values()) == rules["out_for_delivery"].expires == timedelta(hours=12)


def test_the_set_names_only_templates_that_ship_and_describes_itself():
    """Every template, fallbacks too, is there for its channel; every rule says in a sentence what it is for."""
    there, rules = Catalog(ROOT / "templates", "https://parcels.shop.example").keys(), default_rules()
    assert all(re.fullmatch(r"[A-Z].{10,160}\.", rule.description) for rule in rules.rules)
    sends = [send for rule in rules.rules for send in rule.send]
    sends += [send.fallback for send in sends if send.fallback]
    assert all((send.template, send.channel) in there for send in sends)
    assert {send.audience for send in sends} == {Audience.shopper}
    alone = [rule.name for rule in rules.rules if {send.channel for send in rule.send} == {Channel.sms}]
    assert alone == [], "a shopper without a phone is told too"
    assert {rule.when for rule in rules.rules} == set(M) - {M.registered, M.cancelled}


@pytest.mark.parametrize("name", sorted(rule.name for rule in default_rules().rules))
def test_the_journeys_name_every_rule(name: str):
    """The page for operations speaks of each rule of the set."""
    assert f"`{name}`" in (ROOT / "docs" / "default-rules.md").read_text(encoding="utf-8")
