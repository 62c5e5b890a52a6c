"""What is answered where a page of the console cannot be: a way in, or a sentence that says what to do."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.errors import NotFound
from app.web.access.doors import Denied, SignInNeeded
from app.web.console.frame import html
from app.web.problems import Problem
from app.web.shoppers.dead_ends import lost, trouble

_SAID: tuple[type[Exception], ...] = (
    Problem, NotFound, RequestValidationError, HTTPException,
    sa.exc.DataError, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError,
)  # fmt: skip
"""What scripts are told of in a problem document, and people on a page."""

_PAGES = ("/b/", "/account", "/sign-in", "/set-up", "/password")
_SHOPPERS = ("/t/", "/p/", "/find")
_PROGRAMS = ("/v1/", "/hooks/", "/static/", "/brand/", "/schemas/")
_NOWHERE = {
    "title": "There is nothing at this address",
    "text": "It may have been cut short, or what it showed has gone. Go to the first page and look from there.",
}

_TOO_LARGE = {
    "title": "That is too large",
    "text": "More than 2 MB came at once, so it was not read, and nothing was changed. Go back: what you typed is still"
    " there. Then send less: a smaller picture, a shorter text, a file in parts.",
}


def tell_refusals(app: FastAPI) -> None:
    """Answer people with pages, and scripts with problem documents."""
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(Denied, _denied)
    told = dict(app.exception_handlers)
    for kind in _SAID:
        app.add_exception_handler(kind, _page_for(told[kind]))


def wants_page(request: Request) -> bool:
    """Whether a person waits for this answer, not a script."""
    return "text/html" in request.headers.get("accept", "")


def _page_for(told: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What a handler says to scripts, as a page to a person who was at one of the console's."""

    async def answer(request: Request, error: Exception) -> Response:
        document: Response = await told(request, error)
        shown = _shown(request, error, document)
        if shown is None:
            return document
        if "retry-after" in document.headers:
            shown.headers["Retry-After"] = document.headers["retry-after"]
        return shown

    return answer


def _shown(request: Request, error: Exception, document: Response) -> Response | None:
    """The page in place of a document; None for scripts and programs."""
    path = request.url.path
    unknown = isinstance(error, HTTPException) and error.status_code == 404
    if wants_page(request) and path.startswith(_SHOPPERS):
        return lost(request) if unknown else trouble(request, document.status_code)
    ours = path.startswith(_PAGES) or (unknown and not path.startswith(_PROGRAMS))
    if not (wants_page(request) and ours):
        return None
    if unknown:
        return html("console/refused.html", _NOWHERE, 404)
    said = json.loads(bytes(document.body))
    faults = " ".join(f"{one['field']}: {one['problem']}. {one['remedy']}" for one in said.get("faults", ()))
    content = {"title": said["title"], "text": faults or said["detail"]}
    return html("console/refused.html", content, document.status_code)


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    if not wants_page(request):
        return Problem(401, "signed-out", "You are signed out", "Open the page anew and sign in.").response()
    onward = "" if error.onward == "/" else f"?next={quote(error.onward, safe='/')}"
    return RedirectResponse(f"/sign-in{onward}", 303)


async def _denied(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Denied)
    if not wants_page(_request):
        return Problem(error.status, "denied", error.title, error.text).response()
    return html("console/refused.html", {"title": error.title, "text": error.text}, error.status)


def unread_page(request: Request, problem: Problem) -> Response:
    """The answer to what was not read at all: a page, unless it was sent to where programs call."""
    path = request.url.path
    if path.startswith(_PROGRAMS):
        return problem.response()
    status = problem.document.status
    if path.startswith(_SHOPPERS):
        return trouble(request, status)
    content = {"title": problem.document.title, "text": f"{problem.document.detail} Nothing was changed."}
    return html("console/refused.html", _TOO_LARGE if status == 413 else content, status)


def broken_page(request: Request, request_id: str) -> Response:
    """The answer to a person where the fault is ours."""
    if request.url.path.startswith(_SHOPPERS):
        return trouble(request, 500)
    text = (
        f"Nothing was stored. The log has the fault under {request_id}. Try again; tell whoever runs this if it stays."
    )
    return html("console/refused.html", {"title": "Something went wrong on our side", "text": text}, 500)
