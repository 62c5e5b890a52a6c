"""What a provider is handed for one message is the same, byte for byte, whichever process tries, whatever changed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.messages.versions.publishing import Said, Seen, publish
from app.models import Attempt, Brand, Order
from tests.integration.conftest import Town, timetable
from tests.serving import serving

OTHER_PROCESS = """
import sys, time
from dataclasses import replace
from datetime import datetime
from app import pipeline
from app.clock import Clock
from app.models.vocabulary import Channel
from app.settings import Settings
from app.wiring import build_house

house = replace(build_house(Settings()), clock=Clock(datetime.fromisoformat(sys.argv[1]), time.time()))
for channel in (Channel.email, Channel.sms):
    pipeline.send(house, channel)
house.loop.run(house.http.aclose())
"""


class Turnstile:
    """SendGrid and Twilio as far as a body is concerned: keeps each raw one, and takes the third."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {"email": [], "sms": []}
        self.app = Starlette(routes=[Route("/{path:path}", self._taken, methods=["POST"])])

    async def _taken(self, request: Request) -> Response:
        channel = "email" if request.url.path == "/v3/mail/send" else "sms"
        self.bodies[channel].append(await request.body())
        if len(self.bodies[channel]) < 3:
            return JSONResponse({"errors": [{"message": "too many"}]}, 429)
        if channel == "email":
            return Response(status_code=202, headers={"X-Message-Id": "m1"})
        return JSONResponse({"sid": "SM1", "status": "queued"}, 201)


@pytest.fixture
def turnstile() -> Turnstile:
    """A provider that turns two tries away."""
    return Turnstile()


@pytest.fixture
def url(turnstile: Turnstile) -> Iterator[str]:
    """Where it listens."""
    with serving(turnstile.app) as listening:
        yield listening


def _elsewhere(town: Town, url: str, seed: str) -> None:
    """Let another process send what is due, whose sets and dictionaries lie in another order."""
    given = town.settings
    env = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "DOORSTEP_SEND": "live",
        "DOORSTEP_DATABASE_URL": town.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        "DOORSTEP_BROKER_URL": "memory://",
        "DOORSTEP_PUBLIC_URL": given.public_url,
        "DOORSTEP_SENDGRID__API_KEY": "SG.x",
        "DOORSTEP_SENDGRID__BASE_URL": url,
        "DOORSTEP_TWILIO__ACCOUNT_SID": "AC1",
        "DOORSTEP_TWILIO__AUTH_TOKEN": "t",
        "DOORSTEP_TWILIO__FROM": "+15550100",
        "DOORSTEP_TWILIO__BASE_URL": url,
    }
    command = [sys.executable, "-c", OTHER_PROCESS, town.clock.now().isoformat()]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr


def _due_again(town: Town) -> None:
    with town.house.sessions.begin() as session:
        now = {"now": town.clock.now()}
        session.execute(sa.text("UPDATE messages SET send_at = :now WHERE state IN ('held', 'ready')"), now)
        session.execute(sa.text("UPDATE senders SET resting_until = NULL, busy_until = NULL, strikes = 0"))


def _change_everything(town: Town) -> None:
    """The marketer publishes other words, and the shop corrects the order."""
    with town.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        changes = {}
        for name in ("email.md", "sms.txt"):
            for locale in ("en", "sv"):
                path = f"messages/{locale}/out_for_delivery.{name}"
                text = town.house.catalog.shelf(brand.key).file(path).text
                mail = name == "email.md"
                changed = text.replace("subject: ", "subject: Changed. ", 1) if mail else f"{text.strip()} "
                changes[path] = changed.replace('Changed. "', '"Changed. ').encode()
        publish(session, town.house.catalog, brand, changes, Said("Mira", "a test", town.clock.now()), Seen(), {})
        session.execute(sa.update(Order).values(shopper_name="Somebody Else", locale="de", items=[]))


@pytest.mark.long
def test_three_tries_by_three_processes_are_one_message(town: Town, turnstile: Turnstile, url: str):
    """First try, retry after other words were published and the order changed, and a third: nothing but the number of
    the call differs in what SendGrid and Twilio are handed."""
    town.carrier.register([timetable("T1")])
    town.order("T1")
    town.poll()
    for seed in ("1", "2", "3"):
        _elsewhere(town, url, seed)
        if seed == "1":
            _change_everything(town)
        _due_again(town)
    calls = [attempt.public_id for attempt in town.rows(Attempt)]
    assert len(calls) == 6
    for channel, bodies in turnstile.bodies.items():
        assert len(bodies) == 3, channel
        numberless = set()
        for body in bodies:
            mine = [call for call in calls if call.encode() in body]
            assert len(mine) == 1, channel
            numberless.add(body.replace(mine[0].encode(), b"CALL"))
        assert len(numberless) == 1, channel
    mail = json.loads(turnstile.bodies["email"][2])
    assert "Changed" not in mail["personalizations"][0].get("subject", mail.get("subject", ""))
    assert dict(parse_qsl(turnstile.bodies["sms"][2].decode()))["To"] == "+46701740605"
    assert {state for state, _ in town.states().values()} == {"accepted"}
