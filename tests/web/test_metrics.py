"""What Prometheus reads: the figures of this moment, for whoever may have them."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from app.models import Attempt, CarrierHealth, Incident, Message, Shipment, UnknownCode
from app.web.access.keys import Scope
from app.web.owners.settings_keys import SCOPES
from tests.web.conftest import NOW, order, scan

LOCAL = {"Host": "127.0.0.1:8080"}


def _read(text, parse=text_string_to_metric_families):
    """{name: {labels in the order of their names: value}}, as Prometheus reads it."""
    return {
        family.name: {tuple(value for _, value in sorted(one.labels.items())): one.value for one in family.samples}
        for family in parse(text)
    }


def _scrape(anyone, **headers):
    answer = anyone.get("/metrics", headers=LOCAL | headers)
    assert answer.status_code == 200
    return _read(answer.text)


def _parcel(client):
    client.post("/v1/orders", order())
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("in_transit"))


def test_this_machine_reads_everything(anyone, client, stranger, sessions, site):
    """Messages that wait, by brand and channel, with zeros where there are none; polls, carriers and incidents."""
    _parcel(client)
    with sessions.begin() as session:
        session.add(CarrierHealth(carrier="dhl", state="open", failures=7, salt=b"", credentials=b""))
        session.add(Incident(public_id="inc_1", kind="stuck", subject="x", summary="x", count=1))
        session.execute(sa.update(Shipment).values(next_poll_at=NOW - timedelta(minutes=10), asked_of="dhl"))
        rows = session.execute(sa.select(Message.channel, sa.func.count()).group_by(Message.channel)).all()
        planned = dict(tuple(row) for row in rows)
    assert planned
    site.clock.put(NOW + timedelta(minutes=1))
    read = _scrape(anyone)
    waiting = {channel: count for (brand, channel), count in read["doorstep_messages_waiting"].items() if count}
    assert waiting == planned
    assert read["doorstep_messages_waiting"]["atelier-ombre", "sms"] == 0
    assert read["doorstep_messages_due_oldest_seconds"]["fjallhem", "email"] == 60
    assert read["doorstep_messages_decided_hour"]
    assert read["doorstep_polls_overdue"]["dhl",] == 1
    assert read["doorstep_polls_due_oldest_seconds"]["dhl",] == 660
    assert read["doorstep_carrier_state"]["dhl", "open"] == 1
    assert read["doorstep_carrier_state"]["dhl", "closed"] == 0
    assert read["doorstep_carrier_bad_answers"]["dhl",] == 7
    assert read["doorstep_incidents_open"]["stuck",] == 1
    assert read["doorstep_incidents_open"]["storm",] == 0
    assert read["doorstep_pool_connections"]["kept_at_most",] > 0
    made = {labels: count for labels, count in read["doorstep_messages"].items() if labels[-1] == "planned"}
    assert sum(made.values()) == sum(planned.values()) and ("fjallhem", "email", "dispatched", "planned") in made
    assert sum(read["doorstep_scans_heard"].values()) == 1
    assert next(iter(read["doorstep_build_info"])) != ("0 (not installed)", "live")


def test_calls_and_what_nobody_knows(anyone, client, sessions, brand):
    """Calls of the last minutes by what they came to, and for how long a message has been unconfirmed."""
    _parcel(client)
    with sessions.begin() as session:
        message = session.scalars(sa.select(Message).where(Message.channel == "email").order_by(Message.id)).first()
        for number, (outcome, ago) in enumerate((("unanswered", 2), ("accepted", 1), (None, 0), ("refused", 60)), 1):
            session.add(
                Attempt(
                    public_id=f"att_{number}", brand_id=brand.id, message_id=message.id, number=number,
                    provider="sendgrid", sender="x", lease_token="x", outcome=outcome, deadline_at=NOW,
                    begun_at=sa.func.now() - timedelta(minutes=ago),
                )
            )  # fmt: skip
        session.flush()
        first = session.scalars(sa.select(Attempt.id).where(Attempt.number == 1)).one()
        session.execute(
            sa.update(Message).where(Message.id == message.id).values(state="unconfirmed", open_attempt_id=first)
        )
        session.add(UnknownCode(brand_id=brand.id, carrier="dhl", code="ZZ9", count=1, example=""))
    read = _scrape(anyone)
    calls = read["doorstep_calls_recent"]
    assert calls == {("fjallhem", outcome, "sendgrid"): 1 for outcome in ("unanswered", "accepted", "open")}
    assert read["doorstep_messages_unconfirmed"]["fjallhem", "email"] == 1
    assert 120 <= read["doorstep_messages_unconfirmed_oldest_seconds"]["fjallhem", "email"] < 900
    assert read["doorstep_unknown_codes"]["fjallhem",] == 1


def test_a_key_reads_its_own_brand(anyone, client, stranger, new_key, brand):
    """With the scope; another brand's figures are not there at all."""
    _parcel(client)
    key = new_key(brand, "metrics:read")
    answer = anyone.holding(key).get("/metrics")
    assert answer.status_code == 200
    assert "fjallhem" in answer.text and "atelier-ombre" not in answer.text
    assert client.get("/metrics").status_code == 403
    assert anyone.holding("dsk_nothing").get("/metrics", headers=LOCAL).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "parcels.example"},
        {"Host": "rebound.example:8080"},
        {"Host": "127.0.0.1.rebound.example"},
        {"Host": "["},
        {"Host": ""},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
)
def test_others_need_a_key(anyone, headers):
    """What came through a proxy of this machine, or by another name, did not come from this machine."""
    answer = anyone.get("/metrics", headers=LOCAL | headers)
    assert answer.status_code == 401
    assert "doorstep_" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:8080", "127.8.9.1:80"])
def test_this_machine_has_several_names(anyone, host):
    """Each of them is answered."""
    assert anyone.get("/metrics", headers={"Host": host}).status_code == 200


def test_open_metrics_are_given_to_those_who_ask(anyone):
    """In the form that its parser reads, strictly."""
    answer = anyone.get("/metrics", headers=LOCAL | {"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert _read(answer.text, open_metrics)["doorstep_incidents_open"]


def test_no_address_and_no_number_is_a_label(anyone, client):
    """Labels come from short lists: brands, channels, states, carriers, providers."""
    _parcel(client)
    text = anyone.get("/metrics", headers=LOCAL).text
    assert "alma" not in text and "JJD1042" not in text
    labels = [one.labels for family in text_string_to_metric_families(text) for one in family.samples]
    assert not any("1042" in value for one in labels for value in one.values())  # a number that is measured may be so
    names = {name for one in labels for name in one}
    assert names <= {
        "brand",
        "channel",
        "state",
        "provider",
        "outcome",
        "quantile",
        "carrier",
        "kind",
        "version",
        "mode",
        "milestone",
        "source",
    }


def test_a_database_that_is_too_slow_is_said_so(anyone, monkeypatch):
    """503 and when to ask again, not a fault."""

    def slow(*_):
        raise sa.exc.OperationalError("SELECT", {}, Exception("canceling statement due to statement timeout"))

    monkeypatch.setattr("app.web.metrics.measure", slow)
    answer = anyone.get("/metrics", headers=LOCAL)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "15")


def test_an_owner_can_give_the_scope(visit, anyone):
    """Each scope has its words on the page of keys, and a key made there reads the figures."""
    assert set(SCOPES) == set(Scope)
    page = visit().post("/b/fjallhem/settings/keys", {"label": "prometheus", "scopes": "metrics:read"}).text
    (key,) = set(re.findall(r"dsk_\w{20,}", page))
    assert anyone.holding(key).get("/metrics").status_code == 200
