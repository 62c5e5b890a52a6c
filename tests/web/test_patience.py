"""Callers who begin and never end, over real sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn

from app.embedded.engine import web_program
from app.web.patience import BoundedProtocol
from tests.serving import running

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 3_000_000


async def _page(scope, receive, send) -> None:
    body = b"x" * (LARGE if scope["path"] == "/large" else 1)
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _served(protocol: type[BoundedProtocol]) -> Iterator[tuple[str, int]]:
    """The page, with connections of this kind; yields where it is called."""
    config = uvicorn.Config(
        _page, host="127.0.0.1", port=0, log_level="error", lifespan="off", http=protocol, timeout_graceful_shutdown=1
    )
    with running(config) as server:
        yield server.servers[0].sockets[0].getsockname()


def _call(address: tuple[str, int], sent: bytes = b"") -> socket.socket:
    caller = socket.create_connection(address, timeout=60)
    caller.sendall(sent)
    return caller


def _is_answered(caller: socket.socket) -> bool:
    """Whether the whole of the small page comes back."""
    got = b""
    while not got.endswith(b"\r\n\r\nx"):
        more = caller.recv(1000)
        if not more:
            return False
        got += more
    return got.startswith(b"HTTP/1.1 200")


def _hung_up(caller: socket.socket) -> bool:
    """Whether the other side has ended this; waits until it says anything."""
    try:
        return caller.recv(1000) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_half_a_head_is_not_waited_for(sent):
    """Nor is a caller who has said nothing at all."""

    class Hasty(BoundedProtocol):
        head_seconds = 0.05

    with _served(Hasty) as address, _call(address, sent) as caller:
        assert _hung_up(caller)


def test_half_a_head_after_an_answer_is_not_waited_for():
    """A whole one is answered before, and after it the server's own patience with idle callers has not begun."""

    class Hasty(BoundedProtocol):
        head_seconds = 60.0

    with _served(Hasty) as address, _call(address, ASKED) as caller:
        assert _is_answered(caller)
        caller.sendall(ASKED)
        assert _is_answered(caller)
        Hasty.head_seconds = 0.05
        caller.sendall(ASKED[:10])
        assert _hung_up(caller)


def test_an_answer_that_nobody_takes_is_given_up():
    """It would be kept for ever, with all that it holds."""

    ended = threading.Event()

    class Hasty(BoundedProtocol):
        stalled_seconds = 0.05

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            ended.set()

    with _served(Hasty) as address, socket.socket() as caller:
        caller.settimeout(60)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.connect(address)
        caller.sendall(ASKED.replace(b"/ ", b"/large ", 1))
        assert ended.wait(60)


def test_those_who_ask_nothing_make_room():
    """Whoever asks is answered, however many hold a connection and are silent; the first of these is let go."""

    class Small(BoundedProtocol):
        most = 3

    with _served(Small) as address, ExitStack() as calls:
        silent = [calls.enter_context(_call(address)) for _ in range(3)]
        asking = calls.enter_context(_call(address, ASKED))
        assert _is_answered(asking)
        assert _hung_up(silent[0])


def test_the_web_process_serves_with_these_bounds():
    """As `doorstep up` starts it."""
    options = uvicorn.main.make_context("uvicorn", list(web_program("127.0.0.1", 8080, {}).argv[3:])).params
    config = uvicorn.Config(_page, http=options["http"])
    config.load()
    assert config.http_protocol_class is BoundedProtocol
