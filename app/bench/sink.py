"""A server that does next to nothing: it answers as a carrier or a provider would, so that the rest is measured.

Run as `python -m app.bench.sink PORT [CERTIFICATE KEY]`, with TLS where it is given a certificate. `GET /count` says
how many messages it has taken, `GET /taken` when (in seconds since 1970) each recipient's came.
"""

import json
import re
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import uvicorn

from app.clock import wall_now, wall_seconds

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PLACES = ("Stockholm", "Jönköping", "Malmö", "Hamburg", "Berlin")
_JSON = [(b"content-type", b"application/json")]
_NOTHING = [(b"content-length", b"0"), (b"x-message-id", b"sink")]

_fresh: set[str] = set()
"""Numbers that have one more event than before; set by `PUT /fresh`."""
_taken: dict[str, float] = {}
_RECIPIENT = re.compile(rb'"to":\s*\[\{[^}]*"email":\s*"([^"]+)"')


@lru_cache(maxsize=1)
def _start() -> datetime:
    """The first event of every parcel: four days ago, for one that has been silent for weeks is written off."""
    return (wall_now() - timedelta(days=4)).replace(microsecond=0)


def _events(number: str) -> list[dict[str, Any]]:
    """Ten events of one parcel, newest first, and an eleventh once it is fresh."""
    count = 11 if number in _fresh else 10
    return [
        {
            "timestamp": (_start() + timedelta(hours=7 * index)).isoformat(),
            "location": {"address": {"countryCode": "DE", "addressLocality": _PLACES[index % 5]}},
            "statusCode": "pre-transit" if index == 0 else "transit",
            "status": f"The shipment has been processed in the parcel centre ({index})",
            "description": f"The shipment has been processed in the parcel centre ({index})",
        }
        for index in reversed(range(count))
    ]


@lru_cache(maxsize=200_000)
def _tracked(number: str, fresh: bool) -> bytes:
    """The wire form of one parcel, made once: the sink must not be what is measured."""
    del fresh
    events = _events(number)
    shipment = {"id": number, "service": "parcel-de", "status": events[0], "events": events}
    return json.dumps({"shipments": [shipment]}).encode()


async def sink(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    answer, status, headers = _answer(scope, body)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def _answer(scope: MutableMapping[str, Any], body: bytes) -> tuple[bytes, int, list[tuple[bytes, bytes]]]:
    if scope["method"] == "POST":
        found = _RECIPIENT.search(body)
        _taken[found[1].decode() if found else str(len(_taken))] = wall_seconds()
        return b"", 202, _NOTHING
    if scope["method"] == "PUT":
        _fresh.update(json.loads(body))
        return b"", 204, _NOTHING
    if scope["path"] == "/count":
        return str(len(_taken)).encode(), 200, _JSON
    if scope["path"] == "/taken":
        return json.dumps(_taken).encode(), 200, _JSON
    number = parse_qs(scope["query_string"].decode()).get("trackingNumber", [""])[0]
    return _tracked(number, number in _fresh), 200, _JSON


def main(port: int, certificate: str | None = None, key: str | None = None) -> None:
    """Serve until told to stop. Idle connections are kept for longer than any client keeps them."""
    uvicorn.run(
        sink,
        host="127.0.0.1",
        port=port,
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:4])
