"""The doors of the console: who may open which, and that a change was asked for by one of our own pages."""

import hmac
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.models import AccountSession
from app.models.accounts import Role
from app.pipeline.house import House
from app.web.access.roles import Right
from app.web.access.sessions import Visitor, cookie_name, find

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class SignInNeeded(Exception):
    """Nobody is signed in; `onward` is where they wanted to go."""

    def __init__(self, onward: str) -> None:
        super().__init__("sign in first")
        self.onward = onward


@dataclass
class Denied(Exception):
    """What somebody asked for is not for them, or is not there. `title` and `text` are shown."""

    status: int
    title: str
    text: str


async def _sent(request: Request) -> FormData | None:
    """The form that was sent, where one was."""
    if request.method in _READING or "form" not in request.headers.get("content-type", ""):
        return None
    try:
        return await request.form()
    except HTTPException as error:
        raise Denied(400, "That form could not be read", "Nothing was changed. Go back and send it again.") from error


Sent = Annotated[FormData | None, Depends(_sent)]


@dataclass(frozen=True, slots=True)
class May:
    """A dependency that gives the visitor, or refuses: to the sign-in without a session, 403 without the right, 404 for
    a brand that is not theirs, 403 for a change that none of our pages asked for. What a page `watches` by itself,
    while nobody does anything, does not keep the session open."""

    right: Right
    watches: bool = False

    def __call__(self, request: Request, sent: Sent) -> Visitor:
        visitor = visitor_of(request, watches=self.watches)
        if visitor is None:
            onward = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            raise SignInNeeded(onward if request.method in _READING else "/")
        if request.method not in _READING:
            check_origin(request, sent, visitor.csrf)
        if not visitor.has(self.right):
            text = f"Your role, {visitor.role.value}, does not allow it. Ask an owner."
            raise Denied(403, "That is not yours to do", text)
        key = request.path_params.get("brand")
        return visitor if key is None else _at(visitor, str(key))


def may(right: Right) -> May:
    """The dependency of a page that needs this right."""
    return May(right)


def watch(right: Right) -> May:
    """The dependency of what a page's script asks for by itself every few seconds."""
    return May(right, watches=True)


def visitor_of(request: Request, *, watches: bool = False) -> Visitor | None:
    """Who is signed in at this browser, if anybody."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        found = find(session, request.cookies.get(cookie_name(request), ""))
        if found is None:
            return None
        account, kept, brands, stale = found
        brand_key = request.path_params.get("brand")
        last = kept.brand_id if any(brand.id == kept.brand_id for brand in brands) else None  # else it was taken away
        brand_id = next((brand.id for brand in brands if brand.key == brand_key), last)
        if not watches and (stale or brand_id != kept.brand_id):
            session.execute(
                sa.update(AccountSession)
                .where(AccountSession.id == kept.id)
                .values(seen_at=sa.func.now(), brand_id=brand_id)
            )
        return Visitor(
            account.id, account.name, account.email, Role(account.role), kept.id, kept.csrf, kept.notice, tuple(brands),
            brand_id=brand_id or 0,
        )  # fmt: skip


def _at(visitor: Visitor, key: str) -> Visitor:
    brand = next((brand for brand in visitor.brands if brand.key == key), None)
    if brand is None:
        raise Denied(404, "There is no such brand", "Or it is not one that you work for. An owner can change that.")
    return replace(visitor, brand_id=brand.id, brand_key=brand.key, brand_name=brand.name, zone=brand.zone)


def check_origin(request: Request, sent: FormData | None, csrf: str) -> None:
    """Refuse what another site's page sent: browsers say where a request comes from, and the form holds what only our
    page knows."""
    given = request.headers.get("x-csrf-token") or (str(sent.get("csrf", "")) if sent is not None else "")
    if _foreign(request) or not hmac.compare_digest(given.encode(), csrf.encode()):
        raise Denied(
            403, "That did not come from this page", "Nothing was changed. Open the page anew and send it once more."
        )


def same_site(request: Request) -> None:
    """A dependency for forms that are sent before anybody is signed in: refuses what another site's page sent."""
    if _foreign(request):
        raise Denied(403, "That did not come from this page", "Nothing was changed. Open the page anew, and try again.")


def _foreign(request: Request) -> bool:
    """Whether another site's page sent it. What the browser itself says counts; where it is too old to say, Origin
    does. A page that keeps its address to itself sends `Origin: null` even to its own site."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site not in ("same-origin", "none")
    try:
        return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    except ValueError:
        return True
