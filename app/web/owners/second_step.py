"""One's own second step: begun, confirmed by a number, its recovery codes, and taken away again."""

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from app.models import Account, AccountFactor
from app.pipeline.house import House
from app.web.access import second_step, sessions, totp
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sealing import can_seal
from app.web.access.sessions import Visitor
from app.web.access.throttle import count_failure, must_wait, of_somebody
from app.web.access.trail import note
from app.web.console.frame import back, console_page
from app.web.owners.account import HERE, MANY_TRIES, account_view, at_a_brand, password_fault

router = APIRouter(include_in_schema=False)

Own = Annotated[Visitor, Depends(may(Right.see))]
Password = Annotated[str, Form()]

_PAGE = "/account/second-step"
_WRONG = "That is not the number that your app shows now. Look at its clock, wait for the next number and write that."


@router.post(_PAGE)
def begin(request: Request, visitor: Own, password: Password = "") -> Response:
    """Begin: a secret is made, which the next page shows."""
    house: House = request.app.state.house
    settings = request.app.state.settings
    if not can_seal(settings):
        raise Denied(409, "There is nothing to keep it with", "Whoever runs Doorstep sets DOORSTEP_SECRET_KEY first.")
    with house.sessions.begin() as session:
        account = session.get_one(Account, visitor.account_id, with_for_update=True)
        if wrong := password_fault(request, session, account, password):
            return account_view(request, visitor, {"second": wrong})
        if second_step.has_factor(session, account.id):
            return back(request, visitor, HERE, "Your sign-in has a second step already.")
        second_step.take_away(session, account.id)  # one that was begun and never confirmed
        second_step.begin(session, settings, account.id)
    return RedirectResponse(_PAGE, 303)


@router.get(_PAGE)
def show(request: Request, visitor: Own) -> Response:
    """The secret as a picture and as text, until it is confirmed."""
    return _shown(request, visitor)


@router.post("/account/second-step/confirm")
def confirm(request: Request, visitor: Own, code: Annotated[str, Form()] = "") -> Response:
    """Confirm by a number; from now on the second step counts, and other browsers sign in anew. Shows the codes."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        tries = of_somebody(f"new second step of {visitor.account_id}", sessions.network_of(request))
        if must_wait(session, tries):
            return _shown(request, visitor, MANY_TRIES)
        codes = second_step.confirm(session, request.app.state.settings, visitor.account_id, code[:40])
        if codes is None:
            count_failure(session, tries)
        else:
            account = session.get_one(Account, visitor.account_id)
            sessions.end(session, account.id, but=visitor.session_id)
            note(session, visitor, "account.second_step", account.public_id, after={"second step": True})
    if codes is None:
        return _shown(request, visitor, _WRONG)
    return _codes(request, visitor, codes, "Your second step is on")


@router.post("/account/second-step/codes")
def renew_codes(request: Request, visitor: Own, password: Password = "") -> Response:
    """Ten new recovery codes instead of those from before."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        account = session.get_one(Account, visitor.account_id, with_for_update=True)
        if wrong := password_fault(request, session, account, password):
            return account_view(request, visitor, {"second": wrong})
        if not second_step.has_factor(session, account.id):
            return back(request, visitor, HERE, "There is no second step to have codes for.")
        codes = second_step.new_codes(session, request.app.state.settings, account.id)
        note(session, visitor, "account.recovery_codes", account.public_id)
    return _codes(request, visitor, codes, "Your new recovery codes")


@router.post("/account/second-step/remove")
def remove(request: Request, visitor: Own, password: Password = "") -> Response:
    """Sign in with the password alone again."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        account = session.get_one(Account, visitor.account_id, with_for_update=True)
        if wrong := password_fault(request, session, account, password):
            return account_view(request, visitor, {"second": wrong})
        if second_step.take_away(session, account.id):
            note(session, visitor, "account.second_step", account.public_id, after={"second step": False})
    return back(request, visitor, HERE, "Your sign-in has no second step any more.")


def _shown(request: Request, visitor: Visitor, wrong: str = "") -> Response:
    house: House = request.app.state.house
    visitor = at_a_brand(visitor)
    with house.sessions.begin() as session:
        factor = session.get(AccountFactor, visitor.account_id)
        if factor is None or factor.confirmed_at is not None:
            return RedirectResponse(HERE, 303)
        secret = second_step.begin(session, request.app.state.settings, visitor.account_id)
    picture = segno.make(totp.address_of(secret, visitor.email, "Doorstep"), error="m")
    content = {
        "picture": picture.svg_inline(scale=5, border=4, dark="#000", light="#fff"),
        "secret": totp.as_text(secret),
        "wrong": wrong,
    }
    return console_page(
        request,
        visitor,
        "owners/second_step.html",
        content,
        title="Second step",
        place="",
        status=422 if wrong else 200,
    )


def _codes(request: Request, visitor: Visitor, codes: list[str], heading: str) -> Response:
    content = {"codes": codes, "heading": heading}
    return console_page(
        request, at_a_brand(visitor), "owners/recovery_codes.html", content, title="Recovery codes", place=""
    )
