"""Where the authored text of a message stands in the templates folder, and how its files are read."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar

import yaml
from babel import Locale, UnknownLocaleError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import in_words
from app.messages.authoring.plain_yaml import read_yaml
from app.messages.shelf import BadTemplate, Shelf

SUFFIXES = {"email": ".email.md", "sms": ".sms.txt", "whatsapp": ".whatsapp.yaml"}
OWN_MJML = ".email.mjml"
"""An email that is a whole MJML document of its own; it wins over the Markdown of the same language."""

_LOCALE = re.compile(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$")
_KEY = re.compile(r"^[a-z][a-z0-9_]{0,60}$")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?\n?", re.DOTALL | re.MULTILINE)

Line = Annotated[str, Field(min_length=1, max_length=1000)]
Front = TypeVar("Front", bound=BaseModel)
PROSE = ("subject", "preheader", "eyebrow", "headline", "lead", "button")
"""The front matter's fields that are Jinja."""


class FrontMatter(BaseModel):
    """What stands above an email's text. All are Jinja. `headline` is set in the largest type of the mail.

    `leave_out` are ready blocks that this message does without.
    `hours` puts the hours of `when` or of `happened` behind it, and they are never broken over two lines.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Line
    preheader: Line
    eyebrow: Line
    headline: Line
    lead: Line
    button: Line
    hours: Literal["none", "when", "happened"] = "none"
    tone: Literal["steady", "late"] = "steady"
    layout: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")] = "parcel"
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One authored message file, as text. `label` is what people are told that it is called."""

    path: str
    label: str
    key: str
    channel: str
    locale: str
    text: str


@lru_cache(maxsize=256)
def locale_chain(asked: str, brand_default: str) -> tuple[str, ...]:
    """Where to look, best first: `sv-SE`, `sv`, the brand's own, its language, `en`. Nonsense asked is passed over."""
    chain: list[str] = []
    for name in (asked, brand_default, "en"):
        if not _LOCALE.match(name):
            continue
        parts = name.replace("_", "-").split("-")
        parts = [parts[0].lower(), *(part.upper() if len(part) == 2 else part.title() for part in parts[1:])]
        chain += ["-".join(parts[:size]) for size in range(len(parts), 0, -1)]
    return tuple(dict.fromkeys(chain))


def known_locale(name: str) -> bool:
    """Whether a folder's name is a locale that dates can be written in."""
    try:
        Locale.parse(name, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return bool(_LOCALE.match(name))


def misnamed(locale: str) -> tuple[str, str] | None:
    """Why no shopper's language leads to a folder of this name, and the remedy; None where one does."""
    right = locale_chain(locale, locale)[0] if known_locale(locale.replace("_", "-")) else ""
    if right == locale:
        return None
    if right:
        return f"{locale} is never looked for", f"Call the folder {right}."
    return f"{locale} is no language that dates can be written in", "Name it by its language: sv, pt-BR."


def find(shelf: Shelf, chain: tuple[str, ...], key: str, channel: str) -> Source | None:
    """The first file for `key` on `channel` along the locales, or None."""
    if not _KEY.match(key) or channel not in SUFFIXES:
        return None
    for locale in chain:
        for suffix in (OWN_MJML, SUFFIXES[channel]) if channel == "email" else (SUFFIXES[channel],):
            file = shelf.file(f"messages/{locale}/{key}{suffix}")
            if file is not None:
                return Source(file.path, file.label, key, channel, locale, file.text)
    return None


def named(path: str) -> tuple[str, str] | None:
    """The message and the channel that a file is of, told by its name: `("delivered", "email")`; or None."""
    name = path.rsplit("/", 1)[-1]
    for channel, suffix in (("email", OWN_MJML), *SUFFIXES.items()):
        if name.endswith(suffix):
            return name.removesuffix(suffix), channel
    return None


def front_matter(source: Source) -> tuple[Any, str]:
    """What stands between the lines of dashes, read as YAML, and the text after them. Raises BadTemplate."""
    found = _FRONT_MATTER.match(source.text)
    if not found:
        raise BadTemplate(f"{source.label}, line 1: there is no front matter. Begin with a line of three dashes.")
    try:
        return read_yaml(found[1]), source.text[found.end() :]
    except yaml.YAMLError as error:
        raise BadTemplate(f"{source.label}: the front matter is not YAML: {error}. Quote texts with braces.") from error


def split(source: Source) -> tuple[FrontMatter, str]:
    """An email's front matter and its Markdown. Raises BadTemplate naming the file, the field and the remedy."""
    fields, body = front_matter(source)
    return checked(FrontMatter, fields, source), body


def checked(form: type[Front], fields: Any, source: Source) -> Front:
    """Front matter held to its form. Raises BadTemplate naming the file, the field and the remedy."""
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'all of it'}: {in_words(fault['msg'])}" for fault in error.errors()
        )
        raise BadTemplate(
            f"{source.label}, front matter: {faults}. The fields are {', '.join(form.model_fields)}."
        ) from error
