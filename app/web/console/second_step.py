"""The second step of the way in: a number from an app, or a recovery code."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.log import logger
from app.models.accounts import LinkPurpose
from app.pipeline.house import House
from app.web.access import sessions
from app.web.access.doors import same_site
from app.web.access.links import open_link, use_up
from app.web.access.second_step import codes_left, prove
from app.web.access.throttle import count_failure, forget_failures, must_wait, of_somebody
from app.web.access.trail import note
from app.web.console.entering import ask_second, let_in
from app.web.console.frame import html

log = logger(__name__)
router = APIRouter(include_in_schema=False)

_WRONG = "That number is not right, or was used already. Wait for the next one, or write a recovery code."
_WAIT = "Too many tries. Wait a quarter of an hour, then sign in again."
_GONE = "It took more than ten minutes, or was finished in another window. Sign in again."


@router.post("/sign-in/second", dependencies=[Depends(same_site)])
def second_step(
    request: Request,
    ticket: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    onward: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Let somebody in whose password was right, and whose number or recovery code is."""
    house: House = request.app.state.house
    network = sessions.network_of(request)
    with house.sessions.begin() as session:
        opened = open_link(session, ticket, LinkPurpose.second_step)
        if opened is None or opened.account is None:
            return html("console/refused.html", {"title": "Sign in again", "text": _GONE}, 410)
        account, tries = opened.account, of_somebody(f"second step of {opened.account.id}", network)
        if must_wait(session, tries):
            return ask_second(ticket, onward, _WAIT, 429)
        how = prove(session, request.app.state.settings, account.id, code[:40])
        if how is None:
            count_failure(session, tries)
            log.warning("second step refused", account=account.public_id)
            return ask_second(ticket, onward, _WRONG, 403)
        forget_failures(session, tries)
        use_up(session, opened)
        if how == "code":
            left = codes_left(session, account.id)
            note(session, account.email, "account.recovery_code", account.public_id, after={"codes left": left})
        return let_in(request, session, account, onward)
