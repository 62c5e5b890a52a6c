"""A slow number over real HTTP: several workers together hand the provider no more than it may get, and all of it."""

import threading
from collections import Counter

import httpx
import pytest
import sqlalchemy as sa

from app import pipeline
from app.demo.providers import Behaviour
from app.messages.rendering.gsm import segments as count_segments
from app.models import Attempt
from app.models.vocabulary import Channel, Reason
from app.pipeline.leaving.pacing import REACH
from app.settings import SegmentPace, Settings
from tests.integration.conftest import Town, eventually, timetable

MESSAGES, PER_SECOND = 24, 12


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The brand's sender name carries twelve segments a second, as a setting says."""
    slow = SegmentPace(alphanumeric=PER_SECOND)
    twilio = settings.twilio.model_copy(update={"segments_per_second": slow})
    # Of the deadline a part is waited for a turn, and the rest must do for a call on a busy machine.
    patient = settings.sending.model_copy(update={"deadline": 4.0})
    return settings.model_copy(update={"twilio": twilio, "sending": patient})


@pytest.fixture
def slow_number(town: Town, web: str, providers) -> Town:
    providers.behave(**Behaviour().model_dump())
    httpx.delete(f"{providers.url}/journal", timeout=60, trust_env=False).raise_for_status()
    numbers = [f"P{n}" for n in range(MESSAGES)]
    town.carrier.register([timetable(number) for number in numbers])
    for n, number in enumerate(numbers):
        town.order(number, shopper={"name": "Maja", "phone": f"+467017406{n:02}", "country": "SE"})
    town.poll()
    return town


def database_seconds(town: Town) -> float:
    with town.house.sessions() as session:
        return float(session.scalars(sa.text("SELECT extract(epoch FROM clock_timestamp())")).one())


def test_workers_together_keep_to_the_numbers_pace(slow_number: Town, providers):
    """Four workers send through one number: each text once, none tried in vain, and never more than its pace."""
    town = slow_number
    before = database_seconds(town)
    workers = [town.another_house() for _ in range(4)]
    seen: set[str] = set()

    def work(house) -> None:
        def drained() -> bool:
            pipeline.send_batch(house, Channel.sms)
            seen.update(message.reason for message in town.messages(channel="sms", state="ready"))
            taken = len(providers.journal.entries)
            assert taken <= (database_seconds(town) - before + REACH) * PER_SECOND + 1
            town.clock.turn(seconds=0.2)  # engine time moves on, so that what was put off comes due
            return taken >= MESSAGES

        eventually("every text has been taken", drained)

    threads = [threading.Thread(target=work, args=(house,)) for house in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert Counter(entry.recipient for entry in providers.journal.entries) == {
        f"+467017406{n:02}": 1 for n in range(MESSAGES)
    }
    texts = [providers.journal.full(entry)["text"] for entry in providers.journal.entries]
    # The lane was moved on by every segment that it carried, from a start no earlier than the first.
    with town.house.sessions() as session:
        free_at = session.scalars(sa.text("SELECT extract(epoch FROM free_at) FROM pace_lanes")).one()
        segments = sum(count_segments(text) for text in texts)
    assert float(free_at) - before >= segments / PER_SECOND - 0.01
    assert Reason.paced in seen
    assert len(town.rows(Attempt)) == MESSAGES, "waiting for a turn is no attempt"
    town.assert_whole()


def test_a_restart_in_the_middle_loses_and_repeats_nothing(slow_number: Town, providers):
    """What was put off is a row like any other: other workers send it, once."""
    town = slow_number
    first = town.another_house()
    pipeline.send_batch(first, Channel.sms)
    left = len(town.messages(channel="sms", state="ready"))
    assert 0 < left < MESSAGES
    second = town.another_house()

    def drained() -> bool:
        town.clock.turn(seconds=1)
        pipeline.send_batch(second, Channel.sms)
        return len(providers.journal.entries) == MESSAGES

    eventually("the others leave too", drained)
    assert max(Counter(entry.recipient for entry in providers.journal.entries).values()) == 1
    town.assert_whole()
