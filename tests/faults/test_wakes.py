"""A web process and a worker without the ticking beside them: only a wake-up can have moved what moves here."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.clock import wall_now
from app.models import Attempt, Brand, Message
from app.web.access.keys import issue_key
from tests.daylight import zone_by_day
from tests.doorbell import doorbell
from tests.faults.conftest import Engine, await_


@pytest.fixture
def shop(running: Engine, brand: Brand) -> httpx.Client:
    """The shop's own program, which tells orders and scans over HTTP."""
    with running.sessions.begin() as session:
        key = issue_key(session, brand.id, "tests", ["orders:write", "orders:read"])
    with httpx.Client(
        base_url=f"http://127.0.0.1:{running.port}",
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
        trust_env=False,
    ) as client:
        yield client


def order(number: str) -> dict[str, Any]:
    """An order whose parcel nobody has scanned yet."""
    return {
        "number": number,
        "placed_at": (wall_now() - timedelta(days=1)).isoformat(),
        "shopper": {
            "name": "Maja Lind",
            "email": f"m{number}@example.test",
            "phone": f"+4670174060{number}",
            "zone": zone_by_day(),
        },
        "parcels": [{"reference": "1"}],
    }


def told(shop: httpx.Client, number: str) -> str:
    """Tell an order; its parcel's outside id."""
    answer = shop.post("/v1/orders", json=order(number))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["parcels"][0]["id"])


def scanned(shop: httpx.Client, parcel: str, milestone: str) -> None:
    """Push one scan, a minute old."""
    at = (wall_now() - timedelta(minutes=1)).isoformat()
    answer = shop.post(
        f"/v1/shipments/{parcel}/scans", json={"scans": [{"milestone": milestone, "occurred_at": at, "place": "Malmö"}]}
    )
    assert answer.status_code == 200, answer.text


def states(running: Engine, milestone: str) -> dict[str, tuple[str, str]]:
    """State and reason of this milestone's messages, by channel."""
    with running.sessions() as session:
        rows = session.execute(
            sa.select(Message.channel, Message.state, Message.reason).where(Message.milestone == milestone)
        )
        return {channel: (state, reason) for channel, state, reason in rows}


@pytest.mark.long
@pytest.mark.faults
def test_a_pushed_scan_leaves_without_a_tick(running: Engine, shop: httpx.Client):
    """What waits for nothing and what is urgent both leave, and come to be known as delivered, with beat stopped."""
    running.start_web()
    running.start_worker(pool=2)
    await_(f"the worker stands\n{running.log('worker')}", lambda: " ready." in running.log("worker"))
    parcel = told(shop, "1")
    for milestone, channels in (("dispatched", ["email"]), ("out_for_delivery", ["email", "sms"])):
        scanned(shop, parcel, milestone)
        delivered = dict.fromkeys(channels, ("delivered", "confirmed_by_receipt"))
        await_(
            f"{milestone} is delivered: {states(running, milestone)}\n{running.log('worker')}",
            lambda milestone=milestone, wanted=delivered: states(running, milestone) == wanted,
        )
    assert "beat" not in running.running
    assert len(running.providers.journal.entries) == 3


@pytest.mark.long
@pytest.mark.faults
def test_a_worker_in_shadow_opens_no_connection(running: Engine, shop: httpx.Client):
    """Decided, withheld with the reason, and neither provider's port is touched by any process of the worker; once
    one address is on the list of those that may be written to, that one call is made."""
    with doorbell() as bell:
        url = f"http://127.0.0.1:{bell.port}"
        running.env |= {
            "DOORSTEP_SEND": "shadow",
            "DOORSTEP_SENDGRID__BASE_URL": url,
            "DOORSTEP_TWILIO__BASE_URL": url,
        }
        running.start_web()
        running.start_worker(pool=2)
        await_(f"the worker stands\n{running.log('worker')}", lambda: " ready." in running.log("worker"))
        scanned(shop, told(shop, "1"), "out_for_delivery")
        withheld = dict.fromkeys(("email", "sms"), ("suppressed", "shadow"))
        await_("both are withheld", lambda: states(running, "out_for_delivery") == withheld)
        with running.sessions() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Attempt)) == 0
        assert bell.rings == [] and running.providers.journal.entries == []

        running.kill("worker")
        running.env |= {"DOORSTEP_SEND": "allowlist", "DOORSTEP_ALLOWLIST": "m2@example.test"}
        running.start_worker(pool=2)
        scanned(shop, told(shop, "2"), "delivered")
        await_("the listed one is called", lambda: bool(bell.rings))
        await_(
            "the other is withheld",
            lambda: states(running, "delivered").get("sms") == ("suppressed", "not_on_allowlist"),
        )
        with running.sessions() as session:
            assert set(session.scalars(sa.select(Attempt.provider))) == {"sendgrid"}
