"""What was published before: by whom, why, what it changed, and letting it count again."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import Conflict, InvalidInput, NotFound
from app.pipeline.deciding.publishing import LONGEST_WHY, Published, Said, history, live_set, rollback, version
from app.pipeline.house import House
from app.rules.document import reread_rules
from app.rules.ruleset import RuleSet
from app.web.access.changes import rules_published
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note_change
from app.web.console.frame import back, console_page
from app.web.operations.rules_desk import brand_of, house_of, lived, tabs
from app.web.operations.rules_shown import compared, unified

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Writer = Annotated[Visitor, Depends(may(Right.rules))]

PAGE = 30
_HIGHEST = 2_000_000_000


@router.get("/b/{brand}/rules/history")
def publications(
    request: Request, visitor: Reader, before: Annotated[int | None, Query(ge=1, le=_HIGHEST)] = None
) -> Response:
    """The publications, newest first."""
    house = house_of(request)
    with house.sessions() as session:
        found = history(session, visitor.brand_id, before, PAGE + 1)
    content = {"tabs": tabs(visitor), "found": found[:PAGE], "more": found[PAGE - 1].number if len(found) > PAGE else 0}
    title = "History of the rules"
    return console_page(request, visitor, "operations/rules_history.html", content, title=title, place="rules")


@router.get("/b/{brand}/rules/history/{number}")
def publication(
    request: Request,
    visitor: Reader,
    number: int,
    beside: Annotated[str, Query(pattern="^(before|live)$")] = "before",
) -> Response:
    """One publication beside the one before it, or beside what counts now."""
    house = house_of(request)
    with house.sessions() as session:
        content = _content(session, house, visitor, number, beside)
    return _page(request, visitor, number, content)


@router.post("/b/{brand}/rules/history/{number}/again")
def count_again(
    request: Request,
    visitor: Writer,
    number: int,
    seen: Annotated[str, Form(max_length=64)],
    why: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Publish an older text again; `seen` is the digest of the rules that counted when that was decided."""
    house = house_of(request)
    with house.sessions.begin() as session:
        if not why.strip() or len(why.strip()) > LONGEST_WHY:
            wrong = f"Say in at most {LONGEST_WHY} characters why; it stands in the history."
            content = _content(session, house, visitor, number, "live")
            return _page(request, visitor, number, {**content, "wrong": wrong}, 422)
        try:
            said = Said(visitor.actor, why.strip())
            done, before, after = rollback(session, house, brand_of(session, visitor), number, said, seen)
        except NotFound as error:
            raise _missing() from error
        except Conflict as error:
            raise Denied(409, "Nothing was changed", f"{error}") from error
        except InvalidInput as error:
            text = f"Number {number} cannot count again as it is: {error} Take its text into a draft and mend it."
            raise Denied(409, "Nothing was changed", text) from error
        note_change(session, visitor, rules_published(done, before, after, back_to=number))
    told = f"The rules of number {number} count again, as number {done.number}." if done.new else "They count already."
    return back(request, visitor, f"/b/{visitor.brand_key}/rules", told)


def _page(request: Request, visitor: Visitor, number: int, content: Mapping[str, Any], status: int = 200) -> Response:
    title = f"Rules, number {number}"
    return console_page(
        request, visitor, "operations/rules_version.html", content, title=title, place="rules", status=status
    )


def _content(session: Session, house: House, visitor: Visitor, number: int, beside: str) -> dict[str, Any]:
    """One publication beside the one `before` it, or beside what is `live`."""
    one, content = _version(session, visitor.brand_id, number)
    live = live_set(session, house, visitor.brand_id)
    to_live = beside == "live"
    other, other_name = (live.rules, "what counts now") if to_live else _before(session, house, visitor, number)
    mine = reread_rules(content)
    before, after = (lived(session, house, visitor, one_set) for one_set in (other, mine))
    return {
        "tabs": tabs(visitor),
        "one": one,
        "live": live,
        "counts": live.publication is not None and live.publication.number == number,
        "same_text": live.rules.content == content,
        "other_name": other_name,
        "changes": compared(before, after),
        "lines": unified(before.content, after.content),
        "text": content.rstrip("\n"),
        "wrong": "",
        "beside": beside,
    }


def _before(session: Session, house: House, visitor: Visitor, number: int) -> tuple[RuleSet, str]:
    if number <= 1:
        return house.rules, "the set that ships"
    try:
        _, content = version(session, visitor.brand_id, number - 1)
    except NotFound:
        return house.rules, "the set that ships"
    return reread_rules(content), f"number {number - 1}"


def _version(session: Session, brand_id: int, number: int) -> tuple[Published, str]:
    try:
        return version(session, brand_id, number)
    except NotFound as error:
        raise _missing() from error


def _missing() -> Denied:
    return Denied(404, "There is no such publication", "The history lists those that there are.")
