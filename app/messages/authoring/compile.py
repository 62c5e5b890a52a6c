"""How a message's text, its layout and its brand become one immutable template: Markdown and MJML to a Jinja source.

The slow tools run here, once per content. What is left for each shopper is one Jinja rendering.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jinja2
import mjml
from babel import Locale
from jinja2 import TemplateError
from markupsafe import Markup

from app.messages.authoring.brands import BrandSource, Palette
from app.messages.authoring.bundle import FrontMatter, Source, split
from app.messages.authoring.content import content_sid, read_content
from app.messages.authoring.fielding import check_part, check_written, with_fallbacks
from app.messages.authoring.markup import Tags, body_html, body_text, french_colons, line_html, line_text
from app.messages.authoring.walling import check_elements, check_markup
from app.messages.base import Template
from app.messages.rendering.sandbox import HTML, TEXT, Refused, Sandbox, check_source
from app.messages.shelf import BadTemplate, Shelf

_FORM = 1
"""Raised when `parts` changes its shape, so that a version stored before is never taken for one stored after."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a message is set in: its brand, its language's small words, the layouts, and where pictures are fetched."""

    brand: BrandSource
    words: Mapping[str, Any]
    shelf: Shelf
    public_url: str


class _Layout(Sandbox):
    """Layouts are filled in twice: `[[ … ]]` here with the brand, `{{ … }}` later with the parcel."""

    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape)
        self.block_start_string, self.block_end_string = "[%", "%]"
        self.variable_start_string, self.variable_end_string = "[[", "]]"
        self.comment_start_string, self.comment_end_string = "[#", "#]"


_MJML_LAYOUT = _Layout(autoescape=True)
_TEXT_LAYOUT = _Layout(autoescape=False)


def compile_template(source: Source, around: Surroundings) -> Template:
    """One message made ready to be filled in. Raises BadTemplate naming the file and what is wrong with it, and
    TemplateMissing where it is a WhatsApp message that nobody has had approved for this brand."""
    parts: dict[str, Any] = {
        "form": _FORM,
        "brand": _brand_facts(around.brand),
        "words": {name: word for name, word in around.words.items() if name != "fallbacks"},
        **_PARTS[source.channel](source, around),
    }
    return Template(source.key, source.channel, source.locale, digest_of(parts), parts)


def digest_of(parts: Mapping[str, Any]) -> bytes:
    """32 bytes that name `parts` by content: SHA-256 over its JSON with sorted keys and no spaces."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8")).digest()


def _brand_facts(brand: BrandSource) -> dict[str, Any]:
    return {
        "key": brand.key,
        "name": brand.name,
        "tagline": brand.tagline,
        "site": brand.site,
        "support_url": brand.support.url,
        "support_email": brand.support.email,
        "postal_address": brand.postal_address,
    }


def _sms_parts(source: Source, around: Surroundings) -> dict[str, Any]:
    check_written(TEXT, {"text": source.text}, source)
    text = with_fallbacks(" ".join(source.text.split()), around.words)
    check_part(TEXT, text, source, around.shelf)
    return {"text": text, "sender": around.brand.sender.sms}


def _whatsapp_parts(source: Source, around: Surroundings) -> dict[str, Any]:
    content = read_content(source)
    variables = {name: with_fallbacks(filling, around.words) for name, filling in content.variables.items()}
    for filling in variables.values():
        check_part(TEXT, filling, source, around.shelf)
    return {"content_sid": content_sid(content, around.brand.key, source), "variables": variables}


def _email_parts(source: Source, around: Surroundings) -> dict[str, Any]:
    front, body = split(source)
    check_written(TEXT, {**front.model_dump(exclude={"layout", "hours", "tone"}), "body": body}, source)
    html = _filled(
        _MJML_LAYOUT, f"{front.layout}.mjml", source, around, _html_pieces(front, body, around.brand, source)
    )
    text = _filled(_TEXT_LAYOUT, f"{front.layout}.txt", source, around, _text_pieces(front, body, source))
    made = {"subject": front.subject, "preheader": front.preheader, "html": _to_html(html, source), "text": text}
    if source.locale.split("-")[0] == "fr":  # the layouts' own colons; the French texts have theirs
        made |= {"text": french_colons(made["text"]), "html": made["html"].replace("}}: {{", "}}\u202f: {{")}
    parts = {name: with_fallbacks(part, around.words) for name, part in made.items()}
    for name, part in parts.items():
        check_part(HTML if name == "html" else TEXT, part, source, around.shelf)
    sender = around.brand.sender
    return {
        **parts,
        "offers_choices": "links.choices" in parts["html"],
        "sender": {"email": sender.from_email, "name": sender.from_name, "reply_to": sender.reply_to},
    }


def mjml_source(source: Source, around: Surroundings) -> str:
    """An email's MJML before it is compiled, set in its layout and brand, with letters in the place of each Jinja tag:
    for another judge of MJML. Raises BadTemplate."""
    front, body = split(source)
    pieces = _html_pieces(front, body, around.brand, source)
    return Tags().hide(_filled(_MJML_LAYOUT, f"{front.layout}.mjml", source, around, pieces))


def _html_pieces(front: FrontMatter, body: str, brand: BrandSource, source: Source) -> dict[str, Any]:
    lines = front.model_dump(exclude={"layout"})
    try:
        pieces: dict[str, Any] = {name: Markup(line_html(line)) for name, line in lines.items()}  # noqa: S704 – escaped there
        return {**pieces, "body": Markup(body_html(body, _styles(brand)))}  # noqa: S704 – Markdown without raw HTML
    except ValueError as error:
        raise BadTemplate(f"{source.label}: {error}. Mend the tag there.") from error


def _text_pieces(front: FrontMatter, body: str, source: Source) -> dict[str, Any]:
    try:
        lines = {name: line_text(line) for name, line in front.model_dump(exclude={"layout"}).items()}
        return {**lines, "body": body_text(body)}
    except ValueError as error:
        raise BadTemplate(f"{source.label}: {error}. Mend the tag there.") from error


def _styles(brand: BrandSource) -> dict[str, str]:
    light = brand.colours.light
    text = f"margin:0 0 16px;font-size:16px;line-height:24px;color:{light.ink};"
    return {
        "p": text,
        "a": f"color:{light.accent};text-decoration:underline;",
        "ul": f"{text}padding:0 0 0 24px;",
        "ol": f"{text}padding:0 0 0 24px;",
        "li": "margin:0 0 8px;",
        "h2": f"margin:8px 0;font-size:20px;line-height:28px;font-family:{brand.fonts.heading};"
        f"font-weight:{brand.fonts.heading_weight};color:{light.ink};",
    }


@lru_cache(maxsize=32)
def _read_layout(layout: Sandbox, text: str) -> jinja2.Template:
    """A layout made ready to be filled in: the same for every message that is set in it."""
    check_source(layout, text)
    if layout.autoescape:
        check_markup(text)
    return layout.from_string(text)


def _filled(layout: Sandbox, name: str, source: Source, around: Surroundings, pieces: Mapping[str, Any]) -> str:
    file = around.shelf.file(f"layouts/{name}")
    if file is None:
        place = around.shelf.place(f"layouts/{name}")
        raise BadTemplate(f"{source.label}, layout: there is no {place}. Name one that stands in that folder.")
    brand = around.brand
    locale = Locale.parse(source.locale, sep="-")
    try:
        return _read_layout(layout, file.text).render(
            message=pieces,
            brand={**_brand_facts(brand), "corners": brand.corners, "align": brand.align, "caps": brand.caps},
            light=_colours(brand.colours.light),
            dark=_colours(brand.colours.dark),
            fonts=_fonts(brand),
            logo=_logo(brand, around),
            words=dict(around.words),
            locale={"name": source.locale, "direction": locale.text_direction},
        )
    except (Refused, TemplateError, TypeError, ValueError) as error:
        raise BadTemplate(f"{file.label} with {source.label}: {error}. Mend it there.") from error


def _colours(palette: Palette) -> dict[str, str]:
    return palette.model_dump()


def _fonts(brand: BrandSource) -> dict[str, Any]:
    # A stack holds letters, commas and single quotes only, so it may stand in a style sheet as it is.
    return {**brand.fonts.model_dump(), "heading": Markup(brand.fonts.heading), "body": Markup(brand.fonts.body)}  # noqa: S704


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


def _to_html(source_mjml: str, source: Source) -> str:
    tags = Tags()
    try:
        check_markup(source_mjml)
        hidden = tags.hide(source_mjml)
        check_elements(hidden)
        return tags.show(mjml.mjml2html(hidden, disable_comments=False, fonts={}))
    except ValueError as error:
        raise BadTemplate(f"{source.label}: the layout is not MJML: {error}. Mend the layout.") from error


_PARTS: Mapping[str, Callable[[Source, Surroundings], dict[str, Any]]] = {
    "email": _email_parts,
    "sms": _sms_parts,
    "whatsapp": _whatsapp_parts,
}
