"""The bare limit of sending: render, a raw POST and batched SQL, with nothing around them that could be left out."""

import asyncio
import json
import secrets
import ssl

import aiohttp
import sqlalchemy as sa

from app.bench.ground import Ground, Sink
from app.clock import wall_now
from app.messages.base import Links
from app.models import Message
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release
from app.pipeline.leaving.releasing import load, templates_of

_TABLES = sa.text("""
    DROP TABLE IF EXISTS bench_letters, bench_calls;
    CREATE TABLE bench_letters (id bigint PRIMARY KEY, state text NOT NULL, lease timestamptz);
    CREATE TABLE bench_calls (id text PRIMARY KEY, letter bigint NOT NULL, begun timestamptz NOT NULL,
        outcome text)
""")
_FILL = sa.text("INSERT INTO bench_letters (id, state) SELECT n, 'ready' FROM generate_series(0, :letters) AS n")
# The three writes without which nobody could tell after a crash what has left: taken, begun, settled.
_CLAIM = sa.text("""
    UPDATE bench_letters SET state = 'sending', lease = clock_timestamp()
    WHERE id = any(array(SELECT id FROM bench_letters WHERE id = any(:ids) FOR UPDATE SKIP LOCKED))
""")
_BEGIN = sa.text("""
    INSERT INTO bench_calls (id, letter, begun)
    SELECT call, letter, clock_timestamp()
    FROM unnest(cast(:calls AS text[]), cast(:ids AS bigint[])) AS one (call, letter)
""")
_SETTLE = sa.text("""
    WITH called AS (UPDATE bench_calls SET outcome = 'accepted' WHERE id = any(:calls) RETURNING letter)
    UPDATE bench_letters SET state = 'accepted', lease = NULL FROM called WHERE bench_letters.id = called.letter
""")


class Floor:
    """A batch of emails over and over: the renderer that sends, raw aiohttp on warm connections, three statements."""

    def __init__(self, house: House, here: Ground, sink: Sink, letters: int) -> None:
        self._house, self._url = house, f"{sink.url}/v3/mail/send"
        self._next = 0
        with house.sessions.begin() as session:
            session.execute(_TABLES)
            session.execute(_FILL, {"letters": letters})
            some = sa.select(Message.id).where(Message.state == "ready").limit(house.sending.batch)
            self._releases = load(session, house, list(session.scalars(some)), wall_now())
            version = self._releases[0].template_version_id
            self._template = templates_of(session, house, {version})[version]
        trusted = ssl.create_default_context(cafile=str(here.certificate.trusted))
        self._http: aiohttp.ClientSession = house.loop.run(_connect(trusted))

    def send(self, messages: int) -> None:
        """Claim, render, post and settle `messages` letters in batches as large as the engine's."""
        batch = self._house.sending.batch
        for start in range(0, messages, batch):
            self._send(min(batch, messages - start))

    def close(self) -> None:
        """Let go of the connections."""
        self._house.loop.run(self._http.close())

    def _send(self, size: int) -> None:
        ids = list(range(self._next, self._next + size))
        self._next += size
        calls = [secrets.token_hex(10) for _ in ids]
        with self._house.sessions.begin() as session:
            session.execute(_CLAIM, {"ids": ids})
        bodies = [self._letter(release) for release in self._releases[:size]]
        with self._house.sessions.begin() as session:
            session.execute(_BEGIN, {"ids": ids, "calls": calls})
        self._house.loop.run(self._post(bodies))
        with self._house.sessions.begin() as session:
            session.execute(_SETTLE, {"calls": calls})

    def _letter(self, release: Release) -> bytes:
        links = Links("http://127.0.0.1/t/x", "http://127.0.0.1/t/x")
        email = self._house.renderer.render_email(self._template, release.facts, release.person, links, wall_now())
        return json.dumps({"subject": email.subject, "html": email.html, "text": email.text}).encode()

    async def _post(self, bodies: list[bytes]) -> None:
        waiting = iter(bodies)

        async def carry() -> None:
            for body in waiting:
                async with self._http.post(self._url, data=body) as answer:
                    await answer.read()

        await asyncio.gather(*(carry() for _ in range(self._house.sending.concurrency)))


async def _connect(trusted: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=trusted))
