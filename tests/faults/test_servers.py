"""The database and the broker go away and come back while messages leave: the engine carries on by itself."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from app.clock import wall_now
from app.db import make_engine
from app.insight.audit import audit
from app.models import Attempt, Brand, Message
from app.schema import migrate
from app.settings import Settings
from app.web.access.keys import issue_key
from app.wiring import build_house
from tests.daylight import zone_by_day
from tests.faults.conftest import Engine, await_
from tests.faults.parcels import plan_messages
from tests.faults.servers import Broker, Database
from tests.folders import new_folder

PARCELS = 100


@pytest.fixture
def database() -> Iterator[Database]:
    """This test's own PostgreSQL, not started yet."""
    folder = new_folder("doorstep-faults-")
    database = Database(folder)
    yield database
    database.release()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(database: Database) -> Iterator[str]:
    """Takes the place of the shared server's: the schema is in place."""
    url = database.start()
    engine = make_engine(url)
    migrate(engine)
    engine.dispose()
    yield url


@pytest.fixture
def broker() -> Iterator[Broker]:
    """This test's own Valkey, running."""
    broker = Broker()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker_url(broker: Broker) -> str:
    """Takes the place of the shared server's."""
    return broker.url


def assert_each_once(running: Engine, total: int) -> None:
    """Every message is in the journal exactly once, and nothing is broken or in doubt."""
    with running.sessions() as session:
        named = sa.select(Attempt.public_id, Message.public_id).join(Message, Message.id == Attempt.message_id)
        owner = dict(session.execute(named).all())
    with running.sessions() as session:
        found = audit(session, 120)
    times_sent = Counter(owner[entry.attempt_id] for entry in running.providers.journal.entries)
    assert {name: n for name, n in times_sent.items() if n > 1} == {}, "sent twice"
    assert len(times_sent) == total, "lost"
    assert found.whole, found.breaches


@pytest.mark.long
@pytest.mark.faults
def test_servers_that_come_and_go_cost_only_time(
    running: Engine, engine: sa.Engine, database: Database, broker: Broker
):
    """Started before the database, then both servers die in the middle and come back: 200 messages, each once."""
    total = plan_messages(running.sessions, build_house(Settings(send="shadow"), engine=engine), PARCELS)
    running.env |= {"DOORSTEP_SENDING__DEADLINE": "1", "DOORSTEP_SENDING__MARGIN": "0.7"}
    running.providers.behave(sendgrid={"slow_ms": 100}, twilio={"slow_ms": 100})
    journal = running.providers.journal.entries
    engine.dispose()
    database.stop()
    running.start_web()
    running.start_beat()
    running.start_worker()
    said = "database away; the next tick tries again"
    await_(f"the worker says so\n{running.log('worker')}", lambda: said in running.log("worker"))
    assert "Traceback" not in running.log("worker")
    _assert_the_web_says_so(running)
    database.start()
    await_(f"messages leave\n{running.log('worker')}", lambda: len(journal) >= 25)
    database.crash()
    time.sleep(0.5)  # not waiting for a state: calls that have begun come back to no database
    database.start()
    after = len(journal)
    await_(f"messages leave again\n{running.log('worker')}", lambda: len(journal) >= after + 15)
    broker.flush()
    broker.stop()
    time.sleep(0.5)
    broker.start()
    assert len(journal) < total, "all this must fall while messages are still leaving"
    # Celery 5.7 now and then ends itself when its broker vanishes while it hands unspent wake-ups back ("Unrecoverable
    # error" in its log); whoever watches over it starts it again, and nothing else may need that.
    others = {name: running.running[name].pid for name in ("web", "beat")}
    await_(
        f"every message is settled\n{running.log('worker')}",
        lambda: (running.tend(), set(running.states()) <= {"accepted", "delivered"})[1],
    )
    assert_each_once(running, total)
    assert others == {name: running.running[name].pid for name in ("web", "beat")}


def _assert_the_web_says_so(running: Engine) -> None:
    """Without a database the web process is up and not ready; who calls is told to come again, and soon."""
    site = f"http://127.0.0.1:{running.port}"
    with httpx.Client(base_url=site, timeout=60, trust_env=False) as http:
        assert http.get("/healthz").status_code == 200
        calls = [
            http.get("/readyz"),
            http.post("/v1/orders", json=_order("1"), headers={"Authorization": "Bearer dsk_nobody"}),
            http.get("/t/" + "0" * 26),
        ]
    for answer in calls:
        assert answer.status_code == 503, f"{answer.request.url}: {answer.status_code} {answer.text[:300]}"
        assert "Traceback" not in answer.text and "psycopg" not in answer.text


@pytest.mark.long
@pytest.mark.faults
def test_orders_are_taken_while_the_broker_is_away(running: Engine, engine: sa.Engine, brand: Brand, broker: Broker):
    """The shop hears at once that its order is stored, and the messages leave when the broker is back."""
    with running.sessions.begin() as session:
        key = issue_key(session, brand.id, "tests", ["orders:write"])
    running.start_web()
    running.start_beat()
    await_("beat ticks", broker.holds_something)
    broker.stop()
    running.start_worker()
    for number in ("1", "2"):
        answer = httpx.post(
            f"http://127.0.0.1:{running.port}/v1/orders",
            json=_order(number),
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
    assert sum(running.states().values()) == 4, "decided and planned in the same transaction"
    assert running.providers.journal.entries == []
    await_("a worker started meanwhile says what it waits for", lambda: "Cannot connect to" in running.log("worker"))
    broker.start()
    await_(
        f"the messages leave\n{running.log('worker')}\n{running.log('beat')}",
        lambda: set(running.states()) <= {"accepted", "delivered"},
    )
    assert_each_once(running, 4)


def _order(number: str) -> dict[str, object]:
    now = wall_now()
    scan = {"milestone": "out_for_delivery", "occurred_at": (now - timedelta(minutes=1)).isoformat(), "place": "Malmö"}
    return {
        "number": number,
        "placed_at": (now - timedelta(days=1)).isoformat(),
        "shopper": {
            "name": "Maja Lind",
            "email": f"m{number}@example.test",
            "phone": f"+4670174060{number}",
            "zone": zone_by_day(),
        },
        "parcels": [{"reference": "1", "scans": [scan]}],
    }
