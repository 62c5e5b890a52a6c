"""Messages that wait when their template changes: they keep their words until somebody moves them."""

from dataclasses import replace
from threading import Thread

import pytest

from app import pipeline
from app.embedded.children import wait_for
from app.errors import Conflict, InvalidInput
from app.insight.audit import audit
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Brand, Shipment, TemplateMove
from app.models.vocabulary import Channel, Milestone
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.moving import List, Moved, Wanted, _locked, move, waiting
from app.pipeline.leaving.sending import begin, hand_back
from tests.pipeline.conftest import World, prepared
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import send_all, whole
from tests.pipeline.test_pausing import hold, lift

M = Milestone
PATH = "messages/{locale}/out_for_delivery.{kind}"


def edited(world: World, says: str, kind: str = "email.md", locale: str = "en") -> World:
    """The same world after its brand's marketer has put these words into the subject, or into the SMS."""
    path = PATH.format(locale=locale, kind=kind)
    catalog = world.house.catalog
    written = catalog.shelf("fjallhem").file(path).text
    old = next(line for line in written.splitlines() if line.startswith("subject:")) if kind == "email.md" else written
    new = written.replace(old, f"subject: {says}" if kind == "email.md" else says)
    return world.with_(catalog=catalog.over("fjallhem", {path: new.encode()}))


def listed(world: World, brand: Brand, key: str | None = None) -> List:
    with world.house.sessions() as session:
        return waiting(session, world.house, session.get_one(Brand, brand.id), key)


def moved(world: World, brand: Brand, seen: List, why: str = "the old words were wrong") -> Moved:
    names = tuple(one.message for one in seen.messages)
    return move(world.house, brand.id, Wanted("out_for_delivery", seen.token, names, "Ada", why))


@pytest.fixture
def english(world: World) -> World:
    """Three parcels of English readers, each with an email and an SMS that are about to leave."""
    for number in ("1001", "1002", "1003"):
        (parcel,) = world.order(number, shopper={"name": "Maja", "email": "m@example.test", "phone": "+46701740605",
                                                 "country": "SE", "locale": "en"})  # fmt: skip
        world.scan(parcel, M.out_for_delivery)
    return world


def test_what_waits_keeps_its_words_when_the_template_changes(english: World, brand: Brand):
    """The list names it; nothing that is not asked for happens."""
    assert listed(english, brand).total == 0
    after = edited(english, "New words about {{ order.number }}")
    seen = listed(after, brand)
    assert (seen.total, len(seen.messages)) == (3, 3)
    assert {(one.key, one.channel, one.locale) for one in seen.messages} == {("out_for_delivery", "email", "en")}
    looks, subject, text = seen.messages[0].changed
    assert (looks, text) == ("what the email looks like", "the text")
    assert subject.startswith("subject: “") and subject.endswith("” → “New words about {{ order.number }}”")
    assert listed(after, brand, "delivered").total == 0
    send_all(after)
    names = {one.message for one in seen.messages}
    assert moved(after, brand, seen) == Moved((), tuple(sorted(names)))  # all of them have left meanwhile
    assert not any(mail.subject.startswith("New words") for mail in after.email.sent) and len(after.email.sent) == 3
    assert listed(after, brand).total == 0
    whole(after)


def test_moved_messages_leave_with_the_new_words_and_explain_says_so(english: World, brand: Brand):
    """One row a message says from which version to which, by whom and why."""
    after = edited(english, "New words about {{ order.number }}")
    done = moved(after, brand, listed(after, brand))
    assert (len(done.moved), done.left) == (3, ())
    assert listed(after, brand).total == 0
    send_all(english)  # a worker that has not heard of the new edition sends what the message is pinned to
    assert sorted(mail.subject for mail in after.email.sent) == [f"New words about {n}" for n in (1001, 1002, 1003)]
    assert (
        len(sql(after, "SELECT FROM template_moves WHERE moved_by = 'Ada' AND from_version_id <> to_version_id")) == 3
    )
    with after.house.sessions() as session:
        (row, *_) = session.query(TemplateMove).all()
        parcel = session.query(Shipment).order_by(Shipment.id).first()
        story = explain(session, parcel.public_id)
    assert row.why == "the old words were wrong"
    told = [line.strip() for line in tell(story) if "It was moved to the words that ship" in line]
    assert len(told) == 1 and told[0].endswith("by Ada, because the old words were wrong.")
    whole(after)


def test_what_is_being_sent_at_that_very_moment_is_not_moved(english: World, brand: Brand):
    """Claimed messages leave as they were decided; the others of the list are moved."""
    after = edited(english, "New words about {{ order.number }}")
    seen = listed(after, brand)
    house = replace(after.house, sending=after.house.sending.model_copy(update={"batch": 1}))
    with house.sessions.begin() as session:
        token, claimed = claim(session, house, Channel.email, after.clock.now())
    letters, _ = prepared(house, claimed, after.clock.now())
    done = moved(after, brand, seen)
    assert (len(done.moved), len(done.left)) == (2, 1)
    assert len(begin(house, token, letters)) == 1 and not letters[0].subject.startswith("New words")
    send_all(after)
    assert all(mail.subject.startswith("New words") for mail in after.email.sent) and len(after.email.sent) == 2


def test_a_claim_and_a_move_at_the_same_moment_take_turns(english: World, brand: Brand):
    """A move waits for a claim that has not committed, and then leaves alone what was claimed; a claim passes over
    what is just being moved."""
    after = edited(english, "New words about {{ order.number }}")
    seen = listed(after, brand)
    house = replace(after.house, sending=after.house.sending.model_copy(update={"batch": 1}))
    came_to: list[Moved] = []
    mover = Thread(target=lambda: came_to.append(moved(after, brand, seen)))
    with house.sessions.begin() as session:
        _, claimed = claim(session, house, Channel.email, after.clock.now())
        mover.start()
        assert wait_for(lambda: bool(sql(after, "SELECT FROM pg_locks WHERE NOT granted")), 60)
    mover.join(60)
    ((done),) = came_to
    assert (len(claimed), len(done.moved), len(done.left)) == (1, 2, 1)
    with after.house.sessions.begin() as session:
        assert len(_locked(session, brand.id, done.moved)) == 2
        with after.house.sessions.begin() as other:
            assert claim(other, after.house, Channel.email, after.clock.now())[1] == []


def test_what_a_pause_has_put_aside_is_listed_and_moved_too(english: World, brand: Brand):
    """It waits as well, and leaves with the new words once the pause is lifted; the audit would see words that are
    not those of the last move."""
    hold(english, "all")
    send_all(english)
    after = edited(english, "Newer words about {{ order.number }}")
    assert len(moved(after, brand, listed(after, brand)).moved) == 3
    lift(after, "all")
    after.clock.turn(minutes=2)
    send_all(after)
    assert len(after.email.sent) == 3 and all(mail.subject.startswith("Newer") for mail in after.email.sent)
    whole(after)
    sql(
        after,
        "UPDATE messages SET template_version_id = (SELECT min(id) FROM template_versions) WHERE channel = 'email'",
    )
    with after.house.sessions() as session:
        assert [one.law for one in audit(session, 3600).breaches] == [
            "a message has the words that it was last moved to"
        ]


def test_an_sms_moves_on_its_own_and_another_brand_sees_nothing(english: World, brand: Brand):
    """Another edition of the SMS lists SMS alone."""
    after = edited(english, "{{ brand.name }}: new. {{ links.short }}", "sms.txt")
    seen = listed(after, brand)
    assert {one.channel for one in seen.messages} == {"sms"} and seen.messages[0].changed[0].startswith("the text")
    with english.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
    assert listed(after, other).total == 0
    with pytest.raises(Conflict):
        moved(after, other, seen)
    assert len(moved(after, brand, seen).moved) == 3
    send_all(after)
    assert {sms.text.split(":")[1].strip().split(" ")[0] for sms in after.sms.sent} == {"new."}


def test_what_was_rendered_once_is_never_moved(english: World, brand: Brand):
    """After a first try that came to nothing, the message waits again and its words stand (law 11)."""
    with english.house.sessions.begin() as session:
        token, claimed = claim(session, english.house, Channel.email, english.clock.now())
    letters, _ = prepared(english.house, claimed, english.clock.now())
    begin(english.house, token, letters[:1])
    hand_back(english.house, token, claimed)
    sql(english, "UPDATE messages SET state = 'ready', open_attempt_id = NULL, lease_token = NULL, lease_until = NULL"
                 " WHERE rendered_at IS NOT NULL")  # fmt: skip
    after = edited(english, "New words about {{ order.number }}")
    seen = listed(after, brand)
    assert seen.total == 2 and letters[0].release.public_id not in {one.message for one in seen.messages}


def test_another_message_or_another_edition_is_a_conflict(english: World, brand: Brand):
    """Nothing is moved then, and the list is to be looked at again; without a reason nothing is moved either."""
    after = edited(english, "New words about {{ order.number }}")
    seen = listed(after, brand)
    with pytest.raises(InvalidInput, match="why"):
        moved(after, brand, seen, why="  ")
    with pytest.raises(Conflict, match="has changed"):
        moved(edited(english, "Newer still"), brand, seen)
    (late,) = english.order("1004", shopper={"name": "M", "email": "m@example.test", "country": "SE", "locale": "en"})
    english.scan(late, M.out_for_delivery)  # by a worker that has not heard of the new edition
    with pytest.raises(Conflict, match="1 more wait"):
        moved(after, brand, seen)
    assert sql(after, "SELECT FROM template_moves") == []
    assert len(moved(after, brand, listed(after, brand)).moved) == 4
    with pytest.raises(Conflict):
        moved(after, brand, seen)
    pipeline.recover(after.house)
    send_all(after)
    assert len(after.email.sent) == 4 and all(mail.subject.startswith("New words") for mail in after.email.sent)
    whole(after)
