"""One carrier's answer over the wire: how long it is awaited, how much of it is read, what a failure is called."""

import asyncio
import re
import ssl

import aiohttp
import httpx

from app.channels.pool import Pool
from app.tracking.adapter.base import MAX_ANSWER_BYTES, Call, RawAnswer, Silence, clean

_FAULTS = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError)
"""All that asking may raise. What is no HTTP at all reaches us as aiohttp's own error, which `httpx-aiohttp` lets
through; a key that cannot stand in a header is a ValueError."""

_QUERY = re.compile(r"\?[^\s'\"]+")
"""An address's query, in the client's words on what went wrong: some carriers want their key there."""


async def fetch(http: Pool, call: Call, deadline: float) -> RawAnswer:
    """One request, read no further than a parcel's history can reach, within one total deadline. Never raises."""
    try:
        asked = http.unread(call.method, call.url, call.headers, call.body)
        async with asyncio.timeout(deadline), asked as answer:
            return RawAnswer(answer.status_code, answer.headers, await answer.read(MAX_ANSWER_BYTES))
    except TimeoutError:
        fault = f"no complete answer within {deadline:g} s"
        return RawAnswer(None, {}, b"", fault=fault, silence=Silence.timeout)
    except _FAULTS as error:
        said = _QUERY.sub("?…", f"{type(error).__name__}: {error}".rstrip(": "))
        return RawAnswer(None, {}, b"", fault=clean(said, 300), silence=_silence(error))


_CERTIFICATE = (ssl.SSLError, aiohttp.ClientSSLError)
_GARBLED = (httpx.DecodingError, aiohttp.ClientResponseError, aiohttp.ClientPayloadError, ValueError)


def _silence(error: BaseException) -> Silence:
    """Why there is no answer. The client words a broken handshake as any other connection that was not made, so what
    lies beneath is looked at."""
    beneath: BaseException | None = error
    while beneath is not None:
        if isinstance(beneath, _CERTIFICATE):
            return Silence.certificate
        beneath = beneath.__cause__ or beneath.__context__
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return Silence.timeout  # a connection that was refused comes as a ConnectTimeout too
    return Silence.garbled if isinstance(error, _GARBLED) else Silence.unreachable
