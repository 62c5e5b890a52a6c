"""A Celery app whose one task sleeps, so that a worker can be killed in the middle of its work."""

import os
import time
from pathlib import Path

from celery import Celery

app = Celery("sleeper", broker=os.environ.get("DOORSTEP_BROKER_URL", ""))


@app.task
def doze(marker: str, seconds: float) -> None:
    """Say by a file that the work has begun, then take a while."""
    Path(marker).touch()
    time.sleep(seconds)
