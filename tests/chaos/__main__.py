"""`make chaos`: whatever dies, stalls or lies, is every message sent once, or does it say why not?"""

import argparse
import json
import logging
import signal
import sys
from types import FrameType

import structlog
from rich.console import Console

from tests.chaos.run import run
from tests.chaos.schedule import Plan
from tests.chaos.table import as_document, show
from tests.conftest import shut_the_way_out

DEFAULT_SEED = 20261126
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run once and print what came of it; 1 when a law was broken, 130 when told to stop."""
    plan = Plan(0)
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="decides everything that is done (%(default)s)")
    parser.add_argument("--messages", type=int, default=plan.messages, help="how many are decided (%(default)s)")
    parser.add_argument("--kills", type=int, default=plan.kills, help="SIGKILLs of workers (%(default)s)")
    parser.add_argument("--patience", type=float, default=plan.patience, help="seconds, at most (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print a document instead of tables")
    told = parser.parse_args()
    if told.messages < 40 or told.kills < 1 or told.patience <= 0:
        parser.error("--messages must be 40 or more, --kills 1 or more, --patience more than 0")
    shut_the_way_out()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # reports go lost by design
    for signum in _STOPPING:
        signal.signal(signum, _stop_once)
    progress = Console(stderr=True)
    try:
        with progress.status("starting") as status:
            outcome = run(Plan(told.seed, told.messages, told.kills, patience=told.patience), status.update)
    except KeyboardInterrupt:
        progress.print("Stopped; nothing was left running.")
        return 130
    if told.json:
        print(json.dumps(as_document(outcome), indent=2))
    else:
        show(outcome, Console())
    return 1 if outcome.broken else 0


def _stop_once(_signum: int, _frame: FrameType | None) -> None:
    """End the run; from here on nothing may interrupt the clearing up."""
    for signum in _STOPPING:
        signal.signal(signum, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
