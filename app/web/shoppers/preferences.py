"""What a shopper may choose, and say: the page behind a parcel's link, what is not wanted, what never came.

Looking never changes anything (mail scanners open every link); only a POST does. News about an order goes on whatever
is chosen about advertisements.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.messages.authoring.bundle import locale_chain
from app.models import Brand, Order
from app.models.addresses import address_digest
from app.models.vocabulary import Channel, NewsKind, SuppressionKind
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.pipeline.people.choosing import choose, digest_for, refused
from app.pipeline.people.consenting import is_suppressed, lift, suppress, wish
from app.pipeline.people.missing_parcels import close_claim, open_claim
from app.web.pages import page
from app.web.shoppers.dead_ends import lost
from app.web.shoppers.reading import find_parcel

router = APIRouter(include_in_schema=False)

_UNSUBSCRIBE = (Channel.email, SuppressionKind.unsubscribe)
_STOP = (Channel.sms, SuppressionKind.stop)
_WHATSAPP_STOP = (Channel.whatsapp, SuppressionKind.stop)


@router.get("/p/{token}")
def preferences(request: Request, token: str, saved: str = "") -> Response:
    """What this shopper has chosen, with ways to choose otherwise. Changes nothing."""
    house: House = request.app.state.house
    with house.sessions() as session:
        found = find_parcel(session, token, house.clock.now())
        if found is None:
            return lost(request, token)
        brand, order, _shipment = found
        catalog = catalog_of(session, house)
        look = catalog.brands().get(brand.key)
        chosen = {
            "advertised": not _chosen(session, brand, order, *_UNSUBSCRIBE) if order.email else None,
            "texted": not _chosen(session, brand, order, *_STOP) if order.phone else None,
            "whatsapp": not _chosen(session, brand, order, *_WHATSAPP_STOP) if order.phone else None,
        }
        if chosen["whatsapp"] and Channel.whatsapp not in house.channels:
            chosen["whatsapp"] = None  # nothing comes that way, and nothing was refused
        shown = _shown(house, brand, order, session)
        unwanted = _unwanted(session, brand, order, shown)
    if look is None:
        return lost(request)
    language, words = catalog.page_words(look.key, locale_chain(order.locale, look.locale))
    content = {"brand": look, "words": words["preferences"], "language": language, "token": token, **chosen}
    grid = {"kinds": list(NewsKind), "shown": shown, "unwanted": unwanted, "saved": bool(saved)}
    return page("shoppers/preferences.html", content | grid, forms=True)


async def _raw(request: Request) -> bytes:
    return await request.body()


@router.post("/p/{token}/unsubscribe")
def unsubscribe(request: Request, token: str, body: Annotated[bytes, Depends(_raw)]) -> Response:
    """No more advertisements by mail. This is also what `List-Unsubscribe` names: a mail program posts here without
    cookie or login, and is not sent elsewhere (RFC 8058, section 3.1)."""
    answer = _change(request, token, _say_no, SuppressionKind.unsubscribe, Channel.email)
    one_click = b"List-Unsubscribe=One-Click" in body and answer.status_code == 303
    return Response(status_code=200) if one_click else answer


@router.post("/p/{token}/subscribe")
def subscribe(request: Request, token: str) -> Response:
    """Takes the unsubscription back."""
    return _change(request, token, _take_back, SuppressionKind.unsubscribe, Channel.email)


@router.post("/p/{token}/texts/stop")
def stop_texts(request: Request, token: str) -> Response:
    """No more text messages, as if the shopper had answered STOP: senders with a name cannot be answered."""
    return _change(request, token, _say_no, SuppressionKind.stop, Channel.sms)


@router.post("/p/{token}/texts/start")
def start_texts(request: Request, token: str) -> Response:
    """Text messages again."""
    return _change(request, token, _take_back, SuppressionKind.stop, Channel.sms)


@router.post("/p/{token}/whatsapp/stop")
def stop_whatsapp(request: Request, token: str) -> Response:
    """No more messages on WhatsApp, as if the shopper had answered STOP there."""
    return _change(request, token, _say_no, SuppressionKind.stop, Channel.whatsapp)


@router.post("/p/{token}/whatsapp/start")
def start_whatsapp(request: Request, token: str) -> Response:
    """Messages on WhatsApp again."""
    return _change(request, token, _take_back, SuppressionKind.stop, Channel.whatsapp)


@router.post("/p/{token}/kinds")
def choose_kinds(request: Request, token: str, body: Annotated[bytes, Depends(_raw)]) -> Response:
    """Which kinds of news come by which channel: what is ticked does. A channel that the form did not show stays as it
    is; so does everything where nothing of the form arrived."""
    house: House = request.app.state.house
    form = parse_qs(body[:10_000].decode("utf-8", "replace"), keep_blank_values=True)
    offered, ticked = set(form.get("shown", ())), set(form.get("wanted", ()))
    with house.sessions.begin() as session:
        found = find_parcel(session, token, house.clock.now())
        if found is None:
            return lost(request, token)
        brand, order, _shipment = found
        for channel in Channel:
            digest = digest_for(channel, order.email, order.phone)
            if digest is not None and channel.value in offered:
                unwanted = [kind for kind in NewsKind if f"{channel.value}.{kind.value}" not in ticked]
                choose(session, brand.id, channel, digest, unwanted)
    return RedirectResponse(f"/p/{token}?saved=1", status_code=303)


@router.post("/p/{token}/not-received")
def not_received(request: Request, token: str) -> Response:
    """The parcel is marked as delivered, and is not there: a claim is opened, once."""
    return _claimed(request, token, there=False)


@router.post("/p/{token}/received")
def received(request: Request, token: str) -> Response:
    """It has turned up: the claim is over."""
    return _claimed(request, token, there=True)


def _claimed(request: Request, token: str, *, there: bool) -> Response:
    house: House = request.app.state.house
    now = house.clock.now()
    with house.sessions.begin() as session:
        found = find_parcel(session, token, now)
        if found is None:
            return lost(request, token)
        shipment = found[2]
        if there:
            close_claim(session, shipment.id, "shopper", now)
        else:
            open_claim(session, shipment, now)
    return RedirectResponse(f"/t/{token}", status_code=303)


def _shown(house: House, brand: Brand, order: Order, session: Session) -> list[Channel]:
    """The channels of which something can come: they have an address and a provider, and were not refused as such."""
    refusals = {Channel.sms: _STOP, Channel.whatsapp: _WHATSAPP_STOP}
    return [
        channel
        for channel in Channel
        if channel in house.channels
        and _address(order, channel)
        and not (channel in refusals and _chosen(session, brand, order, *refusals[channel]))
    ]


def _unwanted(session: Session, brand: Brand, order: Order, shown: list[Channel]) -> set[str]:
    """What is not wanted, as the form's boxes are named."""
    digests = {channel: digest_for(channel, order.email, order.phone) or b"" for channel in shown}
    kinds = refused(session, digests.values())
    return {
        f"{channel.value}.{kind.value}"
        for channel, digest in digests.items()
        for kind in kinds.get((brand.id, channel.value, digest), ())
    }


_Change = Callable[[Session, int, Channel, str, SuppressionKind], object]


def _change(request: Request, token: str, change: _Change, kind: SuppressionKind, channel: Channel) -> Response:
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        found = find_parcel(session, token, house.clock.now())
        if found is None:
            return lost(request, token)
        brand, order, _shipment = found
        if address := _address(order, channel):
            change(session, brand.id, channel, address, kind)
    return RedirectResponse(f"/p/{token}", status_code=303)


def _say_no(session: Session, brand_id: int, channel: Channel, address: str, kind: SuppressionKind) -> None:
    suppress(session, [wish(brand_id, channel, address, kind)])


def _take_back(session: Session, brand_id: int, channel: Channel, address: str, kind: SuppressionKind) -> None:
    lift(session, [brand_id], channel, address_digest(channel, address), [kind])


def _chosen(session: Session, brand: Brand, order: Order, channel: Channel, kind: SuppressionKind) -> bool:
    address = _address(order, channel)
    return bool(address) and is_suppressed(session, brand.id, channel, address_digest(channel, address or ""), kind)


def _address(order: Order, channel: Channel) -> str | None:
    return order.email if channel is Channel.email else order.phone
