"""What a brand is to a message: its name, its sender, its colours by day and by night, its fonts and its logo."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import yaml
from babel import Locale, UnknownLocaleError
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from app.errors import ConfigurationError, in_words
from app.messages.authoring.bundle import locale_chain
from app.messages.authoring.marks import marks
from app.messages.authoring.plain_yaml import read_yaml
from app.messages.shelf import File, Shelf
from app.zones import zone

MIN_CONTRAST = 4.5
"""Of text on its ground, WCAG 2.2 success criterion 1.4.3."""

_STRETCH = r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d"
_HEX = r"^#[0-9a-fA-F]{6}$"


def _address(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False, globally_deliverable=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"{error} Write one address, such as hello@shop.example") from error


def _zone(text: str) -> str:
    zone(text)
    return text


def _locale(text: str) -> str:
    try:
        Locale.parse(text, sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError(f"{text!r} is no locale. Write one such as sv-SE") from error
    return text


def _named(text: str) -> str:
    return str(Locale.parse(_locale(text), sep="-")).replace("_", "-")


def _own(locale: str) -> tuple[str, ...]:
    language = locale.split("-")[0]
    return tuple(one for one in locale_chain(locale, locale) if one.split("-")[0] == language)


def _web(text: str) -> str:
    if not re.match(r"^https?://[^\s\"'<>{}]+$", text):
        raise ValueError(f"{text!r} is no web address. Write one that begins with https://")
    return text


def _seen(text: str) -> str:
    for mark in marks(text):
        raise ValueError(f"{mark.said}. Take it out")
    return text


Address = Annotated[str, AfterValidator(_address)]
WebAddress = Annotated[str, AfterValidator(_web)]
Colour = Annotated[str, Field(pattern=_HEX)]
OneLine = Annotated[
    str,
    Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029<>{}]+$"),
    AfterValidator(_seen),
]
FontStack = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9 ,'\-]+$")]


Locales = Annotated[dict[Annotated[str, AfterValidator(_named)], OneLine], Field(min_length=1)]
Said = Annotated[
    Annotated[OneLine, Tag("one text")] | Annotated[Locales, Tag("by language")],
    Discriminator(lambda written: "by language" if isinstance(written, dict) else "one text"),
]
"""A line of the brand: one text for every language, or one for each (`{sv: …, en: …}`)."""


def spoken(said: str | Mapping[str, str], chain: Sequence[str]) -> str | None:
    """The line for the first locale of a chain (`sv-SE`, `sv`) that has one of its own; one text is for all. None where
    there is none."""
    return said if isinstance(said, str) else next((said[one] for one in chain if one in said), None)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sender(_Part):
    """Who mail is from. `sms` is an alphanumeric sender or number of the brand's own."""

    from_email: Address
    from_name: OneLine
    reply_to: Address | None = None
    sms: Annotated[str, Field(pattern=r"^(\+\d{6,15}|[A-Za-z0-9 ]{1,11})$")] | None = None


class Support(_Part):
    """Where a shopper finds a person."""

    url: WebAddress
    email: Address


class Voice(_Part):
    """How the brand writes. `note` is for those who write its messages; `closing` is a line, for all languages or for
    each, printed once, at the end of a mail's own text, where the news is not bad."""

    note: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    closing: Said | None = None

    def closes(self, locale: str) -> str:
        """The closing line in a language, by region first (`pt-BR`, then `pt`), or nothing.

        It is never borrowed from another language.
        """
        return spoken(self.closing or "", _own(locale)) or ""


def _quiet(text: str) -> str:
    if text != "none" and (not re.fullmatch(_STRETCH, text) or text[:5] == text[-5:]):
        raise ValueError(f'{text!r} is no stretch of the day. Write "21:00-08:00", in quotes, or none')
    return text


class Team(_Part):
    """Where the brand's own people read what a rule with `audience: team` tells them."""

    email: Address | None = None
    phone: Annotated[str, Field(pattern=r"^\+\d{6,15}$")] | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> "Team":
        if self.email is None and self.phone is None:
            raise ValueError("it names no address. Write an email, a phone, or both")
        return self


class Palette(_Part):
    """One scheme. `ground` lies under everything, `paper` under text, `tint` under quiet blocks and tiles."""

    ground: Colour
    paper: Colour
    tint: Colour
    line: Colour
    ink: Colour
    muted: Colour
    accent: Colour
    on_accent: Colour
    button: Colour
    on_button: Colour
    late: Colour

    def pairs(self) -> list[tuple[str, str]]:
        """Each text colour with each ground that it is set on, by name."""
        grounds = {"ink": ("ground", "paper", "tint"), "muted": ("ground", "paper", "tint"), "late": ("paper", "tint")}
        listed = [(text, under) for text, unders in grounds.items() for under in unders]
        return [*listed, ("on_accent", "accent"), ("on_button", "button"), ("accent", "paper"), ("accent", "tint")]

    @model_validator(mode="after")
    def _readable(self) -> "Palette":
        for text, under in self.pairs():
            ratio = contrast(getattr(self, text), getattr(self, under))
            if ratio < MIN_CONTRAST:
                raise ValueError(
                    f"{text} on {under} has a contrast of {ratio:.2f}. Move one of them until it is {MIN_CONTRAST}"
                )
        return self


class Colours(_Part):
    light: Palette
    dark: Palette


class Fonts(_Part):
    """Font stacks, without quotes other than single ones; mail uses what the reader's system has."""

    heading: FontStack
    body: FontStack
    heading_weight: Annotated[int, Field(ge=300, le=800)] = 700


class Logo(_Part):
    """Picture files in the brand's folder, at twice their size; `width` and `height` are as shown, in pixels."""

    light: Annotated[str, Field(pattern=r"^[a-z0-9_.-]+\.png$")]
    dark: Annotated[str, Field(pattern=r"^[a-z0-9_.-]+\.png$")]
    width: Annotated[int, Field(ge=24, le=300)]
    height: Annotated[int, Field(ge=16, le=80)]


class BrandSource(_Part):
    """One brand as its folder describes it. `postal_address` stands at the foot of every mail, as the law asks of a
    business that writes. `quiet_hours` say by channel when the brand lets people sleep, by their own clock
    ("21:00-08:00"), whatever a rule set says for all its rules; a rule's own go before them."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    name: OneLine
    tagline: Said
    zone: Annotated[str, AfterValidator(_zone)]
    locale: Annotated[str, AfterValidator(_locale)]
    site: WebAddress
    postal_address: Said
    sender: Sender
    support: Support
    team: Team | None = None
    voice: Voice = Voice()
    quiet_hours: Mapping[Literal["email", "sms", "whatsapp"], Annotated[str, AfterValidator(_quiet)]] = Field(
        default_factory=dict
    )
    colours: Colours
    fonts: Fonts
    logo: Logo
    corners: Annotated[int, Field(ge=0, le=24)] = 6
    align: Literal["left", "center"] = "left"
    caps: bool = False

    @model_validator(mode="after")
    def _has_its_own(self) -> "BrandSource":
        for name in ("tagline", "postal_address"):
            if spoken(getattr(self, name), locale_chain(self.locale, self.locale)) is None:
                raise ValueError(
                    f"{name} has no line for {self.locale}, the brand's own locale, or for English. Add one"
                )
        return self

    def tagline_in(self, locale: str) -> str:
        """The tagline in a language, else in the brand's own, else in English."""
        return spoken(self.tagline, locale_chain(locale, self.locale)) or ""

    def postal_address_in(self, locale: str) -> str:
        """The postal address in a language, else in the brand's own, else in English."""
        return spoken(self.postal_address, locale_chain(locale, self.locale)) or ""


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def read_brand(shelf: Shelf) -> BrandSource:
    """Read and check a brand's `brand.yaml`. Raises ConfigurationError naming the file, the field and the remedy."""
    file = shelf.file("brand.yaml")
    if file is None:
        raise ConfigurationError(f"brands/{shelf.brand_key} has no brand.yaml. Every brand's folder needs one.")
    brand = _validated(file.label, _mapping(file, shelf.brand_key))
    if brand.key != shelf.brand_key:
        raise ConfigurationError(
            f"{file.label}, key: {brand.key!r} is not the folder's name. Write {shelf.brand_key}, or rename the folder."
        )
    for field in ("light", "dark"):
        name = getattr(brand.logo, field)
        if shelf.file(name) is None:
            raise ConfigurationError(
                f"{file.label}, logo.{field}: there is no {name} beside it. Put the picture there."
            )
    return brand


def _mapping(file: File, key: str) -> dict[str, Any]:
    try:
        content = read_yaml(file.text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file.label} is not YAML: {error}. Mend it there.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file.label} holds no fields. Begin with `key: {key}`.")
    return content


def _validated(label: str, content: dict[str, Any]) -> BrandSource:
    try:
        return BrandSource.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{label}, {'.'.join(str(step) for step in fault['loc'] if step not in _TAGS) or 'the file'}: "
            f"{in_words(fault['msg'])}{_remedy(fault['type'])}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError("\n".join(faults)) from error


_TAGS = ("one text", "by language")


def _remedy(kind: str) -> str:
    remedies = {
        "missing": ". Add it",
        "extra_forbidden": ". Remove it, or mend its spelling",
        "string_pattern_mismatch": ". Write it in that form",
    }
    return remedies.get(kind, "") + "."
