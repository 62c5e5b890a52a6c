"""What the other tests rely on: clean databases, an empty broker, and no way off this machine."""

import importlib
import os
import socket
import subprocess
import sys
import textwrap

import psycopg
import pytest
import redis
import sqlalchemy as sa
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.models import Brand

_OUTSIDE = "192.0.2.1"  # TEST-NET-1, RFC 5737: nobody's


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_without_rows(sessions, turn):
    """What one test stores, the next does not see."""
    with sessions.begin() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Brand)) == 0
        session.add(Brand(key=f"left-by-{turn}", name="x"))


def test_the_brand_is_stored(sessions, brand):
    """The brand fixture is a row with an id, usable after its transaction."""
    with sessions() as session:
        assert session.get_one(Brand, brand.id).name == "Fjällhem"


def test_text_sorts_and_folds_alike_everywhere(engine):
    """The collation is PostgreSQL's own, so that no machine's locale decides an order or a match."""
    with engine.connect() as connection:
        provider, locale, encoding = connection.execute(
            sa.text(
                "select datlocprovider, datlocale, pg_encoding_to_char(encoding) from pg_database "
                "where datname = current_database()"
            )
        ).one()
        assert (provider, locale, encoding) == ("b", "C.UTF-8", "UTF8")
        assert connection.scalar(sa.text("select lower('ÅNGSTRÖM')")) == "ångström"


def test_the_broker_serves_a_plain_client_and_celery_by_one_url(broker_url):
    """A task name sent by Celery lies in the queue that a plain client counts."""
    with Celery("probe", broker=broker_url) as celery, redis.Redis.from_url(broker_url) as client:
        assert client.dbsize() == 0
        celery.send_task("anything", queue="probe")
        assert client.llen("probe") == 1


def test_the_broker_refuses_a_stranger(broker_url):
    """Another account on this machine cannot use the port without the password."""
    url = redis.connection.parse_url(broker_url)
    with (
        redis.Redis(host=url["host"], port=url["port"], retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_the_database_listens_on_no_port(database_url):
    """Only the private socket leads in."""
    with psycopg.connect(database_url) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        folder = connection.execute("show unix_socket_directories").fetchone()[0]
    assert os.stat(folder).st_mode & 0o077 == 0


def test_nothing_leaves_this_process():
    """Connecting or looking up anything but loopback raises at once, in the test process."""
    with pytest.raises(RuntimeError, match="only loopback"):
        socket.create_connection((_OUTSIDE, 443), timeout=1)
    with pytest.raises(RuntimeError, match="only loopback"):
        socket.getaddrinfo("api.sendgrid.com", 443)


def test_nothing_leaves_a_process_under_test():
    """The same holds in a child that was started as workers and stand-ins are, through asyncio too."""
    program = textwrap.dedent(
        f"""
        import asyncio
        try:
            asyncio.run(asyncio.wait_for(asyncio.open_connection("{_OUTSIDE}", 443), 2))
        except RuntimeError as error:
            print("refused:", error)
        """
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert outcome.stdout.startswith("refused: only loopback"), outcome.stderr


def test_loopback_stays_open():
    """A listener on this machine can be reached."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(("localhost", listener.getsockname()[1]), timeout=30) as client,
    ):
        assert client.getpeername()[0] == "127.0.0.1"


def test_made_up_examples_are_the_same_whatever_has_been_imported(tmp_path, monkeypatch):
    """Else those of one test would be chosen by the tests that ran before it in the same process."""

    def made_up() -> list[object]:
        seen: list[object] = []

        @given(st.text(), st.integers())
        def look(word: str, number: int) -> None:
            seen.append((word, number))

        look()
        return seen

    before = made_up()
    (tmp_path / "further.py").write_text("\n".join(f"A{n} = 'word {n}', {n} * 7 + 1000" for n in range(100)))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("further")
    assert made_up() == before
