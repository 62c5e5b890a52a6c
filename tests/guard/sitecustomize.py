"""Refuses every connection that could leave this machine, in any Python process that has this folder on its path.

An audit hook, because it also sees what asyncio and C code do through the socket module, and cannot be
taken out again by the code under test. Beside that it only keeps the collector from walking through the program while
it is being loaded, which is a seventh of what a process takes to start.
"""

import gc
import ipaddress
import socket
import sys

_HERE = {"", "localhost", "0.0.0.0", "::", "ip6-localhost"}


class LeftTheMachine(RuntimeError):
    """A test, or a process under test, tried to reach something other than this machine.

    Not an OSError on purpose: code that retries a lost connection must not swallow it.
    """


def _is_here(host) -> bool:
    if host is None:
        return True
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    host = str(host).split("%", 1)[0]
    if host in _HERE:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guard(event: str, arguments: tuple) -> None:
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        sock, address = arguments
        inet = sock.family in (socket.AF_INET, socket.AF_INET6)
        if inet and isinstance(address, tuple) and not _is_here(address[0]):
            raise LeftTheMachine(f"only loopback may be reached in tests, not {address[0]}:{address[1]}")
    elif event == "socket.getaddrinfo" and not _is_here(arguments[0]):
        raise LeftTheMachine(f"only loopback may be looked up in tests, not {arguments[0]}")
    elif event in ("socket.gethostbyname", "socket.gethostbyaddr") and not _is_here(arguments[0]):
        # getfqdn() asks for this machine's own name and takes an OSError for "it has no other".
        raise OSError(f"only loopback may be looked up in tests, not {arguments[0]}")


gc.set_threshold(100_000, 20, 20)
sys.addaudithook(_guard)
