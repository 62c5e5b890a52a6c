"""`doorstep demo`, as a person starts it: the whole engine, from an empty home to the table at the end."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.demo.stage import demo_home, set_stage
from app.embedded import HomeInUse
from app.embedded.children import Roster, wait_for
from app.embedded.home import open_home
from app.models.vocabulary import SENT, Channel
from tests.folders import new_folder

LIFE = {"registered", "dispatched", "in_transit", "out_for_delivery", "delivered"}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home of its own, and no process that lives from it afterwards."""
    folder = new_folder("doorstep-demo-")
    monkeypatch.setenv("DOORSTEP_HOME", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


PATIENT = """
from app.cli import main
from app.demo import run
from app.embedded import Processes
Processes.start.__kwdefaults__["within"] = 600.0
run.LONGEST_SECONDS = 800.0
main()
"""
"""`doorstep demo` on a machine that does much else at the same time: its seven programs have needed more than three
minutes to stand, and as long again to the end."""


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PATIENT, "demo", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def nothing_lives_from(home: Path) -> bool:
    """Whether it comes to that soon: who was killed may take a moment to be gone."""
    return wait_for(lambda: not living(home), 60)


def living(home: Path) -> list[str]:
    """The command lines of the processes that name this home."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(home) in line:
            found.append(line)
    return found


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_demo_ends_with_nothing_lost_repeated_or_unexplained(home: Path):
    """A dozen orders live through everything; standard output is one JSON document whose wrongs are all empty."""
    demo = start("--headless", "--orders", "12", "--speed", "20000", "--json")
    printed, said = demo.communicate(timeout=900)
    assert demo.returncode == 0, said
    found = json.loads(printed)
    assert (found["duplicates"], found["lost"], found["unexplained"], found["unfinished"]) == (0, [], [], [])
    assert found["finished"] and found["parcels"] >= 12 and set(found["milestones"]) >= LIFE
    assert set(found["messages"]) == {Channel.email.value, Channel.sms.value}
    sent = [counts.get(state.value, 0) for counts in found["messages"].values() for state in SENT]
    assert found["in_journal"] == sum(sent) > 0
    assert nothing_lives_from(home), living(home)


def test_ctrl_c_while_it_starts_leaves_nothing_behind(home: Path):
    """Interrupted as soon as its servers run, it says so, ends with the shell's code, and no process stays."""
    demo = start("--headless", "--orders", "12")
    deadline = time.monotonic() + 240
    while not list(home.glob("demo/logs/*stand-in*.log")):
        assert demo.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    demo.send_signal(signal.SIGINT)
    _, said = demo.communicate(timeout=240)
    assert demo.returncode == 130 and said == "Stopped before the shop had opened; nothing is left running.\n"
    assert nothing_lives_from(home), living(home)


def test_a_demo_that_runs_is_not_emptied_by_the_next(home: Path):
    """The second demo of one home is refused, and the first one's files stay where they are."""
    folder = open_home(demo_home())
    (folder.path / "precious").touch()
    roster = Roster(folder.run / "servers")
    roster.take(folder.path)
    try:
        with pytest.raises(HomeInUse), set_stage(60, 1):
            pass
    finally:
        roster.release()
    assert (folder.path / "precious").exists()
