"""How surely a failed call did not go: real sockets that misbehave, through both of httpx's transports."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.utils import format_datetime

import aiohttp
import httpx
import pytest
from httpx_aiohttp import AiohttpTransport

from app.channels.answers import HTTP_FAULTS, LONGEST_WAIT, fault_verdict, problem, retry_after
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import NOW, pooled

NOT_SENT, UNANSWERED = AttemptOutcome.not_sent, AttemptOutcome.unanswered


@asynccontextmanager
async def plain(read: float = 60.0):
    """httpx on its own transport, which an installation may fall back to."""
    timeout = httpx.Timeout(read, connect=60.0, pool=60.0)
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
        yield client


@asynccontextmanager
async def wire(conduct):
    """A raw server whose `conduct(reader, writer)` runs once the request's head and body have arrived."""

    tasks: list[asyncio.Task] = []
    accepted = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        accepted.set()
        try:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(4)
            await conduct(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        await asyncio.wait_for(accepted.wait(), 60)  # whoever gave up before leaves a connection that nobody closes
        server.close()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)


async def closes(reader, writer) -> None:
    return None


async def resets(reader, writer) -> None:
    writer.transport.abort()


async def stalls(reader, writer) -> None:
    await reader.read()


async def babbles(reader, writer) -> None:
    writer.write(b"\x00\x01 this is no HTTP \r\n\r\n")
    await writer.drain()


async def half_a_head(reader, writer) -> None:
    writer.write(b"HTTP/1.1 202 Acc")
    await writer.drain()


async def half_a_body(reader, writer) -> None:
    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 50\r\n\r\n{")
    await writer.drain()


async def verdict_of(client, url: str):
    """What the one place makes of a call that must fail."""
    with pytest.raises(HTTP_FAULTS) as raised:
        await client.post(url, content=b"body")
    return fault_verdict(raised.value)


@pytest.mark.parametrize("client", [pooled, plain])
@pytest.mark.parametrize("conduct", [closes, resets, stalls, babbles, half_a_head, half_a_body])
def test_whatever_happens_after_the_request_is_unanswered(client, conduct):
    """Once the request has left, no way of failing counts as not sent, whatever name the exception bears."""

    async def scene():
        async with wire(conduct) as url, client(read=0.3) as http:
            return await verdict_of(http, url)

    verdict = asyncio.run(scene())
    assert verdict.outcome is UNANSWERED, verdict


def test_a_kept_connection_that_dies_under_a_post_is_unanswered():
    """A second POST on a connection that dies is neither repeated behind our back nor believed unsent."""
    heard = []

    async def once(reader, writer) -> None:
        heard.append(1)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        heard.append(2)

    async def scene():
        async with wire(once) as url, pooled() as http:
            assert (await http.post(url, content=b"body")).status_code == 202
            return await verdict_of(http, url)

    assert asyncio.run(scene()).outcome is UNANSWERED
    assert heard == [1, 2]


@pytest.mark.parametrize("client", [pooled, plain])
def test_a_refused_connection_is_not_sent(client):
    """Nobody listens: certainly not sent."""

    async def scene():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with client() as http:
            return await verdict_of(http, f"http://127.0.0.1:{port}/")

    assert asyncio.run(scene()).outcome is NOT_SENT


@pytest.mark.parametrize("client", [pooled, plain])
def test_a_failed_handshake_is_not_sent(client):
    """A server that does not speak TLS never gets to see the request."""
    over = asyncio.Event()

    async def greets_wrongly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        over.set()

    async def scene():
        server = await asyncio.start_server(greets_wrongly, "127.0.0.1", 0)
        async with server, client() as http:
            verdict = await verdict_of(http, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
            await asyncio.wait_for(over.wait(), 60)
            return verdict

    assert asyncio.run(scene()).outcome is NOT_SENT


def test_waiting_in_vain_for_a_free_connection_is_not_sent():
    """With every connection of the pool busy, a call that times out has not begun."""
    begun = asyncio.Event()

    async def stalls_at_once(reader, writer) -> None:
        begun.set()
        await reader.read()

    async def scene():
        transport = AiohttpTransport(limits=httpx.Limits(max_connections=1))
        client = httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(60.0, pool=0.2), trust_env=False)
        async with wire(stalls_at_once) as url, client as http:
            busy = asyncio.create_task(http.post(url, content=b"body"))
            await begun.wait()
            verdict = await verdict_of(http, url)
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)
            return verdict

    assert asyncio.run(scene()).outcome is NOT_SENT


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("refused"), NOT_SENT),
        (httpx.ConnectTimeout("slow"), NOT_SENT),
        (httpx.PoolTimeout("busy"), NOT_SENT),
        (httpx.UnsupportedProtocol("gopher"), NOT_SENT),
        (httpx.InvalidURL("no"), NOT_SENT),
        (httpx.ReadTimeout("slow"), UNANSWERED),
        (httpx.WriteTimeout("slow"), UNANSWERED),
        (httpx.ReadError("reset"), UNANSWERED),
        (httpx.WriteError("reset"), UNANSWERED),
        (httpx.CloseError("reset"), UNANSWERED),
        (httpx.RemoteProtocolError("bad"), UNANSWERED),
        (httpx.LocalProtocolError("bad"), UNANSWERED),
        (httpx.DecodingError("gzip"), UNANSWERED),
        (httpx.TooManyRedirects("loop"), UNANSWERED),
        (httpx.TimeoutException("some"), UNANSWERED),
        (aiohttp.ClientPayloadError("cut"), UNANSWERED),
        (aiohttp.ServerDisconnectedError(), UNANSWERED),
        (aiohttp.ClientOSError(104, "reset"), UNANSWERED),
        (aiohttp.ConnectionTimeoutError("slow"), NOT_SENT),
        (aiohttp.SocketTimeoutError("slow"), UNANSWERED),
        (ConnectionResetError("reset"), UNANSWERED),
    ],
)
def test_every_exception_has_its_verdict(error, outcome):
    """The table is total over what clients raise; anything unknown is unanswered."""
    assert isinstance(error, HTTP_FAULTS)
    assert fault_verdict(error).outcome is outcome


def test_a_misnamed_exception_is_judged_by_its_cause():
    """httpx-aiohttp calls a lost answer ConnectTimeout; believing that would send twice."""
    error = httpx.ConnectTimeout("Server disconnected")
    error.__cause__ = aiohttp.ServerDisconnectedError()
    verdict = fault_verdict(error)
    assert verdict.outcome is UNANSWERED
    assert "ServerDisconnectedError" in verdict.error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=30), usegmt=True)}, 30.0),
        ({"retry-after": format_datetime(NOW - timedelta(days=3), usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9999999"}, LONGEST_WAIT),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 12)}, 12.0),
        ({"x-ratelimit-reset": "1"}, 0.0),
        ({"x-ratelimit-reset": "tomorrow"}, None),
        ({"retry-after": "soon", "x-ratelimit-reset": str(int(NOW.timestamp()) + 4)}, 4.0),
        ({"retry-after": "3", "x-ratelimit-reset": str(int(NOW.timestamp()) + 4)}, 3.0),
    ],
)
def test_a_wish_for_a_pause_is_read(headers, seconds):
    """Retry-After wins over X-RateLimit-Reset; nonsense is no wish; none is longer than an hour."""
    assert retry_after(headers, NOW) == seconds


def test_a_providers_words_are_made_fit_to_store():
    """One line, bounded, no NUL or lone surrogate, and no whole address or number."""
    said = problem("No\x00 route\r\nto +46701234567 or anna.lind@example.test \ud800" + "x" * 999)
    assert "+46701234567" not in said and "anna.lind" not in said
    assert said.isprintable() and len(said) <= 320
    said.encode("utf-8")
