"""Two providers of a kind over real HTTP: what the first may have taken, the second never gets."""

import asyncio
from dataclasses import replace

import pytest

from app import pipeline
from app.channels.base import Asking
from app.demo.providers.behaviour import RecordManners, Rule
from app.demo.providers.serving import StandIn
from app.models.vocabulary import Channel, Milestone
from tests.pipeline.conftest import Obedient, World, a_minute_passes
from tests.pipeline.test_asking_back import MAIL, asked_world, passes, providers, settle_down  # noqa: F401 - fixtures
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import send_all, whole

M = Milestone


@pytest.fixture
def two(asked_world: World) -> tuple[World, Obedient]:  # noqa: F811
    """SendGrid first, and a mail server that stands by and takes everything."""
    spare = Obedient("smtp", "email", asking=Asking.nothing, silence_tells=False)
    email = (*asked_world.house.transports[Channel.email], spare)
    return asked_world.with_(transports={Channel.email: email, Channel.sms: ()}), spare


def one_mail(world: World, number: str, address: str) -> None:
    """A mail is due for this address, and is sent as far as it can be."""
    (parcel,) = world.order(number, shopper={"name": "Maja", "email": address, "country": "SE"})
    world.scan(parcel, M.out_for_delivery)
    send_all(world)


def mails(providers: StandIn, spare: Obedient, address: str) -> int:  # noqa: F811
    """How often this address was written to, by both providers together."""
    first = sum(entry.recipient == address for entry in providers.journal.entries)
    return first + sum(outgoing.to_email == address for outgoing in spare.sent)


@pytest.mark.parametrize("act", ["accept_then_drop", "accept_then_error", "accept_then_stall"])
def test_the_first_is_asked_before_the_second_is_used(two, providers: StandIn, act, monkeypatch):  # noqa: F811
    """It took the mail and never said so; asked by our id it says so, and the second hears of nothing."""
    world, spare = two
    first = world.house.transports[Channel.email][0]
    send = first.send

    async def in_vain(outgoing):
        call = asyncio.ensure_future(send(outgoing))
        while not providers.journal.entries:
            await asyncio.sleep(0.01)
        a_minute_passes()  # which is all the time that a call has
        return await call

    if act == "accept_then_stall":
        monkeypatch.setattr(first, "send", in_vain)
    providers.behave(rules=[Rule(recipient="*", do=act)])
    one_mail(world, "1001", MAIL)
    for _ in range(3):
        send_all(world)
    assert [m.state for m in world.messages(channel="email")] == ["unconfirmed"]
    settle_down(world)
    send_all(world)
    assert [(m.state, m.reason) for m in world.messages(channel="email")] == [("accepted", "found_by_asking")]
    assert (mails(providers, spare, MAIL), spare.sent) == (1, [])
    whole(world)


def test_while_it_is_in_doubt_others_go_to_the_second(two, providers: StandIn):  # noqa: F811
    """The first took one mail without a word and then cannot be reached, nor asked: the next mail goes to the second,
    and the one in doubt stays in doubt until its wait is over, and is never sent again."""
    world, spare = two
    providers.behave(rules=[Rule(recipient=MAIL, do="accept_then_drop")], records=RecordManners(available=False))
    one_mail(world, "1001", MAIL)
    first = world.house.transports[Channel.email][0]
    first._url = "http://127.0.0.1:9/v3/mail/send"  # it moved away
    one_mail(world, "1002", "ida@example.test")
    world.clock.turn(minutes=1)
    send_all(world)
    assert [outgoing.to_email for outgoing in spare.sent] == ["ida@example.test"]
    for _ in range(4):
        passes(world, 1200)
        pipeline.recover(world.house)
        world.clock.turn(minutes=20)
        send_all(world)
    ended = {m.state: m.reason for m in world.messages(channel="email")}
    assert ended == {"failed": "ambiguous", "accepted": "accepted"}
    assert mails(providers, spare, MAIL) == mails(providers, spare, "ida@example.test") == 1
    whole(world)


def test_what_it_surely_did_not_take_leaves_once_through_either(two, providers: StandIn):  # noqa: F811
    """It dropped the mail; once its own records show a later one and not this, the mail leaves exactly once."""
    world, spare = two
    providers.behave(rules=[Rule(recipient=MAIL, do="drop", times=1)])
    one_mail(world, "1001", MAIL)
    settle_down(world)
    assert mails(providers, spare, MAIL) == 0, "a feed that shows nothing yet proves nothing"
    one_mail(world, "1002", "ida@example.test")
    settle_down(world)
    send_all(world)
    assert {m.state for m in world.messages(channel="email")} == {"accepted"}
    assert mails(providers, spare, MAIL) == mails(providers, spare, "ida@example.test") == 1
    assert sql(world, "SELECT count(*) FROM attempts WHERE resent")[0][0] == 0
    whole(replace(world))
