"""What is asked of a message as shoppers read it: rendered for the worst orders there are."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from app.messages.authoring.brands import BrandSource
from app.messages.base import Links, NotRenderable, RenderedEmail, RenderedSms, Template
from app.messages.checking.blanks import Watching
from app.messages.checking.corpus import LINKS, NOW, PERSON, WORST, facts_for
from app.messages.checking.findings import Finding, Severity
from app.messages.checking.seeing import Hidden, Owed, hidden, may_hide
from app.messages.checking.tracing import traced
from app.messages.checking.writing import at
from app.messages.rendering.render import MAX_HTML_BYTES, Renderer
from app.messages.rendering.view import fields_over, plain_facts
from app.messages.shelf import File, Shelf
from app.models.facts import Facts, Person

_RAW = re.compile(r"\{\{|\{%|xjinja|\[\[|\]\]|Undefined|\bNone\b|\bnull\b")
_SIGNS = ("{{", "{%", "xjinja", "[[", "]]", "Undefined", "None", "null")
"""Texts of which `_RAW` needs one; looking for them first takes a tenth of the time."""
_TEAM = "_team"
FEW = frozenset({"an ordinary order", "endless name", "endless item", "hostile", "fifty together"})
"""The orders that are left when somebody waits: they are the longest."""
MAX_SUBJECT = 90
"""Letters of a subject for an ordinary order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One message of one brand in one language, with the file that it is written in and those around it."""

    brand: BrandSource
    template: Template
    file: File
    shelf: Shelf

    def owed(self) -> tuple[tuple[str, str, Owed], ...]:
        """What its email may not be without: in words, by a code, and how it is found."""
        address = self.brand.postal_address_in(self.template.locale)
        return (
            ("the parcel's page", "link", Owed(LINKS.parcel, "links.parcel", link=True)),
            (
                "the link to the choices, where one unsubscribes,",
                "choices",
                Owed(LINKS.choices, "links.choices", link=True),
            ),
            ("the brand's postal address", "postal_address", Owed(address, "brand.postal_address", link=False)),
        )


@dataclass(frozen=True, slots=True)
class _Order:
    """One order that a message meets. `plain` is the part of its fields that no language changes."""

    name: str
    facts: Facts
    person: Person
    plain: Mapping[str, Any]


@lru_cache(maxsize=4)
def _orders(meant: str, *, few: bool = False) -> tuple[_Order, ...]:
    """The orders that messages of a name meet, or those of `FEW`: the same for each language, brand and channel."""
    return tuple(
        _Order(name, facts, person, plain_facts(facts))
        for name, (changed, person) in {"an ordinary order": ({}, PERSON), **WORST}.items()
        if not few or name in FEW
        for facts in (_facts(meant, changed),)
    )


def _facts(meant: str, changed: Mapping[str, object]) -> Facts:
    try:
        return facts_for(meant, **dict(changed))
    except ValueError:
        return facts_for("delayed", **dict(changed))  # a message of the shop's own, for any milestone


class _Known:
    """The fields of the order at hand, worked out once for a message's email and SMS and for every brand that says
    the same small words."""

    def __init__(self) -> None:
        self.order = _orders("delayed")[0]
        self._meant = ""
        self._words: dict[str, Mapping[str, Any]] = {}
        self._fields: dict[tuple[str, str], Mapping[str, Any]] = {}

    def __call__(
        self, template: Template, facts: Facts, person: Person, links: Links, now: datetime
    ) -> Mapping[str, Any]:
        """As `fields` does, for the facts of `order`."""
        words, locale, asked = template.parts["words"], template.locale, (template.locale, self.order.name)
        if _meant(template) != self._meant or self._words.get(locale, words) != words:
            self._meant, self._words, self._fields = _meant(template), {}, {}
        self._words[locale] = words
        if asked not in self._fields:
            self._fields[asked] = fields_over(self.order.plain, template, facts, person, links, now)
        return {**self._fields[asked], "brand": template.parts["brand"]}


def _meant(template: Template) -> str:
    """The milestone's message that a message for the shop's team stands beside; else its own name."""
    return template.key.removesuffix(_TEAM)


class Reader:
    """Renders as the sending worker does, and notes what is printed blank. For one thread."""

    def __init__(self) -> None:
        self._html, self._text = Watching(autoescape=True), Watching(autoescape=False)
        self._known = _Known()
        self._renderer = Renderer(8, self._html, self._text, self._known)
        self.renderings = 0

    def findings(self, asked: Asked, *, few: bool = False) -> Iterator[Finding]:
        """What is wrong with a message for one or another of the worst orders; with `few`, of those of `FEW`."""
        owed = () if asked.template.key.endswith(_TEAM) or asked.template.channel != "email" else asked.owed()
        looks = bool(owed) and may_hide(asked.template.parts["html"], [one for _, _, one in owed])
        for order in _orders(_meant(asked.template), few=few):
            found = list(self._one(asked, order, looks=looks))
            looks = looks and not any(one.code == "hidden" for one in found)
            yield from found

    def _one(self, asked: Asked, order: _Order, *, looks: bool) -> Iterator[Finding]:
        template, name, told, person = asked.template, order.name, order.facts, order.person
        self._known.order = order
        self.renderings += 1
        with self._html.watched() as blank, self._text.watched() as blank_text:
            try:
                if template.channel == "email":
                    email = self._renderer.render_email(template, told, person, LINKS, NOW)
                    found = list(_of_email(asked, name, email, looks=looks))
                elif template.channel == "sms":
                    sms = self._renderer.render_sms(template, told, person, LINKS, NOW)
                    found = list(_of_sms(asked, name, sms))
                else:
                    self._renderer.render_whatsapp(template, told, person, LINKS, NOW)
                    found = []
            except NotRenderable as error:
                found = [_finding(asked, "error", "not_renderable", str(error), "Mend it there.", str(error), name)]
            yield from found
            yield from _of_blanks(asked, name, blank | blank_text)


def _of_email(asked: Asked, name: str, email: RenderedEmail, *, looks: bool) -> Iterator[Finding]:
    size = len(email.html.encode())
    if size > MAX_HTML_BYTES:
        message = f"the mail is {size:,} bytes long, and Gmail cuts what is over 102,000"
        yield _finding(asked, "error", "size", message, f"Keep it below {MAX_HTML_BYTES:,}.", "", name)
    if not email.subject.strip():
        yield _finding(asked, "error", "subject", "its subject comes out empty", "Say the fact there.", "empty", name)
    elif name == "an ordinary order" and len(email.subject) > MAX_SUBJECT:
        message = f"its subject has {len(email.subject)} letters, of which a phone shows about 40"
        remedy = f"Tell the fact in {MAX_SUBJECT} letters or fewer."
        yield _finding(asked, "warning", "subject", message, remedy, "long", name)
    hostile = "hostile" in name
    for part, text in (("subject", email.subject), ("text", email.text)):
        found = None if hostile else _unfilled(text)
        if found:
            message = f"{found[0]!r} is left unfilled in its {part}"
            yield _finding(asked, "error", "unfilled", message, "Correct the field.", f"{part} {found[0]}", name)
    if asked.template.key.endswith(_TEAM):
        return
    for what, code, owed in asked.owed():
        for part, text in (("HTML", email.html), ("plain text", email.text)):
            if owed.text not in text and owed.text.replace("&", "&amp;").replace("'", "&#39;") not in text:
                message = f"{what} is missing in its {part}"
                remedy = "Put it into the layout that this message is set in."
                yield _finding(asked, "error", code, message, remedy, part, name)
            elif looks and part == "HTML" and (by := hidden(text, owed)):
                yield _unseen(asked, name, what, owed, by)


def _unseen(asked: Asked, name: str, what: str, owed: Owed, hidden: Hidden) -> Finding:
    file, place = traced(hidden, owed, asked.file, asked.shelf)
    by = hidden.by
    style = f"{by.name}: {by.value}" if by.value not in ("", by.name) else by.name
    said = {
        "text": "there are no words in the link",
        "comment": "it stands where no mail program shows it",
    }.get(by.name, f"{style!r}{f' of {by.selector!r}' if by.selector else ''} hides it")
    where = f" {hidden.view}" if hidden.view else ""
    message = f"{what} cannot be seen in the mail{where}: {said}"
    remedy = "Show it plainly: every reader must find it."
    if "dark" in hidden.view and by.name.endswith("color") and not by.selector:
        remedy = 'Give it a class that has a colour by night too, such as css-class="muted".'
    return at(
        file, file.text, place, "error", "hidden", message, remedy, f"{what} {hidden.view}", f"seen with {name!r}"
    )


def _unfilled(text: str) -> re.Match[str] | None:
    return _RAW.search(text) if any(sign in text for sign in _SIGNS) else None


def _of_sms(asked: Asked, name: str, sms: RenderedSms) -> Iterator[Finding]:
    if not sms.text.startswith(f"{asked.brand.name}: ") and not sms.text.startswith(asked.brand.name):
        message = f"it does not begin with {asked.brand.name}, so nobody can tell whom it is from"
        yield _finding(asked, "error", "sender", message, "Begin with {{ brand.name }}:", "", name)
    if not sms.text.endswith(LINKS.short):
        message = "it does not end with the link to the parcel's page"
        yield _finding(asked, "error", "link", message, "End with {{ links.short }}", "", name)
    found = None if "hostile" in name else _unfilled(sms.text)
    if found:
        yield _finding(asked, "error", "unfilled", f"{found[0]!r} is left unfilled", "Correct the field.", "", name)
    if sms.segments > 1:
        message = f"it fills {sms.segments} segments ({len(sms.text)} letters), each of which is paid for"
        yield _finding(asked, "warning", "segments", message, "Shorten it.", "", name)


def _of_blanks(asked: Asked, name: str, blank: set[str]) -> Iterator[Finding]:
    """Only what the message's own file prints: a layout knows what it may leave empty."""
    file = asked.file
    for written in sorted(blank):
        found = re.search(rf"\{{\{{-?\s*({re.escape(written)})\b(?!\.)", file.text)
        if found:
            message = f"{written} is printed, and is blank for some orders"
            remedy = f"Ask first ({{% if {written} %}} … {{% endif %}}), or say what stands then: {written} or '…'."
            yield at(file, file.text, found.start(1), "error", "blank", message, remedy, written, name)


def _finding(asked: Asked, severity: Severity, code: str, message: str, remedy: str, about: str, name: str) -> Finding:
    file = asked.file
    return Finding(severity, code, file.path, file.label, None, None, message, remedy, about, f"seen with {name!r}")
