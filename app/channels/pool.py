"""The process's pooled HTTP client, and the short way through it that the engine's own calls take."""

import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import map_aiohttp_exceptions

MOST_BYTES = 1_000_000
"""How much is read of a provider's answer: a hundred times the longest that any of them gives to one message."""

_PIECE = 16 * 1024
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32


@dataclass(frozen=True, slots=True)
class Unread:
    """An answer whose body is still on the wire. The names of `headers` are in small letters."""

    status_code: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]

    async def read(self, most: int) -> bytes:
        """The body, unpacked; at most one byte more than `most`. Raises httpx.DecodingError.

        Unpacked here rather than by the client, because that makes 16 MB of one 16 KB piece if the sender so wishes.
        """
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in _ENCODINGS | {"identity", ""}:
            raise httpx.DecodingError(f"the answer is packed as {encoding[:20]!r}, which was not asked for")
        unpack = zlib.decompressobj(_ZLIB_OR_GZIP) if encoding in _ENCODINGS else None
        body = bytearray()
        async for piece in self.pieces:
            room = most + 1 - len(body)
            try:
                body += unpack.decompress(piece, room) if unpack else piece[:room]
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
            if len(body) > most:
                break
        return bytes(body)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of a provider. The names of `headers` are in small letters."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class Pool(httpx.AsyncClient):
    """An httpx client whose connections can also be used without the client's own conveniences.

    A call to a provider or a carrier wants no cookies, redirects, hooks or merged defaults, and httpx spends more on
    them than on the call. Measured on one core, a GET of 4 kB on the same connections: 0.45 CPU-ms by httpx's `get`,
    0.35 with its requests and answers alone, 0.21 by `fetch` over `unread`, 0.16 by bare aiohttp.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, **options: Any) -> None:
        super().__init__(transport=transport, follow_redirects=False, trust_env=False, **options)
        self._connections = transport
        self._patience = aiohttp.ClientTimeout(
            connect=self.timeout.pool, sock_connect=self.timeout.connect, sock_read=self.timeout.read
        )

    async def exchange(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """POST `content` and return the answer, whatever its status.

        Raises what `post` would raise (`answers.HTTP_FAULTS`).
        """
        async with self.unread("POST", url, headers, content) as unread:
            return Answer(unread.status_code, unread.headers, await unread.read(MOST_BYTES))

    @asynccontextmanager
    async def unread(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> AsyncIterator[Unread]:
        """Send a request and hand over the answer with its body still on the wire; it is closed afterwards."""
        headers = {"Accept-Encoding": "gzip, deflate", **headers}
        if not isinstance(self._connections, AiohttpTransport):
            async with self._by_httpx(httpx.Request(method, url, headers=headers, content=content or None)) as unread:
                yield unread
            return
        with map_aiohttp_exceptions():
            response = await self._session(self._connections).request(
                method,
                url,
                headers=headers,
                data=content or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self._patience,
            )
        try:
            yield Unread(response.status, _headers(response.raw_headers), _pieces(response))
        finally:
            response.release()
            await response.wait_for_close()

    def _session(self, transport: AiohttpTransport) -> aiohttp.ClientSession:
        """The session that the transport keeps its connections in; made at the first call, for it wants a loop."""
        if not isinstance(transport.client, aiohttp.ClientSession):
            transport.client = transport.get_client()
        return transport.client

    @asynccontextmanager
    async def _by_httpx(self, request: httpx.Request) -> AsyncIterator[Unread]:
        """The same on connections that are not aiohttp's."""
        response = await self._connections.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            yield Unread(response.status_code, response.headers, aiter(response.stream))
        finally:
            await response.aclose()


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """What came as bytes as text, of which any byte makes a character; what came twice stands in one line."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    with map_aiohttp_exceptions():
        async for piece in response.content.iter_chunked(_PIECE):
            yield piece
