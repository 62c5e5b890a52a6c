"""A provider's address at which nobody lives: it counts who connects."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Doorbell:
    """A provider's address that counts who connects, and answers nobody."""

    port: int
    rings: list[object] = field(default_factory=list)


@contextmanager
def doorbell() -> Iterator[Doorbell]:
    """Listen on loopback until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        bell = Doorbell(server.getsockname()[1])

        def attend() -> None:
            while True:
                try:
                    caller, address = server.accept()
                except OSError:
                    return
                bell.rings.append(address)
                caller.close()

        attendant = threading.Thread(target=attend, daemon=True)
        attendant.start()
        yield bell
        server.shutdown(socket.SHUT_RDWR)
        attendant.join(60)
