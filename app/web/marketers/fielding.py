"""The page of merge fields: what each means, what it looks like, and who reads it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from app.messages.checking.field_uses import Reader as Reading
from app.messages.checking.field_uses import how_many_use, who_uses
from app.messages.rendering.fields import FIELDS, Field, nearest
from app.messages.versions.drafts import drafts_of
from app.messages.versions.live import edition_of
from app.pipeline.house import House
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.marketers.needing import sampled_of
from app.web.marketers.sheets import address, brand_of

router = APIRouter(include_in_schema=False)


@router.get("/b/{brand}/templates/fields")
def fields(
    request: Request,
    visitor: Annotated[Visitor, Depends(may(Right.see))],
    q: Annotated[str, Query(max_length=120)] = "",
    field: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """All fields, or those with `q` in their name or meaning; of `field` the files that read it, drafts too, and
    without `q` the fields of its group."""
    house: House = request.app.state.house
    with house.sessions() as session:
        brand = brand_of(session, visitor)
        drafts = {path: draft.content for path, draft in drafts_of(session, brand.id).items()}
        shelf = house.catalog.over(brand.key, {**edition_of(session, brand.id).files, **drafts}).shelf(brand.key)
    wanted = q.strip().lower()
    chosen = FIELDS.get(field)
    listed = [one for one in FIELDS.values() if wanted in f"{one.path} {one.meaning}".lower()]
    if chosen and not wanted:
        listed = [one for one in listed if _group(one) == _group(chosen)]
    content: dict[str, Any] = {
        "wanted": q.strip(),
        "listed": listed,
        "sampled": sampled_of(house.catalog, brand.key),
        "used": how_many_use(shelf),
        "chosen": chosen,
        "unknown": field if field and chosen is None else "",
        "meant": nearest(field) if field and chosen is None else None,
        "readers": _by_message(who_uses(shelf, chosen.path) if chosen else []),
        "drafts": drafts,
        "kind": _kind,
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(request, visitor, "marketers/fields.html", content, title="Merge fields", place="templates")


def _by_message(found: list[Reading]) -> dict[str, list[Reading]]:
    """Readers by the message that they are of; what messages are set in under an empty name."""
    grouped: dict[str, list[Reading]] = {}
    for one in found:
        grouped.setdefault(one.message[0] if one.message else "", []).append(one)
    return grouped


def _group(field: Field) -> str:
    return field.path.partition(".")[0].removesuffix("[]")


def _kind(field: Field) -> str:
    return f"{field.kind}, at most {field.most}" if field.most else field.kind
