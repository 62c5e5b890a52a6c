"""Alarms: each thing that is wrong is told once, when it begins and when it ends, whoever dies in between."""

import json
import socketserver
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from threading import Barrier, Thread
from typing import Any

import pytest

from app import pipeline
from app.channels.base import Verdict
from app.models.vocabulary import AttemptOutcome, Channel, Milestone
from app.pipeline import telling
from app.pipeline.alarming import end_mended, keep_incidents
from app.pipeline.telling import tell_notices
from app.settings import AlertsSettings
from tests.pipeline.conftest import Obedient, World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import ACCEPTED, send_all

M = Milestone
REFUSED = Verdict(AttemptOutcome.not_sent, http_status=401, error="key of maja@example.test", sender_down=True)


@dataclass
class Listener:
    """What a webhook was sent, and what it answers."""

    url: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    answer: Callable[[], tuple[int, dict[str, str]]] = lambda: (204, {})

    def stages(self) -> list[tuple[str, str]]:
        return [(one["kind"], one["stage"]) for one in self.heard]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A real HTTP server on the loopback."""
    kept = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.heard.append(json.loads(body))
            kept.keys.append(self.headers["Idempotency-Key"])
            status, headers = kept.answer()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_words):
            pass

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/alarm"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture
def watched(world: World, listener: Listener) -> World:
    """A world whose owner is told by webhook."""
    return world.with_(alerts=AlertsSettings(url=listener.url))


def plan(world: World, *numbers: int) -> list[int]:
    parcels = [parcel for number in numbers for parcel in world.order(str(number))]
    for parcel in parcels:
        world.scan(parcel, M.out_for_delivery)
    return parcels


def a_minute_unseen(world: World) -> None:
    sql(world, "UPDATE incidents SET last_seen_at = last_seen_at - interval '2 minutes'")


def test_a_refused_sender_is_told_once_and_so_is_its_return(watched: World, listener: Listener):
    """However often it is looked at; no address is in it, and what to do is."""
    watched.email.answer = lambda out: REFUSED
    plan(watched, 1001)
    send_all(watched)
    for _ in range(3):
        pipeline.alarm(watched.house)
    assert listener.stages() == [("sender", "opened")]
    (told,) = listener.heard
    assert "sendgrid refuses everything" in told["summary"] and "maja@" not in json.dumps(told)
    assert told["remedy"] and told["incident"].startswith("inc_")
    watched.email.answer = lambda out: ACCEPTED
    sql(watched, "UPDATE senders SET resting_until = clock_timestamp() - interval '1 second'")
    watched.clock.turn(minutes=1)
    send_all(watched)
    pipeline.alarm(watched.house)
    assert len(listener.heard) == 1, "what flickers is told once"
    a_minute_unseen(watched)
    pipeline.alarm(watched.house)
    assert listener.stages() == [("sender", "opened"), ("sender", "resolved")]
    assert listener.heard[1]["incident"] == told["incident"]
