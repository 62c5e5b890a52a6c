"""Templates tried out over HTTP: previews, test messages to oneself, and what waits with older words."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from app.channels.base import OutgoingEmail
from app.errors import ConfigurationError, Conflict, InvalidInput, NotFound
from app.log import mask
from app.messages.base import NotRenderable, TemplateMissing
from app.models import Brand
from app.pipeline.house import House
from app.pipeline.leaving.moving import MOST, List, Moved, Wanted, move, waiting
from app.rehearsal.previewing import Asked, Preview, preview
from app.rehearsal.trying import try_on_oneself
from app.web.access.changes import words_moved
from app.web.access.keys import Holder, Scope, needs
from app.web.access.trail import name_of, note, note_change
from app.web.api.house import house_of
from app.web.problems import MEDIA_TYPE, NOT_FOUND, RESPONSES, Problem, ProblemDocument, invalid, shown

router = APIRouter(prefix="/v1/templates", tags=["templates"], responses=RESPONSES)

T = TypeVar("T")
Reader = Annotated[Holder, Depends(needs(Scope.templates_read))]
Writer = Annotated[Holder, Depends(needs(Scope.templates_write))]

_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": ProblemDocument,
        "description": "It cannot be done as things stand now.",
        "content": {MEDIA_TYPE: {}},
    }
}


class WantedPreview(BaseModel):
    """Which template, in which language, filled in for whom. `sample` names a made-up order, `shipment` a parcel of the
    brand (its id, tracking or order number; needs the scope `orders:read` too). `files` are unsaved files by path: they
    lie over what counts, for this answer alone."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=100, examples=["out_for_delivery"])
    channel: str = Field("email", max_length=20, examples=["email"])
    locale: str | None = Field(None, max_length=30, examples=["sv-SE"])
    sample: str | None = Field(None, max_length=100, examples=["right to left"])
    shipment: str | None = Field(None, max_length=100)
    files: dict[str, str] = Field(
        default_factory=dict, examples=[{"messages/en/delivered.sms.txt": "{{ brand.name }}: it is here."}]
    )

    @model_validator(mode="after")
    def _one(self) -> "WantedPreview":
        if self.sample is not None and self.shipment is not None:
            raise ValueError("names a sample and a parcel; name one of them")
        return self

    def asked(self, holder: Holder) -> Asked:
        """The same for the renderer; a parcel's shopper is shown to whoever may read orders, and to nobody else."""
        if self.shipment is not None and Scope.orders_read.value not in holder.scopes:
            detail = "A real parcel needs the scope orders:read too. Use a key that has it, or a sample."
            raise Problem(403, "scope", "This key may not do that", detail)
        return Asked(self.key, self.channel, self.locale, self.sample, self.shipment, show_person=True)


class WantedTest(WantedPreview):
    """The same, sent to an address of one's own."""

    to: str = Field(max_length=254, examples=["me@shop.example"])


class StrangerView(BaseModel):
    """A letter that is not in the GSM alphabet."""

    letter: str
    name: str


class SizeView(BaseModel):
    """What an SMS takes: its letters in its encoding (`GSM-7` or `UCS-2`), the segments that are paid for, and which
    letters make it dearer."""

    encoding: str
    letters: int
    segments: int
    strangers: list[StrangerView]


class PreviewView(BaseModel):
    """A template filled in. `locale` is the language that was found for `asked_locale`, `digest` names the template's
    content, `note` says what was supposed. `html` is the email itself: show it in a sandboxed frame without scripts
    (`<iframe sandbox srcdoc>`), never as part of a page. Its links open nobody's page."""

    key: str
    channel: str
    asked_locale: str
    locale: str
    digest: str
    about: str
    note: str
    subject: str
    preheader: str
    html: str
    text: str
    headers: dict[str, str]
    size: SizeView | None


class TestView(BaseModel):
    """What became of a test message. `left` is how many more this hour has room for."""

    id: str = Field(examples=["tst_7k2m…"])
    provider: str
    outcome: str = Field(examples=["accepted"])
    error: str | None
    left: int
    subject: str
    locale: str


class WaitingView(BaseModel):
    """One message that waits with another version than its template has now. `old` and `new` are the versions'
    digests, `changed` the parts that differ."""

    message: str
    shipment: str
    key: str
    channel: str
    locale: str
    state: str
    send_at: datetime
    old: str
    old_since: datetime
    new: str
    changed: list[str]


class WaitingList(BaseModel):
    """What would move: the oldest of `total`. `token` names exactly these moves."""

    messages: list[WaitingView]
    total: int
    token: str


class WantedMove(BaseModel):
    """A list as it was answered: its token, its messages, and why they get the new words."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=100, examples=["out_for_delivery"])
    token: str = Field(max_length=64)
    messages: list[str] = Field(max_length=MOST)
    why: str = Field(min_length=1, max_length=300, examples=["the old text named the wrong phone number"])


class MovedView(BaseModel):
    """Which were moved, and which had left, or begun to, and kept the words that they were decided with."""

    moved: list[str]
    left: list[str]


@router.post("/preview", summary="Preview a template", responses=NOT_FOUND)
def preview_template(request: Request, holder: Reader, wanted: WantedPreview) -> PreviewView:
    """What a template would say, by the steps that write a message out. Nothing is kept and nothing is sent."""
    house = house_of(request)
    asked = wanted.asked(holder)

    def look() -> Preview:
        with house.sessions() as session:
            brand = session.get_one(Brand, holder.brand_id)
            return preview(house, session, brand, asked, house.clock.now(), wanted.files)

    return _view(_trying(look))


@router.post("/test-send", summary="Send a template to oneself", responses=NOT_FOUND | _CONFLICT)
def send_test(request: Request, holder: Writer, wanted: WantedTest) -> TestView:
    """Sends one test message now, by the providers that are set up, marked in its subject: at most 20 an hour a brand,
    nothing in shadow mode, in allowlist mode only to listed addresses, and never to a suppressed one. It is recorded,
    and counts as nobody's message."""
    house = house_of(request)
    asked = wanted.asked(holder)
    said = _who(house, holder)
    seen, tried = _trying(lambda: try_on_oneself(house, holder.brand_id, asked, wanted.to, said, wanted.files))
    with house.sessions.begin() as session:
        note(session, holder, "templates.test", wanted.key, after={"id": tried.id, "outcome": tried.outcome.value})
    return TestView(
        id=tried.id,
        provider=tried.provider,
        outcome=tried.outcome.value,
        error=mask(tried.error) if tried.error else None,
        left=tried.left,
        subject=seen.subject,
        locale=seen.locale,
    )


@router.get("/waiting", summary="What waits with older words")
def list_waiting(
    request: Request, holder: Reader, key: Annotated[str | None, Query(max_length=100)] = None
) -> WaitingList:
    """The brand's messages that wait with another version than their template has now, oldest first, at most 5,000.
    They keep it, unless they are moved."""
    house = house_of(request)

    def look() -> List:
        with house.sessions() as session:
            return waiting(session, house, session.get_one(Brand, holder.brand_id), key)

    return WaitingList.model_validate(_trying(look), from_attributes=True)


@router.post("/waiting/move", summary="Let what waits have the new words", responses=_CONFLICT)
def move_waiting(request: Request, holder: Writer, wanted: WantedMove) -> MovedView:
    """Moves exactly the listed messages that still wait. Where another waits by now, or a template has changed again,
    nothing is moved (409): list them again."""
    house = house_of(request)
    seen = Wanted(wanted.key, wanted.token, tuple(wanted.messages), _who(house, holder), wanted.why)

    def noted(session: Session, done: Moved) -> None:
        note_change(session, holder, words_moved(wanted.key, done, wanted.why))

    done = _trying(lambda: move(house, holder.brand_id, seen, noted))
    return MovedView.model_validate(done, from_attributes=True)


def _trying(work: Callable[[], T]) -> T:
    """What some work on a template comes to, with its refusals as problems."""
    try:
        return work()
    except InvalidInput as error:
        raise invalid("Nothing was done. Mend what is named and send it again.", shown(error.faults)) from error
    except Conflict as error:
        raise Problem(409, "conflict", "It cannot be done as things stand now", str(error)) from error
    except (NotFound, TemplateMissing) as error:
        raise Problem(404, "not-found", "There is no such thing", str(error)) from error
    except (NotRenderable, ConfigurationError) as error:
        raise Problem(422, "template", "The template cannot be filled in", str(error)) from error


def _view(one: Preview) -> PreviewView:
    names = ("asked_locale", "locale", "digest", "about", "note", "subject", "preheader", "html", "text")
    return PreviewView(
        key=one.template.key,
        channel=one.template.channel,
        headers=dict(one.letter.headers) if isinstance(one.letter, OutgoingEmail) else {},
        size=SizeView.model_validate(one.size, from_attributes=True) if one.size else None,
        **{name: getattr(one, name) for name in names},
    )


def _who(house: House, holder: Holder) -> str:
    with house.sessions() as session:
        return name_of(session, holder)
