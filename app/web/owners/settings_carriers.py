"""Settings: each carrier, whether it can be asked, how it stands, and a question to try it with."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.errors import NotFound
from app.insight.carriers import CarrierStanding, carrier_health
from app.pipeline.codes.mapping import read_carrier
from app.pipeline.house import House
from app.pipeline.trying_out import Outcome, known_number, try_carrier
from app.tracking.adapter.base import Carrier, clean
from app.tracking.setting_up import setting
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.owners.settings_tabs import settings_tabs
from app.web.owners.trials import Trial, tried

router = APIRouter(include_in_schema=False)

Keeper = Annotated[Visitor, Depends(may(Right.settings))]

_NOBODYS = "DOORSTEP-TEST-1"
"""A number that no parcel has: a carrier that does not know it has taken our credentials all the same."""


@router.get("/b/{brand}/settings/carriers")
def carriers_page(request: Request, visitor: Keeper) -> Response:
    """Every carrier that Doorstep knows, those that can be asked first."""
    return _page(request, visitor)


@router.post("/b/{brand}/settings/carriers/{carrier}/test")
def test_carrier(request: Request, visitor: Keeper, carrier: str, number: Annotated[str, Form()] = "") -> Response:
    """Ask about a number: the one that was typed, else the brand's newest with this carrier, else nobody's."""
    house: House = request.app.state.house
    try:
        found = house.carriers[read_carrier(house, carrier)]
    except NotFound as error:
        raise Denied(404, "There is no such carrier", "Go back to Settings: it lists those that are.") from error
    with house.sessions() as session:
        asked = clean(number.strip(), 60) or known_number(session, visitor.brand_id, found.name) or _NOBODYS

    def work() -> Outcome:
        return try_carrier(house, found, asked)

    return _page(request, visitor, tried(request, visitor, found.title, work))


def _page(request: Request, visitor: Visitor, trial: Trial | None = None) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        health = {one.carrier: one for one in carrier_health(session)}
    rows = [_row(house, carrier, health.get(name)) for name, carrier in sorted(house.carriers.items())]
    content = {
        "tabs": settings_tabs(visitor),
        "usable": [row for row in rows if not row["missing"]],
        "others": [row for row in rows if row["missing"]],
        "trial": trial,
    }
    return console_page(request, visitor, "owners/carriers.html", content, title="Carriers", place="settings")


def _row(house: House, carrier: Carrier, standing: CarrierStanding | None) -> dict[str, Any]:
    config = house.carrier_config(carrier.name)
    given = {"api_key": config.api_key, "api_secret": config.api_secret}
    names = [name for name in ("api_key", "api_secret", "account", "push_secret") if name in carrier.needs]
    return {
        "name": carrier.name,
        "title": carrier.title,
        "missing": house.missing(carrier.name),
        "credentials": [
            (setting(carrier.name, name), bool(given[name].get_secret_value() if name in given else config.account))
            for name in names
        ],
        "via": config.via,
        "standing": standing,
        "well": standing is None or standing.well,
        "trouble": standing.last_fault.sentence if standing and standing.last_fault else "",
    }
