"""How the programs of one machine are started."""

import asyncio

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.embedded.engine import web_program


def _seen_as(peer: str, claimed: str) -> str:
    """Whom the web process, as it is started, takes a request for that comes from `peer` and claims to be another's."""
    options = uvicorn.main.make_context("uvicorn", list(web_program("127.0.0.1", 8080, {}).argv[3:])).params
    seen: list[str] = []

    async def page(scope, _receive, _send) -> None:
        seen.append(scope["client"][0])

    asked = {
        "type": "http",
        "scheme": "http",
        "client": (peer, 4711),
        "headers": [(b"x-forwarded-for", claimed.encode())],
    }
    believing = ProxyHeadersMiddleware(page, trusted_hosts=options["forwarded_allow_ips"])
    asyncio.run(believing({**asked, "server": None}, None, None))
    return seen[0]


def test_nobody_is_believed_for_whom_they_ask_unless_they_are_named(monkeypatch):
    """Not even a caller on this machine: limits by network would hold nobody. A proxy that is named is."""
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert _seen_as("127.0.0.1", "203.0.113.7") == "127.0.0.1"
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    assert _seen_as("127.0.0.1", "203.0.113.7") == "203.0.113.7"
    assert _seen_as("198.51.100.1", "203.0.113.7") == "198.51.100.1"
