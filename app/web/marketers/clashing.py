"""Two at once: a page with both texts, from which neither is lost."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import Response

from app.messages.versions.differing import differences
from app.pipeline.house import House
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.marketers.sheets import address, brand_of, sheet_of, written
from app.web.marketers.wording import beside


def clash(request: Request, visitor: Visitor, path: str, form: FormData, said: str) -> Response:
    """Both texts, what differs in words, and the two ways on: to keep mine, or to leave theirs as it is."""
    house: House = request.app.state.house
    with house.sessions() as session:
        sheet = sheet_of(session, house, brand_of(session, visitor), path)
        mine = written(sheet, form)
    changed = differences(path, sheet.content, mine.encode("utf-8", "replace"))
    content: Mapping[str, Any] = {
        "path": path,
        "said": said,
        "mine": mine,
        "theirs": sheet.text,
        "seen": sheet.seen,
        "by": sheet.draft.saved_by if sheet.draft else "",
        "words": beside(changed),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(
        request, visitor, "marketers/clash.html", content, title="Two at once", place="templates", status=409
    )
