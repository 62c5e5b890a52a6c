"""How a message's text, its layout and its brand become one immutable template: Markdown and MJML to a Jinja source.

The slow tools run here, once per content. What is left for each shopper is one Jinja rendering.
"""

from collections.abc import Callable, Mapping
from typing import Any

import mjml

from app.messages.authoring.blocks import block_names, check_names, read_flow
from app.messages.authoring.brands import BrandSource
from app.messages.authoring.bundle import OWN_MJML, PROSE, FrontMatter, Source, split
from app.messages.authoring.content import content_sid, read_content
from app.messages.authoring.fielding import check_part, check_written, with_fallbacks
from app.messages.authoring.layouts import Message, Surroundings, brand_facts, fill, fill_for_letter, set_in
from app.messages.authoring.markup import Tags, body_html, body_text, french_colons, line_html, line_text
from app.messages.authoring.own_mjml import OwnFrontMatter, letter_of, split_own
from app.messages.authoring.walling import check_elements, check_markup, check_said
from app.messages.base import Template
from app.messages.rendering.sandbox import HTML, TEXT
from app.messages.shelf import BadTemplate
from app.models.decisions import digest_of

_FORM = 1
"""Raised when `parts` changes its shape, so that a version stored before is never taken for one stored after."""


def compile_template(source: Source, around: Surroundings) -> Template:
    """One message made ready to be filled in. Raises BadTemplate naming the file and what is wrong with it, and
    TemplateMissing where it is a WhatsApp message that nobody has had approved for this brand."""
    parts: dict[str, Any] = {
        "form": _FORM,
        "brand": brand_facts(around.brand, source.locale),
        "words": {name: word for name, word in around.words.items() if name != "fallbacks"},
        **_PARTS[source.channel](source, around),
    }
    return Template(source.key, source.channel, source.locale, digest_of(parts), parts)


def _sms_parts(source: Source, around: Surroundings) -> dict[str, Any]:
    check_written(TEXT, {"text": source.text}, source)
    text = with_fallbacks(" ".join(source.text.split()), around.words)
    check_part(TEXT, text, source, around.shelf)
    return {"text": text, "sender": around.brand.sender.sms}


def _whatsapp_parts(source: Source, around: Surroundings) -> dict[str, Any]:
    content = read_content(source)
    check_written(TEXT, {f"variables.{name}": filling for name, filling in content.variables.items()}, source)
    variables = {name: with_fallbacks(filling, around.words) for name, filling in content.variables.items()}
    for filling in variables.values():
        check_part(TEXT, filling, source, around.shelf)
    return {"content_sid": content_sid(content, around.brand.key, source), "variables": variables}


def _email_parts(source: Source, around: Surroundings) -> dict[str, Any]:
    html, text, front = _written(source, around)
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
    return Tags().hide(_written(source, around)[0])


def _written(source: Source, around: Surroundings) -> tuple[str, str, FrontMatter | OwnFrontMatter]:
    """An email's MJML and its letter, with the tags that each shopper's facts will fill, and its front matter."""
    if source.path.endswith(OWN_MJML):
        own, document = split_own(source)
        check_written(TEXT, own.model_dump(exclude_none=True), source)
        lines = {name: _line(line_html, line, source) for name, line in own.model_dump(exclude_none=True).items()}
        html = fill(document, "mjml", Message(lines), source, around)
        lines = {name: _line(line_text, line, source) for name, line in own.model_dump(exclude_none=True).items()}
        return html, letter_of(*fill_for_letter(document, Message(lines), source, around), source), own
    front, body = split(source)
    said = {**front.model_dump(exclude={"layout", "leave_out"}), "closing": _closing(front, source, around)}
    check_written(TEXT, {**front.model_dump(include=set(PROSE)), "body": body}, source)
    _check_said(source)
    known = block_names(around.shelf) if front.leave_out or ":::" in body else []
    check_names(front.leave_out, source, known)
    flow, left_out, styles = read_flow(body, source, known), frozenset(front.leave_out), _styles(around.brand)

    def html_of(markdown: str) -> str:
        return body_html(markdown, styles)

    lines = {name: _line(line_html, line, source) for name, line in said.items()}
    html = set_in(front.layout, "mjml", Message(lines, flow, html_of, left_out), source, around)
    lines = {name: _line(line_text, line, source) for name, line in said.items()}
    text = set_in(front.layout, "txt", Message(lines, flow, body_text, left_out), source, around)
    return html, text, front


def _closing(front: FrontMatter, source: Source, around: Surroundings) -> str:
    """The brand's own line at the text's end; bad news has none."""
    return around.brand.voice.closes(source.locale) if front.tone == "steady" else ""


def _line(written: Callable[[str], str], line: str, source: Source) -> str:
    try:
        return written(line)
    except ValueError as error:
        raise BadTemplate(f"{source.label}: {error}. Mend the tag there.") from error


def _check_said(source: Source) -> None:
    try:
        check_said(source.text)
    except ValueError as error:
        raise BadTemplate(f"{source.label}: {error}.") from error


def _styles(brand: BrandSource) -> dict[str, str]:
    light = brand.colours.light
    text = f"margin:0 0 16px;font-size:16px;line-height:24px;color:{light.ink};"
    return {
        "p": text,
        "a": f"color:{light.accent};text-decoration:underline;",
        "ul": f"{text}padding:0 0 0 24px;",
        "ol": f"{text}padding:0 0 0 24px;",
        "li": "margin:0 0 8px;",
        "h2": f"margin:0 0 8px;padding:8px 0 0;font-size:20px;line-height:28px;font-family:{brand.fonts.heading};"
        f"font-weight:{brand.fonts.heading_weight};color:{light.ink};",
    }


def _to_html(source_mjml: str, source: Source) -> str:
    tags = Tags()
    try:
        check_markup(source_mjml)
        hidden = tags.hide(source_mjml)
        if "{#" in source_mjml:
            check_markup(tags.show(hidden))
        check_elements(hidden)
        return tags.show(mjml.mjml2html(hidden, disable_comments=False, fonts={}))
    except ValueError as error:
        raise BadTemplate(f"{source.label}: the layout is not MJML: {error}. Mend the layout.") from error


_PARTS: Mapping[str, Callable[[Source, Surroundings], dict[str, Any]]] = {
    "email": _email_parts,
    "sms": _sms_parts,
    "whatsapp": _whatsapp_parts,
}
