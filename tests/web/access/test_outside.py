"""Addresses that users type: which are called, which never, and that the one that was looked at is the one called."""

import asyncio
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from app.web.access import outside
from app.web.access.outside import NotOutside, is_public, look_at

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::7f00:1",
    "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "fec0::1", "localhost", "2130706433", "0x7f.1", "",
]  # fmt: skip
OUTSIDE = ["93.184.215.14", "1.1.1.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_the_whole_worlds_is_never_called(address):
    """Loopback, private, shared, link, metadata, documentation, multicast, and each of them dressed as IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_public_may_be(address):
    """Also where it is written as IPv6."""
    assert is_public(address)


def _look(url, *addresses):
    async def resolve(_host, _port):
        return addresses

    return asyncio.run(look_at(url, resolve))


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/", "ftp://shop.example/", "file:///etc/hosts", "gopher://shop.example/",
        "//shop.example/",
        "https://", "https:///path", "https://user:word@shop.example/", "https://@shop.example/", "shop.example",
        "https://shop.example:22/", "https://shop.example:99999/", "https://shop.example\\@evil.example/",
        "https://shop.example/\r\nHost: evil", "https://shop.example /", "https://ex\u00e4mple.example/",
        "https://[::1", "https://" + "a" * 3000, "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(url):
    """Another scheme, another port, a name and password, signs that parsers read differently."""
    with pytest.raises(NotOutside):
        _look(url, "1.1.1.1")


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("https://127.0.0.1/", ["127.0.0.1"]), ("https://[::1]/", ["::1"]), ("https://2130706433/", ["127.0.0.1"]),
        ("https://0x7f000001/", ["127.0.0.1"]), ("https://metadata.example/", ["169.254.169.254"]),
        ("https://both.example/", ["1.1.1.1", "10.0.0.1"]), ("https://nobody.example/", []),
        ("https://localhost./", ["127.0.0.1"]),
    ],
)  # fmt: skip
def test_names_that_lead_inside_are_refused(url, addresses):
    """One inner address among public ones is enough, and so is none."""
    with pytest.raises(NotOutside):
        _look(url, *addresses)


def test_this_machine_is_refused_by_its_own_resolver():
    """The same with the real resolver, as it is used."""
    for url in ("https://localhost/", "https://127.0.0.1:8443/"):
        with pytest.raises(NotOutside):
            asyncio.run(look_at(url))


def test_a_good_address_is_called_where_it_was_looked_at(monkeypatch):
    """The connection goes to the address that was checked, although the name leads elsewhere by then; TLS asks for the
    name; the second name server's answer is never asked for."""
    met = []

    async def record(_self, request):
        met.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return httpx.Response(302, headers={"location": "https://127.0.0.1/"}, request=request)

    answers = iter([["1.1.1.1"], ["127.0.0.1"]])

    async def resolve(_host, _port):
        return next(answers)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", record)
    assert asyncio.run(outside.post("https://hooks.example/x", {"a": 1}, resolve)) == 302
    assert met == [("1.1.1.1", "hooks.example", "hooks.example")]


def test_who_cannot_prove_the_name_is_not_told(monkeypatch, tmp_path):
    """A server at the looked-at address without a trusted certificate for the name gets nothing."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.path)

        def log_message(self, *_args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setattr(outside, "is_public", lambda _address: True)

    async def resolve(_host, _port):
        return ["127.0.0.1"]

    target = asyncio.run(look_at("https://hooks.example/x", resolve))
    pinned = outside.Target(
        target.url.copy_with(port=server.server_address[1]), target.host, target.port, target.addresses
    )

    async def call():
        async with httpx.AsyncClient(transport=outside._Pinned(pinned)) as http:
            await http.post(pinned.url, json={})

    try:
        with pytest.raises((httpx.HTTPError, ssl.SSLError)):
            asyncio.run(call())
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
    assert seen == []
