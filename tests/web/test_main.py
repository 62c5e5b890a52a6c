"""The web process as it is started for real: by uvicorn's factory, from the environment, until it is told to end."""

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import redis
import sqlalchemy as sa

from app.models import Message
from tests.web.conftest import order, scan

GIVEN = {"timeout": 60, "trust_env": False}


@pytest.fixture
def served(database_url, broker_url):
    """A function that starts the process on this test's database, with a broker; gives its address. The process is
    handed a port that is listened on already: one that is only found may be another's by the time it is listened on."""
    started = []

    def start(broker=broker_url):
        environment = {
            **os.environ,
            "DOORSTEP_DATABASE_URL": database_url,
            "DOORSTEP_BROKER_URL": broker,
            "DOORSTEP_LOG_FORMAT": "json",
            "DOORSTEP_CARRIERS__DHL__API_KEY": "k",
        }
        argv = [sys.executable, "-m", "uvicorn", "--factory", "app.web.main:create_app", "--fd"]
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port, number = listening.getsockname()[1], listening.fileno()
            process = subprocess.Popen(
                [*argv, str(number)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                pass_fds=[number],
            )  # fmt: skip
        started.append(process)
        address = f"http://127.0.0.1:{port}"
        try:
            ready = httpx.get(f"{address}/readyz", timeout=180, trust_env=False).status_code == 200
        except httpx.HTTPError:
            ready = False
        if not ready:
            process.kill()
            raise AssertionError(process.communicate(timeout=30)[0])
        return address, process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_serves_wakes_and_ends(served, brand, new_key, broker_url, sessions):
    """An order with news is stored and planned, the workers' queues are woken, the log keeps no secret, and it ends
    when it is asked to."""
    address, process = served()
    key = new_key(brand)
    told = order(parcels=[{"carrier": "dhl", "tracking_number": "X1", "scans": [scan("dispatched")]}])
    answer = httpx.post(f"{address}/v1/orders", json=told, headers={"Authorization": f"Bearer {key}"}, **GIVEN)
    assert answer.status_code == 200, answer.text
    link = answer.json()["results"][0]["parcels"][0]["page"].rsplit("/", 1)[1]
    assert httpx.get(f"{address}/t/{link}", **GIVEN).status_code == 200
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert link not in output and key not in output and "alma" not in output
    assert '"route": "/t/{token}"' in output and "Traceback" not in output
    with redis.Redis.from_url(broker_url) as broker, sessions() as session:
        assert (broker.llen("send"), broker.llen("poll")) == (2, 1)
        assert session.scalar(sa.select(sa.func.count()).select_from(Message)) == 2


def test_a_broker_that_is_away_costs_the_caller_nothing(served, brand, new_key):
    """Orders are taken all the same; the wake-up is lost and the tick finds the work."""
    address, _ = served("redis://127.0.0.1:9/0")
    headers = {"Authorization": f"Bearer {new_key(brand)}"}
    with httpx.Client(base_url=address, headers=headers, **GIVEN) as client:
        for number in range(6):
            assert client.post("/v1/orders", json=order(str(number))).status_code == 200
