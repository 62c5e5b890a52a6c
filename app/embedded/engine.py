"""Which programs make up a running engine, and how each is started."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from app.embedded.processes import Program


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections on a port of this machine."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


KEPT_SECONDS = 75
"""How long an idle connection is kept: longer than load balancers keep theirs (60 s), or one of them asks just as this
side hangs up, and its caller hears of a bad gateway."""


def web_program(host: str, port: int, env: Mapping[str, str]) -> Program:
    """The web process: API, hooks and pages. It believes nobody who says for whom they ask, save the proxies that
    `FORWARDED_ALLOW_IPS` names: uvicorn by itself believes whoever is on this machine, so that through a proxy here
    that hands on what it was given, one guesses passwords from a new network each time."""
    argv = (
        sys.executable, "-m", "uvicorn", "--factory", "app.web.main:create_app",
        "--host", host, "--port", str(port), "--no-access-log", "--log-level", "warning", "--no-server-header",
        "--forwarded-allow-ips", os.environ.get("FORWARDED_ALLOW_IPS", ""),
        "--http", "app.web.patience:BoundedProtocol", "--timeout-keep-alive", str(KEPT_SECONDS),
    )  # fmt: skip
    return Program("web", argv, env, ready=lambda: answers(port, reached_at(host)))


def reached_at(host: str) -> str:
    """The address at which this machine reaches what listens on `host`, which may be "everywhere"."""
    everywhere = host in ("", "0.0.0.0", "::")  # noqa: S104  # compared with, not listened on
    return "127.0.0.1" if everywhere else host


def worker_program(name: str, queues: str, concurrency: int, env: Mapping[str, str], pool: str = "prefork") -> Program:
    """A Celery worker on some of the queues, with `concurrency` pool children, or as many threads (`pool`)."""
    argv = (
        sys.executable, "-m", "celery", "-A", "app.worker", "worker", "-n", f"{name}@%h", "-Q", queues, "-P", pool,
        "-c", str(concurrency), "-l", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat",
    )  # fmt: skip
    return Program(name, argv, env, grace=25.0)


def beat_program(home: Path, env: Mapping[str, str]) -> Program:
    """Celery's beat: it only ticks, so two of them do no harm."""
    argv = (
        sys.executable, "-m", "celery", "-A", "app.beat", "beat", "-l", "WARNING",
        "-s", str(home / "beat-schedule"), "--pidfile", "",
    )  # fmt: skip
    return Program("beat", argv, env, grace=15.0)


ASKING = 24
"""Threads of the worker that asks carriers: one for each carrier that may be slow at once, and some for the ticks. They
share one event loop and one client, so that waiting for a carrier costs a thread and not a process of 150 MB."""


def engine_programs(home: Path, host: str, port: int, env: Mapping[str, str]) -> list[Program]:
    """All programs of one machine. Carriers and providers are waited for in workers of their own, so that neither
    keeps the other waiting, and nor does a backlog keep what settles, watches and alarms. Carriers are waited for in
    threads, one a carrier, so that an ill or slow one keeps none of the others waiting."""
    return [
        web_program(host, port, env),
        worker_program("worker-ask", "tick,poll", ASKING, env, pool="threads"),
        worker_program("worker-push", "push", 1, env),
        worker_program("worker-urgent", "urgent", 1, env),
        worker_program("worker-send", "send", 2, env),
        worker_program("worker-settle", "settle", 1, env),
        beat_program(home, env),
    ]
