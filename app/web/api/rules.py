"""The rules over HTTP: what a key's brand lives by, publishing another set, what was published before, the schema."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from app.errors import Conflict, InvalidInput, NotFound
from app.models import Brand
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.publishing import (
    Published,
    Said,
    history,
    known_names,
    live_set,
    publish,
    rollback,
    version,
)
from app.pipeline.house import House
from app.rules.as_json import as_json
from app.rules.differing import Difference, differences
from app.rules.document import parse_rules
from app.rules.ruleset import RuleSet
from app.rules.schema import rules_schema
from app.web.access.changes import rules_published
from app.web.access.keys import Holder, Scope, needs
from app.web.access.trail import name_of, note_change
from app.web.api.house import house_of
from app.web.api.publications import Turned, following
from app.web.problems import MEDIA_TYPE, NOT_FOUND, RESPONSES, Problem, ProblemDocument, invalid, not_found, shown

router = APIRouter(tags=["rules"])

Reader = Annotated[Holder, Depends(needs(Scope.rules_read))]
Writer = Annotated[Holder, Depends(needs(Scope.rules_write))]
IfMatch = Annotated[
    str | None, Header(description="The ETag of the rules that you saw; `*` for whatever counts.", examples=['"5f3c…"'])
]
Accept = Annotated[str, Header(description="`application/yaml` (as it was published) or `application/json`.")]

_YAML = "application/yaml"
_TEXT: dict[str, Any] = {kind: {"schema": {"type": "object"}} for kind in (_YAML, "application/json")}
_BODY = {"requestBody": {"required": True, "content": _TEXT}}
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The document; its ETag is the version's digest.", "content": _TEXT},
}
_CHANGED: dict[int | str, dict[str, Any]] = {
    412: {"model": ProblemDocument, "description": "Other rules count by now.", "content": {MEDIA_TYPE: {}}},
    428: {"model": ProblemDocument, "description": "If-Match is missing.", "content": {MEDIA_TYPE: {}}},
}


class PublicationView(BaseModel):
    """The nth publication of the brand's rules; the one without `replaced_at` counts. `digest` names the text."""

    number: int = Field(examples=[7])
    digest: str
    published_at: datetime
    published_by: str = Field(examples=["the API, key 'rules in git'"])
    why: str
    replaced_at: datetime | None


class ChangeView(BaseModel):
    """One difference: a rule is `added`, `removed` or `moved`, or a key is `changed`. `rule` is null beside the
    rules."""

    what: str = Field(examples=["changed"])
    rule: str | None = Field(examples=["delivered"])
    key: str | None = Field(examples=["expires"])
    before: str | None = Field(examples=["72h"])
    after: str | None = Field(examples=["48h"])
    sentence: str


class CheckedView(BaseModel):
    """A set that could be published, and what it would change."""

    rules: int
    digest: str
    changes: list[ChangeView]


class PublishedView(BaseModel):
    """What publishing came to: `new` is false where this text counted already."""

    new: bool
    publication: PublicationView
    changes: list[ChangeView]


class Publications(BaseModel):
    """Publications, newest first; `next` is the `before` of the page that follows."""

    publications: list[PublicationView]
    next: int | None


class WantedRollback(BaseModel):
    """Which publication is to count again, and why."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, le=2_000_000_000, examples=[6])
    why: str = Field(min_length=1, max_length=300, examples=["the new hold was too long"])


async def _text(request: Request) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "not-text", "The body is not UTF-8", "Send the rules as UTF-8 text.") from error


Text = Annotated[str, Depends(_text)]


@router.get("/v1/rules", summary="The rules that count", responses=RESPONSES | _DOCUMENT, response_class=Response)
def get_rules(
    request: Request, holder: Reader, accept: Accept = _YAML, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """The set that the brand lives by, as it was published, or as JSON; the set that ships where none was."""
    house = house_of(request)
    with house.sessions() as session:
        live = live_set(session, house, holder.brand_id)
    if if_none_match is not None and _digest(if_none_match) in (None, live.digest):
        return Response(status_code=304, headers=_headers(live.digest))
    return _document(live.rules.content, live.digest, accept)


@router.put("/v1/rules", summary="Publish rules", responses=RESPONSES | _CHANGED, openapi_extra=_BODY)
def put_rules(
    request: Request,
    response: Response,
    holder: Writer,
    text: Text,
    why: Annotated[str, Query(min_length=1, max_length=300, description="Stands in the history.")],
    if_match: IfMatch = None,
) -> PublishedView:
    """Publishes a set, in YAML or JSON: it counts from the next batch of every worker. What waits keeps the version
    that it was decided with. Every fault is told with its line and column, and nothing is published then. The same
    text again is no new publication."""
    expected = _expected(if_match)
    with house_of(request).sessions.begin() as session:
        done = _publishing(
            lambda: publish(*_whose(request, session, holder), text, _said(session, holder, why), expected)
        )
        note_change(session, holder, rules_published(*done))
    return _told(response, *done)


@router.post("/v1/rules/check", summary="Check rules", responses=RESPONSES, openapi_extra=_BODY)
def check_rules(request: Request, holder: Reader, text: Text) -> CheckedView:
    """Whether a set could be published, with every fault's line and column, and what it would change; publishes
    nothing."""
    house = house_of(request)
    with house.sessions() as session:
        brand = session.get_one(Brand, holder.brand_id)
        live = live_set(session, house, brand.id)
        house = as_of_now(session, house)
    rules = _publishing(lambda: parse_rules(text, known_names(house, brand.key)))
    return CheckedView(rules=len(rules.rules), digest=rules.digest.hex(), changes=_changes(live.rules, rules))


@router.get("/v1/rules/versions", summary="What was published", responses=RESPONSES)
def list_versions(request: Request, holder: Reader, leaf: Turned) -> Publications:
    """The brand's publications, newest first, by whom and why."""
    with house_of(request).sessions() as session:
        found = history(session, holder.brand_id, leaf.before, leaf.limit)
    return Publications(publications=[_view(one) for one in found], next=following(found, leaf))


@router.get(
    "/v1/rules/versions/{number}",
    summary="One publication's text",
    responses=RESPONSES | NOT_FOUND | _DOCUMENT,
    response_class=Response,
)
def get_version(request: Request, holder: Reader, number: int, accept: Accept = _YAML) -> Response:
    """The document of one publication, as it was published, or as JSON."""
    with house_of(request).sessions() as session:
        found, content = _publishing(lambda: version(session, holder.brand_id, number))
    return _document(content, found.digest, accept)


@router.post("/v1/rules/rollback", summary="Let older rules count again", responses=RESPONSES | NOT_FOUND | _CHANGED)
def roll_back(
    request: Request, response: Response, holder: Writer, wanted: WantedRollback, if_match: IfMatch = None
) -> PublishedView:
    """Publishes an older publication's text again, as a publication of its own. It is checked like any other: what it
    names may be gone."""
    expected = _expected(if_match)
    with house_of(request).sessions.begin() as session:
        said = _said(session, holder, wanted.why)
        done = _publishing(lambda: rollback(*_whose(request, session, holder), wanted.number, said, expected))
        note_change(session, holder, rules_published(*done, back_to=wanted.number))
    return _told(response, *done)


class _Schema(JSONResponse):
    media_type = "application/schema+json"


@router.get("/schemas/rules.json", summary="The rules' JSON Schema", response_class=_Schema)
def get_schema() -> Response:
    """JSON Schema (draft 2020-12) of a rule set, for editors. No key is needed."""
    return _Schema(rules_schema())


def _whose(request: Request, session: Session, holder: Holder) -> tuple[Session, House, Brand]:
    return session, house_of(request), session.get_one(Brand, holder.brand_id)


def _said(session: Session, holder: Holder, why: str) -> Said:
    return Said(name_of(session, holder), why)


def _expected(if_match: str | None) -> str | None:
    """The digest that must count still; None for whatever does."""
    if if_match is None:
        detail = "Send If-Match with the ETag of the rules that you changed, or `*` to replace whatever counts."
        raise Problem(428, "no-precondition", "Say which rules you saw", detail)
    return _digest(if_match)


def _digest(tag: str) -> str | None:
    written = tag.strip()
    return None if written == "*" else written.removeprefix("W/").strip('"')


def _publishing(work: Any) -> Any:
    """What some work on rules comes to, with its refusals as problems."""
    try:
        return work()
    except InvalidInput as error:
        raise invalid("Nothing was published. Mend what is named and send it again.", shown(error.faults)) from error
    except Conflict as error:
        raise Problem(412, "conflict", "Other rules count by now", str(error)) from error
    except NotFound as error:
        raise not_found("publication of that number") from error


def _told(response: Response, published: Published, before: RuleSet, after: RuleSet) -> PublishedView:
    response.headers.update(_headers(published.digest))
    return PublishedView(new=published.new, publication=_view(published), changes=_changes(before, after))


def _document(content: str, digest: str, accept: str) -> Response:
    if "json" in accept and "yaml" not in accept:
        return JSONResponse(as_json(content), headers=_headers(digest))
    return Response(content, headers=_headers(digest), media_type=_YAML)


def _headers(digest: str) -> dict[str, str]:
    return {"ETag": f'"{digest}"', "Vary": "Accept"}


def _view(published: Published) -> PublicationView:
    return PublicationView.model_validate(published, from_attributes=True)


def _changes(before: RuleSet, after: RuleSet) -> list[ChangeView]:
    return [_change(one) for one in differences(before, after)]


def _change(one: Difference) -> ChangeView:
    return ChangeView(what=one.what, rule=one.rule, key=one.key, before=one.before, after=one.after, sentence=str(one))
