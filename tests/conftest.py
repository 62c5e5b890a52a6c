"""What every test stands on: one embedded server a run, a clean database a test, and no way off this machine."""

import logging
import os
import runpy
import shutil
import signal
import ssl
import sys
import threading
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import redis
import sqlalchemy as sa
import structlog
from hypothesis.internal.conjecture import providers

from app import wiring
from app.db import Sessions, make_engine, make_sessions
from app.embedded import Embedded, Endpoints
from app.messages.rendering.render import Renderer
from app.models import Brand
from app.schema import migrate
from tests.databases import COPY, TEMPLATE, Kept
from tests.folders import new_folder, own_temporary_folder

GUARD = Path(__file__).parent / "guard"
_numbers = count(1)

_engine_on = cache(make_engine)
"""What SQLAlchemy has made of the program's statements stays with the engine: it takes longer than to run them."""


def pytest_configure(config: pytest.Config) -> None:
    """Before anything of ours is imported."""
    if not hasattr(config, "workerinput"):  # a worker has the run's
        config.add_cleanup(own_temporary_folder())
    shut_the_way_out()
    keep_what_was_compiled()
    trust_once()
    tell_errors_plainly()
    hear_ctrl_c()
    settle_hypothesis(derandomize=config.option.markexpr != "sweep")


def settle_hypothesis(*, derandomize: bool) -> None:
    """Let a run make up the same examples as the one before, so that what is new in it is the code, and new ones in a
    sweep; neither measures how long it takes to make them up.

    One example in twenty is taken from the constants of whatever module of ours has been imported by then, which the
    tests before decide, and a run of several processes deals them out anew each time: that is left to the sweep.
    """
    patient = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
    hypothesis.settings.register_profile(
        "doorstep", deadline=None, derandomize=derandomize, suppress_health_check=patient
    )
    hypothesis.settings.load_profile("doorstep")
    if derandomize:
        providers._get_local_constants = providers.Constants


def shut_the_way_out() -> None:
    """Shut the way out for this process and all it starts, and forget the developer's own Doorstep."""
    kept = ("DOORSTEP_REQUIRE_BROWSER", "DOORSTEP_CHROMIUM", "DOORSTEP_SLOW_BROWSER")
    for name in [name for name in os.environ if name.startswith("DOORSTEP_") and name not in kept]:
        del os.environ[name]
    os.environ["DOORSTEP_SETTINGS_FILE"] = ""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH", "")]))
    runpy.run_path(str(GUARD / "sitecustomize.py"))


def keep_what_was_compiled() -> None:
    """Let this process and all it starts store their bytecode, whatever the developer's shell says: a run imports the
    program a hundred times."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def trust_once() -> None:
    """Read whom a client trusts over TLS once a process, as each variable says: every client of a test does it anew, at
    48 CPU-ms, and nearly all of them speak plainly to this machine."""
    read = ssl.create_default_context

    @cache
    def kept(cafile: str | None, capath: str | None, *_variables: str | None) -> ssl.SSLContext:
        return read(cafile=cafile, capath=capath)

    def create_default_context(
        purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH, *, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> ssl.SSLContext:
        if purpose is not ssl.Purpose.SERVER_AUTH or cadata is not None:
            return read(purpose, cafile=cafile, capath=capath, cadata=cadata)
        return kept(cafile, capath, *(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")))

    ssl.create_default_context = create_default_context


def tell_errors_plainly() -> None:
    """Where no command has set the logs up, an error is shown as the program shows it: structlog's own way, with every
    variable of every frame, takes seconds for one error behind a page."""
    *before, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before, plain])


def hear_ctrl_c() -> None:
    """Let Ctrl-C mean to a program under test what it means at a terminal: a run in the background of a shell (`make
    test &`) has it ignored, and so would everything that is started from it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: else a run ends with one process at it and the others at nothing.

    Of several processes the first is given the beginning, so that what starts whole engines is done one after the
    other, while the others take the rest and help out at its end.
    """
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end, as in a worker."""
    wiring.settle_in()


@pytest.fixture(scope="session", autouse=True)
def _templates_read_once() -> Iterator[None]:
    """Each house has a renderer, which reads a template once and knows it by its digest: here all have the same."""
    shared = Renderer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "Renderer", lambda: shared)
        yield


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command points the logs at the standard error that the runner lends it; later tests need their own."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """The run's own PostgreSQL and Valkey; fast rather than safe from a power cut."""
    home = new_folder("doorstep-tests-")
    try:
        with Embedded(home, durable=False) as endpoints:
            yield endpoints
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def administration(server: Endpoints) -> Iterator[psycopg.Connection]:
    """A connection that makes and drops databases; the template with the newest schema exists."""
    with psycopg.connect(server.database_url, autocommit=True) as connection:
        connection.execute("alter system set autovacuum = off")  # which would change plans in the middle of a test
        connection.execute("select pg_reload_conf()")
        connection.execute(f"create database {TEMPLATE}")
        engine = make_engine(_url_of(server, TEMPLATE))
        migrate(engine)
        engine.dispose()
        yield connection


def _url_of(server: Endpoints, database: str) -> str:
    return server.database_url.replace("/doorstep?", f"/{database}?")


@pytest.fixture(scope="session")
def kept(server: Endpoints, administration: psycopg.Connection) -> Iterator[Kept]:
    """The database that is emptied after each test."""
    kept = Kept(administration, _url_of(server, COPY))
    yield kept
    kept.drop()


@pytest.fixture
def database_url(kept: Kept) -> Iterator[str]:
    """A database of this test alone, with the schema and no rows. Its name is the same for each test."""
    yield kept.ready()
    kept.empty()


@pytest.fixture
def empty_database_url(server: Endpoints, administration: psycopg.Connection) -> Iterator[str]:
    """A database without any table, for tests of the schema itself."""
    name = f"test_{next(_numbers)}"
    administration.execute(f"create database {name} strategy file_copy")
    yield _url_of(server, name)
    administration.execute(f"drop database {name} with (force)")


@pytest.fixture
def engine(kept: Kept, database_url: str) -> Iterator[sa.Engine]:
    """An engine on this test's database."""
    engine = _engine_on(database_url)
    if database_url == kept.url:
        kept.recognise(engine)
        yield engine
        kept.take_back(engine)
    else:
        yield engine
        engine.dispose()


@pytest.fixture
def sessions(engine: sa.Engine) -> Sessions:
    """Sessions on this test's database."""
    return make_sessions(engine)


@pytest.fixture
def broker_url(server: Endpoints) -> str:
    """The broker, with nothing in it."""
    with redis.Redis.from_url(server.broker_url) as client:
        client.flushall()
    return server.broker_url


@pytest.fixture
def brand(sessions: Sessions) -> Brand:
    """Fjällhem, stored."""
    with sessions.begin() as session:
        stored = Brand(key="fjallhem", name="Fjällhem", zone="Europe/Stockholm", locale="en")
        session.add(stored)
    return stored
