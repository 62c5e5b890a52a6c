"""Pauses: what is held back and why; stopping something, told in numbers before it is done; and letting it go."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import Fault, InvalidInput
from app.models import Pause
from app.models.vocabulary import PauseKind
from app.pipeline.brakes.in_sight import InSight, WouldStop, pauses_in_sight, scope_words, would_stop
from app.pipeline.brakes.pausing import Scope, pause, read_scope, resume
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.deciding.publishing import live_set
from app.pipeline.house import House
from app.rules.parts import CHANNELS, MILESTONES
from app.web.access.changes import paused, resumed
from app.web.access.doors import may, watch
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note_change
from app.web.console.frame import back, console_page, html
from app.web.operations.rules_desk import brand_of, house_of, tabs

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Braker = Annotated[Visitor, Depends(may(Right.pause))]

LONGEST_WHY = 300
LIFTED = 10
"""Pauses of the past that are shown."""

Written = Annotated[str, Form(max_length=200)]


@router.get("/b/{brand}/pauses")
def pauses(request: Request, visitor: Reader, scope: Annotated[str, Query(max_length=200)] = "") -> Response:
    """What is paused, and the form that pauses more; with a `scope` also what that would stop at this moment."""
    return _page(request, visitor, scope, {})


@router.get("/b/{brand}/pauses/now")
def now_paused(request: Request, visitor: Annotated[Visitor, Depends(watch(Right.see))]) -> Response:
    """The lines about pauses alone, for pages that are open already."""
    with house_of(request).sessions() as session:
        found = pauses_in_sight(session, visitor.brand_id)
    content = {"paused": found, "visitor": visitor, "zone": visitor.zone, "now": house_of(request).clock.now()}
    return html("console/pauses.html", {**content, "brand": {"key": visitor.brand_key}})


@router.post("/b/{brand}/pauses")
def stop(
    request: Request, visitor: Braker, scope: Written, why: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Pause a scope of the brand, with a reason."""
    house = house_of(request)
    said = why.strip()
    if not said or len(said) > LONGEST_WHY:
        wrong = f"Say in at most {LONGEST_WHY} characters why; everybody sees it while the pause stands."
        return _page(request, visitor, scope, {"wrong_why": wrong, "why": why}, 422)
    with house.sessions.begin() as session:
        try:
            asked = _read(session, house, visitor, scope)
        except InvalidInput as error:
            return _page(request, visitor, "", {"wrong": error.beside, "written": scope, "why": why}, 422)
        stops = would_stop(session, asked, visitor.brand_id, house.clock.now())
        done = pause(session, asked, visitor.brand_id, said, visitor.actor)
        note_change(session, visitor, paused(done.pause.scope, done, stops.messages))
    if not done.new:
        told = f"{scope_words(str(asked))} was paused already, by {done.pause.paused_by}: {done.pause.why}"
    else:
        told = f"Paused {scope_words(str(asked))}. {_amount(stops)} held until it is lifted."
    return back(request, visitor, f"/b/{visitor.brand_key}/pauses", told)


@router.post("/b/{brand}/pauses/lift")
def lift(request: Request, visitor: Braker, scope: Written) -> Response:
    """Lift a pause of the brand's own; what waited is judged again."""
    house = house_of(request)
    at = f"/b/{visitor.brand_key}/pauses"
    with house.sessions.begin() as session:
        try:
            asked = _read(session, house, visitor, scope)
        except InvalidInput as error:
            return back(request, visitor, at, f"Nothing was lifted: {error.beside}")
        done = resume(session, asked, visitor.brand_id, visitor.actor)
        if not done.lifted:
            return back(request, visitor, at, "That was not paused by this brand, or is lifted already.")
        note_change(session, visitor, resumed(done.lifted[0], done))
    house.wake("recover", "")
    kept = f"; {done.still_held:,} are still held by another pause" if done.still_held else ""
    told = f"Lifted. {done.released:,} {'message is' if done.released == 1 else 'messages are'} judged again{kept}."
    return back(request, visitor, at, told)


def _page(request: Request, visitor: Visitor, scope: str, more: Mapping[str, Any], status: int = 200) -> Response:
    house = house_of(request)
    asked, stops, wrong, there = None, None, "", False
    with house.sessions() as session:
        if scope:
            try:
                asked = _read(session, house, visitor, scope)
                stops = would_stop(session, asked, visitor.brand_id, house.clock.now())
            except InvalidInput as error:
                wrong = error.beside
        now = house.clock.now()
        found = [
            (one, _held(session, one, visitor.brand_id, now)) for one in pauses_in_sight(session, visitor.brand_id)
        ]
        if asked is not None:
            there = str(asked) in {one.scope for one, _ in found}
        content = {
            "tabs": tabs(visitor),
            "found": found,
            "lifted": _lifted(session, visitor.brand_id),
            "choices": _choices(session, house, visitor),
            "asked": asked,
            "asked_name": scope_words(str(asked)) if asked else "",
            "stops": stops,
            "there": there,
            "amount": _amount(stops) if stops else "",
            "written": scope,
            "why": "",
            "wrong": wrong,
            "wrong_why": "",
            **more,
        }
    return console_page(
        request,
        visitor,
        "operations/pauses.html",
        content,
        title="Pauses",
        place="rules",
        status=422 if wrong and status == 200 else status,
    )


def _held(session: Session, one: InSight, brand_id: int, now: datetime) -> WouldStop:
    """The messages that a pause which stands holds of the brand."""
    kind, _, name = one.scope.partition(":")
    return would_stop(session, Scope(PauseKind(kind), name), brand_id, now)


def _read(session: Session, house: House, visitor: Visitor, written: str) -> Scope:
    """A scope within the brand: its `all` is the brand, and another brand's name is none."""
    brand = brand_of(session, visitor)
    if written.strip() in ("all", f"{PauseKind.brand}:{brand.key}"):
        return Scope(PauseKind.brand, brand.key)
    if written.strip().startswith(f"{PauseKind.brand}:"):
        raise InvalidInput(
            [Fault(None, "scope", "that is another brand", "Its own people pause it, at its own pages.")]
        )
    return read_scope(session, house, written, brand)


def _amount(stops: WouldStop) -> str:
    """How many messages a pause stops: "214 messages that wait are"."""
    if not stops.messages:
        return "No message waits at present; what is planned from now on is"
    more = "More than " if stops.more else ""
    return f"{more}{stops.messages:,} {'message that waits is' if stops.messages == 1 else 'messages that wait are'}"


def _choices(session: Session, house: House, visitor: Visitor) -> list[tuple[str, list[tuple[str, str]]]]:
    """What can be paused, in groups, each with its scope and its words."""
    rules = live_set(session, house, visitor.brand_id).rules
    templates = sorted({key for key, _ in catalog_of(session, house).keys(visitor.brand_key)})
    carriers = sorted(house.carriers)
    return [
        ("Everything", [("all", f"Everything of {visitor.brand_name}")]),
        ("A channel", [(f"channel:{one.value}", f"Every {word}") for one, word in CHANNELS.items()]),
        ("A rule", [(f"rule:{one.name}", one.name) for one in rules.rules]),
        ("A template", [(f"template:{one}", one) for one in templates]),
        ("A carrier", [(f"carrier:{one}", one) for one in carriers]),
        ("A milestone", [(f"milestone:{one.value}", words) for one, words in MILESTONES.items()]),
    ]


def _lifted(session: Session, brand_id: int) -> list[Pause]:
    """The brand's last pauses that were lifted."""
    query = sa.select(Pause).where(Pause.brand_id == brand_id, Pause.lifted_at.is_not(None))
    return list(session.scalars(query.order_by(Pause.id.desc()).limit(LIFTED)))
