"""Today: the first page of the day, with what moves, what needs somebody, and what shoppers were told."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.insight import today as figures
from app.insight.alarms import REMEDIES
from app.insight.listing import STATES
from app.insight.today_counted import answers, mails_delivered
from app.insight.today_delays import Delays, delay
from app.insight.watch import UNWATCHED, how_watched
from app.models import Shipment
from app.models.vocabulary import IncidentKind
from app.pipeline.house import House
from app.settings import Settings
from app.web.access.doors import may, watch
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.charts import Chart, columns, ranked, side_by_side
from app.web.console.frame import clock, console_page, html
from app.web.console.shared import Shared

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Watcher = Annotated[Visitor, Depends(watch(Right.see))]

_LEADS = {
    "unconfirmed": ("parcels?state=unconfirmed", "Which they are"),
    "failing": ("parcels?state=failing", "Which they are"),
    "storm": ("pauses", "What is paused"),
    "carrier_down": ("carriers/unknown", "How carriers answer"),
    "carrier_denied": ("carriers/unknown", "How carriers answer"),
    "carrier_throttled": ("carriers/unknown", "How carriers answer"),
}
"""Where in the console one sees more of an incident."""


@router.get("/b/{brand}/today")
def today(request: Request, visitor: Reader) -> Response:
    """The page."""
    return console_page(
        request, visitor, "operations/today.html", _content(request, visitor), title="Today", place="today"
    )


@router.get("/b/{brand}/today/now")
def now(request: Request, visitor: Watcher) -> Response:
    """What of the page changes, for a script that puts it in place of what is there. It takes no notice away that is
    meant for the page that the person opens next."""
    brand = next(one for one in visitor.brands if one.id == visitor.brand_id)
    content = _content(request, visitor)
    frame = {"visitor": visitor, "brand": brand, "zone": brand.zone, "now": content["as_of"]}
    return html("operations/today_now.html", {**frame, **content})


def _content(request: Request, visitor: Visitor) -> dict[str, Any]:
    """What the page shows: of the brand alone, whoever looks, so that all who look at once share it."""
    shared: Shared[dict[str, Any]] = request.app.state.shared
    house: House = request.app.state.house
    return shared.get(visitor.brand_id, house.clock, lambda: _counted(request, visitor))


def _counted(request: Request, visitor: Visitor) -> dict[str, Any]:
    house: House = request.app.state.house
    at = house.clock.now()
    with house.sessions() as session:
        standing = figures.standing(session, visitor.brand_id, at, visitor.zone)
        sending = figures.sending(session, visitor.brand_id, at)
        delays = delay(session, visitor.brand_id, at) if house.clock.real else None
        return {
            "standing": [(key, word, getattr(standing, key)) for key, word in STATES.items()],
            "sending": sending,
            "opened": figures.opened(session, visitor.brand_id),
            "delay": delays,
            "incidents": [
                (one, REMEDIES[IncidentKind(one.kind)], _LEADS.get(one.kind))
                for one in figures.incidents(session, visitor.brand_id)
            ],
            "watched": how_watched(session),
            "unwatched": UNWATCHED,
            "carriers": figures.carriers(session),
            "answers": answers(session),
            "mails_delivered": mails_delivered(session, visitor.brand_id),
            "codes": figures.unknown_codes(session, visitor.brand_id),
            "by_hour": columns(
                "How many messages were decided each hour of the last 24?",
                [clock(hour, visitor.zone) for hour in sending.hours],
                {"SMS" if name == "sms" else name.capitalize(): counts for name, counts in sending.by_hour.items()},
                first="Hour",
            ),
            "news_by_hour": columns(
                "What were they about, hour by hour?",
                [clock(hour, visitor.zone) for hour in sending.hours],
                {name.replace("_", " "): counts for name, counts in sending.news_by_hour.items()},
                first="Hour",
            ),
            "delay_by_hour": _delay_by_hour(delays, visitor.zone) if delays else None,
            "by_milestone": ranked(
                "What were they about?",
                [(name.replace("_", " "), count) for name, count in sending.by_milestone],
                first="Milestone",
            ),
            "steps": _steps(request, visitor, session.scalar(_any_parcel(visitor.brand_id)) or False),
            "as_of": at,
        }


def _delay_by_hour(delays: Delays, here: str) -> Chart:
    series = {
        "half within": [one.median if one else None for one in delays.by_hour],
        "19 of 20 within": [one.p95 if one else None for one in delays.by_hour],
    }
    labels = [clock(hour, here) for hour in delays.hours]
    question = "How many seconds lie between an event and the call that tells of it, hour by hour?"
    return side_by_side(question, labels, series, first="Hour", unit=" s", digits=2)


def _any_parcel(brand_id: int) -> sa.Select[tuple[bool]]:
    return sa.select(sa.exists(sa.select(Shipment.id).where(Shipment.brand_id == brand_id)))


def _steps(request: Request, visitor: Visitor, parcels: bool) -> list[tuple[bool, str, str]]:
    """What a new installation still has to do: whether it is done, what, and how. Empty once there are orders, a
    carrier and a provider: whether messages leave is then a choice, which stands on every page."""
    settings: Settings = request.app.state.settings
    house: House = request.app.state.house
    carriers = any(not house.missing(name) for name in house.carrier_settings if name in house.carriers)
    key = next(brand.key for brand in visitor.brands if brand.id == visitor.brand_id)
    provider = any(house.transports[channel] for channel in house.transports)
    if parcels and carriers and provider:
        return []
    return [
        (parcels, "Bring in orders", f"doorstep import orders.csv --brand {key}"),
        (carriers, "Let a carrier be asked", "export DOORSTEP_CARRIERS__DHL__API_KEY=…"),
        (provider, "Let a provider send", "export DOORSTEP_SENDGRID__API_KEY=…"),
        (settings.send.value == "live", "Let messages leave", "export DOORSTEP_SEND=live"),
    ]
