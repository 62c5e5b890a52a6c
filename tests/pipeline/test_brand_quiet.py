"""A brand's own quiet hours: they hold for each rule that states none, from a publication to the next."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import yaml

from app.errors import ConfigurationError
from app.insight.tell import tell
from app.models import Brand, Shipment
from app.models.vocabulary import Milestone
from app.pipeline.deciding.live_rules import rules_of
from app.rehearsal.aside import whole_story
from app.rehearsal.script import read_script
from app.rehearsal.simulate import simulate
from app.rules.document import parse_rules
from app.rules.ruleset import RuleSet
from tests.pipeline.conftest import World
from tests.pipeline.test_path import send_all

WHO = {"name": "Maja", "phone": "+46701740605", "country": "SE", "locale": "en"}
NIGHT = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)  # half past eleven in Sweden


def one_rule(beside: str = "", within: str = "") -> RuleSet:
    """One text about a parcel on its way, with quiet hours beside the rules or in it."""
    return parse_rules(
        f"version: 1\n{beside}rules:\n- name: out\n  when: out_for_delivery\n  send: [sms]\n  expires: 20h\n{within}"
    )


def quiet(world: World, hours: Mapping[str, str]) -> World:
    """The house from the publication on of a brand.yaml of Fjällhem's with these quiet hours."""
    written = yaml.safe_load(world.house.catalog.shelf("fjallhem").file("brand.yaml").text)
    content = yaml.safe_dump({**written, "quiet_hours": dict(hours)}, allow_unicode=True).encode()
    return world.with_(catalog=world.house.catalog.over("fjallhem", {"brand.yaml": content}))


def at(world: World, moment: datetime) -> None:
    world.clock.turn(seconds=(moment - world.clock.now()).total_seconds())


def out(world: World) -> str:
    """A parcel is out for delivery; its outside id."""
    (parcel,) = world.order(placed_at=(world.clock.now() - timedelta(days=2)).isoformat(), shopper=WHO)
    world.scan(parcel, Milestone.out_for_delivery)
    with world.house.sessions() as session:
        return session.get_one(Shipment, parcel).public_id


def test_a_rule_that_states_none_keeps_the_hours_of_its_brand_and_explain_says_whose(world: World) -> None:
    """By night it waits for eight in the morning; the story names the brand, and simulate says the same."""
    here = world.with_(rules=one_rule())
    here = quiet(here, {"sms": "21:00-08:00"})
    at(here, NIGHT)
    parcel = out(here)
    (message,) = here.messages()
    assert (message.quiet, message.send_at) == ("21:00-08:00", datetime(2026, 3, 3, 7, tzinfo=UTC))
    with here.house.sessions() as session:
        lines = list(tell(whole_story(session, here.house, parcel)))
    assert any("It keeps the quiet hours of the brand: 21:00-08:00." in line for line in lines)
    script = read_script(here.clock.now(), "+1d", None, [])
    drafted = simulate(here.house, parcel, script, one_rule())
    assert [one.at for one in drafted.happenings if one.what == "sent"] == [message.send_at]


@pytest.mark.parametrize(
    ("rules", "hours"),
    [
        (one_rule(beside='quiet_hours: {sms: "20:00-06:00"}\n'), "20:00-06:00"),
        (one_rule(within='  quiet_hours: {sms: "22:00-07:00"}\n'), "22:00-07:00"),
        (one_rule(beside="quiet_hours: none\n"), None),
        (one_rule(within="  quiet_hours: {sms: none}\n"), None),
        (one_rule(beside='quiet_hours: {email: "20:00-06:00"}\n'), "21:00-08:00"),
    ],
)
def test_what_a_rule_or_its_set_states_overrides_the_brand(world: World, rules: RuleSet, hours: str | None) -> None:
    """Hours of its own, or none; what is said of another channel says nothing of this one."""
    here = world.with_(rules=rules)
    here = quiet(here, {"sms": "21:00-08:00"})
    out(here)
    assert [one.quiet for one in here.messages()] == [hours]


def test_hours_are_pinned_as_they_were_published(world: World) -> None:
    """A message keeps the hours of its decision when others are published; the next has the new ones."""
    here = world.with_(rules=one_rule())
    here = quiet(here, {"sms": "21:00-08:00"})
    at(here, NIGHT)
    out(here)
    here = quiet(here, {"sms": "23:45-05:00"})
    send_all(here)
    assert here.sms.sent == [] and [one.quiet for one in here.messages()] == ["21:00-08:00"]
    at(here, datetime(2026, 3, 3, 7, 1, tzinfo=UTC))
    send_all(here)
    assert len(here.sms.sent) == 1


@pytest.mark.parametrize(
    ("night", "morning"),
    [
        (datetime(2026, 3, 28, 22, 30, tzinfo=UTC), datetime(2026, 3, 29, 6, tzinfo=UTC)),  # the clock goes forward
        (datetime(2026, 10, 24, 21, 30, tzinfo=UTC), datetime(2026, 10, 25, 7, tzinfo=UTC)),  # and back
    ],
)
def test_the_hours_are_those_of_the_wall_when_the_clock_changes(
    world: World, night: datetime, morning: datetime
) -> None:
    """Eight in the morning is eight on the shopper's wall, in the night that is an hour shorter and the longer one."""
    here = world.with_(rules=one_rule())
    here = quiet(here, {"sms": "21:00-08:00"})
    at(here, night)
    out(here)
    assert [one.send_at for one in here.messages()] == [morning]


@pytest.mark.parametrize("hours", ["night", "21:00", "08:00-08:00", "none"])
def test_hours_that_are_none_are_refused_by_name(world: World, hours: str) -> None:
    """The field and what to write instead are said."""
    refused = quiet(world, {"sms": hours})
    with pytest.raises(ConfigurationError, match=r"brand\.yaml, quiet_hours\.sms: .* Write \"21:00-08:00\", in quotes"):
        refused.house.catalog.brands()


def test_the_same_text_is_another_set_for_a_brand_with_hours_and_keeps_its_name(world: World) -> None:
    """Its digest is the text's, and only the brand that has quiet hours is quiet."""
    here = world.with_(rules=one_rule())
    here = quiet(here, {"sms": "21:00-08:00"})
    with here.house.sessions() as session:
        ids = dict(session.execute(sa.select(Brand.key, Brand.id)).all())
        found = rules_of(session, here.house, ids.values())
    assert {one.digest for one in found.values()} == {here.house.rules.digest}
    told = {key: [str(hours) for hours in found[row].rules[0].quiet.values()] for key, row in ids.items()}
    assert told["fjallhem"] == ["21:00-08:00"] and not any(told[key] for key in told.keys() - {"fjallhem"})
