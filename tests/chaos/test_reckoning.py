"""The reckoning sees what it is there for: a storm that broke a law would not pass unnoticed."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
import sqlalchemy as sa
from rich.console import Console

from app.clock import wall_now
from app.db import Sessions
from app.demo.providers import Act, Entry
from app.models import Message
from app.models.vocabulary import Channel
from tests.chaos.reckoning import Lateness, Reckoning, broken_laws, reckon
from tests.chaos.schedule import Deed, Plan
from tests.chaos.shop import Shop, number_of
from tests.chaos.storm import Outcome
from tests.chaos.table import as_document, show

ORDERS = 3


@pytest.fixture
def shop(engine: sa.Engine, sessions: Sessions, broker_url: str, database_url: str) -> Iterator[Shop]:
    """A shop with three orders, and nobody who sends."""
    shop = Shop(engine, sessions, broker_url, database_url, 1)
    shop.place(ORDERS)
    yield shop
    shop.close()


def taken(n: int, attempt_id: str) -> Entry:
    """A mail in the provider's journal."""
    words = ("recipient", "recipient_name", "sender", "sender_name", "ref", "category", "subject", "preview")
    place = {"received_at": "", "offset": 0, "length": 0}
    return Entry(n=n, provider="sendgrid", channel="email", attempt_id=attempt_id, **dict.fromkeys(words, ""), **place)


def settled(sessions: Sessions, message: int, state: str, reason: str) -> str:
    """Give the nth email an attempt, and this end; the attempt's outside id."""
    with sessions.begin() as session:
        emails = sa.select(Message).where(Message.channel == Channel.email).order_by(Message.id)
        email = session.scalars(emails).all()[message]
        email.state, email.reason = state, reason
        session.execute(
            sa.text(
                "INSERT INTO attempts (public_id, brand_id, message_id, number, provider, sender, lease_token,"
                " begun_at, deadline_at, settled_at, outcome) VALUES (:id, :brand, :message, 1, 'sendgrid', 'us', 't',"
                " clock_timestamp(), clock_timestamp(), clock_timestamp(), 'accepted')"
            ),
            {"id": f"att_{message}", "brand": email.brand_id, "message": email.id},
        )
    return f"att_{message}"


def balance_of(sessions: Sessions, shop: Shop, *journal: Entry) -> Reckoning:
    return reckon(sessions, journal, shop, Channel.email, shop.expected(Channel.email))


def test_what_was_taken_once_and_called_sent_is_in_order(sessions: Sessions, shop: Shop):
    """Three mails, each in the journal once; one of them tells of two parcels."""
    journal = [taken(n, settled(sessions, n, "accepted", "accepted")) for n in range(ORDERS)]
    balance = balance_of(sessions, shop, *journal)
    assert (balance.decided, balance.sent, balance.broken()) == (4, 4, [])


def test_each_fault_is_seen(sessions: Sessions, shop: Shop):
    """One mail was taken twice, one is called sent and was not, one waits for ever, one is nobody's, and one decision
    was never made."""
    twice = settled(sessions, 0, "accepted", "accepted")
    settled(sessions, 1, "delivered", "confirmed_by_receipt")
    journal = [taken(1, twice), taken(2, twice), taken(3, "att_nobodys")]
    balance = reckon(sessions, journal, shop, Channel.email, shop.expected(Channel.email) + 1)
    assert len(balance.repeated) == 1
    assert len(balance.unexplained) == 2
    assert len(balance.lost) == 2
    assert len(balance.broken()) == 3


def test_what_was_withheld_and_yet_taken_is_unexplained(sessions: Sessions, shop: Shop):
    """The database calls it cancelled, and the shopper has it."""
    attempt = settled(sessions, 0, "cancelled", "cancelled")
    assert len(balance_of(sessions, shop, taken(1, attempt)).unexplained) == 1


def test_an_ambiguous_end_is_counted_apart(sessions: Sessions, shop: Shop):
    """It is no fault, whether the provider had it or not; both are told."""
    attempt = settled(sessions, 0, "failed", "ambiguous")
    settled(sessions, 1, "failed", "ambiguous")
    balance = balance_of(sessions, shop, taken(1, attempt))
    assert (balance.ambiguous, balance.ambiguous_taken, balance.unexplained) == (3, 1, []), (
        "the second tells of two parcels"
    )


def test_a_call_begun_after_the_cancellation_is_seen(sessions: Sessions, shop: Shop):
    """And one begun before it is not."""
    settled(sessions, 0, "accepted", "accepted")
    shop.cancelled[number_of(0)] = wall_now() + timedelta(hours=1)
    assert balance_of(sessions, shop).begun_after_stop == []
    shop.cancelled[number_of(0)] = wall_now() - timedelta(hours=1)
    assert balance_of(sessions, shop).begun_after_stop == ["att_0"]


def test_what_the_audit_finds_is_broken_too(sessions: Sessions, shop: Shop):
    """A message that is called sent without an accepted attempt."""
    assert broken_laws(sessions, [], 60) == []
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE messages SET state = 'accepted', reason = 'accepted'"))
    assert any("audit" in fault for fault in broken_laws(sessions, [], 60))


def test_an_outcome_is_shown_to_people_and_to_programs():
    """Every number stands in both."""
    balances = [Reckoning("email", decided=7, withheld=Counter({"cancelled: cancelled": 3})), Reckoning("sms")]
    deeds = Counter({Deed.beat: 2})
    outcome = Outcome(
        Plan(3), balances, deeds, Counter({"rendered": 1}), Counter(child=4), 1, 1, 10, 1, {Act.drop: 1}, Lateness(),
        1.0, ["email: 1 lost, as msg_1"],
    )  # fmt: skip
    shown = StringIO()
    show(outcome, Console(file=shown, width=100))
    document = json.loads(json.dumps(as_document(outcome)))
    assert document["balances"][0]["withheld"] == {"cancelled: cancelled": 3}
    for words in ("cancelled: cancelled", "beat killed", "rendered", "1 lost, as msg_1", "1 (10.0%)"):
        assert words in shown.getvalue(), words
