"""A test's server leaves nothing behind: what is left is found by chance, in another test."""

import gc
import socket
import threading
import warnings
from contextlib import suppress

from tests.serving import serving


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def test_it_ends_while_callers_come_in_and_leaves_no_socket_open():
    """A browser connects ahead of what it will ask; some callers come in at the moment at which the server ends."""
    opened: list[socket.socket] = []

    def call(address: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        with suppress(OSError):  # the server is gone
            for _ in range(300):
                opened.append(socket.create_connection((host, int(port)), timeout=30))

    gc.collect()
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(20):
            with serving(answer) as address:
                caller = threading.Thread(target=call, args=(address,))
                caller.start()
                while caller.is_alive() and not opened:
                    caller.join(0.001)
            caller.join(60)
            for connection in opened:
                connection.close()
            opened.clear()
        gc.collect()
    assert [str(one.message) for one in left] == []
