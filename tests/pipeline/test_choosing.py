"""What a shopper does not want to be told is not told: at the decision, at release, and up to the very call."""

import pytest
import sqlalchemy as sa

from app import pipeline
from app.insight.audit import audit
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Brand, Crossing, Decision, Message, Shipment
from app.models.vocabulary import Channel, Milestone, NewsKind
from app.pipeline.people.choosing import choose, digest_for
from app.receipts.choices import kind_in_words, kind_of
from app.rules.decide import Crossed
from tests.pipeline.conftest import World, world  # noqa: F401 - a fixture
from tests.pipeline.test_path import send_all

M, K = Milestone, NewsKind
PHONE = "+46701740605"


def says_no(here: World, channel: Channel, *kinds: NewsKind) -> None:
    """The shopper of all orders leaves these boxes empty."""
    with here.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        order = session.execute(sa.text("SELECT email, phone FROM orders LIMIT 1")).one()
        digest = digest_for(channel, order.email, order.phone)
        assert digest is not None
        choose(session, brand.id, channel, digest, kinds)


def ends(here: World) -> dict[str, tuple[str, str]]:
    return {message.channel: (message.state, message.reason) for message in here.messages()}


def test_a_choice_counts_at_the_decision(world):  # noqa: F811
    """No message is planned on that channel, and the stored inputs decide the same again."""
    (parcel,) = world.order()
    says_no(world, Channel.sms, K.arriving_today)
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    assert ends(world) == {"email": ("accepted", "accepted")} and world.sms.sent == []
    with world.house.sessions() as session:
        answers = {row.channel: (row.reason, row.fired) for row in session.scalars(sa.select(Decision))}
        assert answers["sms"] == ("not_wanted", False)
        crossing = session.scalars(sa.select(Crossing).where(Crossing.milestone == "out_for_delivery")).one()
        assert Crossed.recorded(crossing.facts, crossing.inputs)[0].unwanted == {Channel.sms}
        story = explain(session, session.get_one(Shipment, parcel).public_id)
    assert any("The shopper chose not to be told this in this way" in line for line in tell(story))


def test_a_choice_counts_at_release(world):  # noqa: F811
    """What was planned before it does not leave after it, and says why; other kinds of news do."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    says_no(world, Channel.email, K.arriving_today)
    send_all(world)
    assert ends(world) == {"email": ("suppressed", "not_wanted"), "sms": ("accepted", "accepted")}
    (message,) = (one for one in world.messages() if one.channel == "email")
    assert message.detail == kind_in_words(K.arriving_today)
    with world.house.sessions() as session:
        assert audit(session, 3600).whole


def test_a_choice_counts_between_judging_and_calling(world, monkeypatch):  # noqa: F811
    """A choice that commits after the message was judged holds back the call all the same."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    begin, waiting = pipeline.begin, [1]

    def late(house, token, letters):
        if waiting:
            waiting.pop()
            says_no(world, Channel.email, K.arriving_today)
            says_no(world, Channel.sms, K.arriving_today)
        return begin(house, token, letters)

    monkeypatch.setattr(pipeline, "begin", late)
    send_all(world)
    assert not waiting
    with world.house.sessions.begin() as session:
        past = sa.text("clock_timestamp() - interval '1 hour'")
        session.execute(sa.update(Message).where(Message.state == "sending").values(lease_until=past))
    pipeline.recover(world.house)
    send_all(world)
    states = ends(world)
    assert "accepted" not in {state for state, _ in states.values()} or len(world.email.sent + world.sms.sent) == 1
    assert ("suppressed", "not_wanted") in states.values()


def test_another_kind_is_told(world):  # noqa: F811
    """Whoever wants no problems is still told that it arrives today."""
    (parcel,) = world.order()
    says_no(world, Channel.email, K.problems, K.delivered)
    says_no(world, Channel.sms, K.problems, K.delivered)
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    assert ends(world) == {"email": ("accepted", "accepted"), "sms": ("accepted", "accepted")}


def test_a_choice_is_taken_back(world):  # noqa: F811
    """What is ticked again is told again."""
    (parcel,) = world.order()
    says_no(world, Channel.email, *NewsKind)
    says_no(world, Channel.email)
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    assert ends(world)["email"] == ("accepted", "accepted")


@pytest.mark.parametrize("milestone", list(Milestone))
def test_every_milestone_is_of_a_kind(milestone):
    """The table is total, and a return is a return whatever happens to it."""
    assert kind_of(milestone, "outbound") in NewsKind and kind_in_words(kind_of(milestone, "outbound"))
    assert kind_of(milestone, "return") is NewsKind.returns
