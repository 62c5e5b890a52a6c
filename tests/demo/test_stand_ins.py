"""The stand-ins that a newcomer connects a real engine to, and the README's way to a first message."""

import asyncio
import re
import smtplib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.channels.smtp import Smtp
from app.cli.commands import COMMANDS
from app.clock import Clock, wall_seconds
from app.demo.carrier.fresh import BY_END, fresh_journey
from app.demo.carrier.server import CarrierStandIn
from app.demo.providers.journal import Accepted
from app.demo.providers.smtp_face import listening, read
from app.demo.stand_ins import Ports, connecting, trial_home
from app.intake.csv_file import Row, read_orders
from app.models.vocabulary import AttemptOutcome, Milestone
from app.settings import SendMode, load_settings
from app.tracking.adapter.base import Access, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.dhl import Dhl
from tests.channels.letters import EMAIL
from tests.cli.test_commands import run
from tests.intake.rows import CARRIERS

NOW = datetime(2026, 3, 2, 8, 0, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
PORTS = Ports(carrier=8090, smtp=1025, inbox=8025)


def asked(stand_in: CarrierStandIn, minutes: float, number: str = "00340434161094042557") -> CarrierReply:
    """What the carrier answers about a number that nobody has registered, so long after the first question."""
    stand_in.clock = Clock(NOW + timedelta(minutes=minutes), wall_seconds(), 1e-6)
    [call] = Dhl().calls([Ask(number)], Access("http://carrier.test", "any"))
    answers: list[dict] = []

    async def ask() -> None:
        async def send(message: dict) -> None:
            answers.append(message)

        async def receive() -> dict:
            return {"type": "http.request", "body": b""}

        path, _, query = call.url.removeprefix("http://carrier.test").partition("?")
        headers = [(name.lower().encode(), value.encode()) for name, value in call.headers.items()]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": headers}
        await stand_in(scope, receive, send)

    asyncio.run(ask())
    return Dhl().read(call, RawAnswer(answers[0]["status"], {}, answers[1]["body"]))[0]


def test_any_number_begins_a_journey_that_ends_at_the_door_in_five_minutes() -> None:
    """It is on its way with the first question, says when it comes and not where to, for nobody knows."""
    stand_in = CarrierStandIn(Clock(NOW, wall_seconds(), 1e-6), fresh=fresh_journey)
    first = asked(stand_in, 0)
    assert [scan.milestone for scan in first.scans] == [Milestone.dispatched, Milestone.registered]
    assert first.eta_through and first.bound_for is None
    assert asked(stand_in, 2).scans[0].milestone is Milestone.out_for_delivery
    last = asked(stand_in, 5).scans[0]
    assert (last.milestone, last.occurred_at) == (Milestone.delivered, NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("end", "seen"),
    [
        ("11", ["in_transit", "exception", "exception", "delivered"]),
        ("22", ["in_transit", "out_for_delivery", "ready_for_pickup", "delivered"]),
        ("33", ["in_transit", "out_for_delivery", "returning", "returned"]),
        ("44", ["in_transit", "in_transit", "in_transit", "in_transit"]),
    ],
)
def test_other_ends_of_a_number_are_other_journeys(end: str, seen: list[str]) -> None:
    """After one, two, six and twelve minutes; what is late is expected tomorrow, and the command names each end."""
    stand_in, number = CarrierStandIn(Clock(NOW, wall_seconds(), 1e-6), fresh=fresh_journey), f"TRY-00{end}"
    first = asked(stand_in, 0, number)
    assert first.eta_through and (first.eta_through.date() > NOW.date()) == (end == "11")
    assert [asked(stand_in, minutes, number).scans[0].milestone for minutes in (1, 2, 6, 12)] == seen
    said = (ROOT / "docs/first-message.md").read_text(encoding="utf-8")
    assert f"| `{end}` |" in said and set(BY_END) == {"11", "22", "33", "44"}


def test_the_mail_server_takes_what_the_engine_sends() -> None:
    """A letter arrives with its names, both texts and the attempt that it belongs to, dots and all."""
    taken: list[Accepted] = []

    async def send() -> list[AttemptOutcome]:
        async with listening("127.0.0.1", 0, taken.append) as port:
            smtp = Smtp(f"smtp://127.0.0.1:{port}")
            outcomes = [(await smtp.send(EMAIL)).outcome, (await smtp.send(EMAIL)).outcome]
            await smtp.aclose()
            return outcomes

    assert asyncio.run(send()) == [AttemptOutcome.accepted] * 2
    letter = taken[0]
    assert len(taken) == 2
    assert (letter.provider, letter.attempt_id, letter.recipient) == ("smtp", EMAIL.attempt_id, EMAIL.to_email)
    assert (letter.recipient_name, letter.sender_name) == (EMAIL.to_name, EMAIL.from_name)
    assert (letter.subject, letter.text, letter.html.strip()) == (EMAIL.subject, EMAIL.text, EMAIL.html)


def test_the_mail_server_keeps_to_the_order_of_things() -> None:
    """A command at the wrong time, or an unknown one, is answered and ends nothing; a line of dots is one dot less."""
    taken: list[Accepted] = []

    def talk(port: int) -> list[int]:
        with smtplib.SMTP("127.0.0.1", port, "localhost", timeout=60) as server:
            codes = [server.docmd("DATA")[0], server.docmd("VRFY", "a")[0], server.helo()[0], server.noop()[0]]
            server.sendmail("a@shop.test", ["b@x.test", "c@x.test"], b"Subject: s\r\n\r\n..\r\nend\r\n")
            return codes

    async def serve() -> list[int]:
        async with listening("127.0.0.1", 0, taken.append) as port:
            return await asyncio.to_thread(talk, port)

    assert asyncio.run(serve()) == [503, 502, 250, 250]
    assert [(one.recipient, one.text.split()) for one in taken] == [
        ("b@x.test", ["..", "end"]),
        ("c@x.test", ["..", "end"]),
    ]


def test_a_letter_that_cannot_be_read_is_kept_as_it_is() -> None:
    """Bytes without headers are the text of a letter that nobody has written."""
    assert read(b"\xff no letter", "a@x.test", "b@x.test").recipient == "b@x.test"


def test_the_printed_settings_connect_everything_and_stay_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are settings that the program reads; nothing leaves until it is said, and then only to this machine."""
    monkeypatch.setenv("DOORSTEP_HOME", str(tmp_path / "it's here"))
    code, printed, _ = run("stand-ins", "--settings", "--smtp-port", "2525")
    assert code == 0
    assert all(line.startswith("export DOORSTEP_") for line in printed.splitlines())
    told = connecting(PORTS, trial_home(tmp_path))
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.send is SendMode.shadow and settings.stays_here
    assert (settings.home, settings.carriers["dhl"].base_url) == (tmp_path / "trial", "http://127.0.0.1:8090")
    assert "smtp://127.0.0.1:2525" in printed
    assert trial_home(trial_home(tmp_path)) == tmp_path / "trial"


def test_every_command_of_the_readme_is_there_and_its_file_can_be_imported() -> None:
    """Whoever copies the README's lines, or those of the page behind them, is not told that there is no such thing."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/first-message.md")]
    named = {word for text in texts for word in re.findall(r"(?:^|`|\$\(|live |you )\s*doorstep ([a-z-]+)", text, re.M)}
    assert {"stand-ins", "up", "import", "explain"} <= named <= set(COMMANDS)
    [example] = set(re.findall(r"doorstep import (docs/\S+)", texts[0]))
    rows = list(read_orders(ROOT / example, None, CARRIERS))
    assert len(rows) == 4 and all(isinstance(row, Row) and not row.warnings for row in rows), rows
