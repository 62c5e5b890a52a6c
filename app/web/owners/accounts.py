"""Who works here: invited by a one-time link, given a role and brands, closed and opened again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import Conflict, InvalidInput, NotFound
from app.models import Account, AccountSession, Brand
from app.models.accounts import Role
from app.pipeline.house import House
from app.web.access import accounts, sessions
from app.web.access.doors import Denied, may
from app.web.access.roles import MEANINGS, Right
from app.web.access.second_step import who_have
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import back, console_page
from app.web.owners.people_tabs import people_tabs

router = APIRouter(include_in_schema=False)

Owner = Annotated[Visitor, Depends(may(Right.people))]
Brands = Annotated[list[str] | None, Form()]

_MOST = 500


@router.get("/b/{brand}/people/accounts")
def accounts_page(request: Request, visitor: Owner) -> Response:
    """Everybody, and the form that invites somebody."""
    return _list(request, visitor)


@router.post("/b/{brand}/people/accounts")
def invite(
    request: Request,
    visitor: Owner,
    email: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    brands: Brands = None,
) -> Response:
    """Make an account; its link is shown once."""
    house: House = request.app.state.house
    form = {"email": email, "name": name, "role": role, "brands": brands or []}
    try:
        with house.sessions.begin() as session:
            chosen = accounts.read_role(role)
            mine = accounts.read_brands(session, chosen, brands or [])
            account, secret = accounts.add_account(session, visitor, email, name, chosen, mine)
    except (InvalidInput, Conflict) as error:
        return _list(request, visitor, form=form, wrong=_said(error))
    return _link(request, visitor, account, secret)


@router.get("/b/{brand}/people/accounts/{who}")
def account_page(request: Request, visitor: Owner, who: str) -> Response:
    """One person, and what can be changed."""
    return _one(request, visitor, who)


@router.post("/b/{brand}/people/accounts/{who}")
def change(
    request: Request, visitor: Owner, who: str, role: Annotated[str, Form()] = "", brands: Brands = None
) -> Response:
    """Another role, or other brands. One's own another owner changes."""

    def do(session: Session, account: Account) -> str:
        if account.id == visitor.account_id:
            raise Conflict("Your own role is changed by another owner.")
        chosen = accounts.read_role(role)
        mine = accounts.read_brands(session, chosen, brands or [])
        changed = accounts.change_account(session, visitor, account, chosen, mine)
        return f"{account.name} is changed." if changed else "Nothing was changed."

    return _done(request, visitor, who, do, {"role": role, "brands": brands or []})


@router.post("/b/{brand}/people/accounts/{who}/link")
def new_link(request: Request, visitor: Owner, who: str) -> Response:
    """A new one-time link to choose a password by; shown once."""
    house: House = request.app.state.house
    try:
        with house.sessions.begin() as session:
            account = _find(session, who)
            secret = accounts.password_link(session, visitor, account)
    except Conflict as error:
        return _one(request, visitor, who, str(error))
    return _link(request, visitor, account, secret)


@router.post("/b/{brand}/people/accounts/{who}/close")
def close(request: Request, visitor: Owner, who: str) -> Response:
    """Let them in no more."""

    def do(session: Session, account: Account) -> str:
        if account.id == visitor.account_id:
            raise Conflict("Your own account is closed by another owner.")
        ended = accounts.close_account(session, visitor, account)
        return f"{account.name} cannot sign in any more; signed out of {ended} browser{'' if ended == 1 else 's'}."

    return _done(request, visitor, who, do)


@router.post("/b/{brand}/people/accounts/{who}/open")
def reopen(request: Request, visitor: Owner, who: str) -> Response:
    """Let them in again."""

    def do(session: Session, account: Account) -> str:
        accounts.open_account(session, visitor, account)
        return f"{account.name} can sign in again."

    return _done(request, visitor, who, do)


@router.post("/b/{brand}/people/accounts/{who}/sign-out")
def sign_out(request: Request, visitor: Owner, who: str) -> Response:
    """End all of their sessions."""

    def do(session: Session, account: Account) -> str:
        ended = sessions.end(session, account.id, but=visitor.session_id)
        note(session, visitor, "account.sessions", account.public_id, after={"ended": ended})
        return f"{account.name} is signed out of {ended} browser{'' if ended == 1 else 's'}."

    return _done(request, visitor, who, do)


@router.post("/b/{brand}/people/accounts/{who}/second-step")
def end_second_step(request: Request, visitor: Owner, who: str) -> Response:
    """Take away the second step of somebody who lost telephone and codes."""

    def do(session: Session, account: Account) -> str:
        if account.id == visitor.account_id:
            raise Conflict("Your own second step you turn off under Your account.")
        had = accounts.end_factor(session, visitor, account)
        return f"{account.name} signs in with the password alone." if had else "There was no second step."

    return _done(request, visitor, who, do)


@router.post("/b/{brand}/people/accounts/{who}/part")
def part(request: Request, visitor: Owner, who: str) -> Response:
    """Forget who they are at the shop's own sign-in."""

    def do(session: Session, account: Account) -> str:
        accounts.part_from_shop(session, visitor, account)
        return f"Whoever has {account.email} at the shop's own sign-in comes through next."

    return _done(request, visitor, who, do)


def _done(request: Request, visitor: Visitor, who: str, do: Any, typed: Mapping[str, Any] | None = None) -> Response:
    """Do it, and back to the person; where it is refused the page says why, and keeps what was `typed`."""
    house: House = request.app.state.house
    try:
        with house.sessions.begin() as session:
            sentence = do(session, _find(session, who))
    except (Conflict, InvalidInput) as error:
        return _one(request, visitor, who, _said(error), typed)
    return back(request, visitor, f"/b/{visitor.brand_key}/people/accounts/{who}", sentence)


def _find(session: Session, who: str) -> Account:
    try:
        return accounts.account_by(session, who if who.startswith("usr_") else "")
    except NotFound as error:
        raise Denied(404, "There is no such account", "Go back to People, and choose one from the list.") from error


def _list(request: Request, visitor: Visitor, *, form: dict[str, Any] | None = None, wrong: str = "") -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        found = session.scalars(
            sa.select(Account).order_by(Account.disabled_at.is_not(None), Account.name).limit(_MOST)
        ).all()
        people = _rows(session, found)
    content = {
        "tabs": people_tabs(visitor),
        "people": people,
        "roles": _roles(),
        "form": form or {"email": "", "name": "", "role": "agent", "brands": _first_ticked(visitor)},
        "wrong": wrong,
    }
    template, status = "owners/accounts.html", 422 if wrong else 200
    return console_page(request, visitor, template, content, title="Who works here", place="people", status=status)


def _one(
    request: Request, visitor: Visitor, who: str, wrong: str = "", typed: Mapping[str, Any] | None = None
) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        account = _find(session, who)
        (row,) = _rows(session, [account])
    content = {
        "tabs": people_tabs(visitor),
        "one": row,
        "own": account.id == visitor.account_id,
        "form": typed or {"role": row["role"], "brands": ["all"] if row["all"] else row["brands"]},
        "roles": _roles(),
        "wrong": wrong,
    }
    template, status = "owners/one_account.html", 409 if wrong else 200
    return console_page(request, visitor, template, content, title=account.name, place="people", status=status)


def _link(request: Request, visitor: Visitor, account: Account, secret: str) -> Response:
    house: House = request.app.state.house
    content = {
        "tabs": people_tabs(visitor),
        "name": account.name,
        "email": account.email,
        "link": f"{house.public_url.rstrip('/')}/password?code={secret}",
        "who": account.public_id,
    }
    return console_page(request, visitor, "owners/link.html", content, title="A link for them", place="people")


def _rows(session: Session, found: Sequence[Account]) -> list[dict[str, Any]]:
    ids = [one.id for one in found]
    factors = who_have(session, ids)
    last = dict(
        session.execute(
            sa.select(AccountSession.account_id, sa.func.max(AccountSession.seen_at))
            .where(AccountSession.account_id.in_(ids))
            .group_by(AccountSession.account_id)
        ).all()
    )  # fmt: skip
    names = dict(session.execute(sa.select(Brand.id, Brand.key)).all())
    return [
        {
            "id": one.public_id,
            "email": one.email,
            "name": one.name,
            "role": one.role,
            "all": one.brand_ids is None,
            "brands": sorted(names[number] for number in one.brand_ids or [] if number in names),
            "factor": one.id in factors,
            "shop": one.subject is not None,
            "password": one.password is not None,
            "seen": last.get(one.id),
            "closed": one.disabled_at,
        }
        for one in found
    ]


def _first_ticked(visitor: Visitor) -> list[str]:
    """The only brand that there is; of several none, so that somebody chooses."""
    return [brand.key for brand in visitor.brands] if len(visitor.brands) == 1 else []


def _roles() -> list[tuple[str, str]]:
    return [(role.value, f"{role.value}: {MEANINGS[role]}") for role in Role]


def _said(error: Exception) -> str:
    if isinstance(error, InvalidInput):
        fault = error.faults[0]
        return fault.beside
    return str(error)
