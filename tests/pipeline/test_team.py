"""A rule may write to the brand's own people: at their address, by their clock, and by nobody's consent but theirs."""

import pytest

from app.channels.base import OutgoingEmail
from app.models.vocabulary import Channel, Milestone, SuppressionKind
from app.pipeline.leaving.team import team_channels
from app.pipeline.people.consenting import suppress, wish
from app.pipeline.people.person_export import export_person
from app.rules.document import parse_rules
from app.settings import SendMode
from tests.pipeline.conftest import Obedient, World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_falling_back import answers
from tests.pipeline.test_path import send_all, whole

M = Milestone
TEAM = "parcels@fjallhem.example"
RULES = """version: 1
caps: {shopper: 1}
quiet_hours: {email: "21:00-08:00"}
rules:
  - name: trouble
    when: exception
    send: [{channel: email, template: exception_team, audience: team}]
    expires: 48h
  - name: trouble_text
    when: exception
    send: [{channel: sms, template: delayed, audience: team}]
    expires: 48h
  - name: shopper_too
    when: exception
    send: [{channel: email, template: delayed}]
    expires: 48h
"""


@pytest.fixture
def staffed(world: World) -> World:
    """A house that tells Fjällhem's own people of trouble, and the shopper too."""
    return world.with_(rules=parse_rules(RULES))


def trouble(world: World, **given: object) -> None:
    (parcel,) = world.order(**given)
    world.scan(parcel, M.exception)
    send_all(world)


def to_team(provider: Obedient) -> OutgoingEmail:
    [mail] = [one for one in provider.sent if one.to_email == TEAM]
    return mail


def test_the_team_is_told_at_its_address_of_the_order_and_not_of_the_shopper(staffed: World):
    """One mail each: theirs greets nobody, holds no name and is counted as nobody's; they have no phone."""
    trouble(staffed)
    mail = to_team(staffed.email)
    assert mail.to_name is None and "1001" in mail.subject
    for personal in ("Maja", "Lind", "maja@", "46701740605"):
        assert personal not in mail.text + mail.html + mail.subject
    assert "unsubscribe" not in (mail.text + mail.html).lower()
    assert answers(staffed) == [
        ("email", "planned", True), ("sms", "no_address", False), ("email", "planned", True)
    ]  # fmt: skip
    keys = sql(staffed, "SELECT channel, recipient_id FROM ledger_keys ORDER BY recipient_id")
    assert [tuple(key) for key in keys] == [("email", "shopper"), ("email", "team")]
    assert sql(staffed, "SELECT sum(planned)::int AS planned FROM daily_counts WHERE kind = 'shopper'")[0].planned == 1
    whole(staffed)


def test_what_shoppers_said_of_their_addresses_holds_nothing_back_from_the_team(staffed: World):
    """Whoever put the shop's address on a list, and whatever comes of mail to it, it is no shopper's."""
    brand_id = sql(staffed, "SELECT id FROM brands")[0].id
    with staffed.house.sessions.begin() as session:
        suppress(session, [wish(brand_id, Channel.email, TEAM, SuppressionKind.complaint)])
    trouble(staffed)
    assert to_team(staffed.email)
    states = {(m.recipient_id, m.state) for m in staffed.messages()}
    assert states == {("team", "accepted"), ("shopper", "accepted")}


def test_shadow_and_the_allowlist_hold_for_the_team(staffed: World):
    """Nothing leaves in shadow; of two addresses only the listed one is written to."""
    trouble(staffed.with_(send_mode=SendMode.shadow))
    assert staffed.email.sent == []
    trouble(staffed.with_(send_mode=SendMode.allowlist, allowlist=frozenset({TEAM})), number="1002",
            shopper={"name": "Nils", "email": "nils@example.test", "country": "SE"})  # fmt: skip
    assert [one.to_email for one in staffed.email.sent] == [TEAM]


def test_the_team_sleeps_by_its_own_clock(staffed: World):
    """A shopper in Japan is asleep at ten in Stockholm; the brand's people are not."""
    staffed.clock.turn(hours=6)  # 15:00 in Stockholm, 23:00 in Tokyo
    trouble(staffed, shopper={"name": "Aiko", "email": "aiko@example.test", "country": "JP"})
    assert {(m.recipient_id, m.state) for m in staffed.messages()} == {("team", "accepted"), ("shopper", "held")}


def test_an_address_is_read_when_the_message_leaves(staffed: World, monkeypatch: pytest.MonkeyPatch):
    """A team that has none any more is not written to, and the message says so."""
    (parcel,) = staffed.order()
    staffed.scan(parcel, M.exception)
    brand = staffed.house.catalog.brands()["fjallhem"]
    changed = {"fjallhem": brand.model_copy(update={"team": None})}
    monkeypatch.setattr(type(staffed.house.catalog), "brands", lambda self: changed)
    send_all(staffed)
    assert [(m.state, m.reason) for m in staffed.messages(recipient_id="team")] == [("suppressed", "no_address")]
    assert team_channels(staffed.house, "fjallhem") == frozenset()
    whole(staffed)


def test_what_the_team_was_told_is_not_in_a_shoppers_copy(staffed: World):
    """A person's export holds what was written to that person."""
    trouble(staffed)
    brand_id = sql(staffed, "SELECT id FROM brands")[0].id
    copy = export_person(staffed.house, brand_id, Channel.email, "maja@example.test")
    assert [one["to"] for one in copy["orders"][0]["parcels"][0]["said"]] == ["maja@example.test"]
