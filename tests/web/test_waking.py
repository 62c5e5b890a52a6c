"""Wake-ups from the web keep nobody waiting, are told once each, and survive a broker that fails."""

from threading import Event

from app.web.waking import Waker


class Broker:
    """Keeps what it is told, once it is let go on."""

    def __init__(self, error=None):
        self.told, self.error, self.busy, self.free = [], error, Event(), Event()

    def __call__(self, kind, which):
        self.busy.set()
        assert self.free.wait(60)
        self.told.append((kind, which))
        if self.error and len(self.told) == 1:
            raise self.error


def _told_all(waker):
    """Stop it, and wait longer than it would be waited for in earnest."""
    waker.stop()
    waker._thread.join(60)


def test_a_stuck_broker_keeps_no_caller_waiting():
    """While one wake-up hangs, others are noted at once, each kind once, and leave when it is through."""
    broker = Broker()
    waker = Waker(broker)
    waker.start()
    waker("send", "email")
    assert broker.busy.wait(60)
    for _ in range(100):
        waker("send", "sms")
        waker("poll", "dhl")
    assert broker.told == []
    broker.free.set()
    _told_all(waker)
    assert broker.told == [("send", "email"), ("send", "sms"), ("poll", "dhl")]


def test_a_failure_does_not_end_it():
    """After an error that nobody foresaw the next wake-up still leaves."""
    broker = Broker(RuntimeError("nobody foresaw this"))
    broker.free.set()
    waker = Waker(broker)
    waker.start()
    waker("send", "email")
    waker("send", "sms")
    _told_all(waker)
    assert broker.told == [("send", "email"), ("send", "sms")]


def test_stopping_waits_a_moment_at_most():
    """A broker that hangs for good does not keep the process from ending."""
    broker = Broker()
    waker = Waker(broker)
    waker.start()
    waker("send", "email")
    assert broker.busy.wait(60)
    waker.stop()
    assert waker._thread.is_alive() and broker.told == [], "it was waited for to its end"
    broker.free.set()
    waker._thread.join(60)


REPORTS, EMAIL = ("digest_reports", ""), ("send", "email")


def test_reports_by_the_hundred_are_one_wake_up_and_none_is_forgotten():
    """While that work rests, other work is woken at once; what was named meanwhile is told in the end."""
    waker = Waker(lambda kind, which: None, rests={"digest_reports": 3600.0})
    waker(*REPORTS)
    assert waker._next() == [REPORTS]
    for _ in range(100):
        waker(*REPORTS)
    waker(*EMAIL)
    assert waker._next() == [EMAIL]
    waker(*EMAIL)
    assert waker._next() == [EMAIL], "only what is told to rest rests"
    waker._stopping = True
    assert waker._next() == [REPORTS]
    assert waker._next() == []


def test_work_that_rested_is_woken_by_itself():
    """Nobody need name it again."""
    told: list[tuple[str, str]] = []
    waker = Waker(lambda kind, which: told.append((kind, which)), rests={"digest_reports": 0.05})
    waker(*REPORTS)
    assert waker._next() == [REPORTS]
    waker(*REPORTS)
    assert waker._next() == [REPORTS], "it waited, and came back"
