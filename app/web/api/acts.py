"""What people do to a parcel, for programs: sending a message once more, following a parcel no more and again."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import Conflict
from app.pipeline.by_hand.following import follow, unfollow
from app.pipeline.house import House
from app.pipeline.leaving.asking_again import Wish, ask_again
from app.web.access.keys import Holder, Scope, needs
from app.web.access.trail import note
from app.web.problems import MEDIA_TYPE, NOT_FOUND, RESPONSES, Problem, ProblemDocument, not_found

router = APIRouter(prefix="/v1", responses=RESPONSES)

_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": ProblemDocument,
        "description": "It must not leave, or left since you looked; nothing was sent.",
        "content": {MEDIA_TYPE: {}},
    }
}
Writer = Annotated[Holder, Depends(needs(Scope.orders_write))]


class WantedResend(BaseModel):
    """Why a message is to leave again. `after_attempt`, how many attempts it had when you looked, keeps what you did
    not see from being repeated: with another number it is refused."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=300, examples=["The shopper cannot find it"])
    after_attempt: int | None = Field(None, ge=0, le=1000, examples=[1])


class ResentView(BaseModel):
    """`new` is false where it had been asked for and waits already. `leaves_at` is later than now where it is quiet
    where the shopper lives."""

    id: str = Field(examples=["msg_7k2m9x3c4v5b6n8q1w2e"])
    new: bool
    attempts: int = Field(description="Attempts so far.", examples=[1])
    leaves_at: datetime | None


class UnfollowedView(BaseModel):
    """What stopping came to: messages that waited and were stopped; those whose sending had begun may still arrive."""

    id: str = Field(examples=["shp_7k2m9x3c4v5b6n8q1w2e"])
    since: datetime
    already: bool
    messages_stopped: int
    in_flight: list[str]


class FollowedView(BaseModel):
    """What taking up again came to: `asked_of` is the carrier that is asked at once, null where nobody is."""

    id: str = Field(examples=["shp_7k2m9x3c4v5b6n8q1w2e"])
    already: bool
    asked_of: str | None


@router.post(
    "/messages/{id}/resend", tags=["messages"], summary="Send a message once more", responses=NOT_FOUND | _CONFLICT
)
def resend(request: Request, holder: Writer, id: str, wanted: WantedResend) -> ResentView:
    """A further attempt on the same message, word for word; the address is read anew. Suppressions, pauses, quiet hours
    and the sending mode hold as ever: where it must not leave, that is refused (409) with the reason."""
    house: House = request.app.state.house
    now = house.clock.now()
    why = " ".join(wanted.why.split()) or "asked for by a program"
    try:
        with house.sessions.begin() as session:
            wish = Wish(id, f"key {holder.key_id}", why, wanted.after_attempt)
            asked = ask_again(session, house, holder.brand_id, wish, now)
            if asked is not None and asked.new:
                note(session, holder, "message.resend", id, after={"attempt": asked.attempts + 1})
    except Conflict as error:
        raise Problem(409, "conflict", "It cannot leave again now", str(error)) from error
    if asked is None:
        raise not_found("message with that id")
    for kind, channel in sorted(asked.wakes):
        house.wake(kind, channel)
    return ResentView(id=id, new=asked.new, attempts=asked.attempts, leaves_at=asked.leaves_at)


@router.post("/shipments/{id}/unfollow", tags=["shipments"], summary="Follow a parcel no more", responses=NOT_FOUND)
def stop_following(request: Request, holder: Writer, id: str) -> UnfollowedView:
    """Its carrier is asked no more and its shopper told nothing more; its order stays as it is. Twice is once."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        came = unfollow(session, holder.brand_id, id, house.clock.now())
        if came is None:
            raise not_found("parcel with that id")
        if not came.already:
            note(session, holder, "parcel.unfollow", id, after={"stopped": came.messages})
    return UnfollowedView(
        id=id,
        since=came.since,
        already=came.already,
        messages_stopped=came.messages,
        in_flight=list(came.in_flight),
    )


@router.post("/shipments/{id}/follow", tags=["shipments"], summary="Follow a parcel again", responses=NOT_FOUND)
def follow_again(request: Request, holder: Writer, id: str) -> FollowedView:
    """Its carrier is asked at once, unless its journey is over. Twice is once."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        came = follow(session, house, holder.brand_id, id, house.clock.now())
        if came is None:
            raise not_found("parcel with that id")
        if not came.already:
            note(session, holder, "parcel.follow", id)
    if came.asked_of:
        house.wake("poll", came.asked_of)
    return FollowedView(id=id, already=came.already, asked_of=came.asked_of)
