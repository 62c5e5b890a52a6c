"""Several whole Celery workers from one start: the program is read once and forked, because reading it costs more than
all that each of them does afterwards.

    python -m tests.faults.many_workers 8 1.0      # eight workers, a visibility timeout of one second
"""

import os
import sys

from app.worker import app, prepare_children


def main(amount: int, visibility_timeout: float) -> None:
    """Start the workers and wait for them; whoever kills the group kills them all."""
    app.conf.broker_transport_options = app.conf.broker_transport_options | {"visibility_timeout": visibility_timeout}
    argv = ["worker", "-Q", "tick,poll,push,urgent,send,settle", "-c", "1", "-l", "INFO"]
    argv += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    prepare_children()
    for n in range(amount):
        if os.fork() == 0:
            app.worker_main([*argv, "-n", f"worker-{n}@%h"])
            os._exit(0)
    for _ in range(amount):
        os.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
