"""A person is told everything that is kept of them, and nothing of anybody else."""

import json

import pytest

from app.errors import InvalidInput
from app.models.vocabulary import Channel, Milestone
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.person_export import FORMAT, export_person
from tests.rights.conftest import send
from tests.rights.test_erasing import MAIL, PHONE, a_full_life, sql


def document(world, brand_id, channel=Channel.email, address=MAIL):
    """The export, as it comes out of JSON."""
    return json.loads(json.dumps(export_person(world.house, brand_id, channel, address)))


def test_everything_is_told_with_its_why(world, brand_id):
    """Orders, parcels, scans, each message sent or not with its reason and its words, the list, and what they wrote."""
    a_full_life(world)
    told = document(world, brand_id)
    assert told["format"] == FORMAT and told["brand"] == "fjallhem"
    assert {one["address"] for one in told["addresses"]} == {MAIL, PHONE}
    (order,) = told["orders"]
    assert order["number"] == "1001" and order["shopper"]["name"] == "Maja Lind" and order["items"][0]["quantity"] == 1
    first, second = order["parcels"]
    assert first["story"]["scans"][0]["milestone"] == "out_for_delivery"
    decisions = [one for crossing in first["story"]["crossings"] for one in crossing["decisions"]]
    assert {one["reason"] for one in decisions} == {"planned"} and all(one["sentence"] for one in decisions)
    (attempt,) = decisions[0]["message"]["attempts"]
    assert attempt["receipts"][0]["kind"] == "delivered"
    waiting = second["story"]["crossings"][0]["decisions"][0]["message"]
    assert waiting["state"] == "ready" and second["said"] == []
    assert {(one["kind"], one["address"]) for one in told["suppressions"]} == {("unsubscribe", MAIL), ("block", PHONE)}
    assert told["suppressions"][0]["why"]
    assert [one["body"] for one in told["inbound"]] == ["It is Maja, where is it?"]


def test_what_was_said_is_what_left(world, brand_id):
    """Each message is written again from its snapshot, and is the very one that the provider was handed."""
    a_full_life(world)
    (parcel,) = document(world, brand_id)["orders"][0]["parcels"][:1]
    by_channel = {one["channel"]: one for one in parcel["said"]}
    (mail,), (text,) = world.email.sent, world.sms.sent
    said = by_channel["email"]
    assert (said["to"], said["subject"], said["text"], said["html"]) == (MAIL, mail.subject, mail.text, mail.html)
    assert (by_channel["sms"]["to"], by_channel["sms"]["text"]) == (PHONE, text.text)


def test_only_that_persons_and_only_that_brands(world, brand_id):
    """Neither another's order with the same number, nor the same person's at another shop."""
    world.order("1", shopper={"name": "Maja", "email": MAIL, "phone": PHONE, "country": "SE"})
    (parcel,) = world.order(
        "2", shopper={"name": "Otto", "email": "otto@example.test", "phone": PHONE, "country": "SE"}
    )
    world.scan(parcel, Milestone.out_for_delivery)
    send(world)
    told = document(world, brand_id)
    assert [order["number"] for order in told["orders"]] == ["1"]
    assert "otto" not in json.dumps(told).lower() and told["shared_addresses"] == 1
    assert told["addresses"] == [{"channel": "email", "address": MAIL}]
    with pytest.raises(InvalidInput):
        document(world, brand_id, Channel.sms, PHONE)
    sql(world, "INSERT INTO brands (key, name) VALUES ('other', 'Other')")
    (other,) = sql(world, "SELECT id FROM brands WHERE key = 'other'")[0]
    assert document(world, other)["orders"] == []


def test_after_the_erasure_there_is_nothing_to_tell(world, brand_id):
    """Neither by mail nor by number."""
    a_full_life(world)
    erase_person(world.house, brand_id, Channel.email, MAIL)
    for channel, address in ((Channel.email, MAIL), (Channel.sms, PHONE)):
        told = document(world, brand_id, channel, address)
        assert told["orders"] == []
        assert not [one for one in told["inbound"] if one["body"] or one["sender"]]
        assert not [one for one in told["suppressions"] if one["address"]]


def test_a_message_whose_words_are_gone_says_so(world, brand_id):
    """What retention took cannot be told word for word, but that it was sent can."""
    a_full_life(world)
    sql(world, "UPDATE messages SET personal = NULL, released = NULL, subject = NULL")
    said = document(world, brand_id)["orders"][0]["parcels"][0]["said"]
    assert len(said) == 2 and {one["kept"] for one in said} == {False}
