"""One's own account: name, password, and the browsers that are signed in."""

from dataclasses import replace
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import InvalidInput
from app.models import Account, AccountSession
from app.pipeline.house import House
from app.web.access import sessions
from app.web.access.doors import Denied, may
from app.web.access.links import end_links
from app.web.access.passwords import check_password, fits, hashed
from app.web.access.roles import MEANINGS, Right
from app.web.access.sealing import can_seal
from app.web.access.second_step import codes_left, has_factor
from app.web.access.sessions import Visitor
from app.web.access.throttle import count_failure, must_wait, of_somebody
from app.web.access.trail import note
from app.web.console.frame import back, console_page
from app.web.owners.devices import in_words

router = APIRouter(include_in_schema=False)

Own = Annotated[Visitor, Depends(may(Right.see))]
HERE = "/account"

NOT_YOURS = "That is not your password. Nothing was changed."
MANY_TRIES = "Too many tries. Wait a quarter of an hour, then try again. Nothing was changed."


@router.get(HERE)
def account_page(request: Request, visitor: Own) -> Response:
    """The whole of one's own account."""
    return account_view(request, visitor)


@router.post("/account/name")
def rename(request: Request, visitor: Own, name: Annotated[str, Form()] = "") -> Response:
    """Change how others see one's name."""
    house: House = request.app.state.house
    chosen = " ".join(name.split())[:80]
    if not chosen or not chosen.isprintable():
        return account_view(request, visitor, {"name": "Write a name, as your colleagues know you."}, name=name)
    with house.sessions.begin() as session:
        account = session.get_one(Account, visitor.account_id)
        if account.name != chosen:
            note(
                session,
                visitor,
                "account.name",
                account.public_id,
                before={"name": account.name},
                after={"name": chosen},
            )
            account.name = chosen
    return back(request, visitor, HERE, "Your name is kept.")


@router.post("/account/password")
def change_password(
    request: Request,
    visitor: Own,
    old: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
) -> Response:
    """Change the password, and end every other session."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        account = session.get_one(Account, visitor.account_id, with_for_update=True)
        if account.password is None:
            raise Denied(409, "You have no password", "An owner can make you a link to choose one by.")
        wrong = password_fault(request, session, account, old)
        if wrong:
            return account_view(request, visitor, {"old": wrong})
        try:
            check_password(new, account.email)
        except InvalidInput as error:
            return account_view(request, visitor, {"new": error.faults[0].sentence})
        account.password = hashed(new)
        end_links(session, account.id)
        ended = sessions.end(session, account.id, but=visitor.session_id)
        note(session, visitor, "account.password", account.public_id, after={"other sessions ended": ended})
    return back(request, visitor, HERE, f"Your password is changed; {_others(ended)} signed out.")


@router.post("/account/sessions/end")
def end_others(request: Request, visitor: Own) -> Response:
    """Sign out everywhere but here."""
    return _end(request, visitor, None)


@router.post("/account/sessions/{number}/end")
def end_one(request: Request, visitor: Own, number: int) -> Response:
    """Sign one browser out; one's own only."""
    return _end(request, visitor, number)


def _end(request: Request, visitor: Visitor, number: int | None) -> Response:
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        if number is None:
            ended = sessions.end(session, visitor.account_id, but=visitor.session_id)
        else:
            ended = sessions.end(session, visitor.account_id, only=min(number, 2**62))
        if ended:
            note(session, visitor, "account.sessions", after={"ended": ended})
    return back(request, visitor, HERE, f"{_others(ended).capitalize()} signed out.")


def at_a_brand(visitor: Visitor) -> Visitor:
    """The visitor with the brand whose rail stands beside a page of no brand: the one they looked at last, or the
    first."""
    return visitor if visitor.brand_id or not visitor.brands else replace(visitor, brand_id=visitor.brands[0].id)


def account_view(request: Request, visitor: Visitor, wrong: dict[str, str] | None = None, **more: Any) -> Response:
    """The page, with what was wrong beside the field that it was wrong in."""
    visitor = at_a_brand(visitor)
    house: House = request.app.state.house
    with house.sessions() as session:
        account = session.get_one(Account, visitor.account_id)
        content = {
            "account": account,
            "name": account.name,
            "meaning": MEANINGS[visitor.role],
            "open_sessions": _open_sessions(session, visitor),
            "factor": has_factor(session, account.id),
            "codes_left": codes_left(session, account.id),
            "sealing": can_seal(request.app.state.settings),
            "wrong": wrong or {},
            "shop": request.app.state.settings.oidc.name,
        }
    status = 422 if wrong else 200
    return console_page(
        request, visitor, "owners/account.html", {**content, **more}, title="Your account", place="", status=status
    )


def password_fault(request: Request, session: Session, account: Account, written: str) -> str:
    """What is wrong with the password that somebody proves themselves by; empty where nothing is. Who has none, because
    they come through the shop's own sign-in, need not."""
    if account.password is None:
        return ""
    tries = of_somebody(f"password of {account.id}", sessions.network_of(request))
    if must_wait(session, tries):
        return MANY_TRIES
    if not fits(written, account.password):
        count_failure(session, tries)
        return NOT_YOURS
    return ""


def _open_sessions(session: Session, visitor: Visitor) -> list[dict[str, Any]]:
    now = sa.func.now()
    query = (
        sa.select(AccountSession)
        .where(
            AccountSession.account_id == visitor.account_id,
            AccountSession.ended_at.is_(None),
            AccountSession.seen_at > now - sessions.IDLE,
            AccountSession.created_at > now - sessions.LONGEST,
        )
        .order_by(AccountSession.seen_at.desc())
        .limit(100)
    )
    return [
        {
            "id": one.id,
            "device": in_words(one.device),
            "network": one.network,
            "begun": one.created_at,
            "seen": one.seen_at,
            "here": one.id == visitor.session_id,
        }
        for one in session.scalars(query)
    ]


def _others(count: int) -> str:
    return "one browser was" if count == 1 else f"{count} browsers were"
