"""From draft to shoppers: what would change and what the check says, publishing with a reason, history, taking back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import Response

from app.errors import Conflict, InvalidInput, NotFound
from app.messages.checking.findings import Report
from app.messages.versions.differing import Difference
from app.messages.versions.drafts import drafts_of
from app.messages.versions.history import history, publication
from app.messages.versions.live import edition_of
from app.messages.versions.publishing import (
    Published,
    Refused,
    Said,
    Seen,
    check_changes,
    publish_drafts,
    rollback,
)
from app.messages.versions.telling import changed_by, in_lines, in_words, pairs
from app.models import Brand
from app.pipeline.house import House
from app.pipeline.leaving.moving import waiting
from app.rehearsal.lacking import lacking_in
from app.web.access.doors import Denied, Sent, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import back, console_page
from app.web.marketers.sheets import address, brand_of
from app.web.marketers.wording import beside

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Writer = Annotated[Visitor, Depends(may(Right.templates))]
ACCEPT = "accept."
"""Stands before a warning's id in the form's names."""

READ = "draft."
"""Stands before the path of a draft that the page showed; its value is the draft's digest."""


@router.get("/b/{brand}/templates/publish")
def publishing(
    request: Request, visitor: Reader, path: Annotated[list[str] | None, Query(max_length=100)] = None
) -> Response:
    """The brand's drafts, or those of `path`: what they would change, and what the check says."""
    return _page(request, visitor, path, FormData())


@router.post("/b/{brand}/templates/publish")
def publish(request: Request, visitor: Writer, sent: Sent) -> Response:
    """Let the chosen drafts count from the next batch on. What was typed is kept where it is refused."""
    form = sent or FormData()
    paths = [str(one) for one in form.getlist("path")]
    if form.get("again"):
        return _page(request, visitor, paths, form)

    def work(session: Session, house: House, brand: Brand, said: Said, seen: Seen) -> Published:
        return publish_drafts(session, house.catalog, brand, paths, said, seen, _accepted(form))

    done, refused = _attempt(request, visitor, form, work, "templates.publish")
    if done is None:
        return _page(request, visitor, paths, form, refused)
    return _onward(request, visitor, done, f"Published as number {done.number}. It counts from the next batch on.")


@router.get("/b/{brand}/templates/history")
def past(request: Request, visitor: Reader, before: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0) -> Response:
    """What was published, newest first."""
    house: House = request.app.state.house
    with house.sessions() as session:
        found = history(session, visitor.brand_id, before or None)
        edition = edition_of(session, visitor.brand_id).number
    content = {
        "found": found,
        "edition": edition,
        "more": found[-1].number if len(found) == 50 else 0,
        "may_write": visitor.has(Right.templates),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(
        request, visitor, "marketers/history.html", content, title="What was published", place="templates"
    )


@router.get("/b/{brand}/templates/history/{number}")
def version(request: Request, visitor: Reader, number: int) -> Response:
    """One publication: what it changed, and a way back to it. Number 0 is what ships."""
    return _version(request, visitor, number, FormData())


@router.post("/b/{brand}/templates/history/{number}")
def roll_back(request: Request, visitor: Writer, number: int, sent: Sent) -> Response:
    """Let what counted after that publication count again."""
    form = sent or FormData()
    paths = [str(one) for one in form.getlist("path")] or None

    def work(session: Session, house: House, brand: Brand, said: Said, seen: Seen) -> Published:
        return rollback(session, house.catalog, brand, number, paths, said, seen, _accepted(form))

    done, refused = _attempt(request, visitor, form, work, "templates.rollback")
    if done is None:
        return _version(request, visitor, number, form, refused)
    if not done.new:
        return back(request, visitor, address(visitor, "history"), "That counts already. Nothing was changed.")
    said = f"What counted after number {number} counts again, as number {done.number}."
    return _onward(request, visitor, done, said)


def _attempt(
    request: Request,
    visitor: Visitor,
    form: FormData,
    work: Callable[[Session, House, Brand, Said, Seen], Published],
    action: str,
) -> tuple[Published | None, Mapping[str, Any]]:
    """What a publication came to; or None, with what its page says to it."""
    house: House = request.app.state.house
    written = str(form.get("edition", ""))
    read = {name.removeprefix(READ): str(one) for name, one in form.multi_items() if name.startswith(READ)}
    seen = Seen(int(written) if written.isdecimal() and len(written) < 10 else None, drafts=read or None)
    said = Said(visitor.actor, str(form.get("why", "")), house.clock.now())
    try:
        with house.sessions.begin() as session:
            brand = brand_of(session, visitor)
            done = work(session, house, brand, said, seen)
            if done.new:
                accepted = [str(one["id"]) for one in done.accepted]
                after = {"paths": sorted(done.changes), "why": said.why[:300], "accepted": accepted}
                note(
                    session,
                    visitor,
                    action,
                    f"number {done.number}",
                    before={"number": done.before.number},
                    after=after,
                )
        return done, {}
    except Refused as error:
        return None, {"refused": error.objections}
    except InvalidInput as error:
        return None, {"wrong": " ".join(str(fault) for fault in error.faults)}
    except (Conflict, NotFound) as error:
        return None, {"wrong": str(error)}


def _page(
    request: Request,
    visitor: Visitor,
    paths: Sequence[str] | None,
    form: FormData,
    told: Mapping[str, Any] | None = None,
) -> Response:
    house: House = request.app.state.house
    told = told or {}
    with house.sessions() as session:
        brand = brand_of(session, visitor)
        drafts = drafts_of(session, brand.id)
        chosen = [path for path in drafts if not paths or path in paths]
        edition = edition_of(session, brand.id)
        contents = {path: drafts[path].content for path in chosen}
        found, changes, wrong = _checked(session, house, brand, contents)
        lacks = lacking_in(session, house.catalog, brand, edition.files, contents)
    content = {
        "drafts": drafts,
        "chosen": chosen,
        "edition": edition.number,
        "accepted": edition.accepted,
        "report": found,
        "changes": beside(changes),
        "lacks": lacks,
        "wrong": told.get("wrong", "") or wrong,
        "refused": "refused" in told,
        "why": str(form.get("why", "")),
        "reasons": _accepted(form),
        "may_write": visitor.has(Right.templates),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(
        request, visitor, "marketers/publish.html", content, title="Publish", place="templates",
        status=422 if told else 200,
    )  # fmt: skip


def _checked(
    session: Session, house: House, brand: Brand, changes: Mapping[str, bytes]
) -> tuple[Report, list[Difference], str]:
    edition = edition_of(session, brand.id)
    try:
        would, found = check_changes(session, house.catalog, brand, changes)
    except InvalidInput as error:
        return Report(), [], " ".join(str(fault) for fault in error.faults)
    after = {**edition.files, **{path: changes[path] for path in would}}
    return found, in_words(pairs(house.catalog, brand.key, edition.files, after, would)), ""


def _version(
    request: Request, visitor: Visitor, number: int, form: FormData, told: Mapping[str, Any] | None = None
) -> Response:
    house: House = request.app.state.house
    told = told or {}
    with house.sessions() as session:
        brand = brand_of(session, visitor)
        edition = edition_of(session, brand.id)
        found, changed = None, []
        if number != 0:
            try:
                found = publication(session, brand.id, number)
            except NotFound as error:
                raise Denied(404, "There is no such publication", "The history lists them all.") from error
            changed = changed_by(session, house.catalog, brand.id, brand.key, found)
    content = {
        "number": number,
        "found": found,
        "changes": beside(in_words(changed)),
        "unified": in_lines(changed),
        "edition": edition.number,
        "wrong": told.get("wrong", ""),
        "refused": told.get("refused"),
        "reasons": _accepted(form),
        "why": str(form.get("why", "")) or (f"back to number {number}" if number else "back to what ships"),
        "may_write": visitor.has(Right.templates),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    title = f"Number {number}" if number else "What ships"
    return console_page(
        request, visitor, "marketers/version.html", content, title=title, place="templates", status=422 if told else 200
    )


def _onward(request: Request, visitor: Visitor, done: Published, said: str) -> Response:
    """To the list, or where messages wait with older words, to those."""
    house: House = request.app.state.house
    if not done.new:
        return back(request, visitor, address(visitor), "All of it counted already. Nothing was changed.")
    with house.sessions() as session:
        left = waiting(session, house, brand_of(session, visitor)).total
    if not left:
        return back(request, visitor, address(visitor), said)
    some = "1 message waits and keeps its words" if left == 1 else f"{left:,} messages wait and keep their words"
    return back(request, visitor, address(visitor, "waiting"), f"{said} {some}, unless you move them here.")


def _accepted(form: FormData) -> dict[str, str]:
    return {
        name.removeprefix(ACCEPT): str(value) for name, value in form.multi_items() if name.startswith(ACCEPT) and value
    }
