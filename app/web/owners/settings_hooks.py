"""Settings: the addresses that providers and carriers call, when they last did, and whether they are reached."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.models import HookCall
from app.pipeline.house import House
from app.pipeline.trying_out import Outcome, try_hook
from app.settings import Settings, is_loopback
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.owners.settings_tabs import settings_tabs
from app.web.owners.trials import Trial, tried

router = APIRouter(include_in_schema=False)

Keeper = Annotated[Visitor, Depends(may(Right.settings))]


@dataclass(frozen=True, slots=True)
class Hook:
    """One of our addresses: its path behind `/hooks/`, who calls it and for what, the setting that proves who does and
    whether it is set, and how it is known."""

    path: str
    who: str
    what: str
    setting: str
    ready: bool
    taken_at: datetime | None = None
    refused_at: datetime | None = None
    refusal: str = ""


@router.get("/b/{brand}/settings/hooks")
def hooks_page(request: Request, visitor: Keeper) -> Response:
    """Every hook with its address, to be copied to where it is set."""
    return _page(request, visitor)


@router.post("/b/{brand}/settings/hooks/{path:path}/test")
def test_hook(request: Request, visitor: Keeper, path: str) -> Response:
    """Call one of our own hooks from here at its public address."""
    house: House = request.app.state.house
    settings: Settings = request.app.state.settings
    hook = next((one for one in _hooks(house, settings) if one.path == path), None)
    if hook is None:
        raise Denied(404, "There is no such hook", "Go back to Settings: it lists those that are.")
    token = settings.twilio.auth_token.get_secret_value() if path.startswith("twilio/") else ""

    def work() -> Outcome:
        return try_hook(house, hook.path, token)

    return _page(request, visitor, tried(request, visitor, f"/hooks/{hook.path}", work))


def _page(request: Request, visitor: Visitor, trial: Trial | None = None) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        calls = {one.path: one for one in session.scalars(sa.select(HookCall))}
    known = []
    for hook in _hooks(house, request.app.state.settings):
        call = calls.get(hook.path)
        last = (call.taken_at, call.refused_at, call.refusal or "") if call else (None, None, "")
        known.append(Hook(hook.path, hook.who, hook.what, hook.setting, hook.ready, *last))
    base = house.public_url.rstrip("/")
    content = {
        "tabs": settings_tabs(visitor),
        "hooks": known,
        "base": base,
        "here_only": is_loopback(base) or not base.startswith("https://"),
        "trial": trial,
    }
    return console_page(request, visitor, "owners/hooks.html", content, title="Webhooks", place="settings")


def _hooks(house: House, settings: Settings) -> Iterator[Hook]:
    used = {one.name for transports in house.transports.values() for one in transports}
    if "sendgrid" in used:
        ready = bool(settings.sendgrid.webhook_public_key)
        key = "DOORSTEP_SENDGRID__WEBHOOK_PUBLIC_KEY"
        yield Hook("sendgrid", "SendGrid", "what became of mail: Mail Settings, Event Webhook, signed", key, ready)
    if "twilio" in used:
        ready = bool(settings.twilio.auth_token.get_secret_value())
        key = "DOORSTEP_TWILIO__AUTH_TOKEN"
        yield Hook("twilio/status", "Twilio", "what became of SMS: sent along with each message", key, ready)
        yield Hook("twilio/inbound", "Twilio", "what shoppers write: the number's or service's webhook", key, ready)
    for name, carrier in sorted(house.carriers.items()):
        if carrier.push is not None:
            ready = bool(house.carrier_config(name).push_secret.get_secret_value())
            key = f"DOORSTEP_CARRIERS__{name.upper()}__PUSH_SECRET"
            yield Hook(f"carriers/{name}", carrier.title, f"scans as they happen; {carrier.push.signature}", key, ready)
