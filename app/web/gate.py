"""The gate that every request passes: how much is read, what the answer's headers are, and what the log keeps."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clock import stopwatch
from app.log import logger
from app.models import public_id
from app.pipeline.house import House
from app.web.console.refusals import broken_page, unread_page
from app.web.problems import Problem, broken

log = logger(__name__)

BODY_LIMIT = 2_000_000
HOOK_LIMIT = 1_000_000
"""Bytes. SendGrid posts its events in batches of at most 768 KB."""

READ_SECONDS = 30.0
"""A body that trickles in for longer is given up."""

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Gate:
    """Reads the whole body up to its limit, then lets the request in; adds headers and one log line on the way out.

    The log names the route, never the path or the query: both can hold a shopper's link or address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = public_id("req")
        started = stopwatch()
        outgoing = _Outgoing(send, request_id, secure=_is_secure(scope))
        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                _require_utf8(scope)
                body = await _whole_body(scope, receive)
                await self._app(scope, _replay(body, receive), outgoing)
            except _Refused as refused:
                problem = refused.problem
                answer = unread_page(Request(scope), problem) if _wants_page(scope) else problem.response()
                await answer(scope, receive, outgoing)
            except Exception as error:
                log.error("request failed", exc_info=error, route=_route(scope))
                if not outgoing.started:
                    answer = broken_page(Request(scope), request_id) if _wants_page(scope) else broken()
                    await answer(scope, receive, outgoing)
            finally:
                _note(scope, outgoing.status, stopwatch() - started)


def _note(scope: Scope, status: int | None, seconds: float) -> None:
    route = _route(scope)
    quiet = route in ("/healthz", "/readyz", "/metrics") and status == 200
    if not quiet:
        log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def _is_secure(scope: Scope) -> bool:
    """Whether people reach this installation over TLS: its public address says so."""
    house: House = scope["app"].state.house
    return house.public_url.startswith("https://")


def _wants_page(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _route(scope: MutableMapping[str, Any]) -> str:
    return str(getattr(scope.get("route"), "path", "unknown"))


class _Outgoing:
    """The way out: fills in the headers that the answer does not set itself, and remembers its status."""

    def __init__(self, send: Send, request_id: str, *, secure: bool) -> None:
        self._send, self._request_id, self._secure = send, request_id, secure
        self.status: int | None = None

    @property
    def started(self) -> bool:
        return self.status is not None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Request-Id"] = self._request_id
            if self._secure:
                headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        await self._send(message)


def _require_utf8(scope: Scope) -> None:
    """Refuse a multipart form that names an encoding of its own: it would be read by whatever codec it names, and some
    take hours for a megabyte, or give text that is none. Browsers name none."""
    kind = Headers(scope=scope).get("content-type", "").lower()
    if "multipart" in kind and "charset" in kind.replace("charset=utf-8", ""):
        raise _Refused(
            Problem(415, "not-utf-8", "The form is in another encoding", "Send it in UTF-8, and without a charset.")
        )


async def _whole_body(scope: Scope, receive: Receive) -> bytes:
    limit = HOOK_LIMIT if scope["path"].startswith("/hooks/") else BODY_LIMIT
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isascii() or not announced.isdigit() or int(announced[:12]) > limit:
        raise _Refused(_too_large(limit))
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read(receive, limit)
    except TimeoutError:
        problem = Problem(408, "too-slow", "The body took too long", f"Send it within {READ_SECONDS:.0f} seconds.")
        raise _Refused(problem) from None


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(chunks)  # the caller has gone; what reads the rest learns so from `receive`
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _Refused(_too_large(limit))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too-large",
        "The body is too large",
        f"At most {limit:,} bytes are read here. Send less at a time: fewer orders, scans or rules.",
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = True

    async def replayed() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed
