"""Messages and clients that the channel tests share."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx
from httpx_aiohttp import AiohttpTransport

from app.channels.base import OutgoingEmail, OutgoingSms, OutgoingWhatsApp
from app.channels.pool import Pool

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

EMAIL = OutgoingEmail(
    attempt_id="att_7k2m9q4x8c3v5b6n1p0z",
    to_email="anna.lind@example.test",
    to_name='Anna "Sunny" Lind, A.',
    from_email="hej@fjallhem.example",
    from_name="Fjällhem, varor & fjäll",
    reply_to="kundtjanst@fjallhem.example",
    subject="Arriving today, 14:00–16:00",
    html="<p>Arriving <b>today</b></p>",
    text="Arriving today.\n",
    category="out_for_delivery",
    headers={"List-Unsubscribe": "<https://shop.example/p/abc>"},
)
SMS = OutgoingSms(
    attempt_id="att_7k2m9q4x8c3v5b6n1p0z",
    to_phone="+46701234567",
    text="Fjällhem: your parcel arrives today 14-16. https://shop.example/t/abc",
    sender=None,
    valid_for=7200,
)

WHATSAPP = OutgoingWhatsApp(
    attempt_id="att_7k2m9q4x8c3v5b6n1p0z",
    to_phone="+46701234567",
    content_sid="HX" + "0a" * 16,
    variables={"1": "Anna", "2": "https://shop.example/t/abc"},
    link="https://shop.example/t/abc",
    valid_for=7200,
)


def email(**changes) -> OutgoingEmail:
    return replace(EMAIL, **changes)


def sms(**changes) -> OutgoingSms:
    return replace(SMS, **changes)


@asynccontextmanager
async def pooled(read: float = 60.0):
    """A client built as the engine builds its own; `read` is how long it waits for an answer, where none comes."""
    timeout = httpx.Timeout(read, connect=60.0, pool=60.0)
    async with Pool(AiohttpTransport(), timeout=timeout) as client:
        yield client


def answering(status: int, headers=None, body: bytes = b"", seen: list[httpx.Request] | None = None):
    """A client whose every call is answered like this."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, headers=headers or {}, content=body)

    return Pool(httpx.MockTransport(answer))


def failing(error: Exception):
    """A client whose every call ends in this exception."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    return Pool(httpx.MockTransport(fail))
