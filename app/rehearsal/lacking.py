"""What a draft needs and what counts does not: each new field, with how many real orders have none, and how many of
the messages that wait."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.errors import ConfigurationError
from app.messages.authoring.bundle import named
from app.messages.authoring.wording import is_message
from app.messages.base import Template, TemplateMissing
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS
from app.messages.checking.field_samples import walked
from app.messages.checking.field_uses import Need, new_needs
from app.messages.rendering.view import fields
from app.models import Brand, Crossing, Message, Order, Shipment, TemplateVersion
from app.models.facts import Facts, Person
from app.pipeline.leaving.moving import not_rendered
from app.rehearsal.samples import milestone_of

MOST = 100
"""Orders that are looked at, and messages that wait: enough to know whether it is one in a hundred or one in two."""
_RECENT = 200_000
"""How far back orders are looked for, in news of all kinds."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A field that a file begins to need. Of the last `orders` of which its message told, `orders_without` have none;
    of `waiting` messages that wait to leave with older words, `waiting_without`. Not `counted` where the file cannot
    be filled in as it stands."""

    path: str
    need: Need
    orders: int = 0
    orders_without: int = 0
    waiting: int = 0
    waiting_without: int = 0
    counted: bool = True

    @property
    def breaks(self) -> bool:
        """Whether somebody would be written to without it."""
        return bool(self.orders_without or self.waiting_without)

    @property
    def sentence(self) -> str:
        """How often it is blank, for a person."""
        if not self.need.field.blank:
            return "Every order has it."
        if not self.counted:
            return "It may be blank; for how many orders is told once the text can be filled in."
        told = [
            _told(self.orders_without, self.orders, "the last such order", f"the last {self.orders:,} such orders"),
            _told(self.waiting_without, self.waiting, "the one message that waits", f"{self.waiting:,} that wait"),
        ]
        said = ", and ".join(filter(None, told))
        return f"It may be blank: {said}." if said else "It may be blank; no such order has come yet."

    def __str__(self) -> str:
        return f"needs {self.need.field.path} from now on ({self.need.field.meaning.rstrip('.')}). {self.sentence}"


def lacking(
    session: Session, catalog: Catalog, brand: Brand, before: Mapping[str, str], after: Mapping[str, str]
) -> list[Lack]:
    """What the files in `after` need beyond those in `before`, by path; `catalog` is what would count. A message that
    is not there yet, a layout and a block tell nothing: they are no change to orders that are on their way."""
    found: list[Lack] = []
    for path, text in sorted(after.items()):
        message = named(path) if is_message(path) else None
        needs = new_needs(path, before[path], text) if message and path in before else []
        if message and needs:
            found += _counted(session, catalog, brand, (path.split("/")[1], *message), [(path, one) for one in needs])
    return found


def lacking_in(
    session: Session, catalog: Catalog, brand: Brand, published: Mapping[str, bytes], changes: Mapping[str, bytes]
) -> list[Lack]:
    """What changed files, by path, need that those which count do not: what ships, and what is `published` over it."""
    shelf = catalog.over(brand.key, published).shelf(brand.key)
    after = catalog.over(brand.key, {**published, **changes})
    before = {path: file.content for path in changes if (file := shelf.file(path))}
    return lacking(session, after, brand, _texts(before), _texts(changes))


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: content.decode("utf-8", "replace") for path, content in files.items() if not path.endswith(".png")}


def _counted(
    session: Session, catalog: Catalog, brand: Brand, message: tuple[str, str, str], needs: Sequence[tuple[str, Need]]
) -> list[Lack]:
    locale, key, channel = message
    try:
        template = catalog.resolve(brand.key, locale, key, channel)
    except (TemplateMissing, ConfigurationError):
        return [Lack(path, need, counted=False) for path, need in needs]
    paths = [need.field.path for _, need in needs if need.field.blank]
    seen = _without(template, _recent(session, brand.id, key), paths) if paths else (0, {})
    waits = _without(template, _waiting(session, brand.id, message), paths) if paths else (0, {})
    return [
        Lack(path, need, seen[0], seen[1].get(need.field.path, 0), waits[0], waits[1].get(need.field.path, 0))
        for path, need in needs
    ]


def _recent(session: Session, brand_id: int, key: str) -> Iterable[Any]:
    """The newest news of the kind that a message tells, with whom it was about."""
    newest = sa.select(sa.func.coalesce(sa.func.max(Crossing.id), 0)).scalar_subquery()
    query = (
        sa.select(Crossing.facts, Crossing.crossed_at.label("at"), Order.shopper_name)
        .join(Order, Order.id == Crossing.order_id)
        .join(Shipment, Shipment.id == Crossing.shipment_id)
        .where(Crossing.brand_id == brand_id, Crossing.milestone == milestone_of(key).value)
        .where(Crossing.retired_at.is_(None), Crossing.id > newest - _RECENT)
    )
    back = "return" if key.startswith("return_") else "outbound"
    told = query.where(Shipment.direction == back)
    return session.execute(told.order_by(Crossing.id.desc()).limit(MOST))


def _waiting(session: Session, brand_id: int, message: tuple[str, str, str]) -> Iterable[Any]:
    """The messages that wait with some version of one template."""
    held = not_rendered(brand_id).subquery()
    locale, key, channel = message
    return session.execute(
        sa.select(Crossing.facts, Message.planned_at.label("at"), Order.shopper_name)
        .select_from(held)
        .join(TemplateVersion, TemplateVersion.id == held.c.version)
        .join(Message, Message.id == held.c.id)
        .join(Crossing, Crossing.id == Message.crossing_id)
        .join(Order, Order.id == Message.order_id)
        .where(TemplateVersion.key == key, TemplateVersion.channel == channel, TemplateVersion.locale == locale)
        .order_by(Message.id)
        .limit(MOST)
    )


def _without(template: Template, rows: Iterable[Any], paths: Sequence[str]) -> tuple[int, dict[str, int]]:
    """How many orders were looked at, and how many of them leave each field blank; forgotten ones are left out."""
    looked, without = 0, dict.fromkeys(paths, 0)
    for row in rows:
        try:
            facts = Facts.model_validate(row.facts) if row.facts else None
        except ValidationError:  # written by another Doorstep
            facts = None
        if facts is None:
            continue
        looked += 1
        given = list(walked(fields(template, facts, Person(name=row.shopper_name), LINKS, row.at)))
        for path in paths:
            values = [value for one, value in given if one == path]
            without[path] += any(value in (None, "") for value in values) or (not values and "[]" not in path)
    return looked, without


def _told(without: int, looked: int, one: str, many: str) -> str:
    if looked == 1:
        return f"{one} {'has none' if without else 'has it'}"
    said = "all" if not without else f"all but {without:,}" if without * 2 < looked else f"{looked - without:,}"
    return f"{said} of {many} {'has' if said == '1' else 'have'} it" if looked else ""
