"""Templates over HTTP: a brand's files, drafts of them, checking, publishing, what was published, taking it back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import Conflict, InvalidInput, NotFound
from app.messages.versions.drafts import discard, draft_of, drafts_of, save
from app.messages.versions.history import history, publication
from app.messages.versions.live import counting, digest_of, edition_of
from app.messages.versions.publishing import Published, Said, Seen, check_changes, publish_drafts, rollback
from app.messages.versions.telling import changed_by, changed_now, in_lines, in_words, pairs
from app.models import Brand
from app.pipeline.house import House
from app.web.access.changes import templates_published
from app.web.access.keys import Holder, Scope, needs
from app.web.access.trail import name_of, note, note_change
from app.web.api.house import house_of
from app.web.api.publications import Turned, following
from app.web.api.template_views import (
    CheckedView,
    Documents,
    DocumentView,
    DraftView,
    Explained,
    Publications,
    PublishedView,
    VersionView,
    WantedCheck,
    WantedPublication,
    WantedRollback,
    change_views,
    checked_view,
    draft_view,
    publication_view,
    published_view,
)
from app.web.problems import MEDIA_TYPE, NOT_FOUND, RESPONSES, Problem, ProblemDocument, invalid, shown

router = APIRouter(prefix="/v1/templates", tags=["templates"])

T = TypeVar("T")
Reader = Annotated[Holder, Depends(needs(Scope.templates_read))]
Writer = Annotated[Holder, Depends(needs(Scope.templates_write))]
IfMatch = Annotated[
    str | None, Header(description="The ETag of what you saw; `*` for whatever is there.", examples=['"5f3c…"'])
]
_CHANGED: dict[int | str, dict[str, Any]] = {
    412: {"model": ProblemDocument, "description": "Somebody else was sooner.", "content": {MEDIA_TYPE: {}}},
    428: {"model": ProblemDocument, "description": "If-Match is missing.", "content": {MEDIA_TYPE: {}}},
}
_ANY: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BODY = {"requestBody": {"required": True, "content": _ANY}}
_FILE: dict[int | str, dict[str, Any]] = {200: {"description": "The file, byte for byte.", "content": _ANY}}
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is the one that you have."}}


async def _raw(request: Request) -> bytes:
    return await request.body()


@router.get("", summary="A brand's files", responses=RESPONSES)
def list_documents(request: Request, response: Response, holder: Reader) -> Documents:
    """Every file that the brand's messages are made of, where it comes from, and whether there is a draft. The ETag is
    that of the edition: send it with what you publish."""
    house = house_of(request)
    with house.sessions() as session:
        brand = session.get_one(Brand, holder.brand_id)
        edition, drafts = edition_of(session, brand.id), drafts_of(session, brand.id)
        shelf = house.catalog.over(brand.key, edition.files).shelf(brand.key)
    response.headers["ETag"] = f'"{edition.number}"'
    listed = []
    for path in sorted({*shelf.paths(), *drafts}):
        file, draft = shelf.file(path), drafts.get(path)
        listed.append(
            DocumentView(
                path=path,
                origin=file.origin if file else None,
                digest=digest_of(file.content) if file else None,
                draft=draft_view(draft) if draft else None,
            )
        )
    return Documents(edition=edition.number, documents=listed)


@router.get(
    "/files/{path:path}", summary="One file", responses=RESPONSES | NOT_FOUND | _FILE | _UNCHANGED,
    response_class=Response,
)  # fmt: skip
def get_file(
    request: Request,
    holder: Reader,
    path: str,
    draft: Annotated[bool, Query(description="The draft, where there is one.")] = False,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The file that counts, or its draft. The ETag names its content."""
    house = house_of(request)
    with house.sessions() as session:
        brand = session.get_one(Brand, holder.brand_id)
        written = draft_of(session, brand.id, path) if draft else None
        file = counting(house.catalog, brand.key, edition_of(session, brand.id), path)
    content = written.content if written else file.content if file else None
    if content is None:
        raise Problem(404, "not-found", "There is no such thing", "This key's brand has no file under that path.")
    headers = {
        "ETag": f'"{digest_of(content)}"',
        "Template-Origin": "draft" if written else file.origin if file else "",
    }
    if if_none_match is not None and _tag(if_none_match) in (None, digest_of(content)):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/octet-stream")


@router.put("/files/{path:path}", summary="Save a draft", responses=RESPONSES | _CHANGED, openapi_extra=_BODY)
def put_file(
    request: Request,
    response: Response,
    holder: Writer,
    path: str,
    content: Annotated[bytes, Depends(_raw)],
    if_match: IfMatch = None,
) -> DraftView:
    """Keeps a draft, byte for byte; it counts when it is published. If-Match is the ETag of the draft, or where there
    is none of the file that counts (`""` where neither is)."""
    expected, house = _expected(if_match), house_of(request)
    with house.sessions.begin() as session:
        brand = session.get_one(Brand, holder.brand_id)
        by, now = name_of(session, holder), house.clock.now()
        kept = _refusing(lambda: save(session, house.catalog, brand, path, content, expected, by, now))
        note(session, holder, "templates.draft", path[:200], after={"digest": kept.digest[:12]})
    response.headers["ETag"] = f'"{kept.digest}"'
    return draft_view(kept)


@router.delete(
    "/files/{path:path}", summary="Throw a draft away", status_code=204, responses=RESPONSES | NOT_FOUND | _CHANGED
)
def delete_file(request: Request, holder: Writer, path: str, if_match: IfMatch = None) -> None:
    """Throws the draft away; what counts stays as it is."""
    expected = _expected(if_match)
    with house_of(request).sessions.begin() as session:
        brand = session.get_one(Brand, holder.brand_id)
        _refusing(lambda: discard(session, brand, path, expected))
        note(session, holder, "templates.discard", path[:200])


@router.post("/check", summary="Check drafts", responses=RESPONSES | NOT_FOUND)
def check_drafts(request: Request, holder: Reader, wanted: WantedCheck) -> CheckedView:
    """What the check says to drafts and what they would change; publishes nothing."""
    house = house_of(request)
    with house.sessions() as session:
        brand = session.get_one(Brand, holder.brand_id)
        drafts = drafts_of(session, brand.id)
        chosen = _chosen(wanted.paths, list(drafts))
        edition = edition_of(session, brand.id)
        changes = {path: drafts[path].content for path in chosen}
        would, found = _refusing(lambda: check_changes(session, house.catalog, brand, changes))
    after = {**edition.files, **{path: changes[path] for path in would}}
    changed = in_words(pairs(house.catalog, brand.key, edition.files, after, would))
    return checked_view(edition.number, {path: drafts[path].digest for path in chosen}, found, changed)


@router.post("/publish", summary="Publish drafts", responses=RESPONSES | NOT_FOUND | _CHANGED)
def publish_files(
    request: Request, response: Response, holder: Writer, wanted: WantedPublication, if_match: IfMatch = None
) -> PublishedView:
    """Lets drafts count from the next batch of every worker; what is decided already keeps its words. If-Match is the
    ETag of the list of files, `drafts` the digests of the drafts that you read. A draft begun from a file that others
    replaced since is not published, nor one that somebody saved since you read it."""
    seen = replace(_seen(if_match), drafts=wanted.drafts)
    return _publishing(
        request, response, holder, wanted, None,
        lambda session, house, brand, said: publish_drafts(
            session, house.catalog, brand, wanted.paths, said, seen, wanted.accept
        ),
    )  # fmt: skip


@router.post("/rollback", summary="Let older files count again", responses=RESPONSES | NOT_FOUND | _CHANGED)
def roll_back(
    request: Request, response: Response, holder: Writer, wanted: WantedRollback, if_match: IfMatch = None
) -> PublishedView:
    """Publishes what counted after an older publication again, as a publication of its own and checked like any."""
    seen = _seen(if_match)
    return _publishing(
        request, response, holder, wanted, wanted.number,
        lambda session, house, brand, said: rollback(
            session, house.catalog, brand, wanted.number, wanted.paths, said, seen, wanted.accept
        ),
    )  # fmt: skip


@router.get("/versions", summary="What was published", responses=RESPONSES)
def list_versions(request: Request, holder: Reader, leaf: Turned) -> Publications:
    """The brand's publications, newest first, by whom and why."""
    with house_of(request).sessions() as session:
        found = history(session, holder.brand_id, leaf.before, leaf.limit)
    return Publications(publications=[publication_view(one) for one in found], next=following(found, leaf))


@router.get("/versions/{number}", summary="What one publication changed", responses=RESPONSES | NOT_FOUND)
def get_version(request: Request, holder: Reader, number: int) -> VersionView:
    """One publication, and what it changed: in words, and line by line."""
    house = house_of(request)
    with house.sessions() as session:
        brand = session.get_one(Brand, holder.brand_id)
        found = _refusing(lambda: publication(session, brand.id, number))
        changed = changed_by(session, house.catalog, brand.id, brand.key, found)
    told = change_views(in_words(changed))
    return VersionView(publication=publication_view(found), changes=told, unified=in_lines(changed))


def _publishing(
    request: Request,
    response: Response,
    holder: Holder,
    wanted: Explained,
    back_to: int | None,
    work: Callable[[Session, House, Brand, Said], Published],
) -> PublishedView:
    house = house_of(request)
    with house.sessions.begin() as session:
        brand = session.get_one(Brand, holder.brand_id)
        said = Said(name_of(session, holder), wanted.why, house.clock.now())
        key = brand.key
        done = _refusing(lambda: work(session, house, brand, said))
        note_change(session, holder, templates_published(done, wanted.why, back_to))
    response.headers["ETag"] = f'"{done.number}"'
    return published_view(done.new, done.number, done.accepted, in_words(changed_now(house.catalog, key, done)))


def _chosen(paths: Sequence[str] | None, drafts: Sequence[str]) -> list[str]:
    chosen = sorted(drafts) if paths is None else sorted(set(paths))
    if missing := [path for path in chosen if path not in drafts]:
        raise Problem(404, "not-found", "There is no such thing", f"There is no draft of {', '.join(missing)[:500]}.")
    return chosen


def _refusing(work: Callable[[], T]) -> T:
    """What some work on templates comes to, with its refusals as problems."""
    try:
        return work()
    except InvalidInput as error:
        detail = "Nothing was changed. Mend what is named and send it again."
        raise invalid(detail, shown(error.faults)) from error
    except Conflict as error:
        raise Problem(412, "conflict", "Somebody else was sooner", str(error)) from error
    except NotFound as error:
        raise Problem(404, "not-found", "There is no such thing", str(error)) from error


def _expected(if_match: str | None) -> str | None:
    """The digest that must stand there still; None for whatever does."""
    if if_match is None:
        detail = "Send If-Match with the ETag of what you changed, or `*` to replace whatever is there."
        raise Problem(428, "no-precondition", "Say what you saw", detail)
    return _tag(if_match)


def _seen(if_match: str | None) -> Seen:
    tag = _expected(if_match)
    if tag is not None and not (tag.isdecimal() and len(tag) < 11):
        raise Problem(
            412, "conflict", "Somebody else was sooner", "That is the ETag of no list of files. Read it anew."
        )
    return Seen(int(tag) if tag is not None else None)


def _tag(written: str) -> str | None:
    tag = written.strip()
    return None if tag == "*" else tag.removeprefix("W/").strip('"')
