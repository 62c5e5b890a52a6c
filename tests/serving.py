"""An application at an address of this machine, which comes and goes without waiting for anything."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn


class Prompt(uvicorn.Server):
    """Uvicorn that ends as soon as it is told to. Its own looks ten times a second whether it should, and waits for as
    long again whatever happens: of hundreds of tests' time the larger part."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # which every second writes the date anew
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            for listening in server.sockets:
                self._loop.remove_reader(listening)
        await self._rounds()  # whoever has come in by now is let in: a server that is closed drops them, unclosed
        for server in self.servers:
            server.close()
        self._hang_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(0.005)
        for task in self.server_state.tasks:
            task.cancel("the time for a graceful end is over")
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await self.lifespan.shutdown()
        await self._rounds()  # for sockets to be closed: one that the loop leaves open fails a later test, by chance

    @staticmethod
    async def _rounds() -> None:
        """Let the loop do what is due, and what follows from it: a connection is listed three rounds
        after its coming."""
        for _ in range(10):
            await asyncio.sleep(0)

    def _hang_up(self) -> None:
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def hang_up(self) -> None:
        """End every connection, from another thread: one that waits for an answer as soon as it has that."""
        self._loop.call_soon_threadsafe(self._hang_up)

    def end(self) -> None:
        """Tell it, from another thread."""
        self.should_exit = True
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._told.set)


KEPT_SECONDS = 3600
"""How long a connection may lie idle: one that the server hangs up on just as its client asks for something more fails
whoever asked, by chance."""


@contextmanager
def running(config: uvicorn.Config) -> Iterator[Prompt]:
    """A server in a thread of its own, started, and ended with the block."""
    server = Prompt(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server has not started"
        time.sleep(0.002)
    try:
        yield server
    finally:
        server.end()
        thread.join(120)
    assert not thread.is_alive()


@contextmanager
def serving(app: Any, port: int = 0, lifespan: str = "off") -> Iterator[str]:
    """An ASGI application under uvicorn; yields its address."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan=lifespan,
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=1,
    )
    with running(config) as server:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
