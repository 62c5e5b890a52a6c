"""How fast senders go: never faster than they may, whoever works, and everybody's turn comes."""

import random
import threading
from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import pipeline
from app.channels.allowances import Lane, segments_per_second, text_lanes
from app.channels.base import Outgoing
from app.models.vocabulary import Channel, Milestone, Reason
from app.pipeline.leaving.pacing import LONGEST, REACH, Asker, LaneState, allot, in_turn, pace
from app.settings import SegmentPace
from tests.channels.letters import sms
from tests.pipeline.conftest import Obedient, World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import whole

LANES = ("account", "number", "country")


@dataclass
class Slow(Obedient):
    """A provider whose one number carries `per_second` messages."""

    per_second: float = 1.0

    def lanes(self, outgoing: Outgoing) -> tuple[Lane, ...]:
        return (Lane("the number", 1 / self.per_second),)


def slowed(world: World, per_second: float, **sending: float) -> World:
    number = Slow("twilio", "sms", per_second=per_second)
    patient = world.house.sending.model_copy(update=sending)
    return replace(
        world,
        sms=number,
        house=replace(world.house, transports={**world.house.transports, Channel.sms: (number,)}, sending=patient),
    )


def plan(world: World, count: int) -> None:
    for number in range(count):
        shopper = {"name": "Maja", "phone": f"+467017406{number:02}", "country": "SE"}
        (parcel,) = world.order(str(number), shopper=shopper)
        world.scan(parcel, Milestone.out_for_delivery)


seconds = st.floats(0.01, 5, allow_nan=False)
batches = st.lists(
    st.tuples(
        st.floats(0, 4, allow_nan=False),  # wall time since the batch before
        st.lists(
            st.tuples(st.dictionaries(st.sampled_from(LANES), seconds, min_size=1), st.sampled_from(["a/0", "b/1"])),
            max_size=6,
        ),
    ),
    max_size=12,
)


def run(planned) -> list[tuple[float, dict[str, float]]]:
    """What began when, over batches of askers: (instant, seconds taken by lane)."""
    lanes = {name: LaneState(0.0) for name in LANES}
    now, begun = 0.0, []
    for pause, batch in planned:
        now += pause
        askers = [
            Asker(tuple(Lane(k, s) for k, s in taken.items()), queue, REACH if queue.endswith("0") else REACH / 2)
            for taken, queue in batch
        ]
        for (taken, _queue), turn in zip(batch, allot(askers, lanes, now), strict=True):
            assert now <= turn.at <= now + max(LONGEST, REACH)
            if turn.booked:
                assert turn.at <= now + REACH
                begun.append((turn.at, taken))
    return begun


@given(batches)
def test_a_lane_is_never_given_away_twice(planned):
    """In a lane of its own no message begins before the one before it has had its time."""
    alone = [(pause, [({"number": sum(taken.values())}, queue) for taken, queue in batch]) for pause, batch in planned]
    begun = run(alone)
    for (at, taken), (following, _) in pairwise(begun):
        assert following >= at + taken["number"] - 1e-9


@given(batches)
def test_no_window_holds_more_than_the_allowance(planned):
    """Where messages wait for other lanes besides, any window of a lane holds its length, one message and the reach."""
    begun = run(planned)
    for lane in LANES:
        its = sorted((at, taken[lane]) for at, taken in begun if lane in taken)
        for first in range(len(its)):
            for last in range(first + 1, len(its)):
                window, largest = its[last][0] - its[first][0], max(cost for _, cost in its)
                assert sum(cost for _, cost in its[first:last]) <= window + REACH + largest + 1e-6


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.sampled_from([0.05, 0.4, 1.0, 3.0]), st.integers(0, 9))
def test_everybodys_turn_comes(brands, cost, seed):
    """A backlog of several brands drains at nearly the sender's own speed, whatever order it is claimed in."""
    lanes = {"number": LaneState(0.0)}
    chance = random.Random(seed)
    due = dict.fromkeys(range(len(brands)), 0.0)
    now = 0.0
    while due:
        ready = [n for n, at in due.items() if at <= now]
        chance.shuffle(ready)
        askers = [Asker((Lane("number", cost),), f"{brands[n]}/1", REACH / 2, n) for n in ready[:10]]
        for n, turn in zip(ready, allot(askers, lanes, now), strict=False):
            if turn.booked:
                del due[n]
            else:
                assert turn.at > now
                due[n] = turn.at
        now += 1.0
        assert now <= 3 * cost * len(brands) + 10, f"{len(due)} still wait"


def test_what_is_urgent_finds_room_before_what_is_not():
    """Bulk never books so far ahead that an urgent message would have to be put off."""
    lanes = {"number": LaneState(0.0)}
    bulk = [Asker((Lane("number", 1.0),), "1/1", REACH / 2, n) for n in range(50)]
    assert sum(turn.booked for turn in allot(bulk, lanes, 0.0)) == 2
    (urgent,) = allot([Asker((Lane("number", 1.0),), "1/0", REACH)], lanes, 0.0)
    assert urgent.booked and urgent.at == 2.0


@pytest.mark.parametrize("arrives", range(10, 60, 7))
@pytest.mark.parametrize("cost", [0.3, 1.0, 2.0, 4.0])
def test_urgent_overtakes_a_flood_whose_worker_is_always_first(cost, arrives):
    """Even where each message takes seconds and bulk asks first at every tick: it waits for two of them at most."""
    lanes = {"number": LaneState(0.0)}
    bulk, urgent = dict.fromkeys(range(200), 0.0), float(arrives)
    for tick in range(arrives + 40):
        due = [n for n, at in bulk.items() if at <= tick][:50]
        askers = [Asker((Lane("number", cost),), "1/1", REACH / 2, n) for n in due]
        for n, turn in zip(due, allot(askers, lanes, float(tick)), strict=True):
            bulk[n] = float("inf") if turn.booked else turn.at
        if tick >= urgent:
            (turn,) = allot([Asker((Lane("number", cost),), "1/0", REACH)], lanes, float(tick))
            urgent = turn.at
            if turn.booked:
                break
    assert turn.booked and urgent - arrives <= 2 * cost + REACH


@pytest.mark.parametrize("arrives", [0, 7, 150])
@pytest.mark.parametrize("seed", range(4))
def test_a_flood_of_one_brand_does_not_delay_anothers_message(arrives, seed):
    """On a number that two brands share, the other's one message leaves within seconds, the flood goes on behind it."""
    lanes, chance = {"number": LaneState(0.0)}, random.Random(seed)
    due = dict.fromkeys(range(300), (1, 0.0)) | {999: (2, float(arrives))}
    for tick in range(arrives + 20):
        claimed = [n for n, (brand, at) in due.items() if brand == 1 and at <= tick][:50]
        claimed += [n for n, (brand, at) in due.items() if brand == 2 and at <= tick]
        letters = in_turn([_named(n, due[n][0]) for n in claimed], chance.random)
        askers = [
            Asker((Lane("number", 1.0),), f"{one.release.brand_id}/1", REACH / 2, one.release.id) for one in letters
        ]
        for one, turn in zip(letters, allot(askers, lanes, float(tick)), strict=True):
            if turn.booked:
                del due[one.release.id]
            else:
                due[one.release.id] = (one.release.brand_id, turn.at)
    assert 999 not in due and len(due) > 300 - tick - 3


def _named(number: int, brand: int, priority: int = 1) -> SimpleNamespace:
    return SimpleNamespace(release=SimpleNamespace(id=number, brand_id=brand, priority=priority))


def test_a_long_queue_is_put_off_each_to_its_own_turn():
    """Those that wait come back one by one, not all at once; beyond the longest wait they are spread."""
    lanes = {"number": LaneState(0.0)}
    turns = allot([Asker((Lane("number", 1.0),), "1/1", REACH / 2, n) for n in range(2000)], lanes, 0.0)
    later = [turn.at for turn in turns if not turn.booked]
    near = later[: int(LONGEST) - 5]
    assert near == sorted(set(near)) and all(b - a == pytest.approx(1.0) for a, b in pairwise(near))
    assert all(LONGEST / 2 <= at <= LONGEST for at in later[int(LONGEST) :]) and len(set(later[1200:])) > 300


def test_brands_take_turns_and_the_urgent_go_first():
    """One of each brand after the other, each brand's oldest first; whatever arrived first does not matter."""
    flood = [_named(n, 1) for n in range(1, 5)]
    order = in_turn([*flood, _named(8, 2), _named(9, 2, priority=0), _named(7, 3)])
    numbers = [one.release.id for one in order]
    assert (numbers[0], set(numbers[1:4]), numbers[4:]) == (9, {1, 7, 8}, [2, 3, 4])


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("+46700000000", 1),
        ("+18885550006", 3),
        ("71234", 10),
        ("Fjallhem", 10),
        ("MG" + "0" * 32, None),
        ("+180055", 1),
    ],
)
def test_each_kind_of_sender_has_its_own_speed(sender, expected):
    """By the number's form; a Messaging Service spreads its load itself."""
    assert segments_per_second(sender, SegmentPace()) == expected


def test_a_text_takes_up_its_number_and_its_country():
    """Segments, not messages, are counted; a country has a lane only where one is set for it."""
    own, country = text_lanes("AC1", "+46700000000", "+12125550123", 3, SegmentPace(long_code=2), {"US": 6})
    assert (own.seconds, country.seconds) == (1.5, 0.5) and own.key != country.key
    assert text_lanes("AC1", "MG1", "+46701740605", 3, SegmentPace(), {"US": 6}) == ()
    assert text_lanes("AC1", "MG1", "nonsense", 3, SegmentPace(), {"US": 6}) == ()


def test_no_limit_costs_nothing(world: World):
    """Where no letter has a limit, the database is not asked."""
    letter = SimpleNamespace(release=SimpleNamespace(id=1, brand_id=1, priority=1), outgoing=sms(), transport=world.sms)
    assert pace(replace(world.house, sessions=None), [letter]) == ([letter], [])


def test_what_cannot_leave_yet_is_put_back_untried(world: World):
    """It is ready again with the reason, at its turn, and no attempt is counted; later it leaves, once."""
    slow = slowed(world, 0.01)
    plan(slow, 3)
    pipeline.send_batch(slow.house, Channel.sms)
    assert len(slow.sms.sent) == 1
    waiting = world.messages(channel="sms", state="ready")
    assert {(m.reason, m.attempts, m.lease_token) for m in waiting} == {(Reason.paced, 0, None)}
    assert len({m.send_at for m in waiting}) == 2 and min(m.send_at for m in waiting) > world.clock.now()
    whole(world)
    world.clock.turn(minutes=5)
    pipeline.send_batch(slow.house, Channel.sms)
    assert len(slow.sms.sent) == 1, "pacing is wall time, whatever the engine's clock does"
    for _ in waiting:
        sql(world, "UPDATE pace_lanes SET free_at = clock_timestamp()")
        world.clock.turn(minutes=10)
        pipeline.send_batch(slow.house, Channel.sms)
    assert {m.state for m in world.messages(channel="sms")} == {"accepted"}
    assert {m.attempts for m in world.messages(channel="sms")} == {1}
    whole(world)


def test_a_message_that_leaves_again_without_evidence_remembers_it_while_it_waits(world: World):
    """Which provider may already have it must be avoided at its turn, too."""
    slow = slowed(world, 0.01)
    plan(slow, 2)
    sql(world, "UPDATE messages SET reason = 'resent_unconfirmed', attempts = 1 WHERE channel = 'sms'")
    sql(world, "INSERT INTO attempts (public_id, brand_id, message_id, number, provider, sender, lease_token,"
               " deadline_at, settled_at, outcome, resent) SELECT 'att_' || id, brand_id, id, 1, 'twilio', 'x', 't',"
               " now(), now(), 'unanswered', true FROM messages WHERE channel = 'sms'")  # fmt: skip
    pipeline.send_batch(slow.house, Channel.sms)
    (waiting,) = world.messages(channel="sms", state="ready")
    assert waiting.reason == Reason.resent_unconfirmed and waiting.send_at > world.clock.now()


def test_the_wait_is_wall_time_on_a_fast_clock(world: World):
    """A turn in a hundred wall seconds is a hundred minutes away for an engine sixty times as fast."""
    slow = slowed(world, 0.01)
    object.__setattr__(world.clock, "speed", 60.0)
    plan(slow, 2)
    pipeline.send_batch(slow.house, Channel.sms)
    (waiting,) = world.messages(channel="sms", state="ready")
    assert 40 * 60 < (waiting.send_at - world.clock.now()).total_seconds() <= 100 * 60


def test_many_workers_together_go_no_faster(world: World):
    """Four workers book from one lane; what they were given fits into the time that the lane was moved on by."""
    slow = slowed(world, 400.0, deadline=10.0)
    releases = [SimpleNamespace(id=n, brand_id=n % 3, priority=1) for n in range(10)]
    (before,) = [float(row[0]) for row in sql(world, "SELECT extract(epoch FROM clock_timestamp())")]
    booked: list[float] = []
    lock = threading.Lock()

    def work() -> None:
        for _ in range(10):
            given = [_Letter(release, slow.sms, sms()) for release in releases]
            going, later = pace(slow.house, given)
            assert later == []
            with lock:
                booked.extend(letter.begins for letter in going)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(booked) == 400
    ((free_at,),) = sql(world, "SELECT extract(epoch FROM free_at) FROM pace_lanes")
    assert float(free_at) - before >= 400 / 400.0 - 0.001


@dataclass(frozen=True)
class _Letter:
    release: object
    transport: object
    outgoing: Outgoing
    begins: float = 0.0


def test_a_worker_that_dies_after_booking_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch):
    """Its turn is lost and no more: the message comes back by its lease, takes a new turn and leaves once."""
    slow = slowed(world, 50.0)
    plan(slow, 2)
    with monkeypatch.context() as killed:
        killed.setattr(pipeline, "begin", _die)
        with pytest.raises(SystemExit):
            pipeline.send_batch(slow.house, Channel.sms)
    assert slow.sms.sent == []
    sql(world, "UPDATE messages SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'sending'")
    pipeline.recover(slow.house)
    pipeline.send_batch(slow.house, Channel.sms)
    assert len(slow.sms.sent) == 2
    whole(world)


def _die(*_args: object) -> None:
    raise SystemExit
