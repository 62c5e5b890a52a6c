"""One count serves all who look at once, and nobody for longer than it is true."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from app.models import Shipment
from app.web.console import shared
from app.web.console.shared import Shared
from tests.web.conftest import NOW, Still, order


@pytest.fixture
def watch(monkeypatch):
    """The real seconds, moved by hand."""
    seconds = [100.0]
    monkeypatch.setattr(shared, "stopwatch", lambda: seconds[0])
    return seconds


def test_an_answer_serves_a_few_seconds_of_both_clocks(watch):
    """Real seconds and engine time; a clock that was put back is no reason to keep it."""
    kept, clock, counts = Shared(seconds=5), Still(NOW), iter(range(100))

    def ask(brand=1):
        return kept.get(brand, clock, lambda: next(counts))

    assert [ask(), ask(), ask(2), ask()] == [0, 0, 1, 0]
    watch[0] += 5
    assert [ask(), ask()] == [2, 2]
    clock.put(NOW + timedelta(seconds=5))
    assert [ask(), ask()] == [3, 3]
    clock.put(NOW)
    assert ask() == 4


def test_a_change_ends_it_even_while_it_is_counted(watch):
    """What was begun before the change serves the one who asked, and nobody after."""
    kept, clock = Shared(), Still(NOW)

    def meanwhile():
        kept.forget(1)
        return "before"

    assert kept.get(1, clock, meanwhile) == "before"
    assert kept.get(1, clock, lambda: "after") == "after"
    kept.forget(1)
    kept.forget(2)
    assert kept.get(1, clock, lambda: "later") == "later"


def test_ten_who_ask_at_once_cost_one_count():
    """They wait for the one that counts."""
    kept, clock, counted, together = Shared(seconds=600), Still(NOW), [], Barrier(10)

    def ask(_):
        together.wait(60)
        return kept.get(1, clock, lambda: counted.append(1) or "answer")

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(ask, range(10))) == {"answer"}
    assert len(counted) == 1


def test_what_cannot_be_counted_is_not_kept_and_brands_are_bounded(watch):
    """The next one counts anew; the brand that nobody asked for longest goes."""
    kept, clock = Shared(at_most=2), Still(NOW)
    with pytest.raises(ZeroDivisionError):
        kept.get(1, clock, lambda: 1 / 0)
    for brand in (1, 2, 1, 3):
        assert kept.get(brand, clock, lambda brand=brand: f"first {brand}") == f"first {brand}"
    assert kept.get(1, clock, lambda: "again") == "first 1"
    assert kept.get(2, clock, lambda: "again") == "again"


def test_browsers_of_a_brand_share_today_until_somebody_does_something(site, visit, client, sessions):
    """Each sees it in the frame of its own role; after an act of a person the figures are counted anew."""
    site.app.state.shared = Shared(seconds=600)
    ida, reader, path = visit("owner"), visit("reader"), "/b/fjallhem/today"
    assert "First steps" in ida.get(path).text
    client.post("/v1/orders", order())
    with sessions() as session:
        assert session.query(Shipment).count() == 1
    page = reader.get(path).text
    assert "Bring in orders" in page and "doorstep import orders.csv" in page and "Owner" not in page
    assert "doorstep import orders.csv" in reader.get(f"{path}/now").text
    ida.post("/b/fjallhem/pauses", {"scope": "channel:sms", "why": "a drill"})
    assert "a drill" in reader.get(path).text
    assert "doorstep import orders.csv" not in reader.get(path).text
