"""A test message to oneself, of the text as it stands in the form."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, Response

from app.errors import ConfigurationError, Conflict, InvalidInput, NotFound
from app.log import mask
from app.messages.base import NotRenderable, TemplateMissing
from app.rehearsal.trying import try_on_oneself
from app.web.access.doors import Denied, Sent, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import back
from app.web.console.refusals import wants_page
from app.web.marketers.editor import keep
from app.web.marketers.looking import asked_of, beside, look_in
from app.web.marketers.sheets import address, brand_of, sheet_of, written

router = APIRouter(include_in_schema=False)


@router.post("/b/{brand}/templates/test/{path:path}")
def send_test(
    request: Request, visitor: Annotated[Visitor, Depends(may(Right.templates))], path: str, sent: Sent
) -> Response:
    """Send it to the address of the form, the visitor's own where none is named. Without script the text is kept as a
    draft first, so that nothing typed is lost."""
    house, form = request.app.state.house, sent or FormData()
    look = look_in(form)
    to = str(form.get("to", "")).strip()[:254] or visitor.email
    page = wants_page(request)
    try:
        with house.sessions.begin() as session:
            brand = brand_of(session, visitor)
            sheet = sheet_of(session, house, brand, path)
            text = written(sheet, form)
            if page:
                keep(session, house, visitor, brand, sheet, text, str(form.get("seen", "")))
            files = beside(session, brand, path, text)
        asked = asked_of(sheet, look)
        seen, tried = try_on_oneself(house, visitor.brand_id, asked, to, visitor.actor, files)
        with house.sessions.begin() as session:
            note(session, visitor, "templates.test", path, after={"id": tried.id, "outcome": tried.outcome.value})
        said = (
            f"{tried.provider} took the test message in {seen.locale}. {tried.left} more this hour."
            if tried.outcome.value in ("accepted", "sent")
            else f"{tried.provider}: {tried.outcome.value.replace('_', ' ')}. {mask(tried.error or '')}".strip()
        )
        status = 200
    except InvalidInput as error:
        said, status = " ".join(f"{fault.column} {fault.problem}. {fault.remedy}" for fault in error.faults), 422
    except (Conflict, NotFound, TemplateMissing, NotRenderable, ConfigurationError) as error:
        said, status = str(error), 409
    if not page:
        return JSONResponse({"said" if status == 200 else "detail": said}, status)
    if status != 200:
        raise Denied(status, "No test message was sent", f"{said} Go back: your text is still in the form.")
    return back(request, visitor, address(visitor, "edit", path, **look.in_address()), said)
