"""The way in and out: the first owner, a password of one's own, sign-in, sign-out."""

from typing import Annotated

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from app.errors import InvalidInput
from app.log import logger
from app.models import Account, public_id
from app.models.accounts import LinkPurpose, Role
from app.pipeline.house import House
from app.settings.sign_in import OidcSettings
from app.web.access import sessions
from app.web.access.doors import may, same_site, visitor_of
from app.web.access.links import Opened, end_links, open_link, use_up
from app.web.access.passwords import check_password, fits, hashed, outdated
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.throttle import Wait, at_the_door, count_failure, forget_failures, must_wait
from app.web.access.trail import note
from app.web.console.entering import after_first_step, inside, let_in
from app.web.console.frame import html

log = logger(__name__)
router = APIRouter(include_in_schema=False)

_WRONG = "That address and password do not belong together. Look at both, or ask an owner for a new link."
_WAIT = {
    Wait.a_quarter: "Too many tries. Wait a quarter of an hour, then try again.",
    Wait.a_day: "Too many wrong tries at this address within a day. Sign in where you did before, in that browser or"
    " from that network, or ask an owner for a new link.",
}
_ONE_FIRST = sa.text("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE")
"""Two who set up at once, each with a link of their own, do not both become the first owner."""

_GONE = "This link is used up or too old. An owner makes a new one under People; doorstep up prints the first."


@router.get("/sign-in")
def sign_in_page(request: Request, onward: Annotated[str, Query(alias="next")] = "/") -> Response:
    """The form; whoever is signed in already goes on."""
    if visitor_of(request) is not None:
        return RedirectResponse(inside(onward), 303)
    return _form("console/sign_in.html", title="Sign in", onward=inside(onward), shop=_shop(request))


@router.post("/sign-in", dependencies=[Depends(same_site)])
def sign_in(
    request: Request,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    onward: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Let somebody in who knows a password. Unknown addresses and wrong passwords get one same answer."""
    house: House = request.app.state.house
    network, address = sessions.network_of(request), email.strip().lower()[:320]
    with house.sessions.begin() as session:
        tries = at_the_door(session, address, network, request.cookies.get(sessions.cookie_name(request), "")[:200])
        if wait := must_wait(session, tries):
            return _again(request, onward, email, _WAIT[wait], 429)
        account = session.scalars(sa.select(Account).where(Account.email == address)).one_or_none()
        if not fits(password, account.password if account and account.disabled_at is None else None):
            count_failure(session, tries)
            log.warning("sign-in refused", account=account.public_id if account else "unknown")
            return _again(request, onward, email, _WRONG, 403)
        assert account is not None
        forget_failures(session, tries)
        if account.password and outdated(account.password):
            account.password = hashed(password)
        return after_first_step(request, session, account, onward)


@router.post("/sign-out")
def sign_out(request: Request, visitor: Annotated[Visitor, Depends(may(Right.see))]) -> Response:
    """End this session."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        sessions.end(session, visitor.account_id, only=visitor.session_id)
    answer = RedirectResponse("/sign-in", 303)
    sessions.take_cookie(request, answer)
    return answer


@router.get("/set-up")
def set_up_page(request: Request, code: str = "") -> Response:
    """Where the first owner is made, by whoever has the link that `doorstep up` printed."""
    return _link_page(request, code, LinkPurpose.set_up)


@router.post("/set-up", dependencies=[Depends(same_site)])
def set_up(
    request: Request,
    code: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Make the first owner and let them in."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        session.execute(_ONE_FIRST)
        opened = open_link(session, code, LinkPurpose.set_up)
        if opened is None:
            return _gone()
        try:
            address = validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized
        except EmailNotValidError:
            return _choose(code, opened, f"{email[:80]} is no address. Write it as name@shop.example.", name, email)
        try:
            address = address.lower()
            check_password(password, address)
        except InvalidInput as error:
            return _choose(code, opened, error.faults[0].sentence, name, email)
        account = Account(
            public_id=public_id("usr"),
            email=address,
            name=" ".join(name.split())[:80] or address.partition("@")[0],
            role=Role.owner.value,
            password=hashed(password),
        )
        session.add(account)
        session.flush()
        use_up(session, opened)
        note(session, address, "account.set_up", account.public_id, after={"email": address, "role": "owner"})
        return let_in(request, session, account, "/")


@router.get("/password")
def password_page(request: Request, code: str = "") -> Response:
    """Where a person chooses their password, by the link that an owner made for them."""
    return _link_page(request, code, LinkPurpose.first_word)


@router.post("/password", dependencies=[Depends(same_site)])
def choose_password(
    request: Request, code: Annotated[str, Form()] = "", password: Annotated[str, Form()] = ""
) -> Response:
    """Keep the password, end every session that there was, and let them in."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        opened = open_link(session, code, LinkPurpose.first_word)
        if opened is None or opened.account is None:
            return _gone()
        account = opened.account
        try:
            check_password(password, account.email)
        except InvalidInput as error:
            return _choose(code, opened, error.faults[0].sentence)
        account.password = hashed(password)
        end_links(session, account.id)
        sessions.end(session, account.id)
        note(session, account.email, "account.password", account.public_id)
        return after_first_step(request, session, account, "/")


def _again(request: Request, onward: str, email: str, wrong: str, status: int) -> Response:
    content = {"title": "Sign in", "onward": inside(onward), "email": email, "wrong": wrong, "shop": _shop(request)}
    return _form("console/sign_in.html", status, **content)


def _shop(request: Request) -> str:
    """What the shop's own sign-in is called; empty where there is none."""
    told: OidcSettings = request.app.state.settings.oidc
    return told.name if told.issuer else ""


def _link_page(request: Request, code: str, purpose: LinkPurpose) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        opened = open_link(session, code, purpose)
        return _gone() if opened is None else _choose(code, opened)


def _choose(code: str, opened: Opened, wrong: str = "", name: str = "", email: str = "") -> Response:
    account = opened.account
    return _form(
        "console/choose.html",
        422 if wrong else 200,
        title="Set up Doorstep" if account is None else "Choose a password",
        code=code,
        wrong=wrong,
        name=name,
        email=account.email if account else email,
        first=account is None,
    )


def _gone() -> Response:
    return _form("console/refused.html", 410, title="This link is no good any more", text=_GONE)


def _form(template: str, status: int = 200, **content: object) -> Response:
    return html(template, {"wrong": "", "email": "", **content}, status)
