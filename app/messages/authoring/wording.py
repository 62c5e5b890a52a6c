"""The words of a language beside its messages: those that mail is built from, and those of the shopper's page."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from app.messages.authoring.fallbacks import read_fallbacks
from app.messages.authoring.plain_yaml import read_yaml
from app.messages.shelf import BadTemplate, File, Shelf

MAIL, PAGE = "words.yaml", "page.yaml"
"""The files of a language's folder that are no messages."""

WORDS = ("today", "tomorrow", "yesterday", "at", "by", "from", "your_order", "your_parcel", "your_parcel_with",
         "your_parcels", "your_return", "your_return_with", "part_of_order", "parcels", "parcel", "and_more",
         "in_this_parcel", "in_these_parcels", "in_this_order", "in_this_return", "more_on_page", "more",
         "also_in_order", "not_shipped", "pickup_where", "pickup_hours", "pickup_until", "order", "carried_by",
         "tracking_number", "journey", "return_journey", "late", "wrong", "states", "help", "help_link",
         "why", "choices")  # fmt: skip
JOURNEYS = {
    "journey": ("registered", "dispatched", "in_transit", "out_for_delivery", "ready_for_pickup", "delivered",
                "collected", "returning", "returned"),
    "return_journey": ("registered", "dispatched", "in_transit", "return_received", "returning", "returned"),
}  # fmt: skip


def is_message(path: str) -> bool:
    """Whether a file of a brand's shelf is a message, and not words that messages and pages are built from."""
    return path.startswith("messages/") and not path.endswith((f"/{MAIL}", f"/{PAGE}"))


def read_words(shelf: Shelf, locale: str) -> dict[str, Any]:
    """The small words of a language (`words.yaml`): its language's, then its region's, then the brand's own on top,
    each word for itself."""
    words: dict[str, Any] = {}
    for step in dict.fromkeys((locale.split("-")[0], locale)):
        for file in shelf.layers(f"messages/{step}/{MAIL}"):
            own = _words_of(file)
            words = _laid_over(words, {**own, "fallbacks": read_fallbacks(own, file.label)})
    for name in ("more", "more_on_page"):
        words.setdefault(f"one_{name}", f"1 {words.get(name, '')}")  # languages that say it alike need not say it twice
    lacking = [name for name in WORDS if name not in words]
    for name, steps in JOURNEYS.items():
        lacking += [f"{name}.{step}" for step in steps if step not in (words.get(name) or {})]
    if lacking:
        path = f"messages/{locale}/{MAIL}"
        there = shelf.file(path)
        label = there.label if there else shelf.place(path)
        raise BadTemplate(f"{label} lacks {', '.join(lacking)}. Add each in that language.")
    return words


def _words_of(file: File) -> dict[str, Any]:
    try:
        content = read_yaml(file.text)
    except yaml.YAMLError as error:
        raise BadTemplate(f"{file.label} is not YAML: {error}. Mend it there.") from error
    if not isinstance(content, dict):
        raise BadTemplate(f"{file.label} holds no words. Write `today: today` and so on.")
    return content


def read_page_words(shelf: Shelf, locale: str) -> dict[str, Any]:
    """The words of the shopper's page in a language (`page.yaml`): its language's, then its region's, and the brand's
    own on top, each word for itself; English stands in for what is lacking. Empty where the language has no page."""
    own = own_page_words(shelf, locale)
    if not own or locale == "en":
        return own
    return dict(_laid_over(own_page_words(shelf, "en"), own))


def own_page_words(shelf: Shelf, locale: str) -> dict[str, Any]:
    """The same without what English stands in for."""
    own: dict[str, Any] = {}
    for step in dict.fromkeys((locale.split("-")[0], locale)):
        for file in shelf.layers(f"messages/{step}/{PAGE}"):
            own = _laid_over(own, _words_of(file))
    return own


def page_words(shelf: Shelf, locales: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The first of these languages (`fr-CA`, `fr`) that has words of its own and that a page is written in, else
    English, and all that it says: the words of mail, with the page's own on top. The journey's steps are called as in
    mail."""
    for language in locales:
        there = any(shelf.file(f"messages/{language}/{name}") for name in (PAGE, MAIL))
        own = read_page_words(shelf, language) if there else {}
        if own:
            try:
                return language, _said(read_words(shelf, language), own)
            except BadTemplate:
                continue  # a page without a mail
    return "en", _said(read_words(shelf, "en"), read_page_words(shelf, "en"))


def _said(mail: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {**mail, **own, "journey": {**own["journey"], **mail["journey"]}}


def _laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: _laid_over(under[name], over[name]) for name in under.keys() & over.keys() if _nested(under, over, name)
    }
    return {**under, **over, **both}


def _nested(under: Mapping[str, Any], over: Mapping[str, Any], name: str) -> bool:
    return isinstance(under[name], Mapping) and isinstance(over[name], Mapping)
