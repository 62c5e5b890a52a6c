"""What a template may name, for programs that help people to write one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.messages.checking.field_samples import samples
from app.messages.rendering.fields import FIELDS
from app.models import Brand
from app.pipeline.house import House
from app.web.access.keys import Holder, Scope, needs
from app.web.problems import RESPONSES

router = APIRouter(prefix="/v1/templates", tags=["templates"], responses=RESPONSES)


class FieldView(BaseModel):
    """One field. `[]` in its path stands for each of a list. `most` is how long a list can be; `blank`: it may be
    empty; `sample` is what it is for a made-up order."""

    path: str = Field(examples=["items[].name"])
    type: str = Field(examples=["text"])
    meaning: str
    blank: bool
    most: int | None
    sample: str | None


class FieldList(BaseModel):
    """All fields, in the order in which they are best read."""

    fields: list[FieldView]


@router.get("/fields", summary="What a template may name")
def list_fields(request: Request, holder: Annotated[Holder, Depends(needs(Scope.templates_read))]) -> FieldList:
    """Every merge field with its meaning, its type and a sample. A template that names another is refused."""
    house: House = request.app.state.house
    with house.sessions() as session:
        found = samples(house.catalog, _key(session, holder))
    return FieldList(
        fields=[
            FieldView(
                path=field.path,
                type=field.kind,
                meaning=field.meaning,
                blank=field.blank,
                most=field.most or None,
                sample=found.get(field.path),
            )
            for field in FIELDS.values()
        ]
    )


def _key(session: Session, holder: Holder) -> str:
    return str(session.get_one(Brand, holder.brand_id).key)
