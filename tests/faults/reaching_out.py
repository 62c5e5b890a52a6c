"""A task that tries to leave this machine in every way that the engine could, for a worker under test."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

from app.worker import app, house

OUTSIDE = "203.0.113.7"  # reserved for documentation: routed nowhere


def _refusal(work: Callable[[], object]) -> str:
    try:
        work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "it went out"


@app.task(name="tests.reach_out")
def reach_out(report: str) -> None:
    """Write what became of each try, and in which process."""
    here = house()
    tries = {
        "socket": lambda: socket.create_connection((OUTSIDE, 443), timeout=1),
        "lookup": lambda: socket.getaddrinfo("api.sendgrid.com", 443),
        "client, by address": lambda: here.loop.run(here.http.get(f"https://{OUTSIDE}/")),
        "client, by name": lambda: here.loop.run(here.http.get("https://api.sendgrid.com/")),
    }
    outcomes = {name: _refusal(work) for name, work in tries.items()}
    draft = Path(report).with_suffix(".draft")
    draft.write_text(json.dumps({"pid": os.getpid(), "outcomes": outcomes}))
    draft.rename(report)
