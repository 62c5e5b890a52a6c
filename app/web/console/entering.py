"""Letting somebody in who has proved who they are: to where they wanted to go, or to the second step before that."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.log import logger
from app.models import Account
from app.models.accounts import LinkPurpose
from app.web.access import sessions
from app.web.access.links import make_link
from app.web.access.second_step import has_factor
from app.web.console.frame import html

log = logger(__name__)

SECOND_STEP_SECONDS = 600


def after_first_step(request: Request, session: Session, account: Account, onward: str) -> Response:
    """What somebody gets whose password was right: in, or the page that asks for the second step."""
    if not has_factor(session, account.id):
        return let_in(request, session, account, onward)
    good_for = sa.text(f"interval '{SECOND_STEP_SECONDS} seconds'")
    ticket = make_link(session, LinkPurpose.second_step, account.email, account.id, good_for)
    return ask_second(ticket, onward)


def ask_second(ticket: str, onward: str, wrong: str = "", status: int = 200) -> Response:
    """The page that asks for a number or a recovery code."""
    content = {"title": "Second step", "ticket": ticket, "onward": inside(onward), "wrong": wrong}
    return html("console/second_step.html", content, status)


def let_in(request: Request, session: Session, account: Account, onward: str) -> Response:
    """Open a session for somebody, give them its cookie, and lead them on. One that the browser had before is over."""
    sessions.end_behind(session, request.cookies.get(sessions.cookie_name(request), ""))
    secret = sessions.begin(session, account, sessions.device_of(request), sessions.network_of(request))
    log.info("signed in", account=account.public_id)
    answer = RedirectResponse(inside(onward), 303)
    sessions.give_cookie(request, answer, secret)
    return answer


def inside(onward: str) -> str:
    """A path of ours; "/" for whatever leads elsewhere."""
    try:
        parts = urlsplit(onward)
    except ValueError:
        return "/"
    plain = onward.startswith("/") and onward[1:2] not in ("/", "\\") and onward.isprintable() and "\\" not in onward
    return onward if plain and not parts.netloc and not parts.scheme else "/"
