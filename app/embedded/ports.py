"""Ports for what is started on this machine."""

import secrets
import socket
from contextlib import suppress

from app.errors import DoorstepError

_PORTS = range(20_000, 32_000)
"""Below those that a system hands out of its own accord, to whoever connects or asks for any: until the one that is
found is listened on, which may take seconds, nobody is given it by chance."""


def free_port() -> int:
    """A TCP port on the loopback that nobody listens on at this moment. Raises DoorstepError where none is found."""
    return free_ports(1)[0]


def free_ports(amount: int) -> list[int]:
    """So many of them, no two the same, which those that are asked for one after the other might be. Raises
    DoorstepError where they are not found."""
    found: list[int] = []
    for port in secrets.SystemRandom().sample(_PORTS, 200):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == amount:
            return found
    raise DoorstepError("No free port was found on 127.0.0.1 between 20000 and 32000. End what listens there.")
