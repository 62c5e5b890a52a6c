"""Today: the first page of the day."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page

router = APIRouter(include_in_schema=False)


@router.get("/b/{brand}/today")
def today(request: Request, visitor: Annotated[Visitor, Depends(may(Right.see))]) -> Response:
    """What moves, what is late, and what needs somebody."""
    return console_page(request, visitor, "operations/today.html", {}, title="Today", place="today")
