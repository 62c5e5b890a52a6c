"""What is told of an answer that never came: a carrier's key, where it wants it in the address, is not."""

import asyncio

from httpx_aiohttp import AiohttpTransport

from app.channels.pool import Pool
from app.pipeline.polling.fetching import fetch
from app.tracking.adapter.base import Access, Ask, RawAnswer
from app.tracking.carriers.postnord import PostNord


async def garbled(line: bytes) -> RawAnswer:
    """What fetching a parcel from a server that answers `line` gives."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(line)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    [call] = PostNord().calls([Ask("373500000000007003")], Access(f"http://127.0.0.1:{port}", "s3cret"))
    assert "s3cret" in call.url
    async with server, Pool(AiohttpTransport(), timeout=60.0) as pool:
        return await fetch(pool, call, 60)


def test_a_garbled_answer_does_not_tell_the_key():
    """The client names the whole address of what it could not read; what is kept of that has no query."""
    answer = asyncio.run(garbled(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"))
    assert answer.status is None and answer.fault is not None
    assert "/public?…" in answer.fault and "Content-Length" in answer.fault
    assert "s3cret" not in answer.fault
