"""A brand lives by the set that was published last; an invalid one replaces nothing, and what waits keeps its own."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.errors import Conflict, InvalidInput, NotFound
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import (
    Brand,
    Crossing,
    Decision,
    Incident,
    Message,
    RuleSetPublication,
    RuleSetVersion,
    Shipment,
)
from app.models.vocabulary import Milestone, Source
from app.pipeline import listen
from app.pipeline.brakes.alarming import keep_incidents
from app.pipeline.brakes.pausing import read_scope
from app.pipeline.deciding.live_rules import rules_of
from app.pipeline.deciding.publishing import Said, history, live_set, publish, rollback, version
from app.pipeline.listening.hearing import Heard
from app.rules.document import default_rules
from tests.pipeline.conftest import heard_scan

SET = "version: 1\nrules:\n  - {name: %s, when: out_for_delivery, send: [email], expires: 12h}\n"
ME = Said("Mira", "a better name")


@pytest.fixture(autouse=True)
def another_brand(sessions):
    """Atelier Ombre, stored beside Fjällhem."""
    with sessions.begin() as session:
        session.add(Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr"))


def brand_of(session, key="fjallhem") -> Brand:
    return session.scalars(sa.select(Brand).where(Brand.key == key)).one()


def published(world, content, expected=None, key="fjallhem", said=ME):
    with world.house.sessions.begin() as session:
        return publish(session, world.house, brand_of(session, key), content, said, expected)[0]


def test_the_next_batch_lives_by_what_was_published(world):
    """Each brand by its own: the first scan after the commit is answered by the new rules, and told so."""
    [first, second] = world.order(parcels=2)
    world.scan(first, Milestone.out_for_delivery)
    one = published(world, SET % "mine")
    assert (one.number, one.new, one.published_by, one.why) == (1, True, "Mira", "a better name")
    assert one.published_at == world.clock.now() and one.replaced_at is None
    with world.house.sessions() as session:  # every living parcel is looked at again, by the new expectations
        assert session.scalars(sa.select(RuleSetPublication.look_after)).all() == [0]
    world.scan(second, Milestone.out_for_delivery)
    told = [(message.rule, message.channel) for message in world.messages()]
    assert told == [("out_for_delivery", "email"), ("out_for_delivery", "sms"), ("mine", "email")]
    with world.house.sessions() as session:
        other = brand_of(session, "atelier-ombre")
        rules = rules_of(session, world.house, [brand_of(session).id, other.id])
        assert rules[other.id] == world.house.rules and [rule.name for rule in rules[brand_of(session).id].rules] == [
            "mine"
        ]
        pinned = dict(
            session.execute(
                sa.select(Message.rule, RuleSetVersion.content).join(
                    RuleSetVersion, RuleSetVersion.id == Message.rule_set_version_id
                )
            ).all()
        )
    assert pinned == {"out_for_delivery": default_rules().content, "mine": SET % "mine"}


def test_an_explanation_names_the_publication(world):
    """Which rules decided: the set that ships, or the nth publication with its digest; a version that counted twice is
    told by the one that counted then."""
    ids = world.order(parcels=3)
    world.scan(ids[0], Milestone.out_for_delivery)
    digest = published(world, SET % "mine").digest
    world.clock.turn(minutes=1)
    world.scan(ids[1], Milestone.out_for_delivery)
    world.clock.turn(minutes=1)
    published(world, SET % "other")
    world.clock.turn(minutes=1)
    with world.house.sessions.begin() as session:
        rollback(session, world.house, brand_of(session), 1, ME, None)
    world.clock.turn(minutes=1)
    world.scan(ids[2], Milestone.out_for_delivery)
    with world.house.sessions() as session:
        outside = session.scalars(sa.select(Shipment.public_id).order_by(Shipment.id)).all()
        stories = [explain(session, one) for one in outside]
    decided = [story.crossings[0].decisions[0] for story in stories]
    assert [one.rules_publication for one in decided] == [None, 1, 3]
    assert [one.rules_digest for one in decided] == [default_rules().digest.hex(), digest, digest]
    assert "of publication 3" in "\n".join(tell(stories[2]))


def test_an_invalid_set_replaces_nothing(world):
    """Neither what cannot be read nor what names something that is not there, and no version of it is kept."""
    published(world, SET % "mine")
    elsewhere = (SET % "x").replace("}", ", for: {carrier: x}}")
    elsewhere = (SET % "x").replace("}", ", for: {carrier: x}}")
    for wrong in ("version: 1\nrules: [", (SET % "x").replace("email", "emial"), elsewhere):
        with pytest.raises(InvalidInput) as refused:
            published(world, wrong)
        assert all(fault.line and fault.at for fault in refused.value.faults)
    with pytest.raises(InvalidInput, match="why"):
        published(world, SET % "x", said=Said("Mira", " \n "))
    with world.house.sessions() as session:
        assert live_set(session, world.house, brand_of(session).id).rules.named("mine")
        assert session.scalar(sa.select(sa.func.count()).select_from(RuleSetVersion)) == 1


def test_whoever_saw_other_rules_is_refused(world):
    """The digest that was seen must count still; the set that ships has one too; the same text is nothing new."""
    one = published(world, SET % "mine", expected=default_rules().digest.hex())
    with pytest.raises(Conflict, match="number 1, by Mira"):
        published(world, SET % "other", expected=default_rules().digest.hex())
    again = published(world, SET % "mine", expected=one.digest)
    assert (again.new, again.number) == (False, 1)
    assert published(world, SET % "other", expected=one.digest).number == 2


def test_what_was_published_can_be_read_and_published_again(world):
    """History is newest first and complete; a rollback is a publication of its own; brands count apart."""
    for name in ("a", "b", "a"):
        published(world, SET % name)
    assert published(world, SET % "a", key="atelier-ombre").number == 1
    with world.house.sessions.begin() as session:
        back, before, after = rollback(session, world.house, brand_of(session), 2, Said("Olle", "b was right"), None)
        assert (back.number, before.rules[0].name, after.rules[0].name) == (4, "a", "b")
    with world.house.sessions() as session:
        own = brand_of(session).id
        assert [(one.number, one.replaced_at is None) for one in history(session, own)] == [
            (4, True), (3, False), (2, False), (1, False),
        ]  # fmt: skip
        assert [one.number for one in history(session, own, before=3, limit=1)] == [2]
        assert version(session, own, 2)[1] == SET % "b"
        with pytest.raises(NotFound):
            version(session, brand_of(session, "atelier-ombre").id, 2)
        assert session.scalar(sa.select(sa.func.count()).select_from(RuleSetVersion)) == 3  # each text once a brand


def race(world, names: list[str]) -> list[str]:
    """Publish a set for each name at the same moment, each on top of what counts now; how each ended."""
    with world.house.sessions() as session:
        seen = live_set(session, world.house, brand_of(session).id).digest
    ready, outcomes = threading.Barrier(len(names)), []

    def try_it(name: str) -> None:
        ready.wait()
        try:
            published(world, SET % name, expected=seen)
            outcomes.append("done")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=try_it, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_of_those_who_publish_at_once_one_does(world):
    """The first of all, and the next: every other is told of the conflict, and the numbers have no gap."""
    assert race(world, ["a", "b", "c", "d"]) == ["conflict"] * 3 + ["done"]
    assert race(world, ["e", "f", "g", "h"]) == ["conflict"] * 3 + ["done"]
    with world.house.sessions() as session:
        numbers = session.scalars(sa.select(RuleSetPublication.number).order_by(RuleSetPublication.number)).all()
    assert list(numbers) == [1, 2]


def test_a_pause_goes_by_the_names_that_count(world):
    """A rule that was published can be paused, one that no brand lives by cannot."""
    with world.house.sessions() as session:
        brand = brand_of(session)
        with pytest.raises(InvalidInput, match="there is no rule 'mine'"):
            read_scope(session, world.house, "rule:mine", brand)
    published(world, SET % "mine")
    with world.house.sessions() as session:
        assert str(read_scope(session, world.house, "rule:mine", brand_of(session))) == "rule:mine"
        assert read_scope(session, world.house, "rule:delivered")  # another brand's, for all
        with pytest.raises(InvalidInput, match="there is no rule 'delivered'"):
            read_scope(session, world.house, "rule:delivered", brand_of(session))
        with pytest.raises(InvalidInput, match="there is no rule 'mine'"):
            read_scope(session, world.house, "rule:mine", brand_of(session, "atelier-ombre"))


def test_two_parcels_that_are_heard_of_at_once_are_told_once(world):
    """A rule that tells an order once does so also where two of its parcels come in one batch, and the second's facts,
    as they are kept, have the first in their history."""
    published(world, (SET % "x").replace("12h", "12h, once_per: order"))
    parcels, now = world.order(parcels=2), world.clock.now()
    scan = heard_scan(Milestone.out_for_delivery, now - timedelta(minutes=5))
    listen(world.house, [Heard(one, Source.push, (scan,)) for one in parcels], now)
    with world.house.sessions() as session:
        reasons = session.scalars(sa.select(Decision.reason).order_by(Decision.id)).all()
        facts = session.scalars(sa.select(Crossing.facts).order_by(Crossing.id)).all()
    assert list(reasons) == ["planned", "told_once"] and len(world.messages()) == 1
    assert [[one["rule"] for one in each["order_history"]] for each in facts] == [[], ["x"]]
    assert [each["history"] for each in facts] == [[], []]


def test_a_published_set_that_a_later_program_refuses_stops_nobody(world):
    """What can be read of it goes on telling, an alarm names what cannot, and it can be replaced."""
    [first, second] = world.order(parcels=2)
    published(world, SET % "mine")
    grown = SET % "mine" + "  - {name: old, when: out_for_delivery, send: [fax], expires: 12h}\n"
    with world.house.sessions.begin() as session:
        session.execute(sa.update(RuleSetVersion).values(content=grown))
    world.scan(first, Milestone.out_for_delivery)
    assert [message.rule for message in world.messages()] == ["mine"]
    keep_incidents(world.house)
    with world.house.sessions() as session:
        [incident] = session.scalars(sa.select(Incident).where(Incident.subject == "fjallhem rules"))
    assert incident.kind == "failing" and "line 4" in incident.summary and "'fax' is not known" in incident.summary
    published(world, SET % "mended")
    world.scan(second, Milestone.out_for_delivery)
    assert [message.rule for message in world.messages()] == ["mine", "mended"]
