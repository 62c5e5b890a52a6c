"""One letter is the same at every try, byte for byte, as a real mail server was offered it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from itertools import count
from threading import Thread
from typing import Any

import sqlalchemy as sa

from app.channels.smtp import Smtp
from app.messages.rendering.render import Renderer
from app.models.vocabulary import Channel, Milestone
from app.pipeline.leaving.asking_again import Wish, ask_again
from tests.channels.test_smtp import Keeper, PlainServer
from tests.pipeline.conftest import World
from tests.pipeline.test_path import send_all
from tests.pipeline.test_same_bytes import publish_another

SHOPPER = {"name": "Maja Åberg", "email": "maja@example.test", "country": "SE", "locale": "en"}


class Offered(Keeper):
    """Keeps what it was offered, whether it took it or not."""

    def __init__(self, **replies: str) -> None:
        super().__init__(**replies)
        self.letters: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(envelope.original_content or envelope.content)
        return await super().handle_DATA(server, session, envelope)


@contextmanager
def mail_server(keeper: Keeper) -> Iterator[str]:
    """The address of a mail server that lives in a thread of its own."""
    loop = asyncio.new_event_loop()
    sessions: list[PlainServer] = []

    def session() -> PlainServer:
        made = PlainServer(keeper, hostname="mail.example", loop=loop)
        made.sessions = sessions
        return made

    async def end() -> None:
        server.close()
        for made in sessions:
            if made.transport is not None:
                made.transport.abort()
        for _ in range(5):  # for sockets to be closed: one that the loop leaves open fails a later test, by chance
            await asyncio.sleep(0)

    thread = Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(loop.create_server(session, "127.0.0.1", 0), loop).result()
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _forgetful(world: World) -> World:
    """The same house in a process that has just started."""
    return replace(world, house=replace(world.house, editions={}, templates={}, renderer=Renderer()))


def test_first_try_retry_and_resend_are_one_letter(world: World) -> None:
    """Turned away for a while, then taken, then asked for again by a person, each minutes apart, in a process that
    remembers nothing, with another text published meanwhile: three times the same bytes."""
    keeper, minutes = Offered(data="451 4.3.0 come back later"), count(0, 7)
    with mail_server(keeper) as url:
        smtp = Smtp(url, now=lambda: datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(minutes=next(minutes)))
        here = world.with_(transports={Channel.email: (smtp,), Channel.sms: (world.sms,)})
        (parcel,) = here.order(shopper=SHOPPER)
        here.scan(parcel, Milestone.out_for_delivery)
        send_all(here)
        publish_another(here)
        here.clock.turn(minutes=5)
        with here.house.sessions.begin() as session:
            session.execute(sa.text("UPDATE messages SET send_at = send_at - interval '1 day' WHERE state = 'ready'"))
        keeper.replies.clear()
        send_all(_forgetful(here))
        here.clock.turn(minutes=9)
        (message,) = here.messages(channel="email")
        with here.house.sessions.begin() as session:
            wish = Wish(message.public_id, "Tove", "they cannot find it")
            ask_again(session, here.house, message.brand_id, wish, here.clock.now())
        send_all(_forgetful(here))
        here.house.loop.run(smtp.aclose())
    first, *others = keeper.letters
    assert [other == first for other in others] == [True, True]
    read: Any = message_from_bytes(first, policy=default)
    assert read["Message-ID"] == f"<{message.public_id}@fjallhem.example>"
    assert read["Date"].datetime == message.rendered_at.replace(microsecond=0)
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]


def test_two_letters_differ_in_id_and_boundary(world: World) -> None:
    """What is the same at every try of one letter is another's at no time."""
    keeper = Offered()
    with mail_server(keeper) as url:
        smtp = Smtp(url)
        here = world.with_(transports={Channel.email: (smtp,), Channel.sms: (world.sms,)})
        for number in ("1001", "1002"):
            (parcel,) = here.order(number, shopper=SHOPPER)
            here.scan(parcel, Milestone.out_for_delivery)
        send_all(here)
        here.house.loop.run(smtp.aclose())
    read = [message_from_bytes(one, policy=default) for one in keeper.letters]
    assert len({one["Message-ID"] for one in read}) == len({one.get_boundary() for one in read}) == 2
