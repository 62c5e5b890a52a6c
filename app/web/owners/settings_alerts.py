"""Settings: who hears of it when something is wrong, and a test of each way."""

from typing import Annotated
from urllib.parse import urlsplit

import httpx
from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.clock import wall_now
from app.models import public_id
from app.models.vocabulary import NoticeRoute
from app.pipeline.brakes.telling import try_route
from app.pipeline.house import House
from app.pipeline.trying_out import Outcome
from app.web.access import outside
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.owners.settings_tabs import settings_tabs
from app.web.owners.trials import Trial, tried

router = APIRouter(include_in_schema=False)

Keeper = Annotated[Visitor, Depends(may(Right.settings))]


@router.get("/b/{brand}/settings/alerts")
def alerts_page(request: Request, visitor: Keeper) -> Response:
    """The ways that are set, without what is secret in them."""
    return _page(request, visitor)


@router.post("/b/{brand}/settings/alerts/{route}/test")
def test_route(request: Request, visitor: Keeper, route: str) -> Response:
    """Tell a test alarm by one of the ways that are set."""
    house: House = request.app.state.house
    if route not in NoticeRoute.__members__:
        raise Denied(404, "There is no such way", "Alarms are told by url or email.")

    def work() -> Outcome:
        problem = try_route(house, NoticeRoute(route), _content(house, visitor))
        return Outcome(problem is None, problem or "It took the test alarm. Look whether it arrived.")

    return _page(request, visitor, tried(request, visitor, f"Alarms by {route}", work))


@router.post("/b/{brand}/settings/alerts/try")
def try_address(request: Request, visitor: Keeper, url: Annotated[str, Form()] = "") -> Response:
    """Tell a test alarm to an address before anybody sets it: a public one over https, and no other."""
    house: House = request.app.state.house

    def work() -> Outcome:
        try:
            status = house.loop.run(outside.post(url.strip(), _content(house, visitor)))
        except outside.NotOutside as error:
            return Outcome(False, str(error))
        except (TimeoutError, httpx.HTTPError) as error:
            return Outcome(False, f"It cannot be reached ({type(error).__name__}).")
        if 200 <= status < 300:
            return Outcome(True, "It took the test alarm. Set DOORSTEP_ALERTS__URL to it.")
        return Outcome(False, f"It answered with HTTP {status}. An address that takes alarms answers with 2xx.")

    return _page(request, visitor, tried(request, visitor, "The address", work), typed=url)


def _page(request: Request, visitor: Visitor, trial: Trial | None = None, typed: str = "") -> Response:
    house: House = request.app.state.house
    url = urlsplit(house.alerts.url.get_secret_value())
    content = {
        "tabs": settings_tabs(visitor),
        "url": f"{url.scheme}://{url.hostname}/…" if url.hostname else "",
        "email": house.alerts.email,
        "can_mail": bool(house.mailers),
        "queue": house.alerts.queue,
        "unconfirmed": house.alerts.unconfirmed,
        "trial": trial,
        "typed": typed,
    }
    return console_page(request, visitor, "owners/alerts.html", content, title="Alerts", place="settings")


def _content(house: House, visitor: Visitor) -> dict[str, object]:
    now = wall_now().isoformat()
    said = "This is a test: nothing is wrong."
    return {
        "incident": public_id("inc"), "kind": "test", "subject": "", "stage": "opened", "count": 1, "text": said,
        "summary": f"{said} {visitor.name} asked for it in the console.", "remedy": "Nothing.", "opened_at": now,
        "closed_at": None, "installation": house.public_url,
    }  # fmt: skip
