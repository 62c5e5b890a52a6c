"""The supervisor: order, signals, crashes, false starts."""

import contextlib
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from app.clock import stopwatch
from app.embedded import HomeInUse, Processes, Program, ProgramFailed
from app.embedded import processes as supervisor
from app.embedded.children import tail, wait_for

_DIARY = """
import os, signal, sys, time
def say(*words):  # print() is not for handlers: the signal may come while it writes, and it refuses to be entered twice
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def note(signum, frame):
    say(sys.argv[1], signal.Signals(signum).name)
    if sys.argv[2] == "obedient":
        sys.exit(0)
for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(signum, note)
say(sys.argv[1], "up", os.environ.get("COLOUR"))
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def slow_to_fail(monkeypatch):
    """A program that is still being loaded when five seconds have passed, on a machine that stands, would be believed
    to have stood, and be started anew for ever."""
    monkeypatch.setattr(supervisor, "_SETTLED", 3600.0)


def _program(name: str, processes: Processes, temper: str = "obedient", **options) -> Program:
    log = processes.log_file(name)
    return Program(
        name,
        (sys.executable, "-I", "-S", "-c", _DIARY, name, temper),
        ready=lambda: log.exists() and " up " in log.read_text(),
        **options,
    )


def _pids() -> dict[str, int]:
    """The diarists below us, by name."""
    found: dict[str, int] = {}
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # or a zombie, which is one of its kinds
            words = child.cmdline()
            if words[-1:] in (["obedient"], ["stubborn"]):
                found[words[-2]] = child.pid
    return found


def test_programs_are_started_with_their_environment_and_told_once_to_stop(tmp_path):
    """Each gets its own variables on top of ours, its own log, and a single SIGTERM."""
    with Processes(tmp_path) as processes:
        processes.start(_program("web", processes, env={"COLOUR": "green"}), _program("worker", processes))
        assert set(_pids()) == {"web", "worker"}
    assert processes.log_file("web").read_text() == "web up green\nweb SIGTERM\n"
    assert processes.log_file("worker").read_text() == "worker up None\nworker SIGTERM\n"
    assert _pids() == {}


def test_the_last_started_is_the_first_to_end(tmp_path, monkeypatch):
    """What others lean on ends after them."""
    ended = []
    monkeypatch.setattr(supervisor, "end_group", lambda process: (ended.append(process.args[-2]), process.wait()))
    with Processes(tmp_path) as processes:
        processes.start(_program("stand-in", processes))
        processes.start(_program("worker", processes))
        processes.start(_program("beat", processes))
    assert ended == ["beat", "worker", "stand-in"]


def test_a_program_that_will_not_end_is_killed_after_its_grace(tmp_path):
    """SIGTERM is asked, SIGKILL is not."""
    with Processes(tmp_path) as processes:
        processes.start(_program("mule", processes, "stubborn", grace=0.3))
        began = stopwatch()
    assert stopwatch() - began >= 0.3
    assert _pids() == {}


def test_a_second_signal_ends_the_waiting(tmp_path):
    """Whoever presses Ctrl-C twice does not want to wait for the grace."""
    with Processes(tmp_path) as processes:
        processes.start(_program("mule", processes, "stubborn", grace=3600))
        os.kill(os.getpid(), signal.SIGINT)
        assert processes.wait() == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)
    assert "SIGINT" not in processes.log_file("mule").read_text()  # the terminal's signal is ours alone


def test_signals_are_given_back(tmp_path):
    """After the programs have ended, Ctrl-C means again what it meant."""
    before = signal.getsignal(signal.SIGINT)
    with Processes(tmp_path):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_crashed_program_is_started_again_after_a_growing_pause(tmp_path):
    """The first crash costs half a second, the next twice that."""
    with Processes(tmp_path) as processes:
        processes.start(_program("web", processes))
        pauses = []
        for crash in (1, 2):
            pid = _pids()["web"]
            os.kill(pid, signal.SIGKILL)
            began = stopwatch()
            assert wait_for(lambda pid=pid: (processes.tend(), _pids().get("web", pid) != pid)[1], 120)
            pauses.append(stopwatch() - began)
            assert wait_for(lambda ups=crash + 1: processes.log_file("web").read_text().count(" up ") == ups, 120)
    assert pauses[0] >= 0.5 and pauses[1] >= 1.0


def test_a_false_start_shows_the_end_of_the_log(tmp_path, slow_to_fail):
    """A program that ends at once is an error with its own last words, and the others are stopped."""
    broken = Program("broken", (sys.executable, "-I", "-c", "raise SystemExit('no such port: red@example.test')"))
    with pytest.raises(ProgramFailed) as caught, Processes(tmp_path) as processes:
        processes.start(_program("web", processes))
        processes.start(broken)
        processes.wait()
    assert "broken ended with exit code 1 as soon as it was started" in str(caught.value)
    assert "no such port: r…@e…" in str(caught.value)
    assert _pids() == {}


def test_a_command_that_is_not_there_is_named(tmp_path, slow_to_fail):
    """A typing error in a command is a sentence, not a traceback."""
    with (
        pytest.raises(ProgramFailed, match="no-such-command cannot be started: No such file"),
        Processes(tmp_path) as p,
    ):
        p.start(Program("typo", ("no-such-command",)))
        p.wait()


def test_a_program_that_is_never_ready_is_reported(tmp_path):
    """Patience ends, and says with whom."""
    with pytest.raises(ProgramFailed, match="slow was not ready within 0 s"), Processes(tmp_path) as processes:
        slow = _program("slow", processes)
        processes.start(Program(slow.name, slow.argv, ready=lambda: False), within=0.3)


def test_two_sets_of_programs_from_one_home_are_refused(tmp_path):
    """Two supervisors would share logs and schedules; the second is told who is first."""
    with Processes(tmp_path), pytest.raises(HomeInUse, match=str(os.getpid())):
        Processes(tmp_path).__enter__()


def test_the_tail_of_a_log_is_short_and_masked(tmp_path: Path):
    """The last lines only, and no secret among them."""
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {n}\n" for n in range(100)) + "redis://:geheim@127.0.0.1/0\n")
    shown = tail(log, lines=3)
    assert shown.splitlines() == ["    line 98", "    line 99", "    redis://:…@127.0.0.1/0"]
    assert "nothing was logged" in tail(tmp_path / "absent.log")


def test_a_log_that_grew_large_is_set_aside_while_its_program_writes_on(tmp_path, monkeypatch):
    """The disk of a machine that runs for months is not filled by what its programs say."""
    with Processes(tmp_path) as processes:
        processes.start(_program("web", processes))
        monkeypatch.setattr("app.embedded.children._LARGE_LOG", 5)
        monkeypatch.setattr(supervisor, "_LOOK_AT_LOGS", 0.0)
        assert wait_for(lambda: (processes.tend(), processes.log_file("web").read_text() == "")[1], 120)
    assert processes.log_file("web").read_text() == "web SIGTERM\n"
    assert (tmp_path / "logs" / "web.log.1").read_text() == "web up None\n"


_LAST_TO_GO = """
import os, pathlib, signal, sys, time
told = pathlib.Path(sys.argv[1])
def note(signum, frame):
    (told / sys.argv[2]).touch()
    while len(list(told.iterdir())) < int(sys.argv[3]):
        time.sleep(0.01)
    os.write(1, b"and gone\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, note)
os.write(1, b"up\\n")
while True:
    time.sleep(0.05)
"""


def test_what_was_started_together_ends_together(tmp_path):
    """Programs that each take their time to end take it at the same time: none of these goes before all were told."""
    told, names = tmp_path / "told", ("one", "two", "three", "four")
    told.mkdir()

    def program(name: str, processes: Processes) -> Program:
        log = processes.log_file(name)
        argv = (sys.executable, "-I", "-S", "-c", _LAST_TO_GO, str(told), name, str(len(names)))
        return Program(name, argv, ready=lambda: log.exists() and "up" in log.read_text(), grace=60)

    with Processes(tmp_path) as processes:
        processes.start(*(program(name, processes) for name in names))
    assert [processes.log_file(name).read_text() for name in names] == ["up\nand gone\n"] * len(names)
