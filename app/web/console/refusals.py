"""What is answered where a page of the console cannot be: a way in, or a sentence that says what to do."""

from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from app.web.access.doors import Denied, SignInNeeded
from app.web.console.frame import html
from app.web.problems import Problem


def tell_refusals(app: FastAPI) -> None:
    """Answer people with pages, and scripts with problem documents."""
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(Denied, _denied)


def wants_page(request: Request) -> bool:
    """Whether a person waits for this answer, not a script."""
    return "text/html" in request.headers.get("accept", "")


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
