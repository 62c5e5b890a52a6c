"""Publishing a draft: what it changes, what has to be accepted, and the reason that stands in the history."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import Conflict, InvalidInput
from app.models import Message, RuleBacktest
from app.models.vocabulary import MessageState
from app.pipeline.deciding.publishing import LONGEST_WHY, Said, publish
from app.pipeline.deciding.rule_drafts import discard
from app.rules.ruleset import RuleSet
from app.rules.warnings import Warned, warnings
from app.web.access.changes import rules_published
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note_change
from app.web.console.frame import back, console_page
from app.web.operations.rules_desk import Desk, brand_of, desk, house_of, tabs
from app.web.operations.rules_shown import compared, unified

router = APIRouter(include_in_schema=False)

Writer = Annotated[Visitor, Depends(may(Right.rules))]


@router.get("/b/{brand}/rules/publish")
def review(request: Request, visitor: Writer) -> Response:
    """What publishing one's draft would change."""
    with house_of(request).sessions() as session:
        at = desk(session, house_of(request), visitor)
        ready = at.rules if at.differs and not at.behind else None
        content = _content(session, visitor, at, ready) if ready is not None else None
    return _not_yet(request, visitor, at) if content is None else _page(request, visitor, content)


@router.post("/b/{brand}/rules/publish")
def publish_draft(
    request: Request,
    visitor: Writer,
    seen: Annotated[str, Form(max_length=64)],
    revision: Annotated[int, Form(ge=0, le=2_000_000_000)],
    why: Annotated[str, Form(max_length=2000)] = "",
    accepted: Annotated[Sequence[str], Form(max_length=200)] = (),
) -> Response:
    """Let the brand live by the draft from now on; `seen` is the digest of the rules that it was compared with."""
    house = house_of(request)
    with house.sessions.begin() as session:
        at = desk(session, house, visitor)
        if at.rules is None or not at.differs or at.behind:
            return _not_yet(request, visitor, at)
        asked = [one for one in warnings(at.live.rules, at.rules) if one.id not in accepted]
        wrong = _wrong(at, why, seen, revision, asked)
        if wrong:
            content = _content(session, visitor, at, at.rules)
            return _page(request, visitor, {**content, **wrong, "why": why, "accepted": set(accepted)}, 422)
        try:
            done, before, after = publish(
                session, house, brand_of(session, visitor), at.draft.content, Said(visitor.actor, why.strip()), seen
            )
        except (Conflict, InvalidInput) as error:
            raise Denied(409, "Nothing was published", f"{error} Your draft is kept.") from error
        note_change(session, visitor, rules_published(done, before, after, accepted=set(accepted)))
        discard(session, visitor.brand_id, visitor.account_id)
    said = f"Published as number {done.number}. It counts from the next batch on; what waits keeps its version."
    return back(request, visitor, f"/b/{visitor.brand_key}/rules", said)


def _wrong(at: Desk, why: str, seen: str, revision: int, asked: Sequence[Warned]) -> dict[str, Any]:
    if seen != at.live.digest or revision != at.draft.revision:
        return {
            "wrong": "The draft or the live rules changed since you looked. This is how they stand now; look again."
        }
    if not why.strip():
        return {"wrong": "Say in a sentence why; it stands in the history.", "wrong_why": "Write a reason."}
    if len(why.strip()) > LONGEST_WHY:
        return {"wrong": "The reason is too long.", "wrong_why": f"Write at most {LONGEST_WHY} characters."}
    if asked:
        return {"wrong": "Tick each of the points below, or change the draft."}
    return {}


def _not_yet(request: Request, visitor: Visitor, at: Desk) -> Response:
    """To the draft, where it says what stands in the way."""
    if not at.differs:
        said = "The draft says what the live rules say: there is nothing to publish."
    elif at.behind:
        said = "Others published since you began. Decide below what becomes of your draft."
    else:
        said = "The draft has faults. Mend them first; nothing was published."
    return back(request, visitor, f"/b/{visitor.brand_key}/rules/draft", said)


def _page(request: Request, visitor: Visitor, content: Mapping[str, Any], status: int = 200) -> Response:
    return console_page(
        request, visitor, "operations/rules_publish.html", content, title="Publish rules", place="rules", status=status
    )


def _content(session: Session, visitor: Visitor, at: Desk, rules: RuleSet) -> dict[str, Any]:
    """What the page of a draft says that could be published."""
    tried = session.scalar(
        sa.select(RuleBacktest.public_id)
        .where(RuleBacktest.brand_id == visitor.brand_id, RuleBacktest.content == rules.content)
        .order_by(RuleBacktest.id.desc())
        .limit(1)
    )
    return {
        "tabs": tabs(visitor),
        "at": at,
        "changes": compared(at.live.rules, rules),
        "lines": unified(at.live.rules.content, rules.content),
        "warnings": warnings(at.live.rules, rules),
        "waiting": waiting_of(session, visitor.brand_id, _changed(at.live.rules, rules)),
        "watches": at.live.rules.expectations != rules.expectations,
        "backtest": tried,
        "why": "",
        "wrong": "",
        "wrong_why": "",
        "accepted": set(),
        "longest": LONGEST_WHY,
    }


def _changed(before: RuleSet, after: RuleSet) -> list[str]:
    """The rules of before that are gone or say something else."""
    return [one.name for one in compared(before, after) if one.what in ("changed", "removed")]


def waiting_of(session: Session, brand_id: int, rules: Sequence[str]) -> int:
    """How many of a brand's messages wait by these rules (at most ten thousand are counted)."""
    if not rules:
        return 0
    some = (
        sa.select(Message.id)
        .where(
            Message.brand_id == brand_id,
            Message.state.in_((MessageState.held, MessageState.ready)),
            Message.rule.in_(list(rules)),
        )
        .limit(10_000)
    )
    return session.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0
