"""What happens is counted once, with what it writes, and adding the counts up changes no sum."""

from datetime import timedelta
from threading import Thread

import sqlalchemy as sa

from app.channels.base import Verdict
from app.intake.store import cancel_order
from app.models import Brand, EventCount
from app.models.event_counts import Counted, count_events
from app.models.vocabulary import AttemptOutcome, CarrierFault, Milestone
from app.pipeline.folding_counts import fold_counts
from app.pipeline.polling.breaker import learn
from app.tracking.health import Outcome
from tests.pipeline.conftest import World
from tests.pipeline.test_path import report, send_all

M = Milestone


def sums(world: World, kind: str) -> dict[tuple[str, ...], int]:
    query = sa.select(EventCount.labels, sa.func.sum(EventCount.number)).where(EventCount.kind == kind)
    with world.house.sessions() as session:
        return {tuple(labels): int(number) for labels, number in session.execute(query.group_by(EventCount.labels))}


def test_one_parcels_way_is_counted_and_adding_up_changes_nothing(world: World):
    """Scans, messages, calls and reports, each once, however often they are heard, folded and read."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    mail = next(one.id for one in world.messages() if one.channel == "email")
    for _ in range(2):
        report(world, mail, "delivered")
    expected = {("email", "out_for_delivery", state): 1 for state in ("planned", "accepted", "delivered")}
    expected |= {("sms", "out_for_delivery", state): 1 for state in ("planned", "accepted")}
    for _ in range(3):
        assert sums(world, "messages") == expected
        assert sums(world, "calls") == {(world.email.name, "accepted"): 1, (world.sms.name, "accepted"): 1}
        assert sum(sums(world, "scans").values()) == 1
        assert sum(sums(world, "reports").values()) == 1
        fold_counts(world.house)
    with world.house.sessions.begin() as session:
        assert all(session.scalars(sa.select(EventCount.folded)))
        session.execute(sa.update(EventCount).values(hour=EventCount.hour - timedelta(days=3)))
    fold_counts(world.house)
    fold_counts(world.house)
    assert sums(world, "messages") == expected
    with world.house.sessions() as session:
        assert set(session.scalars(sa.select(sa.cast(EventCount.hour, sa.Text)))) == {"-infinity"}


def test_what_does_not_leave_is_counted_by_how_it_ended(world: World):
    """A refusal, a cancellation and a call that nobody answered; what only waits again is no end."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.refused, error="no such mailbox")
    world.sms.answer = lambda out: Verdict(AttemptOutcome.not_sent, http_status=503)
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    ended = {labels[::2]: number for labels, number in sums(world, "messages").items()}
    assert ended == {("email", "planned"): 1, ("email", "failed"): 1, ("sms", "planned"): 1}
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand.id).where(Brand.key == "fjallhem")).one()
        cancel_order(session, brand, "1001", world.clock.now())
    ended = {labels[::2]: number for labels, number in sums(world, "messages").items()}
    assert ended["sms", "cancelled"] == 1
    assert sums(world, "calls") == {(world.email.name, "refused"): 1, (world.sms.name, "not_sent"): 1}


def test_a_carriers_answers_are_counted_by_what_they_were(world: World):
    """Good ones and each kind of fault."""
    carrier = world.house.carriers["dhl"]
    seen = [Outcome(seconds=0.2), Outcome(seconds=0.3), Outcome(CarrierFault.timeout, "slow")]
    learn(world.house, carrier, seen, world.clock.now())
    assert sums(world, "answers") == {("dhl", "answered"): 2, ("dhl", "timeout"): 1}


def test_a_sum_never_falls_while_it_is_written_folded_and_read(world: World):
    """Two writers and two folders at once: a reader sees the sum rise, and in the end all of it."""
    event = (None, ("dhl", "answered"))
    seen = [0]

    def write() -> None:
        for _ in range(20):
            with world.house.sessions.begin() as session:
                count_events(session, Counted.answers, [event, event])

    def fold() -> None:
        for _ in range(20):
            fold_counts(world.house)

    threads = [Thread(target=work) for work in (write, fold, write, fold)]
    for one in threads:
        one.start()
    while any(one.is_alive() for one in threads):
        seen.append(sums(world, "answers").get(event[1], 0))
    for one in threads:
        one.join()
    assert seen == sorted(seen)
    fold_counts(world.house)
    assert sums(world, "answers") == {event[1]: 80}
