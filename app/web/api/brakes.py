"""The brakes over HTTP: what a key's brand has paused, pausing and resuming it, and never another brand's."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.errors import InvalidInput
from app.models import Brand
from app.models.vocabulary import PauseKind
from app.pipeline.brakes.pausing import CHANNELS, NO_REASON, count_stopped, pause, read_scope, resume, standing
from app.pipeline.brakes.pausing import Scope as Held
from app.pipeline.house import House
from app.web.access.changes import paused, resumed
from app.web.access.keys import Holder, Scope, needs
from app.web.access.trail import name_of, note_change
from app.web.api.house import house_of
from app.web.problems import RESPONSES, Problem, invalid, shown

router = APIRouter(prefix="/v1", tags=["pauses"], responses=RESPONSES)

Braker = Annotated[Holder, Depends(needs(Scope.pauses_write))]
_EXAMPLE = "rule:out_for_delivery"


class WantedPause(BaseModel):
    """What to pause or to resume. `all` means all of the key's brand."""

    model_config = ConfigDict(extra="forbid")

    scope: str = Field(
        max_length=200,
        description=f"all, rule:NAME, template:KEY, carrier:NAME, {CHANNELS} or milestone:NAME",
        examples=[_EXAMPLE],
    )


class WantedStop(WantedPause):
    """What to pause, and why."""

    why: str = Field(NO_REASON, max_length=300, examples=["wrong text in the template"])


class PauseView(BaseModel):
    """A pause that holds messages of the key's brand. `own` is false where the whole installation is paused: that can
    only be lifted by those who run it."""

    scope: str = Field(examples=[_EXAMPLE])
    own: bool
    why: str | None = Field(description="Null where the pause is not the brand's own.")
    since: datetime
    automatic: bool = Field(description="Pulled by the storm brake.")
    waiting: int = Field(description="How many of the brand's messages wait for it.", examples=[214])


class Pauses(BaseModel):
    """All that holds messages of the key's brand, oldest first."""

    pauses: list[PauseView]


class PausedView(BaseModel):
    """What pausing came to: `new` is false where it was paused already; that reason then stands."""

    scope: str = Field(examples=[_EXAMPLE])
    new: bool
    why: str
    since: datetime
    waiting: int = Field(description="Messages that it stops now.", examples=[214])


class ResumedView(BaseModel):
    """What resuming came to: messages that are judged again, and those that another pause still holds."""

    scope: str = Field(examples=[_EXAMPLE])
    released: int = Field(examples=[214])
    still_held: int


@router.get("/pause", summary="What is paused")
def list_pauses(request: Request, holder: Braker) -> Pauses:
    """Everything that holds messages of the key's brand."""
    with house_of(request).sessions() as session:
        found = standing(session, holder.brand_id)
    return Pauses(
        pauses=[
            PauseView(
                scope=one.scope if one.brand is None or not one.scope.startswith("brand:") else "all",
                own=one.brand is not None,
                why=one.why if one.brand is not None else None,
                since=one.since,
                automatic=one.automatic,
                waiting=one.waiting,
            )
            for one in found
        ]
    )


@router.post("/pause", summary="Pause")
def pause_some(request: Request, holder: Braker, wanted: WantedStop) -> PausedView:
    """Stops the brand's messages of this scope before they reach a provider, within five seconds. They wait until
    they are resumed. Pausing twice is pausing once; messages whose sending has begun are not stopped."""
    house = house_of(request)
    with house.sessions.begin() as session:
        scope = _read(session, house, holder, wanted.scope)
        done = pause(session, scope, holder.brand_id, wanted.why, name_of(session, holder))
        note_change(session, holder, paused(str(scope), done))
    with house.sessions() as session:
        waiting = count_stopped(session, done)
    told = {"new": done.new, "why": done.pause.why, "since": done.pause.since, "waiting": waiting}
    return PausedView.model_validate({"scope": wanted.scope.strip(), **told})


@router.post("/resume", summary="Resume")
def resume_some(request: Request, holder: Braker, wanted: WantedPause) -> ResumedView:
    """Lifts the brand's pause of this scope. Each message that waited is judged again: it leaves, or ends with the
    reason why not. None is lost, and none is sent twice."""
    house = house_of(request)
    with house.sessions.begin() as session:
        scope = _read(session, house, holder, wanted.scope)
        done = resume(session, scope, holder.brand_id, name_of(session, holder))
        if not done.lifted:
            raise _not_paused(wanted.scope.strip())
        note_change(session, holder, resumed(str(scope), done))
    house.wake("recover", "")
    return ResumedView(scope=wanted.scope.strip(), released=done.released, still_held=done.still_held)


def _read(session: Session, house: House, holder: Holder, written: str) -> Held:
    """A scope within the key's brand: its `all` is the brand."""
    own = session.get_one(Brand, holder.brand_id)
    if written.strip() in ("all", f"{PauseKind.brand}:{own.key}"):
        return Held(PauseKind.brand, own.key)
    if written.strip().startswith(f"{PauseKind.brand}:"):
        raise Problem(
            403,
            "brand",
            "This key may not do that",
            "A key pauses and resumes its own brand only. Write the scope all.",
        )
    try:
        return read_scope(session, house, written, own)
    except InvalidInput as error:
        raise invalid("Correct the scope and send it again.", shown(error.faults)) from error


def _not_paused(scope: str) -> Problem:
    detail = f"This key's brand has not paused {scope}. GET /v1/pause lists what is paused, and whose it is to resume."
    return Problem(409, "not-paused", "That is not paused", detail)
