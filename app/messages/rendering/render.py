"""How a compiled template becomes one shopper's email, SMS or WhatsApp. Pure: no clock, no files, no network."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from jinja2.exceptions import SecurityError, UndefinedError

from app.messages.base import Links, NotRenderable, RenderedEmail, RenderedSms, RenderedWhatsApp, Template
from app.messages.rendering.gsm import segments, to_gsm
from app.messages.rendering.sandbox import HTML, TEXT, Filling, Refused, Sandbox, shorten
from app.messages.rendering.view import fields
from app.models.facts import Facts, Person

MAX_HTML_BYTES = 90_000
"""Gmail cuts a message at 102 KB and hides what follows, the way to a person among it."""
MAX_TEXT = 20_000
MAX_SUBJECT = 150
MAX_SMS_SEGMENTS = 6

_STOP_AFTER_ABBREVIATION = re.compile(r"(?<!\.)\.\.(?!\.)")
_STRAY_SPACE = re.compile(r" +(?=[.,;](?: |$))")
"""What stands before a mark where a picture was left out."""

_SOURCES: Mapping[str, tuple[tuple[str, str, int], ...]] = {
    "email": (("subject", "text", 2_000), ("html", "html", MAX_HTML_BYTES), ("text", "text", MAX_TEXT)),
    "sms": (("text", "text", 2_000),),
}
FAULTS = (SecurityError, UndefinedError, TypeError, ValueError, ArithmeticError, RecursionError)
"""What can go wrong while a source is filled in."""
MAX_FILLING = 1_000
"""Characters in one variable of a WhatsApp message; together with its template's own text it may have 1,024."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A template's sources, read by Jinja."""

    sources: Mapping[str, tuple[Filling, int]]


Known = Callable[[Template, Facts, Person, Links, datetime], Mapping[str, Any]]
"""What a template may name, for one shopper at one time."""


class Renderer:
    """Fills templates in. Reading a source costs milliseconds, so up to `remember` of them are kept, by digest."""

    def __init__(self, remember: int = 256, html: Sandbox = HTML, text: Sandbox = TEXT, known: Known = fields) -> None:
        self._remember = remember
        self._known = known
        self._environments = {"html": html, "text": text}
        self._ready: OrderedDict[bytes, _Ready] = OrderedDict()
        self._lock = Lock()

    def render_email(
        self, template: Template, facts: Facts, person: Person, links: Links, now: datetime
    ) -> RenderedEmail:
        """One email, as it reads at `now` on the shopper's clock. Raises NotRenderable naming template and field."""
        ready = self._made_ready(template, "email")
        known = self._fields(template, facts, person, links, now)
        subject = shorten(" ".join(_fill(template, ready, "subject", known).split()), MAX_SUBJECT)
        if not subject:
            raise NotRenderable(f"{_named(template)}, subject: it comes out empty for this parcel.")
        sender = template.parts["sender"]
        return RenderedEmail(
            subject=subject,
            html=_fill(template, ready, "html", known),
            text=_letter(_fill(template, ready, "text", known)),
            from_email=sender["email"],
            from_name=sender["name"],
            reply_to=sender["reply_to"],
            headers=_unsubscribe(links) if template.parts.get("offers_choices") else {},
        )

    def render_sms(self, template: Template, facts: Facts, person: Person, links: Links, now: datetime) -> RenderedSms:
        """One SMS in as few segments as it can be said in: what is in the parcel gives way to the facts.

        Raises NotRenderable naming template and field.
        """
        ready = self._made_ready(template, "sms")
        known = self._fields(template, facts, person, links, now)
        text = _in_gsm(_fill(template, ready, "text", known))
        if segments(text) > 1:
            lean = _in_gsm(_fill(template, ready, "text", {**known, "what": "", "place": "", "note": ""}))
            text = lean if lean and segments(lean) < segments(text) else text
        count = segments(text)
        if not text:
            raise NotRenderable(f"{_named(template)}, text: it comes out empty for this parcel.")
        if count > MAX_SMS_SEGMENTS:
            raise NotRenderable(f"{_named(template)}, text: it would fill {count} segments; shorten it.")
        return RenderedSms(text=text, sender=template.parts["sender"], segments=count)

    def render_whatsapp(
        self, template: Template, facts: Facts, person: Person, links: Links, now: datetime
    ) -> RenderedWhatsApp:
        """What fills each variable of an approved template: one line each, for WhatsApp takes no others, and none
        empty. Raises NotRenderable naming template and variable."""
        ready = self._made_ready(template, "whatsapp")
        known = self._fields(template, facts, person, links, now)
        variables: dict[str, str] = {}
        for name in ready.sources:
            filling = " ".join(_fill(template, ready, name, known).split())
            if not filling:
                raise NotRenderable(f"{_named(template)}, variable {name}: it comes out empty. Write what stands then.")
            variables[name] = filling
        return RenderedWhatsApp(template.parts["content_sid"], variables)

    def _fields(
        self, template: Template, facts: Facts, person: Person, links: Links, now: datetime
    ) -> Mapping[str, Any]:
        try:
            return self._known(template, facts, person, links, now)
        except KeyError as error:
            raise NotRenderable(f"{_named(template)}: words.yaml lacks {error}. Add the word there.") from error

    def _made_ready(self, template: Template, channel: str) -> _Ready:
        if template.channel != channel:
            raise NotRenderable(f"{_named(template)} is for {template.channel}, not for {channel}.")
        with self._lock:
            ready = self._ready.get(template.digest)
            if ready is not None:
                self._ready.move_to_end(template.digest)
                return ready
        ready = _read(template, self._environments)
        with self._lock:
            self._ready[template.digest] = ready
            while len(self._ready) > self._remember:
                self._ready.popitem(last=False)
        return ready


def _named(template: Template) -> str:
    return f"Template {template.key} ({template.channel}, {template.locale})"


def _read(template: Template, environments: Mapping[str, Sandbox]) -> _Ready:
    sources: dict[str, tuple[Filling, int]] = {}
    variables = template.parts.get("variables", {}) if template.channel == "whatsapp" else {}
    texts = variables or template.parts
    for name, kind, limit in _SOURCES.get(template.channel) or [(name, "text", MAX_FILLING) for name in variables]:
        environment = environments[kind]
        try:
            # Stored versions come from a database, so they are held to the same rules as files.
            sources[name] = (environment.ready(texts[name]), limit)
        except KeyError as error:
            raise NotRenderable(f"{_named(template)} has no {name}. Compile it again.") from error
        except Refused as error:
            raise NotRenderable(f"{_named(template)}, {name}: {error}.") from error
    return _Ready(sources)


def _fill(template: Template, ready: _Ready, name: str, known: Mapping[str, Any]) -> str:
    source, limit = ready.sources[name]
    pieces: list[str] = []
    length = 0
    try:
        for piece in source.generate(known):
            length += len(piece)
            if length > limit:
                raise NotRenderable(f"{_named(template)}, {name}: it comes out longer than {limit:,} characters.")
            pieces.append(piece)
    except UndefinedError as error:
        raise NotRenderable(f"{_named(template)}, {name}: {error.message}. Correct the field's name.") from error
    except FAULTS as error:
        raise NotRenderable(f"{_named(template)}, {name}: {error}.") from error
    filled = "".join(pieces)
    if len(filled.encode("utf-8", "replace")) > limit:
        raise NotRenderable(f"{_named(template)}, {name}: it comes out larger than {limit:,} bytes.")
    return filled


def _unsubscribe(links: Links) -> dict[str, str]:
    """What a mail program's own button asks for: one POST, without a page in between (RFC 8058, section 3.1)."""
    if not links.choices:
        return {}
    return {
        "List-Unsubscribe": f"<{links.choices}/unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _letter(text: str) -> str:
    """A letter's text: no spaces at line ends, never more than one empty line."""
    lines: list[str] = []
    for line in text.splitlines():
        line = line.rstrip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip() + "\n"


def _in_gsm(text: str) -> str:
    # Where shortened text or an abbreviated month ends a sentence, its dots are the full stop too.
    plain = " ".join(to_gsm(" ".join(text.split())).split()).replace("....", "...")
    return _STRAY_SPACE.sub("", _STOP_AFTER_ABBREVIATION.sub(".", plain))
