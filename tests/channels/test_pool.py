"""The short way through the pool: what comes back over aiohttp's connections, and what is read of it."""

import asyncio
import gzip

import httpx
import pytest

from app.channels.pool import MOST_BYTES, Answer
from app.wiring import build_http
from tests.channels.letters import answering, pooled


async def _exchanged(head: str, body: bytes) -> Answer:
    """What posting to a server that answers so gives."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, pooled() as pool:
        return await pool.exchange(url, {"x-key": "k"}, b"asked")


def test_an_answer_is_unpacked_and_its_headers_are_in_small_letters():
    answer = asyncio.run(_exchanged("Content-Encoding: GZIP\r\nX-Id: a\r\nX-ID: b\r\n", gzip.compress(b'{"sid": "1"}')))
    assert (answer.status_code, answer.content) == (200, b'{"sid": "1"}')
    assert answer.headers["x-id"] == "a, b"


def test_no_more_is_read_of_an_answer_than_one_may_have():
    """A few kilobytes that unpack to a hundred megabytes fill no memory."""
    answer = asyncio.run(_exchanged("Content-Encoding: gzip\r\n", gzip.compress(bytes(100 * MOST_BYTES))))
    assert len(answer.content) == MOST_BYTES + 1


@pytest.mark.parametrize("packed", ["br", "gzip"])
def test_an_answer_that_cannot_be_unpacked_is_a_fault_of_the_call(packed: str):
    with pytest.raises(httpx.DecodingError):
        asyncio.run(_exchanged(f"Content-Encoding: {packed}\r\n", b"not packed at all"))


def test_connections_that_are_not_aiohttps_are_used_alike():
    answer = asyncio.run(answering(202, {"X-Message-Id": "m1"}, b"taken").exchange("https://mail.test/", {}, b"asked"))
    assert (answer.status_code, answer.headers["x-message-id"], answer.content) == (202, "m1", b"taken")


def test_no_cookie_goes_along_with_the_next_call():
    """What a provider sets for one account says nothing of the next, which may be another brand's."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: who=them\r\nConnection: close\r\n\r\n")
        writer.close()

    async def twice() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://localhost:{server.sockets[0].getsockname()[1]}/"
        async with server, build_http() as pool:
            await pool.exchange(url, {}, b"")
            await pool.exchange(url, {}, b"")
            await pool.get(url)

    asyncio.run(twice())
    assert len(heard) == 3 and not any(b"who=them" in head for head in heard)
