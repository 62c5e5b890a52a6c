"""Pausing in the console: what it stops is told before it is done, and every page shows it until it is lifted."""

import pytest
import sqlalchemy as sa

from app.models import AuditEntry, Brand, Message, Pause
from app.models.vocabulary import PauseKind
from app.pipeline.brakes.in_sight import pauses_in_sight, would_stop
from app.pipeline.brakes.pausing import Scope, pause
from tests.web.conftest import NOW, order, scan

AT = "/b/fjallhem"


@pytest.fixture
def ops(visit):
    """Somebody of operations."""
    return visit("operations")


@pytest.fixture
def waiting(client, sessions):
    """Three parcels that are out for delivery: an email and a text wait for each."""
    for number in ("1", "2", "3"):
        stored = client.post("/v1/orders", order(number)).json()["results"][0]["parcels"][0]["id"]
        client.post(f"/v1/shipments/{stored}/scans", scan("out_for_delivery"))
    with sessions() as session:
        return session.scalar(sa.select(sa.func.count(Message.id)).where(Message.state.in_(("held", "ready"))))


def test_what_a_pause_stops_is_told_before_it_is_done(ops, waiting, sessions):
    """In numbers, of just that scope; then it is done with a reason, every page shows it, and it is audited."""
    assert waiting == 6
    looked = ops.get(f"{AT}/pauses?scope=channel:sms")
    assert "Pausing every SMS stops 3 messages" in looked.text and "Stop 3 messages" in looked.text
    assert "Pausing the rule delivered stops 0 messages" in ops.get(f"{AT}/pauses?scope=rule:delivered").text
    assert "stops 6 messages" in ops.get(f"{AT}/pauses?scope=all").text
    assert "stops 6 messages" in ops.get(f"{AT}/pauses?scope=carrier:dhl").text
    with sessions() as session:
        assert session.scalars(sa.select(Pause)).all() == []
    done = ops.post(f"{AT}/pauses", {"scope": "channel:sms", "why": "wrong <b>link</b>"})
    assert done.headers["location"] == f"{AT}/pauses"
    page = ops.get(f"{AT}/pauses").text
    assert "3 messages that wait are held until it is lifted" in page
    for path in ("today", "rules", "parcels"):
        shown = ops.get(f"{AT}/{path}").text
        assert "Every SMS is paused" in shown, path
        assert "wrong &lt;b&gt;link&lt;/b&gt;" in shown, path
    lifted = ops.post(f"{AT}/pauses/lift", {"scope": "channel:sms"})
    assert lifted.status_code == 303 and "Lifted. 3 messages are judged again." in ops.get(f"{AT}/pauses").text
    with sessions() as session:
        log = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()
        assert [(one.action, one.subject) for one in log] == [
            ("pause", "channel:sms"),
            ("resume", "channel:sms"),
        ]
        assert log[0].after == {"why": "wrong <b>link</b>", "stops": 3} and log[1].after["judged again"] == 3
        assert session.scalars(sa.select(Pause.lifted_by)).one() == "operations@shop.example"


def test_twice_is_once_and_a_slip_is_told(ops, waiting, sessions):
    """A second press says who was first; what goes by no name, or has no reason, pauses nothing."""
    ops.post(f"{AT}/pauses", {"scope": "all", "why": "first"})
    ops.post(f"{AT}/pauses", {"scope": "all", "why": "second"})
    assert "was paused already, by operations@shop.example: first" in ops.get(f"{AT}/pauses").text
    for scope, why, said in (
        ("rule:delivred", "x", "Did you mean rule:delivered?"),
        ("rule:delivered", " ", "everybody sees it"),
        ("rule:delivered", "x" * 301, "at most 300 characters"),
        ("nonsense", "x", "is no scope"),
        ("brand:atelier-ombre", "x", "That is another brand"),
        ("rule:a\0b", "x", "is no scope"),
    ):
        refused = ops.post(f"{AT}/pauses", {"scope": scope, "why": why})
        assert refused.status_code == 422 and said in refused.text, scope
    assert ops.get(f"{AT}/pauses?scope=rule:delivred").status_code == 422
    assert ops.post(f"{AT}/pauses/lift", {"scope": "rule:delivered"}).status_code == 303
    assert "lifted already" in ops.get(f"{AT}/pauses").text
    with sessions() as session:
        assert session.scalars(sa.select(Pause.name)).all() == ["fjallhem"]


def test_nobody_lifts_what_is_not_theirs(ops, visit, waiting, sessions):
    """A pause of the whole installation is shown without its reason and stays; an agent may not touch any."""
    with sessions.begin() as session:
        pause(session, Scope(PauseKind.channel, "email"), None, "a secret of the house", "root")
    page = ops.get(f"{AT}/pauses").text
    assert "Paused by those who run this installation" in page and "not yours" in page
    ops.post(f"{AT}/pauses/lift", {"scope": "channel:email"})
    assert "not paused by this brand" in ops.get(f"{AT}/pauses").text
    agent = visit("agent")
    assert agent.post(f"{AT}/pauses", {"scope": "all", "why": "x"}).status_code == 403
    assert "See what it stops" not in agent.get(f"{AT}/pauses").text
    with sessions() as session:
        assert session.scalars(sa.select(Pause.lifted_at)).one() is None


def test_pauses_in_sight_are_one_look_at_an_index(ops, waiting, engine, brand, sessions):
    """One statement, whatever waits; another brand's pauses are not in it."""
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        pause(session, Scope(PauseKind.rule, "delivered"), other.id, "theirs", "x")
        pause(session, Scope(PauseKind.rule, "delivered"), brand.id, "ours", "x")
        pause(session, Scope(PauseKind.channel, "email"), None, "all brands'", "x")
    asked = []

    def note(*given):
        asked.append(given[2])

    sa.event.listen(engine, "before_cursor_execute", note)
    with sessions() as session:
        found = pauses_in_sight(session, brand.id)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert [(one.scope, one.own, one.why) for one in found] == [
        ("rule:delivered", True, "ours"),
        ("channel:email", False, "by those who run this installation"),
    ]
    assert len([one for one in asked if "pauses" in one]) == 1


def test_what_would_be_stopped_is_what_is_stopped(ops, waiting, brand, sessions):
    """The number before and the number after are one, and what is held already is said."""
    with sessions.begin() as session:
        rule = Scope(PauseKind.rule, "out_for_delivery")
        told = would_stop(session, rule, brand.id, NOW)
        assert (told.messages, told.more, told.held_already) == (6, False, 0)
        nobody = would_stop(session, rule, brand.id + 1000, NOW)
        assert nobody.messages == 0


def test_open_pages_are_told(ops, visit, waiting):
    """The lines alone, for those who may look; nobody else's brand answers."""
    assert "strip" not in ops.get(f"{AT}/pauses/now").text
    ops.post(f"{AT}/pauses", {"scope": "channel:sms", "why": "a <b>wrong</b> link"})
    told = visit("reader").get(f"{AT}/pauses/now")
    assert "Every SMS is paused" in told.text and "a &lt;b&gt;wrong" in told.text and "<html" not in told.text
    assert "lift it" not in told.text and "lift it" in ops.get(f"{AT}/pauses/now").text
    assert visit("reader", brands=[999], email="x@shop.example").get(f"{AT}/pauses/now").status_code == 404
