"""Settings, first page: what may leave, and by which providers; each can be tested on oneself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.channels.base import Outgoing, Transport
from app.errors import InvalidInput
from app.models import public_id
from app.models.vocabulary import Channel
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.house import House
from app.pipeline.people.consent_file import address_of
from app.pipeline.trying_out import Outcome, trial_letter, trial_text, try_provider
from app.settings import SendMode
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import MODES, console_page
from app.web.owners.settings_tabs import settings_tabs
from app.web.owners.trials import Trial, tried

router = APIRouter(include_in_schema=False)

Keeper = Annotated[Visitor, Depends(may(Right.settings))]

_ORDER = (Channel.email, Channel.sms, Channel.whatsapp)


@router.get("/b/{brand}/settings")
def sending_page(request: Request, visitor: Keeper) -> Response:
    """The sending mode, the allow-list and the channels' providers; read-only, for the environment says it."""
    return _page(request, visitor)


def _page(request: Request, visitor: Visitor, trial: Trial | None = None) -> Response:
    house: House = request.app.state.house
    mode, meaning = MODES[house.send_mode]
    content = {
        "tabs": settings_tabs(visitor),
        "mode_word": mode,
        "meaning": meaning,
        "live": house.send_mode is SendMode.live,
        "listed": sorted(house.allowlist) if house.send_mode is SendMode.allowlist else [],
        "channels": [(channel.value, _providers(house, channel)) for channel in _ORDER],
        "own": visitor.email,
        "trial": trial,
    }
    return console_page(request, visitor, "owners/settings.html", content, title="Settings", place="settings")


@router.post("/b/{brand}/settings/channels/{channel}/{provider}/test")
def test_provider(
    request: Request, visitor: Keeper, channel: str, provider: str, to: Annotated[str, Form()] = ""
) -> Response:
    """Send one marked message: a mail to the signed-in person's own address, an SMS to the number that they name."""
    house: House = request.app.state.house
    what = f"{provider} ({channel})"
    transport = _transport(house, channel, provider)
    if channel == Channel.whatsapp:
        text = "It takes approved templates only: test one under Templates."
        return _page(request, visitor, Trial(what, False, text))
    if channel == Channel.sms:
        try:
            kind, to = address_of(to)
        except InvalidInput:
            kind = Channel.email
        if kind is not Channel.sms:
            return _page(request, visitor, Trial(what, False, "Nothing was sent: write your number, +46701740605."))
    outgoing = _message(house, visitor, channel, to)

    def work() -> Outcome:
        return try_provider(house, transport, outgoing, visitor.brand_id)

    return _page(request, visitor, tried(request, visitor, what, work))


def _providers(house: House, channel: Channel) -> list[tuple[str, bool]]:
    """Names in the order of choice, each with whether it is set up."""
    return [(one.name, one.sender != "none") for one in house.transports.get(channel, ())]


def _transport(house: House, channel: str, provider: str) -> Transport:
    for known, transports in house.transports.items():
        for one in transports:
            if known.value == channel and one.name == provider:
                return one
    raise Denied(404, "No such provider is in use", "Go back to Settings: it lists those that are.")


def _message(house: House, visitor: Visitor, channel: str, to: str) -> Outgoing:
    with house.sessions() as session:
        brand = as_of_now(session, house).catalog.brands().get(visitor.brand_key)
    if brand is None:
        raise Denied(409, "This brand has no sender", "Its folder under templates/brands/ is gone.")
    sender = brand.sender
    name = public_id("tst")
    if channel == Channel.email:
        return trial_letter(name, visitor.email, (sender.from_email, sender.from_name), house.public_url)
    return trial_text(name, to, sender.sms, visitor.brand_name)
