"""The way in through the shop's own sign-in: out to the provider, back with who it is, and whose account that is."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.log import logger
from app.models import Account, Brand, public_id
from app.pipeline.house import House
from app.settings import Settings
from app.settings.sign_in import OidcSettings
from app.web.access.accounts import standing
from app.web.access.oidc import TRIP_SECONDS, Person, Provider, Refused, Trip
from app.web.access.sealing import NotSealed, Seal
from app.web.access.sessions import is_secure
from app.web.access.trail import note
from app.web.console.entering import inside, let_in
from app.web.console.frame import html

log = logger(__name__)
router = APIRouter(include_in_schema=False)

_BACK = "/sign-in/shop/back"
_NOT_BEGUN = "This sign-in was not begun in this browser, or too long ago. Begin it anew."


@router.get("/sign-in/shop")
def leave(request: Request, onward: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Out to the provider; what must come back is kept, sealed, in this browser."""
    house: House = request.app.state.house
    provider = provider_of(request)
    if provider is None:
        return _refused("There is no such sign-in here. Sign in with a password.", 404)
    try:
        url, trip = house.loop.run(provider.leave(_redirect(house), inside(onward)))
    except Refused as error:
        return _told(error)
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        _cookie(request), _seal(request).shut(trip.packed()).decode(), max_age=TRIP_SECONDS, path="/",
        secure=is_secure(request), httponly=True, samesite="lax",
    )  # fmt: skip
    return answer


@router.get(_BACK)
def arrive(request: Request) -> Response:
    """Back from the provider: let in whoever it vouches for, if they have an account, or may have one."""
    house: House = request.app.state.house
    provider = provider_of(request)
    if provider is None:
        return _refused("There is no such sign-in here. Sign in with a password.", 404)
    try:
        kept = request.cookies.get(_cookie(request), "").encode()
        trip = Trip.unpacked(_seal(request).open(kept, TRIP_SECONDS))
    except NotSealed:
        return _refused(_NOT_BEGUN, 400)
    try:
        person = house.loop.run(provider.arrive(_redirect(house), trip, dict(request.query_params)))
        with house.sessions.begin() as session:
            account = account_of(session, request.app.state.settings, person)
            answer = let_in(request, session, account, trip.onward)
    except Refused as error:
        answer = _told(error)
    answer.delete_cookie(_cookie(request), path="/", secure=is_secure(request), httponly=True, samesite="lax")
    return answer


def account_of(session: Session, settings: Settings, person: Person) -> Account:
    """Whose account that is: the one that came through as the same subject before, else the one with that address,
    else a new one where the settings allow it. Raises Refused."""
    account = session.scalars(sa.select(Account).where(Account.subject == person.subject)).one_or_none()
    if account is None:
        account = session.scalars(
            sa.select(Account).where(Account.email == person.email).with_for_update()
        ).one_or_none()
        if account is None:
            return _made(session, settings, person)
        if account.subject is not None:
            raise Refused(
                "Your address belongs to somebody else's account here. Ask an owner to look at it under People.",
                "the address came with another subject before",
            )
        account.subject = person.subject
        note(session, account.email, "account.shop_sign_in", account.public_id)
    if account.disabled_at is not None:
        raise Refused("Your account is closed. Ask an owner.", "disabled")
    return account


def _made(session: Session, settings: Settings, person: Person) -> Account:
    told = settings.oidc
    domain = person.email.rpartition("@")[2]
    if not told.create or domain not in told.allowed:
        raise Refused("You have no account here yet. Ask an owner to make one under People.", "no account")
    account = Account(
        public_id=public_id("usr"),
        email=person.email,
        name=" ".join(person.name.split()) or person.email.partition("@")[0],
        role=told.role,
        brand_ids=_brands(session, told),
        subject=person.subject,
    )
    try:
        with session.begin_nested():
            session.add(account)
            session.flush()
    except IntegrityError as error:  # they came twice at once
        raise Refused("Your account is being made in another window. Begin it anew.", "made twice at once") from error
    after = {"email": person.email, **standing(session, account)}
    note(session, f"{told.name}, for {person.email}", "account.add", account.public_id, after=after)
    return account


def _brands(session: Session, told: OidcSettings) -> list[int] | None:
    """The ids of the brands that a new account works for: those that are named, all (None) where the settings say so;
    where they say nothing the only brand that there is, and of several none until an owner gives them."""
    if told.brand_keys == {"all"}:
        return None
    query = sa.select(Brand.id).order_by(Brand.id)
    if told.brand_keys:
        return list(session.scalars(query.where(Brand.key.in_(told.brand_keys))))
    found = list(session.scalars(query))
    return found if len(found) == 1 else []


def provider_of(request: Request) -> Provider | None:
    """The installation's provider, one for the life of its settings; None where there is none."""
    state = request.app.state
    settings: Settings = state.settings
    if not settings.oidc.issuer:
        return None
    kept: tuple[Settings, House, Provider] | None = getattr(state, "provider", None)
    if kept is None or kept[0] is not settings or kept[1] is not state.house:
        kept = state.provider = (settings, state.house, Provider(settings.oidc, state.house.http))
    return kept[2]


def _redirect(house: House) -> str:
    return house.public_url.rstrip("/") + _BACK


def _seal(request: Request) -> Seal:
    return Seal(request.app.state.settings, "shop-sign-in")


def _cookie(request: Request) -> str:
    return "__Host-doorstep-trip" if is_secure(request) else "doorstep-trip"


def _told(error: Refused) -> Response:
    log.warning("sign-in through the shop refused", why=error.why)
    return _refused(str(error), 403)


def _refused(text: str, status: int) -> Response:
    return html("console/refused.html", {"title": "You are not signed in", "text": text, "onward": "/sign-in"}, status)
