"""Which sender carries a message: the first for as long as it can, another while it rests, none on a guess."""

import asyncio
from dataclasses import replace

import pytest

from app import pipeline
from app.channels.base import Asking, OutgoingSms, Verdict
from app.models.vocabulary import AttemptOutcome, Channel, Milestone
from app.pipeline.leaving import senders
from app.pipeline.leaving.senders import Rest, all_paused, changed, choose, note, resting, sender_key
from tests.channels.letters import EMAIL, sms
from tests.pipeline.conftest import Obedient, World, a_minute_passes
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import ACCEPTED, send_all, whole

M = Milestone
REFUSED = Verdict(AttemptOutcome.not_sent, http_status=401, error="wrong credentials", sender_down=True)
AWAY = Verdict(AttemptOutcome.not_sent, error="connection refused", unreachable=True)
BUSY = Verdict(AttemptOutcome.not_sent, http_status=429, error="too many requests", throttled=True)


def two_providers(world: World, orders: int = 1) -> tuple[World, Obedient]:
    """SendGrid first, SMTP second, and so many emails due."""
    spare = replace(world.email, name="smtp", sent=[], asking=Asking.nothing, answer=lambda out: ACCEPTED)
    two = world.with_(transports={Channel.email: (world.email, spare), Channel.sms: (world.sms,)})
    plan(two, range(1, orders + 1))
    return two, spare


def plan(world: World, numbers) -> None:
    for number in numbers:
        shopper = {"name": "Maja", "email": f"maja{number}@example.test", "country": "SE"}
        (parcel,) = world.order(str(number), shopper=shopper)
        world.scan(parcel, M.out_for_delivery)


def again(world: World) -> None:
    world.clock.turn(minutes=10)
    send_all(world)


def pause_is_over(world: World) -> None:
    sql(world, "UPDATE senders SET busy_until = clock_timestamp() - interval '1 second'")


def rest_is_over(world: World) -> None:
    sql(world, "UPDATE senders SET resting_until = clock_timestamp() - interval '1 second'")


@pytest.mark.parametrize("down", [REFUSED, AWAY])
def test_a_sender_that_is_down_hands_over_and_takes_back(world: World, down):
    """The second stands in while the first rests; once it is back, everything goes to the first again."""
    world.email.answer = lambda out: down
    two, spare = two_providers(world)
    send_all(two)
    again(two)
    assert (len(world.email.sent), len(spare.sent)) == (1, 1)
    world.email.answer = lambda out: ACCEPTED
    rest_is_over(two)
    plan(two, [2, 3])
    send_all(two)
    assert (len(world.email.sent), len(spare.sent)) == (3, 1)
    assert sql(two, "SELECT strikes, resting_until FROM senders") == [(0, None)]
    whole(two)


def test_a_busy_provider_keeps_its_messages(world: World):
    """Too fast is no reason to change the provider."""
    world.email.answer = lambda out: BUSY
    two, spare = two_providers(world)
    send_all(two)
    world.email.answer = lambda out: ACCEPTED
    pause_is_over(two)
    again(two)
    assert (len(world.email.sent), len(spare.sent)) == (2, 0)


def test_an_unanswered_call_never_goes_elsewhere_by_itself(world: World):
    """Without evidence the second provider gets nothing."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    two, spare = two_providers(world)
    send_all(two)
    again(two)
    pipeline.recover(two.house)
    again(two)
    assert (len(world.email.sent), len(spare.sent)) == (1, 0)


def test_a_thousand_messages_do_not_each_find_out(world: World):
    """Few calls learn that the only sender is down; the others wait untried, and all leave once it is back."""
    world.email.answer = lambda out: REFUSED
    plan(world, range(30))
    house = replace(world.house, sending=world.house.sending.model_copy(update={"batch": 10, "concurrency": 2}))
    quick = replace(world, house=house)
    send_all(quick)
    assert len(world.email.sent) <= 2
    assert {m.state for m in world.messages()} == {"ready"}
    assert sql(world, "SELECT strikes, why FROM senders") == [(1, "wrong credentials")]
    rest_is_over(quick)
    again(quick)
    assert len(world.email.sent) <= 3, "one call alone tries it again"
    assert sql(world, "SELECT strikes FROM senders") == [(2,)]
    world.email.answer = lambda out: ACCEPTED
    rest_is_over(quick)
    again(quick)
    assert {m.state for m in world.messages()} == {"accepted"}
    whole(world)


def test_a_sender_that_stays_down_outlasts_no_count_of_tries(world: World):
    """The fault is not the message's: it waits for as long as its news is worth, and then expires with a reason."""
    world.email.answer = lambda out: AWAY
    plan(world, [1])
    house = replace(world.house, sending=world.house.sending.model_copy(update={"max_attempts": 2}))
    patient = replace(world, house=house)
    for _ in range(4):
        again(patient)
        rest_is_over(patient)
    (message,) = world.messages()
    assert (message.state, message.attempts) == ("ready", 4)
    world.clock.turn(hours=13)
    send_all(patient)
    assert [m.state for m in world.messages()] == ["expired"]
    whole(world)


def test_the_first_awake_is_chosen_and_the_shortest_rest_waited_for():
    """In the order of choice; a provider that is to be avoided comes last, but comes."""
    first, second = Obedient("sendgrid", "email"), Obedient("smtp", "email")
    both, key = (first, second), sender_key(first, EMAIL)
    assert choose(both, EMAIL, {}) is first
    assert choose(both, EMAIL, {key: Rest(5, "x")}) is second
    assert choose(both, EMAIL, {key: Rest(0, "x")}) is first
    assert choose(both, EMAIL, {}, avoid="sendgrid") is second
    assert choose((first,), EMAIL, {}, avoid="sendgrid") is first
    asleep = {key: Rest(5, "x"), sender_key(second, EMAIL): Rest(3, "y")}
    assert choose(both, EMAIL, asleep) == Rest(3, "y")


def test_a_name_that_the_provider_does_not_know_holds_up_only_its_own_brand():
    """Two brands on one account go by two names."""
    account = Obedient("twilio", "sms")
    one, other = sms(sender="Atelier"), sms(sender="Fjallhem")
    rests = {sender_key(account, one): Rest(9, "unknown sender")}
    assert isinstance(one, OutgoingSms)
    assert choose((account,), one, rests) == Rest(9, "unknown sender")
    assert choose((account,), other, rests) is account


def test_one_success_in_a_batch_speaks_for_its_sender():
    """A blip among answers puts nobody to rest; only a sender in doubt is taken back."""
    key, other = ("sendgrid", "a"), ("smtp", "b")
    assert changed([(key, AWAY), (key, ACCEPTED)], {}) == {}
    assert changed([(key, AWAY), (other, ACCEPTED)], {other: Rest(0, "x")}) == {key: AWAY, other: None}


def test_a_pause_is_asked_for_by_one_answer_among_many():
    """Being too fast shows in some answers of a batch; the longest wish counts, and no success speaks against it."""
    key, long = ("sendgrid", "a"), replace(BUSY, retry_after=9.0)
    assert changed([(key, ACCEPTED), (key, BUSY)], {key: Rest(0, "x")}) == {key: BUSY}
    assert changed([(key, BUSY), (key, long), (key, BUSY)], {}) == {key: long}


def test_a_pause_stops_the_whole_sender_and_counts_against_no_message(world: World):
    """One 429 ends the batch's calls; nobody claims while it lasts, and no message is given up for it."""
    world.email.answer = lambda out: replace(BUSY, retry_after=30.0)
    plan(world, range(20))
    house = replace(world.house, sending=world.house.sending.model_copy(update={"concurrency": 2, "max_attempts": 1}))
    patient = replace(world, house=house)
    send_all(patient)
    assert len(world.email.sent) <= 2
    # Those whose turn did not come were let go of as they were.
    assert {(m.state, m.reason) for m in world.messages()} == {("ready", "retrying"), ("ready", "planned")}
    assert sql(world, "SELECT strikes, busy_times, busy_until > clock_timestamp() FROM senders") == [(0, 1, True)]
    again(patient)
    assert len(world.email.sent) <= 2, "the engine's clock ran on, but the pause is wall time"
    world.email.answer = lambda out: ACCEPTED
    pause_is_over(patient)
    again(patient)
    assert {m.state for m in world.messages()} == {"accepted"}
    assert sql(world, "SELECT busy_times FROM senders") == [(0,)]
    whole(world)


def test_a_pause_of_nobody_knows_how_long_grows(world: World, monkeypatch: pytest.MonkeyPatch):
    """Without a wish the pause doubles each time; calls that were under way together are one complaint."""
    monkeypatch.setattr(senders, "BUSY_PAUSE", (600.0, 36_000.0))  # no stall of the machine comes to the first
    key = ("sendgrid", "a")
    left = []
    for _ in range(3):
        for _together in range(2):
            with world.house.sessions.begin() as session:
                note(session, {key: BUSY})
        left += [float(row[0]) for row in sql(world, "SELECT extract(epoch FROM busy_until - now()) FROM senders")]
        pause_is_over(world)
    assert 0 < left[0] <= 600 < left[1] <= 1200 < left[2] <= 2400


def test_the_last_call_that_a_provider_takes_for_now_pauses_its_sender_too(world: World):
    """An acceptance can say that it was the last: it is settled as accepted, and the others wait."""
    world.email.answer = lambda out: replace(ACCEPTED, throttled=True, retry_after=20.0)
    plan(world, range(5))
    house = replace(world.house, sending=world.house.sending.model_copy(update={"concurrency": 1}))
    send_all(replace(world, house=house))
    assert sorted(m.state for m in world.messages()) == ["accepted", *["ready"] * 4]
    assert len(world.email.sent) == 1
    whole(world)


def test_a_call_that_never_got_its_turn_was_certainly_not_made(world: World):
    """While one call tries a doubtful sender and stalls, the others are not in doubt themselves."""

    async def stall(outgoing):
        a_minute_passes()
        await asyncio.sleep(3600)

    plan(world, [1, 2])
    sql(world, "INSERT INTO senders (provider, sender, strikes, resting_until)"
               " VALUES ('sendgrid', 'test', 1, clock_timestamp())")  # fmt: skip
    world.email.send = stall
    pipeline.send_batch(world.house, Channel.email)
    assert sorted(m.state for m in world.messages()) == ["ready", "unconfirmed"]
    whole(world)


def test_what_was_never_tried_is_never_given_up(world: World):
    """Attempts that were committed and not made count as none, however many there are."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, error="no free connection", untried=True)
    plan(world, [1])
    house = replace(world.house, sending=world.house.sending.model_copy(update={"max_attempts": 1}))
    patient = replace(world, house=house)
    for _ in range(3):
        again(patient)
    (message,) = world.messages()
    assert (message.state, message.attempts, message.tries) == ("ready", 3, 0)
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, http_status=409, error="not now")
    again(patient)
    (message,) = world.messages()
    assert (message.state, message.reason, message.tries) == ("failed", "gave_up", 1)


def test_nothing_is_put_off_beyond_its_deadline(world: World):
    """A provider that wants a day gets until the news is old; there the message ends, with its reason."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, error="later", retry_after=86400.0)
    plan(world, [1])
    send_all(world)
    (message,) = world.messages()
    assert message.send_at == message.expires_at
    world.clock.turn(hours=13)
    send_all(world)
    assert [m.state for m in world.messages()] == ["expired"]


def test_a_brand_with_a_number_of_its_own_is_not_held_by_the_accounts_pause(world: World):
    """The account's own number was too fast; brands that go by another are asked for all the same."""
    key = ("twilio", "test")
    with world.house.sessions.begin() as session:
        note(session, {key: replace(BUSY, retry_after=30.0)})
        rests = resting(session)
    assert all_paused((world.sms,), rests)
    assert world.house.own_names(Channel.sms) is any(b.sender.sms for b in world.house.catalog.brands().values())
    assert not world.house.own_names(Channel.email)
    with world.house.sessions.begin() as session:
        note(session, {key: replace(BUSY, retry_after=600.0)})
        assert not all_paused((world.sms,), resting(session)), "in a long pause each message waits, or ends, by itself"
