"""Beat ticks for the worker, and is nothing more."""

import subprocess
import sys

from app import beat, worker


def test_all_that_it_wakes_is_there():
    """Every name on the schedule is a task of the worker's."""
    scheduled = {entry["task"] for entry in beat.app.conf.beat_schedule.values()}
    assert scheduled <= worker.app.tasks.keys() and len(scheduled) > 5


def test_it_reads_nothing_of_what_it_wakes():
    """A process that only ticks holds neither the pipeline nor what that stands on."""
    program = "import sys, app.beat; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert "app.beat" in listed.stdout.split()
    assert not {"app.wiring", "app.pipeline", "app.worker", "sqlalchemy", "jinja2"} & set(listed.stdout.split())
