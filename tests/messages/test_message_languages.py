"""Every language says all that English says, of the same fields, in its own words, and as cheaply."""

import re
import string
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pytest
import yaml

from app.messages.authoring.brands import BrandSource
from app.messages.authoring.bundle import known_locale, locale_chain
from app.messages.base import RenderedEmail, RenderedSms
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, WORST, facts_for
from app.messages.rendering.gsm import fits_gsm
from app.messages.rendering.render import Renderer
from app.messages.rendering.sandbox import HTML
from app.messages.rendering.using import unknown
from app.models.facts import Facts, Person
from tests.messages.message_corpus import BRANDS, CHANNELS, LANGUAGES, ROOT, TEMPLATES, brand_in_turn

CATALOG = Catalog(ROOT, "")
OTHERS = tuple(language for language in LANGUAGES if language != "en")
SUFFIXES = {"email": ".email.md", "sms": ".sms.txt"}

_TAG = re.compile(r"\{\{(.*?)\}\}|\{%-?\s*(?:if|elif)\b(.*?)%\}", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'")
_NAME = re.compile(r"(?<![|.\w])\s*([a-z_]+(?:\.[a-z_]+)*)\b(?!\s*\()")
_GRAMMAR = {"many", "count", "person.first_name", "news.cause", "happened.today", "collected"}
"""What any language may ask besides, to inflect a word or to begin a sentence."""
_OPERATORS = {"and", "or", "not", "in", "is", "else", "if", "true", "false", "none"}
_ENGLISH = re.compile(
    r"(?i)\b(the|your|you|and|with|has|have|been|parcels?|ordered|expected|delivered|arriving|today|tomorrow|yesterday|"
    r"thursday|tuesday|november|reply|this|email|waiting|late|from us|carrier|what|see)\b"
)
_NATIVE = {
    "sv": {"november"}, "nl": {"november", "late"}, "de": {"november"}, "fr": set(), "es": {"has"},
}  # fmt: skip
"""Of these words, those that the language has too."""


def _source(language: str, key: str, channel: str) -> str:
    return (ROOT / "messages" / language / f"{key}{SUFFIXES[channel]}").read_text(encoding="utf-8")


def _fields(source: str) -> set[str]:
    """The fields that a source names in its tags."""
    found: set[str] = set()
    for shown, asked in _TAG.findall(source):
        expression = _QUOTED.sub("''", re.sub(r"\|\s*\w+(\(.*?\))?", "", shown or asked))
        found |= set(_NAME.findall(expression)) - _OPERATORS
    return found


@lru_cache(maxsize=64)
def _yaml(place: str) -> Mapping[str, Any]:
    with open(place, encoding="utf-8") as file:
        content: Mapping[str, Any] = yaml.safe_load(file)
    return content


def _leaves(content: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Each word by its path, `states.registered.lead`."""
    found: dict[str, str] = {}
    for name, value in content.items():
        path = f"{above}{name}"
        found |= _leaves(value, f"{path}.") if isinstance(value, Mapping) else {path: str(value)}
    return found


def _blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _spoken(key: str, language: str) -> Iterator[tuple[str, Facts, Person]]:
    """The worst orders as shoppers of that language have them; those whose own words would be English are told of by
    fields alone."""
    for case, (changed, person) in WORST.items():
        told = facts_for(key, **dict(changed))
        shopper = told.shopper.model_copy(update={"locale": language})
        yield case, told.model_copy(update={"shopper": shopper}), person


def _outside(told: Facts, person: Person) -> list[str]:
    """Everything in the facts that others wrote, longest first."""
    groups = (told.parcel, *told.merged, *told.other_parcels)
    items = [*told.order.items, *told.order.not_shipped, *(item for group in groups for item in group.items)]
    texts = [item.name for item in items] + [person.name or "", told.news.place or "", told.news.description or ""]
    texts += [group.carrier or "" for group in groups]
    if told.parcel.pickup:
        texts += [told.parcel.pickup.name, told.parcel.pickup.address, *told.parcel.pickup.hours]
    return sorted({text for text in texts if text}, key=len, reverse=True)


def _without(text: str, outside: list[str]) -> str:
    text = re.sub(r"https?://\S+", " ", text)
    for theirs in outside:
        text = re.sub(re.escape(theirs[:30]), " ", text, flags=re.IGNORECASE)
    return text


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_message(language: str) -> None:
    """The same files as English, but for what the shop's own team is told, and a name that dates can be written in."""
    assert known_locale(language)
    english = {path.name for path in (ROOT / "messages/en").iterdir()} - {"exception_team.email.md"}
    assert {path.name for path in (ROOT / "messages" / language).iterdir()} == english


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("key", TEMPLATES)
@pytest.mark.parametrize("language", OTHERS)
def test_a_language_tells_of_the_same_fields(language: str, key: str, channel: str) -> None:
    """Nothing that English tells is left out and nothing is told besides; what inflects a word may be asked too."""
    english, own = _fields(_source("en", key, channel)), _fields(_source(language, key, channel))
    assert english - own <= _GRAMMAR, f"{language} leaves out {sorted(english - own - _GRAMMAR)}"
    assert own - english <= _GRAMMAR, f"{language} adds {sorted(own - english - _GRAMMAR)}"


@pytest.mark.parametrize("language", OTHERS)
def test_small_words_keep_their_blanks(language: str) -> None:
    """Mail's words and the page's: each English one is there, with the same blanks to fill in, none empty."""
    for place in (ROOT / "messages/{}/words.yaml", ROOT / "messages/{}/page.yaml"):
        english = _leaves(_yaml(str(place).format("en")))
        own = _leaves(_yaml(str(place).format(language)))
        assert own.keys() >= english.keys(), sorted(english.keys() - own.keys())
        assert own.keys() == english.keys(), sorted(own.keys() - english.keys())
        for name, text in english.items():
            assert own[name].strip(), name
            assert _blanks(own[name]) == _blanks(text), name


@pytest.mark.parametrize("key", TEMPLATES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_reads_well_whatever_the_order(catalog: Catalog, renderer: Renderer, language: str, key: str) -> None:
    """In every language: of documented fields only, in whole sentences without a gap, with no English left over, and
    as a text message of one segment that begins with the brand and ends with the link."""
    looks, brand = catalog.brands(), brand_in_turn(language, key)
    written = catalog.resolve(brand, language, key, "email")
    texts = {name: catalog.resolve(name, language, key, "sms") for name in BRANDS}
    assert not unknown(written.parts["html"], environment=HTML)
    for source in (written.parts["subject"], written.parts["text"], *(text.parts["text"] for text in texts.values())):
        assert not unknown(source)
    for case, told, person in _spoken(key, language):
        email = renderer.render_email(written, told, person, LINKS, NOW)
        said = {name: renderer.render_sms(texts[name], told, person, LINKS, NOW) for name in BRANDS}
        for name, sms in said.items():
            _is_one_short_text(looks[name].name, language, case, sms)
        if "hostile" in case:
            continue
        _is_in_whole_sentences(language, case, email)
        if language != "en" and case not in ("forty items", "fifty together", "endless item"):
            _is_without_english(looks[brand], language, case, _outside(told, person), email, said[brand])


def _is_one_short_text(brand: str, language: str, case: str, sms: RenderedSms) -> None:
    """The brand first, the link last, GSM letters only, one segment, and one full stop where a sentence ends."""
    colon = " : " if language == "fr" else ": "
    assert sms.text.startswith(f"{brand}{colon}"), case
    assert sms.text.endswith(LINKS.short), case
    assert sms.segments == 1 and fits_gsm(sms.text), (case, len(sms.text), sms.text)
    assert not re.search(r"(?<!\.)\.\.(?!\.)| [,.;]", sms.text) or "hostile" in case, (case, sms.text)


def _is_in_whole_sentences(language: str, case: str, email: RenderedEmail) -> None:
    """Whatever is known or not, no sentence has a gap: no doubled space, stop or comma, none before a mark."""
    broken = r"(?<=\S)  +\S|,,|, ?\.|(?<!\.)\.\.(?!\.)|:\s*:|\(\s*\)" + ("" if language == "fr" else r"| [,.;:?!]")
    found = re.search(broken, email.subject) or re.search(broken, re.sub(r"https?://[^\s,:]+[^\s,.:]", "x", email.text))
    assert not found, (case, found, email.subject, email.text)
    assert email.subject[0] == email.subject[0].upper(), (case, email.subject)


def _is_without_english(
    look: BrandSource, language: str, case: str, outside: list[str], email: RenderedEmail, sms: RenderedSms
) -> None:
    """No English word stands in what we say ourselves, in mail or in a text message."""
    native = _NATIVE.get(language, set())
    theirs = [
        *outside, look.tagline_in(language), look.postal_address_in(language), look.support.email, "Thing number",
    ]  # fmt: skip
    for text in (email.subject, email.text, sms.text):
        found = [word for word in _ENGLISH.findall(_without(text, theirs)) if word.lower() not in native]
        assert not found, (case, found, text)


@pytest.mark.parametrize("language", OTHERS)
def test_days_and_hours_fit_the_language(catalog: Catalog, renderer: Renderer, language: str) -> None:
    """A near day is said by its name and in the words of the language."""
    words = _yaml(str(ROOT / "messages" / language / "words.yaml"))
    told = facts_for("out_for_delivery")
    told = told.model_copy(update={"shopper": told.shopper.model_copy(update={"locale": language})})
    template = catalog.resolve("fjallhem", language, "out_for_delivery", "email")
    subject = renderer.render_email(template, told, PERSON, LINKS, NOW).subject
    assert template.locale == language
    assert words["today"] in subject and re.search(r"14[:.h]?\s?(00)?", subject)


@pytest.mark.parametrize("language", OTHERS)
def test_the_page_speaks_the_shoppers_language(language: str) -> None:
    """A region's shopper reads the language's page, which has a word for each step of a parcel and of a return."""
    region = f"{language}-{language.upper() if language not in ('sv',) else 'SE'}"
    found, words = CATALOG.page_words("fjallhem", locale_chain(region, "en"))
    assert found == language
    _, english = CATALOG.page_words("fjallhem", ("en",))
    assert words["return_journey"].keys() == english["return_journey"].keys()
    assert words["journey"].keys() == english["journey"].keys()
    assert words["states"]["delivered"] != english["states"]["delivered"]


@pytest.mark.parametrize(
    ("asked", "brand", "default"),
    [("pt-BR", "fjallhem", "sv"), ("pt-BR", "atelier-ombre", "fr"), ("pt", "fjallhem", "sv")],
)
def test_a_language_that_is_not_written_falls_back(catalog: Catalog, asked: str, brand: str, default: str) -> None:
    """Portuguese of Brazil, then Portuguese, then the brand's own language, and English where that is not written."""
    chain = locale_chain(asked, catalog.brands()[brand].locale)
    assert chain[: chain.index("pt") + 1] in (("pt-BR", "pt"), ("pt",))
    expected = default if default in LANGUAGES else "en"
    for channel in CHANNELS:
        assert catalog.resolve(brand, asked, "delivered", channel).locale == expected


@pytest.mark.parametrize(("language", "one"), [("de", "1 weiteres in diesem Paket"), ("nl", "nog 1 in dit pakket")])
def test_one_that_is_left_is_said_as_one(catalog: Catalog, renderer: Renderer, language: str, one: str) -> None:
    """Of eleven things ten are listed, and the last is no plural."""
    told = facts_for("dispatched", **dict(WORST["forty items"][0]))
    eleven = told.model_copy(update={"parcel": told.parcel.model_copy(update={"items": told.parcel.items[:11]})})
    email = renderer.render_email(
        catalog.resolve("fjallhem", language, "dispatched", "email"), eleven, PERSON, LINKS, NOW
    )
    assert f"- {one}\n" in email.text and f">{one}<" in email.html
