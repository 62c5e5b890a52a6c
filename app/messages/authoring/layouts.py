"""How a message is set in its layout: the layout and its ready blocks are filled with the brand and the message's text.

A layout says the usual order of the blocks, as `[[ blocks.journey ]]`. What the text names stands where the text names
it, and no longer in its usual place.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import jinja2
from babel import Locale
from jinja2 import TemplateError
from markupsafe import Markup

from app.messages.authoring.blocks import Piece
from app.messages.authoring.brands import BrandSource, Palette
from app.messages.authoring.bundle import Source
from app.messages.authoring.elements import check_tags
from app.messages.authoring.walling import check_loose, check_markup
from app.messages.rendering.sandbox import Refused, Sandbox, check_source
from app.messages.shelf import BadTemplate, File, Shelf

Kind = Literal["mjml", "txt"]

_BLOCK = re.compile(r"\bblocks\.([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a message is set in: its brand, its language's small words, the layouts, and where pictures are fetched."""

    brand: BrandSource
    words: Mapping[str, Any]
    shelf: Shelf
    public_url: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is set: the front matter's `lines` and the text's `flow`, whose words `written` turns into HTML or letter
    text. `left_out` are blocks that are not wanted."""

    lines: Mapping[str, Any]
    flow: tuple[Piece, ...] = ()
    written: Callable[[str], str] = str
    left_out: frozenset[str] = frozenset()


class _Layout(Sandbox):
    """Layouts are filled in twice: `[[ … ]]` here with the brand, `{{ … }}` later with the parcel."""

    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape)
        self.block_start_string, self.block_end_string = "[%", "%]"
        self.variable_start_string, self.variable_end_string = "[[", "]]"
        self.comment_start_string, self.comment_end_string = "[#", "#]"


_LAYOUTS: Mapping[Kind, _Layout] = {"mjml": _Layout(autoescape=True), "txt": _Layout(autoescape=False)}


def set_in(layout: str, kind: Kind, message: Message, source: Source, around: Surroundings) -> str:
    """A message in the layout of that name, filled with the brand. Raises BadTemplate naming the file and the fault."""
    file = around.shelf.file(f"layouts/{layout}.{kind}")
    if file is None:
        place = around.shelf.place(f"layouts/{layout}.{kind}")
        raise BadTemplate(f"{source.label}, layout: there is no {place}. Name one that stands in that folder.")
    first = next((piece for piece in message.flow if piece.kind == "block"), None)
    if first is not None and "text" not in _asked(file.text):
        raise BadTemplate(
            f"{source.label}, line {first.line}: the layout {layout} has no place for blocks. Take the line out, or "
            f"write [[ blocks.text ]] into {file.label} where the text belongs."
        )
    return fill(file, kind, message, source, around)


def fill(file: File, kind: Kind, message: Message, source: Source, around: Surroundings) -> str:
    """A layout's text filled with the brand, the message and the blocks that it asks for. Raises BadTemplate."""
    known = _known(source, around)
    lines: dict[str, Any] = (
        {name: _html(line) for name, line in message.lines.items()} if kind == "mjml" else dict(message.lines)
    )
    lines["ends_in_block"] = bool(message.flow) and message.flow[-1].kind != "text"
    message = replace(message, lines=lines)
    if "message.body" in file.text:
        lines["body"] = _said(kind, message, "".join(piece.text for piece in message.flow), source)
    named = {piece.text for piece in message.flow if piece.kind == "block"} | message.left_out

    def block(name: str) -> str:
        if name == "text":
            return _flow(kind, message, source, around, known)
        return "" if name in named else _block(name, kind, lines, source, around, known)

    blocks = {name: _html(block(name)) for name in _asked(file.text)}
    return _filled(file, kind, {**known, "message": lines, "blocks": blocks}, source)


def fill_for_letter(file: File, message: Message, source: Source, around: Surroundings) -> tuple[str, dict[str, str]]:
    """A document filled as `fill` does, with a word in the place of each block; and each block's letter by that word.

    Blocks that have no text of their own, as the colours, say nothing. Raises BadTemplate.
    """
    known = _known(source, around)
    names = {f"xblock{number}x": name for number, name in enumerate(_asked(file.text))}
    letters = {
        word: _block(name, "txt", message.lines, source, around, known)
        if around.shelf.file(f"layouts/blocks/{name}.txt")
        else ""
        for word, name in names.items()
    }
    blocks = {name: _html(f"<p>{word}</p>") for word, name in names.items()}
    lines = {name: _html(line) for name, line in message.lines.items()}
    return _filled(file, "mjml", {**known, "message": lines, "blocks": blocks}, source), letters


def _asked(text: str) -> list[str]:
    return list(dict.fromkeys(_BLOCK.findall(text)))


def _flow(kind: Kind, message: Message, source: Source, around: Surroundings, known: Mapping[str, Any]) -> str:
    """The text with the blocks and the `if`s in it, each as a section of its own."""
    told: list[str] = []
    for piece in message.flow:
        if piece.kind == "tag":
            told.append(f"<mj-raw>{piece.text}</mj-raw>" if kind == "mjml" else piece.text)
        elif piece.kind == "block":
            told.append(_block(piece.text, kind, message.lines, source, around, known))
        else:
            lines = {**message.lines, "body": _said(kind, message, piece.text, source)}
            told.append(_block("text", kind, lines, source, around, known))
    return ("\n" if kind == "mjml" else "\n\n").join(told)


def _said(kind: Kind, message: Message, markdown: str, source: Source) -> str:
    try:
        said = message.written(markdown)
        return _html(said) if kind == "mjml" else said
    except ValueError as error:
        raise BadTemplate(f"{source.label}: {error}. Mend the tag there.") from error


def _block(
    name: str, kind: Kind, lines: Mapping[str, Any], source: Source, around: Surroundings, known: Mapping[str, Any]
) -> str:
    file = around.shelf.file(f"layouts/blocks/{name}.{kind}")
    if file is None:
        place = around.shelf.place(f"layouts/blocks/{name}.{kind}")
        raise BadTemplate(f"{source.label}: there is no {place}. Add it, or take the block out.")
    return _filled(file, kind, {**known, "message": lines}, source)


@lru_cache(maxsize=128)
def _read(kind: Kind, text: str) -> jinja2.Template:
    """A layout or block made ready to be filled in: the same for every message that is set in it."""
    layout = _LAYOUTS[kind]
    check_source(layout, text)
    if kind == "mjml":
        check_markup(text)
        check_tags(text)
        check_loose(text)
    return layout.from_string(text)


def _filled(file: File, kind: Kind, known: Mapping[str, Any], source: Source) -> str:
    try:
        return _read(kind, file.text).render(known)
    except (Refused, TemplateError, TypeError, ValueError) as error:
        beside = "" if file.label == source.label else f" with {source.label}"
        raise BadTemplate(f"{file.label}{beside}: {error}. Mend it there.") from error


def brand_facts(brand: BrandSource, locale: str) -> dict[str, Any]:
    """What layouts and templates may say of a brand in a language."""
    return {
        "key": brand.key,
        "name": brand.name,
        "tagline": brand.tagline_in(locale),
        "site": brand.site,
        "support_url": brand.support.url,
        "support_email": brand.support.email,
        "postal_address": brand.postal_address_in(locale),
    }


def _known(source: Source, around: Surroundings) -> dict[str, Any]:
    brand = around.brand
    locale = Locale.parse(source.locale, sep="-")
    return {
        "brand": {
            **brand_facts(brand, source.locale),
            "corners": brand.corners,
            "align": brand.align,
            "caps": brand.caps,
        },
        "light": _colours(brand.colours.light),
        "dark": _colours(brand.colours.dark),
        "fonts": _fonts(brand),
        "logo": _logo(brand, around),
        "words": dict(around.words),
        "locale": {"name": source.locale, "direction": locale.text_direction},
    }


def _html(escaped: str) -> Markup:
    """What is HTML already: lines and Markdown whose own letters were escaped, and blocks filled by this engine."""
    return Markup(escaped)  # noqa: S704 – see above


def _colours(palette: Palette) -> dict[str, str]:
    return palette.model_dump()


def _fonts(brand: BrandSource) -> dict[str, Any]:
    # A stack holds letters, commas and single quotes only, so it may stand in a style sheet as it is.
    return {**brand.fonts.model_dump(), "heading": _html(brand.fonts.heading), "body": _html(brand.fonts.body)}


def _logo(brand: BrandSource, around: Surroundings) -> dict[str, Any]:
    """The logo's addresses. Its content is in them: a mail that was sent keeps the logo that it was sent with."""
    folder, logo = f"{around.public_url.rstrip('/')}/brand/{brand.key}", brand.logo

    def address(name: str) -> str:
        file = around.shelf.file(name)
        digest = f"{hashlib.sha256(file.content).hexdigest()[:12]}/" if file else ""
        return f"{folder}/{digest}{name}"

    return {
        "light": address(logo.light),
        "dark": address(logo.dark),
        "width": logo.width,
        "height": logo.height,
    }
