"""Nothing leaves this machine from a Celery worker under test, its pool children included."""

import json
from dataclasses import replace
from pathlib import Path

from app.embedded.engine import worker_program
from app.settings import Settings
from app.wiring import build_celery
from tests.faults.conftest import Engine, await_


def test_nothing_leaves_a_pool_child_of_a_worker(running: Engine, broker_url: str, tmp_path: Path):
    """The pool child is another process than the one that was started, and is refused every way out."""
    program = worker_program("worker", "tick", 1, {})
    running.start(replace(program, argv=(*program.argv, "-I", "tests.faults.reaching_out")))
    report = tmp_path / "report.json"
    celery = build_celery(Settings(broker_url=broker_url))
    with celery.connection_for_write() as connection:
        celery.send_task("tests.reach_out", args=[str(report)], queue="tick", connection=connection)
    await_(f"the task has run\n{running.log('worker')}", report.exists)
    told = json.loads(report.read_text())
    assert told["pid"] != running.running["worker"].pid, "it ran in the pool"
    assert len(told["outcomes"]) == 4
    for way, outcome in told["outcomes"].items():
        assert outcome.startswith("LeftTheMachine: only loopback"), f"{way}: {outcome}"
