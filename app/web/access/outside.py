"""The guard before an address that a user typed: https, to a public host, at the very address that was looked at.

Names are resolved here and every address that they have must be public (RFC 6890's special-purpose blocks are not); the
connection then goes to one of these addresses and not to the name, so that a name which answers otherwise a second
time leads nowhere. TLS still proves the name. Redirects are not followed.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpx

DEADLINE = 10.0
LONGEST = 2000
_MORE_SPECIAL = tuple(ip_network(one) for one in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"))
_WRAPS_IPV4 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotOutside(ValueError):
    """This address may not be called; the message says why, and what may be."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was looked at: what to call it, and where it lies."""

    url: httpx.URL
    host: str
    port: int
    addresses: tuple[str, ...]


async def look_at(url: str, resolve: Resolve | None = None) -> Target:
    """A typed address with where it leads, if a user may have it called. Raises NotOutside."""
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise NotOutside("The address holds signs that no web address has. Write https://…")
    try:
        parts, known = urlsplit(url), httpx.URL(url)
        port = parts.port or 443
    except (ValueError, httpx.InvalidURL) as error:
        raise NotOutside("That is no web address. Write https://…") from error
    if parts.scheme != "https" or known.scheme != "https":
        raise NotOutside("Only https:// addresses are called.")
    if parts.username is not None or parts.password is not None:
        raise NotOutside("A name or password in the address would be seen by everybody. Leave it out.")
    host = (parts.hostname or "").rstrip(".")
    if not host or host != known.host.rstrip(".").lower():
        raise NotOutside("The address names no host that can be told. Write https://shop.example/…")
    if port not in (443, 8443):
        raise NotOutside("Only the ports 443 and 8443 are called.")
    addresses = tuple(await (resolve or _resolve)(host, port))
    if not addresses:
        raise NotOutside("No such host is known.")
    for address in addresses:
        if not is_public(address):
            raise NotOutside("The address leads into a private network, or to this machine. Only public ones may be.")
    return Target(known, host, port, addresses)


def is_public(address: str) -> bool:
    """Whether an IP address, as written, is one of the whole world's: none of the loopback, of private or shared
    networks, of links, of multicast, reserved, or another one of these in an IPv6 guise."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and any(found in block for block in _WRAPS_IPV4):
            inner = IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if int(found) >> 32 == 0 or found.is_site_local:  # ::1.2.3.4 and fec0::, long since withdrawn
            return False
    odd = any(found in block for block in _MORE_SPECIAL if block.version == found.version)
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified or odd)


async def post(url: str, content: Mapping[str, object], resolve: Resolve | None = None) -> int:
    """POST a JSON object to an address that a user typed; the status of the answer. Raises NotOutside, and
    httpx.HTTPError or TimeoutError where it cannot be reached."""
    async with asyncio.timeout(DEADLINE):
        target = await look_at(url, resolve)
        client = httpx.AsyncClient(transport=_Pinned(target), trust_env=False, follow_redirects=False, timeout=DEADLINE)
        async with client as http:
            headers = {"User-Agent": "Doorstep"}
            async with http.stream("POST", target.url, json=dict(content), headers=headers) as answer:
                return answer.status_code


class _Pinned(httpx.AsyncHTTPTransport):
    """Connects to the address that was looked at; the name goes into the Host header and into TLS."""

    def __init__(self, target: Target) -> None:
        super().__init__(retries=0, trust_env=False)
        self._target = target

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.rstrip(".").lower() != self._target.host:
            raise httpx.ConnectError("another host than the one that was looked at", request=request)
        request.extensions = {**request.extensions, "sni_hostname": self._target.host}
        request.url = request.url.copy_with(host=self._target.addresses[0])
        return await super().handle_async_request(request)


async def _resolve(host: str, port: int) -> Sequence[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
