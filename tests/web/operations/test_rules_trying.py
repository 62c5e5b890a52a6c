"""A draft tried out in the console: on one parcel beside the live rules, and on the last days."""

import time

import pytest
import sqlalchemy as sa

from app.models import RuleBacktest
from app.rehearsal import runs
from app.rules.document import parse_rules
from tests.web.conftest import order, scan
from tests.web.operations.test_rules_pages import SET, write

AT = "/b/fjallhem"


@pytest.fixture
def ops(visit):
    """Somebody of operations."""
    return visit("operations")


@pytest.fixture
def parcel(client):
    """A parcel that is out for delivery, by an email and a text under the live rules; its id."""
    stored = client.post("/v1/orders", order("1042")).json()["results"][0]["parcels"][0]["id"]
    client.post(f"/v1/shipments/{stored}/scans", scan("out_for_delivery"))
    return stored


def ended(browser, address, seconds=180):
    """The page of a back-test once it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if browser.get(f"{address}/progress.json").json()["state"] != "running":
            return browser.get(address)
        time.sleep(0.02)
    raise AssertionError("it runs still")


def test_a_draft_is_tried_on_one_parcel(ops, parcel):
    """Each milestone with both answers and their sentences; the parcel is found by whatever is written."""
    draft = SET.replace("send: [email, sms]", "send: [email]")
    assert write(ops, draft, "try").headers["location"] == f"{AT}/rules/try"
    for written in (parcel, "1042", "#1042", "JJD1042", "alma.berg@example.test"):
        page = ops.get(f"{AT}/rules/try", params={"parcel": written})
        assert "It is out for delivery" in page.text, written
    assert "differs" in page.text and "Your draft" in page.text
    assert f"{AT}/parcels/{parcel}" in page.text and f'<span class="mono">{parcel}</span>' in page.text
    assert 'name="parcel" value="1042"' in ops.get(f"{AT}/rules/try", params={"parcel": parcel}).text
    assert page.text.count("<b>out_for_delivery</b>") == 2 and page.text.count("<b>out</b>") == 1


def test_without_a_draft_the_live_rules_alone_answer(visit, parcel):
    """A reader sees what the rules answered, and where nothing goes by a name, that."""
    reader = visit("reader")
    page = reader.get(f"{AT}/rules/try?parcel={parcel}")
    assert "It is out for delivery" in page.text and '<th scope="col">Your draft' not in page.text
    assert "Nothing goes by that" in reader.get(f"{AT}/rules/try?parcel=nothing").text
    assert parcel in reader.get(f"{AT}/rules/try").text
    for odd in ("%00", "'", "x" * 120, "%F0%9F%93%A6"):
        assert reader.get(f"{AT}/rules/try?parcel={odd}").status_code == 200, odd


def test_another_brands_parcel_is_none(visit, stranger):
    """It is not found, by any of its names."""
    theirs = stranger.post("/v1/orders", order("77")).json()["results"][0]["parcels"][0]["id"]
    ops = visit("operations")
    for written in (theirs, "77", "JJD77"):
        assert "Nothing goes by that" in ops.get(f"{AT}/rules/try?parcel={written}").text


def test_a_back_test_runs_on_its_own_and_is_told_in_charts(ops, parcel, sessions):
    """Started by a form, watched by its progress, and at last: what is lost, by rule and with a way to the parcel."""
    write(ops, SET.replace("send: [email, sms]", "send: [email]"))
    begun = ops.post(f"{AT}/rules/backtests", {"days": "30"})
    assert begun.status_code == 303
    page = ended(ops, begun.headers["location"])
    assert "Lost: 1" in page.text and "1 by SMS" in page.text and "out_for_delivery" in page.text
    assert f"{AT}/parcels/{parcel}" in page.text and "<svg viewBox" in page.text
    listed = ops.get(f"{AT}/rules/backtests").text
    assert "operations@shop.example" in listed and "done" in listed
    assert "This very text was back-tested" in ops.get(f"{AT}/rules/publish").text
    name = begun.headers["location"].rpartition("/")[2]
    ops.post(f"{AT}/rules/backtests/{name}/stop")
    assert "It had ended already" in ops.get(f"{AT}/rules/backtests").text
    assert ops.get(f"{AT}/rules/backtests/bkt_none").status_code == 404


def test_one_runs_at_a_time_and_what_died_is_ended(ops, brand, sessions):
    """A second is refused while one runs; one whose process is gone gives way; one that is stopped writes no more."""
    rules = parse_rules(SET)
    with sessions.begin() as session:
        first = runs.start(session, brand.id, rules, 30, "x")
        name, row_id = first.public_id, first.id
    refused = ops.post(f"{AT}/rules/backtests", {"days": "30"})
    assert refused.status_code == 409 and "under way" in refused.text
    watched = ops.get(f"{AT}/rules/backtests/{name}").text
    assert "<progress" in watched and "rules_watch.js" in watched
    with sessions.begin() as session:
        session.execute(sa.update(RuleBacktest).values(seen_at=sa.func.now() - sa.text("interval '5 minutes'")))
    begun = ops.post(f"{AT}/rules/backtests", {"days": "7"})
    assert begun.status_code == 303
    assert "The process that worked on it ended" in ops.get(f"{AT}/rules/backtests/{name}").text
    ended(ops, begun.headers["location"])
    with sessions.begin() as session:
        assert session.get_one(RuleBacktest, row_id).state == "failed"


def test_one_that_is_stopped_ends(site, ops, brand, sessions, parcel):
    """Its thread finds its row ended and leaves it so."""
    rules = parse_rules(SET)
    with sessions.begin() as session:
        row = runs.start(session, brand.id, rules, 30, "x")
        name, row_id = row.public_id, row.id
    assert ops.post(f"{AT}/rules/backtests/{name}/stop").status_code == 303
    runs.work_on(site.house, row_id, brand.id, rules, 30).join(180)
    with sessions() as session:
        kept = session.get_one(RuleBacktest, row_id)
        assert (kept.state, kept.result) == ("stopped", None)


def test_a_draft_with_faults_is_not_tried(ops):
    """The page says so, and where to mend it."""
    write(ops, "version: 2\n", "backtest")
    assert ops.post(f"{AT}/rules/backtests", {"days": "30"}).headers["location"] == f"{AT}/rules/draft"
    for path in ("/rules/backtests", "/rules/try"):
        assert "Your draft has 2 faults" in ops.get(f"{AT}{path}").text, path
    for days in ("0", "91", "x"):
        assert ops.post(f"{AT}/rules/backtests", {"days": days}).status_code == 422
