"""Today: what moves, what needs somebody, and what shoppers were told."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from markupsafe import Markup

from app.insight.alarms import REMEDIES
from app.insight.today_delays import delay
from app.models import Attempt, AuditMark, Brand, CarrierHealth, EventCount, Incident, Message, Receipt, Shipment
from app.models.vocabulary import IncidentKind
from app.web.console.charts import ceiling, columns, ranked
from app.web.console.frame import environment
from app.web.operations.today import _delay_by_hour
from tests.web.conftest import NOW, Still, order, scan


def _counts(page):
    return {key: int(count.replace(",", "")) for key, count in re.findall(r'state=(\w+)"[^>]*><b>([\d,]+)</b>', page)}


def test_an_empty_installation_is_taught_its_first_steps(visit):
    """What is done and what is not, each with its command."""
    page = visit().get("/b/fjallhem/today").text
    assert "First steps" in page and "doorstep import orders.csv" in page
    assert "DOORSTEP_SENDGRID__API_KEY" not in page  # it is set up in these tests


def test_every_count_leads_to_its_list(visit, client, sessions):
    """The number is that of the rows behind it."""
    for number in ("1", "2", "3"):
        client.post("/v1/orders", order(number))
    ids = [client.get(f"/v1/orders/{number}").json()["parcels"][0]["id"] for number in ("1", "2", "3")]
    client.post(f"/v1/shipments/{ids[0]}/scans", scan("in_transit"))
    client.post(f"/v1/shipments/{ids[1]}/scans", scan("delivered"))
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).where(Shipment.public_id == ids[0]).values(late_since=NOW))
        session.execute(
            sa.update(Message).where(Message.channel == "sms").values(state="failed", reason="refused", ended_at=NOW)
        )
    agent = visit("reader")
    counts = _counts(agent.get("/b/fjallhem/today").text)
    assert counts["moving"] == 1 and counts["late"] == 1 and counts["delivered_today"] == 1
    for key, count in counts.items():
        listed = set(re.findall(r"/parcels/(shp_\w+)", agent.get(f"/b/fjallhem/parcels?state={key}").text))
        assert len(listed) == count or key == "failing", key


def test_another_brands_parcels_are_not_counted(visit, client, stranger):
    """Neither its parcels nor its messages."""
    client.post("/v1/orders", order())
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("in_transit"))
    page = visit().get("/b/atelier-ombre/today").text
    assert set(_counts(page).values()) == {0}
    assert "None was decided" in page


def test_what_machines_open_is_counted_apart(visit, client, sessions):
    """A mail that both opened was opened by a person; its share is of the mails that arrived."""
    client.post("/v1/orders", order())
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("in_transit"))
    with sessions.begin() as session:
        message = session.scalars(sa.select(Message).order_by(Message.id).limit(1)).one()
        labels = ["email", "delivered", "delivered"]
        session.add(EventCount(kind="messages", brand_id=message.brand_id, labels=labels, number=4))
        for number, kinds in enumerate((["opened", "machine_opened"], ["machine_opened"]), 1):
            made = dict.fromkeys(("provider", "sender", "lease_token"), "x")
            attempt = Attempt(
                public_id=f"att_{number}", brand_id=message.brand_id, message_id=message.id, number=number,
                deadline_at=NOW, outcome="accepted", **made,
            )  # fmt: skip
            session.add(attempt)
            for kind in kinds:
                session.add(
                    Receipt(
                        provider="x",
                        brand_id=message.brand_id,
                        event_key=f"{number}{kind}",
                        attempt_public_id=f"att_{number}",
                        kind=kind,
                        body=b"",
                    )
                )
    page = visit().get("/b/fjallhem/today").text
    assert re.search(r"opened by people</dt><dd class=\"num\">1 <small[^>]*>25 %<", page)
    assert re.search(r"machines only</dt><dd class=\"num\">1 ?<", page)


def test_what_is_wrong_is_told(visit, sessions, brand):
    """An open incident with its sentence, and what to do about it."""
    told = "The queue does not drain."
    with sessions.begin() as session:
        session.add(Incident(public_id="inc_1", kind="stuck", subject="x", summary=told, count=1))
    page = visit().get("/b/fjallhem/today").text
    assert told in page
    assert str(Markup.escape(REMEDIES[IncidentKind.stuck])) in page


def test_what_is_wrong_with_another_brand_is_not_told(visit, sessions, brand):
    """Its name, its rules and its parcels are nobody's here; what concerns everybody is told to everybody."""
    with sessions.begin() as session:
        other = Brand(key="atelier", name="Atelier", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        for number, (whose, told) in enumerate({other.id: "Theirs.", brand.id: "Ours.", None: "All of us."}.items()):
            session.add(
                Incident(public_id=f"inc_{number}", kind="failing", subject=told, summary=told, count=1, brand_id=whose)
            )
    page = visit().get("/b/fjallhem/today").text
    assert ("Ours." in page, "All of us." in page, "Theirs." in page) == (True, True, False)


@pytest.mark.parametrize(("ago", "told"), [(timedelta(), False), (timedelta(minutes=6), True)])
def test_that_nobody_looks_is_told(visit, sessions, ago, told):
    """Beat and the workers cannot report their own silence: the page can."""
    with sessions.begin() as session:
        session.add(AuditMark(name="laws", before={}, reached={}, at=sa.func.now() - ago))
    assert ("Nobody has looked for what is wrong since" in visit().get("/b/fjallhem/today/now").text) is told


def test_the_part_that_changes_comes_alone(visit):
    """For the script that keeps the page up to date: no frame around it."""
    part = visit().get("/b/fjallhem/today/now").text
    assert "<html" not in part and 'class="counts"' in part


def test_charts_stand_on_zero():
    """Heights are in proportion, stacks add up, and the axis ends with a round number."""
    chart = columns("?", ["a", "b"], {"x": [10, 0], "y": [30, 20]}, first="When")
    one, above, other = chart.bars
    assert round(above.height / one.height, 2) == 3
    assert round(other.height / one.height, 2) == 2
    assert round(above.y + above.height, 1) == round(one.y, 1)
    assert [ceiling(value) for value in (0, 1, 3, 40, 51, 1001)] == [1, 1, 5, 50, 100, 2000]
    assert [ceiling(value) for value in (0.004, 0.14, 0.5)] == [0.01, 0.2, 0.5]
    assert chart.rows == (("a", (10, 30)), ("b", (0, 20)))
    assert [columns("?", ["a"], {"x": [number]}).heights[1] for number in (0, 1, 3, 5, 12)] == [
        "1",
        "1",
        "2",
        "5",
        "10",
    ]
    assert columns("?", [], {}).empty and ranked("?", []).empty


def test_a_carriers_bad_answers_are_a_share_of_its_calls(visit, sessions):
    """Of the last 24 hours, with the fault that was seen most often; what is older is left out."""
    with sessions.begin() as session:
        session.add(CarrierHealth(carrier="dhl", salt=b"", credentials=b""))
        for outcome, number, hours in (("answered", 95, 1), ("timeout", 4, 1), ("denied", 1, 2), ("timeout", 900, 30)):
            ago = sa.func.now() - timedelta(hours=hours)
            session.add(EventCount(kind="answers", labels=["dhl", outcome], number=number, hour=ago))
    reader = visit("reader")
    page = reader.get("/b/fjallhem/today").text
    assert "5 % of 100 answers bad, most: timeout" in page
    codes = reader.get("/b/fjallhem/carriers/unknown").text
    assert re.search(r">5 %<br><small[^>]*>5 of 100<", codes)


def _called(sessions, seconds, hours_ago=0):
    """A message that was decided so many hours ago and called so many seconds later."""
    with sessions.begin() as session:
        message = session.scalars(sa.select(Message).order_by(Message.id).limit(1)).one()
        row = {column.key: getattr(message, column.key) for column in sa.inspect(Message).mapper.column_attrs}
        number = session.scalars(sa.select(sa.func.count()).select_from(Message)).one()
        at = NOW - timedelta(hours=hours_ago)
        changed = {"public_id": f"msg_{number}", "planned_at": at, "send_at": at, "attempts": 1, "state": "delivered"}
        made = Message(**{**row, **changed, "id": None, "merge_until": None})
        session.add(made)
        session.flush()
        words = dict.fromkeys(("provider", "sender", "lease_token"), "x")
        session.add(
            Attempt(
                public_id=f"att_{number}", brand_id=made.brand_id, message_id=made.id, number=1, deadline_at=at,
                begun_at=at + timedelta(seconds=seconds), outcome="accepted", **words,
            )
        )  # fmt: skip


def test_delays_stand_over_the_day(client, visit, sessions, brand, monkeypatch):
    """Each hour by its own calls, the whole day together; what waited, and another brand's, is left out."""
    client.post("/v1/orders", order())
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("in_transit"))
    with sessions() as session:
        assert delay(session, brand.id, NOW) is None
    for seconds, hours_ago in ((0.2, 0), (0.4, 0), (3.0, 5), (9.0, 30)):
        _called(sessions, seconds, hours_ago)
    with sessions() as session:
        found = delay(session, brand.id, NOW)
        assert delay(session, brand.id + 1, NOW) is None
    assert len(found.hours) == 24 and found.hours[-1] == NOW and found.all.count == 3
    by_hour = {hour: one for hour, one in zip(found.hours, found.by_hour, strict=True) if one}
    assert {hour: round(one.median, 2) for hour, one in by_hour.items()} == {NOW: 0.3, NOW - timedelta(hours=5): 3.0}
    chart = _delay_by_hour(found, "Europe/Stockholm")
    assert (chart.digits, chart.unit, len(chart.bars)) == (2, " s", 4)
    assert ("05:00", (3.0, 3.0)) in [
        (label, tuple(round(one, 2) for one in values if one)) for label, values in chart.rows
    ]
    drawn = environment().from_string('{% import "console/charts.html" as c %}{{ c.draw(chart, "x") }}')
    assert ">0.30 s</td>" in (page := drawn.render(chart=chart)) and page.count(">–</td>") == 44
    page = visit("reader").get("/b/fjallhem/today").text
    assert "delay-by-hour" not in page  # on a clock that is not the real one it would mean nothing
    monkeypatch.setattr(Still, "real", property(lambda self: True))
    page = visit("agent").get("/b/fjallhem/today").text
    assert 'From event to call, median</dt><dd class="num">0.40 s<' in page and 'id="delay-by-hour"' in page
