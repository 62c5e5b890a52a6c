"""The design that one would write first, for comparison: a task per message, an ORM session, check-then-insert, and the
vendor's own client, which opens a connection per call.

Run by Celery as `-A app.bench.naive`. It is correct on a good day only; nothing else uses it.
"""

import os
import sys
from functools import lru_cache

import jinja2
import sqlalchemy as sa
from celery import Celery
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.bench.ground import Cost, Ground, Meter, await_
from app.bench.programs import running
from app.bench.world import make_parcels
from app.db import make_engine
from app.embedded.processes import Program
from app.models import Order
from app.wiring import build_house

_TEMPLATE = """
<h1>Arriving today</h1><p>Hello {{ order.shopper_name }}, your order {{ order.number }} is out for delivery.</p>
<table>{% for item in order["items"] %}<tr><td>{{ item.name }}</td><td>{{ item.quantity }}</td></tr>{% endfor %}</table>
"""


class _Base(DeclarativeBase):
    pass


class NaiveSent(_Base):
    """One message that was sent, looked up before and written after."""

    __tablename__ = "bench_naive_sent"
    order_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)


app = Celery("naive", broker=os.environ.get("DOORSTEP_BROKER_URL"), set_as_current=False)
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=1, task_default_queue="naive")


@lru_cache(maxsize=1)
def _engine() -> sa.Engine:
    return make_engine(os.environ["DOORSTEP_DATABASE_URL"])


def send(order_id: int) -> None:
    """Look whether it was sent, send it, write down that it was."""
    with Session(_engine()) as session:
        if session.get(NaiveSent, order_id) is not None:
            return
        order = session.get_one(Order, order_id)
        html = jinja2.Environment(autoescape=True).from_string(_TEMPLATE).render(order=order)
        mail = Mail("hej@fjallhem.example", order.email, "Arriving today", html_content=html)
        client = SendGridAPIClient("bench", host=os.environ["DOORSTEP_SENDGRID__BASE_URL"])
        if client.send(mail).status_code != 202:
            raise RuntimeError("not accepted")
        session.add(NaiveSent(order_id=order_id))
        session.commit()


app.task(name="naive.send")(send)


def bench_naive(here: Ground, messages: int) -> Cost:
    """Send `messages` emails that way over TLS, on two processes of a Celery worker."""
    house = build_house(here.settings(here.tls))
    make_parcels(house, messages)
    with house.sessions.begin() as session:
        _Base.metadata.create_all(session.connection())
        newest = sa.select(Order.id).order_by(Order.id.desc()).limit(messages)
        ids = list(session.scalars(newest))
    app.conf.broker_url = here.endpoints["DOORSTEP_BROKER_URL"]
    for order_id in ids:
        app.send_task("naive.send", args=[order_id], queue="naive")
    argv = (sys.executable, "-m", "celery", "-A", "app.bench.naive", "worker", "-c", "2", "-Q", "naive", "-l", "ERROR")
    before = here.tls.count()
    with running(here, here.tls, [Program("naive", argv)]) as pids:
        await_("the first tenth has left", lambda: here.tls.count() - before >= messages // 10, 120)
        meter, began = Meter(here.servers, pids), here.tls.count()
        await_("all has left", lambda: here.tls.count() - before >= messages, 600)
        cost = meter.stop(here.tls.count() - began)
    house.loop.run(house.http.aclose())
    house.sessions.kw["bind"].dispose()
    return cost
