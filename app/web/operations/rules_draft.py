"""The draft of the rules: written by somebody for a brand, kept at every step, checked as it is typed."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from app.errors import Conflict, Fault, InvalidInput
from app.pipeline.deciding.publishing import live_set
from app.pipeline.deciding.rule_drafts import LONGEST, Draft, base_of, discard, draft_of, save
from app.pipeline.house import House
from app.rules.document import reread_rules
from app.rules.parts import Sentence
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import back, console_page
from app.web.operations.rules_desk import Desk, checked, desk, house_of, lines_of, live_rules_of, lived, names_of, tabs
from app.web.operations.rules_merge import put_together
from app.web.operations.rules_shown import compared, excerpt, shown_rules, unified
from app.web.problems import Problem

router = APIRouter(include_in_schema=False)

Writer = Annotated[Visitor, Depends(may(Right.rules))]
Text = Annotated[str, Form(max_length=LONGEST + 1)]
Digest = Annotated[str, Form(max_length=64)]
Seen = Annotated[int, Form(ge=0, le=2_000_000_000)]

_ONWARD = {
    "review": "/rules/publish",
    "try": "/rules/try",
    "backtest": "/rules/backtests",
    "save": "/rules/draft",
}


class Typed(BaseModel):
    """What an editor sends while somebody types."""

    content: str = Field(max_length=LONGEST)
    based_on: str = Field(max_length=64)
    revision: int = Field(ge=0, le=2_000_000_000)


@router.get("/b/{brand}/rules/draft")
def edit(request: Request, visitor: Writer) -> Response:
    """The draft in an editor, what it says beside it, and what is wrong with it."""
    house = house_of(request)
    with house.sessions() as session:
        at = desk(session, house, visitor)
        theirs = _theirs(session, house, visitor, at) if at.behind else None
    return _page(request, visitor, at, {"theirs": theirs})


@router.post("/b/{brand}/rules/draft")
def keep(
    request: Request,
    visitor: Writer,
    content: Text,
    based_on: Digest,
    revision: Seen,
    then: Annotated[str, Form(max_length=20)] = "save",
) -> Response:
    """Keep the draft, and go on to what was asked for. With faults it is kept as well, and they are shown."""
    house = house_of(request)
    text = lines_of(content)
    try:
        with house.sessions.begin() as session:
            save(session, visitor.brand_id, visitor.account_id, text, based_on, revision)
            rules, _ = checked(text, names_of(session, house, visitor))
    except (Conflict, InvalidInput) as error:
        return _unsaved(request, visitor, text, error)
    if rules is None:
        with house.sessions() as session:
            at = desk(session, house, visitor)
        return _page(request, visitor, at, {"saved": True}, status=422)
    onward = _ONWARD.get(then, _ONWARD["save"])
    return back(request, visitor, f"/b/{visitor.brand_key}{onward}", "The draft is saved." if then == "save" else "")


@router.post("/b/{brand}/rules/draft/check")
def check_typed(request: Request, visitor: Writer, typed: Typed) -> Response:
    """Keep what was typed so far and tell what it says and what is wrong with it, as JSON."""
    house = house_of(request)
    text = lines_of(typed.content)
    try:
        with house.sessions.begin() as session:
            kept = save(session, visitor.brand_id, visitor.account_id, text, typed.based_on, typed.revision)
            rules, faults = checked(text, names_of(session, house, visitor))
            live = live_rules_of(session, house, visitor)
            shown = lived(session, house, visitor, rules or reread_rules(text))
    except Conflict as error:
        raise Problem(409, "conflict", "Another window has saved this draft", str(error)) from error
    except InvalidInput as error:
        raise Problem(422, "invalid", "The draft cannot be kept", str(error)) from error
    changes = compared(live.rules, shown) if rules is not None else []
    return JSONResponse(
        {
            "revision": kept.revision,
            "behind": kept.based_on != live.digest,
            "faults": [_fault(one) for one in faults],
            "rules": [
                {"name": one.name, "line": one.line, "parts": _parts(one.sentence)} for one in shown_rules(shown)
            ],
            "changes": None if rules is None else [[one.name, one.what] for one in changes],
        }
    )


@router.post("/b/{brand}/rules/draft/discard")
def throw_away(request: Request, visitor: Writer) -> Response:
    """Forget the draft."""
    with house_of(request).sessions.begin() as session:
        gone = discard(session, visitor.brand_id, visitor.account_id)
    said = "The draft is discarded; the live rules are as they were." if gone else "There was no draft."
    return back(request, visitor, f"/b/{visitor.brand_key}/rules", said)


@router.post("/b/{brand}/rules/draft/rebase")
def put_on_top(request: Request, visitor: Writer, based_on: Digest, revision: Seen) -> Response:
    """Go on with the draft although others published meanwhile: from now on it is meant to replace theirs."""
    house = house_of(request)
    at = f"/b/{visitor.brand_key}/rules/draft"
    with house.sessions.begin() as session:
        live = live_set(session, house, visitor.brand_id)
        draft = draft_of(session, visitor.brand_id, visitor.account_id, live)
        if live.digest != based_on or draft.revision != revision:
            return back(request, visitor, at, "Meanwhile there is more that is new. Look again.")
        save(session, visitor.brand_id, visitor.account_id, draft.content, live.digest, draft.revision)
    return back(request, visitor, at, "The draft now stands on the rules that count. See what it changes in them.")


@router.post("/b/{brand}/rules/draft/take")
def take_theirs(request: Request, visitor: Writer, based_on: Digest, revision: Seen) -> Response:
    """Put what others published meanwhile into the draft, where it touches none of its own lines."""
    house = house_of(request)
    at = f"/b/{visitor.brand_key}/rules/draft"
    with house.sessions.begin() as session:
        live = live_set(session, house, visitor.brand_id)
        draft = draft_of(session, visitor.brand_id, visitor.account_id, live)
        if live.digest != based_on or draft.revision != revision:
            return back(request, visitor, at, "Meanwhile there is more that is new. Look again.")
        base = base_of(session, house, visitor.brand_id, draft.based_on)
        both = put_together(base, draft.content, live.rules.content) if base is not None else None
        if both is None:
            return back(request, visitor, at, "Their change touches yours. Nothing was changed; put it in by hand.")
        save(session, visitor.brand_id, visitor.account_id, both, live.digest, draft.revision)
    return back(request, visitor, at, "Their change stands in your draft now. Read it through before you publish.")


def _page(request: Request, visitor: Visitor, at: Desk, more: dict[str, Any], status: int = 200) -> Response:
    shown = at.rules or reread_rules(at.draft.content)
    content = {
        "tabs": tabs(visitor),
        "at": at,
        "draft": at.draft,
        "rules": shown_rules(shown),
        "faults": _placed(at.draft.content, at.faults),
        "changes": compared(at.live.rules, at.rules) if at.rules is not None else [],
        "rows": min(max(at.draft.content.count("\n") + 2, 24), 400),
        "saved": False,
        "refused": "",
        "theirs": None,
        **more,
    }
    title = "Draft of the rules"
    return console_page(
        request, visitor, "operations/rules_draft.html", content, title=title, place="rules", status=status
    )


def _unsaved(request: Request, visitor: Visitor, text: str, error: Conflict | InvalidInput) -> Response:
    """The page with what was written in it, which is kept nowhere else, and why it could not be saved."""
    house = house_of(request)
    with house.sessions() as session:
        at = desk(session, house, visitor)
        rules, faults = checked(text, names_of(session, house, visitor))
    draft = Draft(text, at.draft.based_on, at.draft.revision, at.draft.saved_at)
    said = str(error) if isinstance(error, Conflict) else str(error.faults[0])
    shown = Desk(at.live, draft, rules, faults)
    theirs = (
        {"lines": unified(text, at.draft.content), "whose": "the other window"} if isinstance(error, Conflict) else None
    )
    return _page(request, visitor, shown, {"refused": said, "theirs_saved": theirs}, status=409)


_APART: dict[str, Any] = {"collide": [], "apart": False}


def _theirs(session: Session, house: House, visitor: Visitor, at: Desk) -> dict[str, Any]:
    """What was published since the draft was begun, and which of it the draft would undo or has touched itself."""
    base = base_of(session, house, visitor.brand_id, at.draft.based_on)
    if base is None:
        return {"changes": None, "lines": unified(at.live.rules.content, at.draft.content), **_APART}
    began = lived(session, house, visitor, reread_rules(base))
    theirs = compared(began, at.live.rules)
    mine = compared(began, at.rules) if at.rules is not None else []
    both = {one.name for one in theirs} & {one.name for one in mine}
    apart = put_together(base, at.draft.content, at.live.rules.content) is not None
    return {"changes": theirs, "collide": sorted(both), "lines": unified(base, at.live.rules.content), "apart": apart}


def _placed(content: str, faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [{"fault": one, "line": excerpt(content, one)} for one in faults]


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "line": fault.line,
        "at": fault.at,
        "field": fault.column,
        "problem": fault.problem,
        "remedy": fault.remedy,
    }


def _parts(sentence: Sentence) -> list[list[str]]:
    return [[part.text, part.mark] for part in sentence]
