"""`doorstep bench hooks`: what the largest report that SendGrid sends costs the web process, beside a bare ASGI app.

The bare one reads the same bodies and answers 204: less cannot be done by anything that is called over HTTP.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from app.bench.ground import Cost, Meter, ground
from app.clock import stopwatch, wall_seconds
from app.demo.providers.account import Account
from app.embedded.engine import answers, web_program
from app.embedded.ports import free_ports
from app.errors import DoorstepError

LARGEST = 768_000
"""Bytes: SendGrid sends what it has gathered when it comes to this, or after 30 seconds."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HooksBench:
    """`floor`: a bare ASGI app that reads the bodies. `hook`: verified, stored as one raw row each, and answered."""

    floor: Cost
    hook: Cost


async def bare(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """The floor: reads whatever comes, and answers 204."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def bench_hooks(requests: int) -> HooksBench:
    """Send so many reports of the largest size, each another, to the bare app and to `/hooks/sendgrid`."""
    account = Account()
    bodies = [_largest(number) for number in range(requests + 1)]
    with ground() as here, ExitStack() as running:
        floor_port, hook_port = free_ports(2)
        bare_argv = (*_UVICORN, "app.bench.hooks:bare", "--port", str(floor_port))
        bare_app = running.enter_context(serving(bare_argv, {}, floor_port))
        env = here.environment(here.plain, **account.environment(here.plain.url))
        hook_argv = web_program("127.0.0.1", hook_port, {}).argv
        web = running.enter_context(serving(hook_argv, env, hook_port))
        floor = _post(f"http://127.0.0.1:{floor_port}/", bodies, account, bare_app.pid)
        hook = _post(f"http://127.0.0.1:{hook_port}/hooks/sendgrid", bodies, account, web.pid, here.servers)
    return HooksBench(floor, hook)


_UVICORN = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--lifespan", "off")


@contextmanager
def serving(argv: Sequence[str], env: dict[str, str], port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server on a port of this machine, from when it answers until the block ends."""
    quiet = subprocess.DEVNULL  # it logs each request
    with subprocess.Popen(argv, env={**os.environ, **env}, stdout=quiet, stderr=quiet) as server:
        try:
            _await(port)
            yield server
        finally:
            server.terminate()


def _await(port: int) -> None:
    began = stopwatch()
    while not answers(port):
        if stopwatch() - began > 30:
            raise DoorstepError(f"No server came up on port {port} within 30 s.")
        time.sleep(0.05)


def _largest(number: int) -> bytes:
    """One request of the largest size, in the shape that SendGrid gives to a delivered message."""
    events: list[dict[str, Any]] = []
    size = 2
    while size < LARGEST - 600:
        index = len(events)
        events.append(
            {
                "email": f"shopper{index}@example.test",
                "timestamp": 1_795_510_800,
                "smtp-id": f"<{index}@geopod-ismtpd-0>",
                "event": "delivered",
                "category": ["out_for_delivery"],
                "sg_event_id": f"bench-{number}-{index}",
                "sg_message_id": f"{index:022}.recvd-canary-5f8c7b9d7-abcde-1-{index:08X}.0",
                "response": "250 2.0.0 OK 1795510800 a1-20020a170902b58100b0019f3a2bcd12si1234567pls.89",
                "doorstep_attempt_id": f"att_{index:020}",
                "tls": 1,
            }
        )
        size += len(json.dumps(events[-1])) + 2
    return json.dumps(events).encode()


def _post(url: str, bodies: Sequence[bytes], account: Account, process: int, servers: tuple[int, ...] = ()) -> Cost:
    """Post every body but the first, which warms up, and count the CPU of the process and of the servers."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        _accepted(client, url, bodies[0], account)
        meter = Meter(servers, (process,))
        for body in bodies[1:]:
            _accepted(client, url, body, account)
        return meter.stop(len(bodies) - 1)


def _accepted(client: httpx.Client, url: str, body: bytes, account: Account) -> None:
    timestamp = str(int(wall_seconds()))
    headers = {
        "content-type": "application/json",
        "x-twilio-email-event-webhook-signature": account.sign(timestamp, body),
        "x-twilio-email-event-webhook-timestamp": timestamp,
    }
    answer = client.post(url, content=body, headers=headers)
    if answer.status_code != 204:
        raise DoorstepError(f"{url} answered {answer.status_code} to a signed report: {answer.text[:200]}")
