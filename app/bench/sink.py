"""A server that does next to nothing: it answers as a carrier or a provider would, so that the rest is measured.

Run as `python -m app.bench.sink PORT`. A tracking number ending in `-V` answers with `V` of its ten events.
"""

import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import uvicorn

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_PLACES = ("Stockholm", "Jönköping", "Malmö", "Hamburg", "Berlin")
_JSON = [(b"content-type", b"application/json")]
_NOTHING = [(b"content-length", b"0"), (b"x-message-id", b"sink")]

_fresh: set[str] = set()
"""Numbers that have one more event than before; set by `PUT /fresh`."""


def _events(number: str) -> list[dict[str, Any]]:
    """Ten events of one parcel, newest first, and an eleventh once it is fresh."""
    count = 11 if number in _fresh else 10
    return [
        {
            "timestamp": (_START + timedelta(hours=7 * index)).isoformat(),
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
    if scope["method"] == "GET":
        number = parse_qs(scope["query_string"].decode()).get("trackingNumber", [""])[0]
        answer, status, headers = _tracked(number, number in _fresh), 200, _JSON
    elif scope["method"] == "PUT":
        _fresh.update(json.loads(body))
        answer, status, headers = b"", 204, _NOTHING
    else:
        answer, status, headers = b"", 202, _NOTHING
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        sink,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,
    )
