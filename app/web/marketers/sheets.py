"""One file of a brand on the desk: what stands there, what its writer saw, and what the form brings back."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import yaml
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.errors import Fault, InvalidInput
from app.messages.authoring.bundle import SUFFIXES, named
from app.messages.authoring.editing import Opened, closed, opened, set_values
from app.messages.shelf import known_path
from app.messages.versions.drafts import Draft, draft_of
from app.messages.versions.live import Edition, counting, digest_of, edition_of
from app.models import Brand
from app.pipeline.house import House
from app.web.access.doors import Denied
from app.web.access.sessions import Visitor

FIELD = "f."
"""Stands before a front matter's field in the form's names."""

DEEP = "v."
"""Stands before the keys of a value of `brand.yaml`: `v.colours.light.ink`."""

FRONT: Mapping[str, tuple[str, str]] = {
    "subject": ("Subject", "The fact first; a phone shows about 40 letters."),
    "preheader": ("Preheader", "The grey line beside the subject in a list of mails."),
    "eyebrow": ("Eyebrow", "The short line above the headline."),
    "headline": ("Headline", "The fact, in the largest type."),
    "lead": ("Lead", "The first sentence."),
    "button": ("Button", "It leads to the parcel's page."),
}
CHOICES: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "hours": (
        "Hours behind the headline",
        (("", "none"), ("when", "when it is expected"), ("happened", "when it happened")),
    ),
    "tone": ("Tone", (("", "steady"), ("late", "late: another colour, no closing line"))),
}
OTHERS: Mapping[str, tuple[str, str]] = {
    "leave_out": ("Blocks left out", "Names with commas: items, unsent."),
    "layout": ("Layout", "Usually parcel."),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as it lies on the desk. `content` is the draft's, else what counts, else for a file that is not there yet
    that of the language it would take the place of (`begun_from`). `seen` is the digest that a save has to name."""

    path: str
    content: bytes
    live: bytes | None
    draft: Draft | None
    begun_from: str = ""
    edition: int = 0

    @property
    def seen(self) -> str:
        if self.draft is not None:
            return self.draft.digest
        return digest_of(self.live) if self.live is not None else ""

    @property
    def text(self) -> str:
        """Its text; what is no UTF-8 in it is shown as signs that stand for that."""
        return self.content.decode("utf-8", "replace")

    @property
    def opened(self) -> Opened:
        return opened(self.path, self.text)

    @property
    def outdated(self) -> bool:
        """Whether another file counts by now than the one that the draft was begun from."""
        if self.draft is None:
            return False
        return self.draft.based_on != (digest_of(self.live) if self.live is not None else None)

    @property
    def message(self) -> tuple[str, str] | None:
        """The message and channel that the file is of, or None for any other file."""
        return named(self.path)


def sheet_of(session: Session, house: House, brand: Brand, path: str) -> Sheet:
    """A file of the brand. Raises Denied (404) for a path that no file can have, or a file that cannot be begun."""
    if not known_path(path):
        raise Denied(404, "There is no such file", "A brand's files are listed under Templates.")
    edition = edition_of(session, brand.id)
    draft = draft_of(session, brand.id, path)
    file = counting(house.catalog, brand.key, edition, path)
    live = file.content if file else None
    if draft is not None:
        return Sheet(path, draft.content, live, draft, edition=edition.number)
    if live is not None:
        return Sheet(path, live, live, None, edition=edition.number)
    begun_from, content = _start(house, brand, edition, path)
    return Sheet(path, content, None, None, begun_from, edition.number)


def written(sheet: Sheet, form: FormData) -> str:
    """The file that the form describes, in parts or whole: as it was, byte for byte, where nothing was changed.

    Raises InvalidInput for a form that does not go with the file.
    """
    deep = {tuple(name.removeprefix(DEEP).split(".")): str(value).replace("\r\n", "\n").strip()
            for name, value in form.multi_items() if name.startswith(DEEP)}  # fmt: skip
    if deep:
        try:
            return set_values(sheet.text, deep)
        except yaml.YAMLError as error:
            raise InvalidInput([Fault(None, sheet.path, str(error), "Open it as a file.")]) from error
    if "whole" in form:
        return closed("", sheet.text, {}, str(form["whole"]))
    values = {name.removeprefix(FIELD): str(value) for name, value in form.multi_items() if name.startswith(FIELD)}
    return closed(sheet.path, sheet.text, values, str(form.get("body", "")))


def place_in(sheet_text: str, path: str, line: int | None) -> tuple[str, int]:
    """Which part of the form a line of the file stands in (`subject`, `body`), and the line inside it, from 1."""
    if line is None:
        return "", 0
    if opened(path, sheet_text).values is None:
        return "body", line
    lines = sheet_text.splitlines()
    ends = next((number for number, one in enumerate(lines[1:], 2) if one.rstrip() == "---"), 0)
    if line > ends:
        return "body", line - ends
    key = ""
    for one in lines[1:line]:
        head = one.partition(":")[0]
        key = head if head.isidentifier() else key
    return key, 1


def brand_of(session: Session, visitor: Visitor) -> Brand:
    """The brand whose page this is."""
    return session.get_one(Brand, visitor.brand_id)


def address(visitor: Visitor, *steps: str, **query: str | int | None) -> str:
    """The address of one of the studio's pages."""
    told = {name: value for name, value in query.items() if value not in (None, "")}
    path = "/".join((f"/b/{visitor.brand_key}/templates", *steps))
    return f"{path}?{urlencode(told)}" if told else path


def _start(house: House, brand: Brand, edition: Edition, path: str) -> tuple[str, bytes]:
    """What a new file of a message begins as: the same message in the language that is sent in its place."""
    found = named(path)
    if found is None or path.endswith(".mjml"):
        raise Denied(404, "There is no such file", "A brand's files are listed under Templates.")
    key, channel = found
    suffix = SUFFIXES[channel]
    for locale in dict.fromkeys((brand.locale, brand.locale.split("-")[0], "en")):
        other = f"messages/{locale}/{key}{suffix}"
        file = counting(house.catalog, brand.key, edition, other)
        if file is not None and other != path:
            return other, file.content
    raise Denied(404, "There is no such message", "Write it in English first, or in the brand's own language.")
