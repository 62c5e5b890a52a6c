"""What carriers' codes mean, over HTTP: codes that nobody knows, and mapping one for the key's own brand."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidInput, NotFound
from app.pipeline.codes.mapping import (
    MEANINGS,
    by_table,
    map_code,
    mappings,
    read_carrier,
    read_meaning,
    unknown_codes,
    unmap_code,
)
from app.pipeline.house import House
from app.web.access.changes import code_mapped
from app.web.access.keys import Holder, Scope, needs
from app.web.access.trail import name_of, note_change
from app.web.api.house import house_of
from app.web.problems import NOT_FOUND, RESPONSES, invalid, not_found, shown

router = APIRouter(prefix="/v1/carriers", tags=["carriers"], responses=RESPONSES)

Mapper = Annotated[Holder, Depends(needs(Scope.carriers_write))]
Reader = Annotated[Holder, Depends(needs(Scope.orders_read))]
Carrier = Annotated[str, Path(description="The carrier's name.", examples=["dhl"])]
Code = Annotated[str, Path(description="The code, as the carrier writes it.", examples=["ZZ9"])]


class UnknownCodeView(BaseModel):
    """A code that nobody knows, as the brand's parcels have shown it. It became no milestone."""

    carrier: str = Field(examples=["dhl"])
    code: str = Field(examples=["ZZ9"])
    count: int = Field(examples=[12])
    example: str = Field(description="What the carrier wrote beside it, the last time.")
    first_seen_at: datetime
    last_seen_at: datetime


class UnknownCodes(BaseModel):
    """The codes that nobody knows, most frequent first."""

    codes: list[UnknownCodeView]


class WantedMapping(BaseModel):
    """What a code shall mean for the key's brand, and how you know."""

    model_config = ConfigDict(extra="forbid")

    meaning: str = Field(max_length=60, description=f"One of: {', '.join(MEANINGS)}.", examples=["out_for_delivery"])
    why: str = Field(min_length=1, max_length=300, examples=["the carrier's support confirmed it"])


class MappingView(BaseModel):
    """What was said of a code. `own` is false where it holds for the whole installation: those who run it say by whom
    and why."""

    carrier: str
    code: str
    meaning: str
    before: str
    own: bool
    why: str | None
    mapped_by: str | None
    mapped_at: datetime
    ended_at: datetime | None


class CodeView(BaseModel):
    """What a code means for the key's brand, by the carrier's own table (null: unknown there), and what was said of it,
    newest first."""

    carrier: str
    code: str
    meaning: str
    by_table: str | None
    history: list[MappingView]


class ChangedView(BaseModel):
    """What mapping came to. `corrects` is what the carrier's own table says, where the mapping says otherwise."""

    carrier: str
    code: str
    before: str
    meaning: str
    corrects: str | None
    new: bool


@router.get("/unknown-codes", summary="Codes that nobody knows")
def list_unknown(request: Request, holder: Reader) -> UnknownCodes:
    """The codes in the brand's parcels that no table and no mapping knows."""
    with house_of(request).sessions() as session:
        found = unknown_codes(session, holder.brand_id)
    return UnknownCodes(codes=[UnknownCodeView.model_validate(one, from_attributes=True) for one in found])


@router.get("/{carrier}/codes/{code:path}", summary="What a code means", responses=NOT_FOUND)
def one_code(request: Request, holder: Reader, carrier: Carrier, code: Code) -> CodeView:
    """What a code means for the key's brand, and the history of that."""
    house = house_of(request)
    name = _carrier(house, carrier)
    with house.sessions() as session:
        said = mappings(session, holder.brand_id, key=(name, code))
    standing = sorted((one for one in said if one.ended_at is None), key=lambda one: one.brand is None)
    known = by_table(house, name, code)
    return CodeView(
        carrier=name,
        code=code,
        meaning=standing[0].meaning if standing else known or "unknown",
        by_table=known,
        history=[
            MappingView(
                carrier=name,
                code=code,
                meaning=one.meaning,
                before=one.before,
                own=one.brand is not None,
                why=one.why if one.brand is not None else None,
                mapped_by=one.mapped_by if one.brand is not None else None,
                mapped_at=one.mapped_at,
                ended_at=one.ended_at,
            )
            for one in said
        ],
    )


@router.put("/{carrier}/codes/{code:path}", summary="Map a code", responses=NOT_FOUND)
def put_code(request: Request, holder: Mapper, carrier: Carrier, code: Code, wanted: WantedMapping) -> ChangedView:
    """Says what a code means for the key's brand from now on. Stored parcels are read again shortly: where they stand
    follows, and nobody is told of what lies behind. Saying the same twice is saying it once."""
    house = house_of(request)
    name = _carrier(house, carrier)
    try:
        meaning = read_meaning(wanted.meaning)
        with house.sessions.begin() as session:
            said = (name_of(session, holder), wanted.why)
            done = map_code(session, house, (name, code), meaning, holder.brand_id, said)
            note_change(session, holder, code_mapped(done, wanted.why))
    except InvalidInput as error:
        raise invalid("Correct what is named and send it again.", shown(error.faults)) from error
    if done.new:
        house.wake("refold", "")
    corrects = done.by_table if done.by_table != done.meaning else None
    return ChangedView(
        carrier=name, code=done.code, before=done.before, meaning=done.meaning, corrects=corrects, new=done.new
    )


@router.delete("/{carrier}/codes/{code:path}", summary="Take a mapping back", responses=NOT_FOUND)
def delete_code(request: Request, holder: Mapper, carrier: Carrier, code: Code, why: str = "") -> ChangedView:
    """Takes the brand's own mapping back: the code means again what it means without it."""
    house = house_of(request)
    name = _carrier(house, carrier)
    try:
        with house.sessions.begin() as session:
            said = (name_of(session, holder), why or "taken back over the API")
            done = unmap_code(session, house, (name, code), holder.brand_id, said)
            note_change(session, holder, code_mapped(done, said[1], taken_back=True))
    except NotFound as error:
        raise not_found("mapping of that code") from error
    except InvalidInput as error:
        raise invalid("Correct what is named and send it again.", shown(error.faults)) from error
    house.wake("refold", "")
    return ChangedView(carrier=name, code=done.code, before=done.before, meaning=done.meaning, corrects=None, new=True)


def _carrier(house: House, written: str) -> str:
    try:
        return read_carrier(house, written)
    except NotFound as error:
        raise not_found("carrier of that name") from error
