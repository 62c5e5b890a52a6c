"""Between judging and calling: a "no" that commits meanwhile counts, and what may not leave opens no connection."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

import pytest
import sqlalchemy as sa

from app import pipeline
from app.channels.base import OutgoingEmail, OutgoingSms
from app.models import Attempt, Brand
from app.models.vocabulary import Channel, Milestone, Reason, SuppressionKind
from app.pipeline.leaving import preparing
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.gate import closed_to, gate_of
from app.pipeline.leaving.sending import begin
from app.pipeline.people.consenting import suppress, wish
from app.settings import SendMode, Settings
from app.wiring import build_house
from tests.doorbell import Doorbell, doorbell
from tests.pipeline.conftest import World, prepared
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import send_all, whole

M = Milestone


def until(what: str, condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll until `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.01)


def a_no_during_the_wait(world: World, says_no: Callable[[sa.orm.Session, int], object]) -> list[object]:
    """Claim and render one email; while `begin` waits for its row, `says_no` commits. What was begun."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    house, now = world.house, world.clock.now()
    with house.sessions.begin() as session:
        token, claimed = claim(session, house, Channel.email, now)
    letters, withheld = prepared(house, claimed, now)
    assert len(letters) == 1 and not withheld
    begun: list[object] = []
    beginning = Thread(target=lambda: begun.extend(begin(house, token, letters)))
    with house.sessions() as holder:
        holder.execute(sa.text("SELECT 1 FROM messages WHERE id = :id FOR UPDATE"), {"id": claimed[0]})
        beginning.start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        until("begin waits for the row", lambda: sql(world, waiting))
        with house.sessions.begin() as session:
            says_no(session, session.scalars(sa.select(Brand.id)).one())
        holder.rollback()
    beginning.join(60)
    assert not beginning.is_alive()
    return begun


def test_a_suppression_that_commits_while_begin_waits_is_seen(world: World):
    """A worker that stood in line for its message's row looks at the list as it is when its turn comes."""
    bounce = SuppressionKind.bounce
    begun = a_no_during_the_wait(
        world, lambda session, brand: suppress(session, [wish(brand, Channel.email, "maja@example.test", bounce)])
    )
    assert begun == [] and sql(world, "SELECT count(*) FROM attempts")[0][0] == 0


def test_an_order_cancelled_elsewhere_while_begin_waits_is_seen(world: World):
    """Even where only the order says so, and nobody stopped the message itself."""
    begun = a_no_during_the_wait(
        world, lambda session, _: session.execute(sa.text("UPDATE orders SET cancelled_at = now()"))
    )
    assert begun == []


def test_begin_goes_on_after_a_wait_that_changed_nothing(world: World):
    """The wait alone holds nothing back."""
    assert len(a_no_during_the_wait(world, lambda session, _: None)) == 1


@pytest.fixture
def bell() -> Iterator[Doorbell]:
    """Where every provider seems to live."""
    with doorbell() as ringing:
        yield ringing


def settings_for(bell: Doorbell, email: str, **given: object) -> Settings:
    """An installation whose every provider is the doorbell."""
    url = f"http://127.0.0.1:{bell.port}"
    return Settings(
        channels={"email": email, "sms": "twilio"},
        sendgrid={"api_key": "SG.key", "base_url": url},
        smtp={"url": f"smtp://127.0.0.1:{bell.port}?starttls=never"},
        twilio={"account_sid": "AC1", "auth_token": "t", "from": "+15550100", "base_url": url},
        sending={"deadline": 2.0, "margin": 0.05, "settle": 3600},
        **given,
    )


@contextmanager
def moved_in(world: World, settings: Settings) -> Iterator[World]:
    """The world's house, wired from these settings with the real channels."""
    built = replace(build_house(settings, engine=world.house.sessions.kw["bind"]), clock=world.clock)
    yield replace(world, house=built)
    built.loop.run(built.http.aclose())
    built.loop.close()


MODES = [
    (SendMode.shadow, "maja@example.test,+46701740605", "shadow"),
    (SendMode.allowlist, "", "not_on_allowlist"),
    (SendMode.allowlist, "someone@example.test", "not_on_allowlist"),
]


@pytest.mark.parametrize("email", ["sendgrid", "smtp"])
@pytest.mark.parametrize(("mode", "allowlist", "reason"), MODES)
def test_what_may_not_leave_opens_no_connection(world: World, bell: Doorbell, email, mode, allowlist, reason):
    """Claim, judge, render and settle run as ever; neither provider's port is touched, and no call is begun."""
    (parcel,) = world.order()
    with moved_in(world, settings_for(bell, email, send=mode, allowlist=allowlist)) as here:
        here.scan(parcel, M.out_for_delivery)
        send_all(here)
        pipeline.recover(here.house)
    assert {(m.channel, m.state, m.reason) for m in world.messages()} == {
        ("email", "suppressed", reason),
        ("sms", "suppressed", reason),
    }
    assert bell.rings == [] and sql(world, "SELECT count(*) FROM attempts")[0][0] == 0
    whole(world)


@pytest.mark.parametrize("email", ["sendgrid", "smtp"])
@pytest.mark.parametrize(("mode", "allowlist", "reason"), MODES)
def test_a_judge_that_errs_still_opens_no_connection(
    world: World, bell: Doorbell, monkeypatch, email, mode, allowlist, reason
):
    """Were everything judged fit to leave, the gate at the call stops it: it ends with the reason, never in doubt."""
    monkeypatch.setattr(preparing, "judge", lambda *judged: None)
    (parcel,) = world.order()
    with moved_in(world, settings_for(bell, email, send=mode, allowlist=allowlist)) as here:
        here.scan(parcel, M.out_for_delivery)
        send_all(here)
        pipeline.recover(here.house)
        send_all(here)
    stopped = f"stopped before the call: {reason}"
    assert {(m.channel, m.state, m.reason, m.detail) for m in world.messages()} == {
        ("email", "failed", "refused", stopped),
        ("sms", "failed", "refused", stopped),
    }
    assert bell.rings == []
    with world.house.sessions() as session:
        assert set(session.scalars(sa.select(Attempt.outcome))) == {"refused"}
    whole(world)


@pytest.mark.parametrize("email", ["sendgrid", "smtp"])
def test_the_doorbell_rings_when_messages_leave(world: World, bell: Doorbell, email):
    """The check can fail: live, both providers are called."""
    (parcel,) = world.order()
    with moved_in(world, settings_for(bell, email, send="live")) as here:
        here.scan(parcel, M.out_for_delivery)
        send_all(here)
        until("both were called", lambda: len(bell.rings) >= 2)
    assert "suppressed" not in {m.state for m in world.messages()}


@pytest.mark.parametrize("mode", [*SendMode, "", "LIVE", "shadow ", None])
@pytest.mark.parametrize("listed", [False, True])
def test_only_live_and_a_listed_address_open_the_gate(world: World, mode, listed):
    """Total: whatever else the mode says, nothing leaves; case and blanks make no other address."""
    allowlist = frozenset({"maja@example.test"} if listed else ())
    email = OutgoingEmail("a", " Maja@Example.test ", None, "f@x.test", "F", None, "s", "h", "t", "c")
    closed = gate_of(replace(world.house, send_mode=mode, allowlist=allowlist))(email)
    opens = mode == SendMode.live or (mode == SendMode.allowlist and listed)
    assert (closed is None) is opens
    assert closed in (None, Reason.shadow, Reason.not_on_allowlist)
    sms = OutgoingSms("a", "+46701740605", "t", None, 60)
    assert gate_of(replace(world.house, send_mode="allowlist", allowlist=frozenset({"+46701740605"})))(sms) is None
    assert closed_to("+46701740605", SendMode.allowlist, allowlist) is Reason.not_on_allowlist
