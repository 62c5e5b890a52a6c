"""A brand's own quiet hours: over what a rule set says for all its rules, under what a rule says itself."""

from datetime import UTC, datetime

import pytest

from app.errors import ConfigurationError
from app.messages.authoring.brands import read_brand
from app.messages.shelf import Shelf
from app.models.vocabulary import Channel
from app.rules.document import parse_rules
from app.rules.quiet import first_allowed, parse_quiet
from app.settings import shipped

RULES = """
version: 1
quiet_hours: {sms: "21:00-08:00"}
rules:
  - name: plain
    when: dispatched
    send: [{channel: sms, template: dispatched}, {channel: email, template: dispatched}]
    expires: 48h
  - name: own
    when: delivered
    send: [{channel: sms, template: delivered}]
    expires: 48h
    quiet_hours: {sms: "23:00-05:00"}
  - name: never
    when: returned
    send: [{channel: sms, template: returned}]
    expires: 48h
    quiet_hours: none
"""


def _quiet(rules):
    return {rule.name: {channel.value: str(quiet) for channel, quiet in rule.quiet.items()} for rule in rules.rules}


def test_a_brands_hours_go_before_the_sets_and_after_a_rules_own():
    """And lift them where the brand says none."""
    rules = parse_rules(RULES)
    brands = {Channel.sms: parse_quiet("20:00-09:00"), Channel.email: parse_quiet("22:00-06:00")}
    assert _quiet(rules.within(brands)) == {
        "plain": {"sms": "20:00-09:00", "email": "22:00-06:00"},
        "own": {"sms": "23:00-05:00", "email": "22:00-06:00"},
        "never": {},
    }
    assert _quiet(rules.within({Channel.sms: None}))["plain"] == {}
    assert rules.within({}) is rules
    assert rules.within(brands) is rules.within(dict(brands))
    assert rules.within(brands).digest == rules.digest


def _brand(tmp_path, stated):
    (tmp_path / "brands").mkdir(exist_ok=True)
    own = shipped("templates") / "brands" / "fjallhem"
    target = tmp_path / "brands" / "fjallhem"
    target.mkdir(exist_ok=True)
    for file in own.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())
    (target / "brand.yaml").write_text((own / "brand.yaml").read_text(encoding="utf-8") + stated, encoding="utf-8")
    return read_brand(Shelf(tmp_path, "fjallhem"))


def test_brand_yaml_states_them(tmp_path):
    """By channel, as a rule set writes them; `none` lifts the set's."""
    brand = _brand(tmp_path, '\nquiet_hours: {sms: "20:00-09:00", email: none}\n')
    assert brand.quiet_hours == {"sms": "20:00-09:00", "email": "none"}


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ('{sms: "9-20"}', "quiet_hours.sms"),
        ('{sms: "08:00-08:00"}', "quiet_hours.sms"),
        ('{sms: "25:00-08:00"}', "quiet_hours.sms"),
        ('{pigeon: "20:00-09:00"}', "quiet_hours.pigeon"),
        ('"20:00-09:00"', "quiet_hours"),
    ],
)
def test_what_is_no_stretch_of_the_day_is_refused(tmp_path, stated, named):
    """With the field and what to write."""
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\W+")):
        _brand(tmp_path, f"\nquiet_hours: {stated}\n")


def test_they_hold_across_a_clock_change():
    """The night of the change in Stockholm: the shopper's wall clock counts, not the hours that passed."""
    rules = parse_rules(RULES).within({Channel.sms: parse_quiet("20:00-09:00")})
    quiet = rules.rules[0].quiet[Channel.sms]
    evening = datetime(2026, 10, 24, 20, 30, tzinfo=UTC)  # 22:30 by summer time; clocks go back in the night
    assert first_allowed(evening, ["Europe/Stockholm"], quiet) == datetime(2026, 10, 25, 8, 0, tzinfo=UTC)
    spring = datetime(2027, 3, 27, 20, 30, tzinfo=UTC)  # 21:30 by winter time; clocks go forward
    assert first_allowed(spring, ["Europe/Stockholm"], quiet) == datetime(2027, 3, 28, 7, 0, tzinfo=UTC)
