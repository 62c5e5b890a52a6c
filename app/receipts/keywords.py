"""What a shopper's own SMS means: an end, a beginning, a cry for help, or something that a person must read."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from app.models.vocabulary import Meaning

FILE = Path(__file__).with_name("keywords.yaml")

_NO_LETTERS = re.compile(r"[\W_]+")
_OPT_OUT_TYPES = {"STOP": Meaning.stop, "START": Meaning.start, "HELP": Meaning.help}


@dataclass(frozen=True, slots=True)
class Keywords:
    """The words of all languages, folded; `phrases` with a blank on either side."""

    words: Mapping[str, Meaning]
    phrases: tuple[str, ...]
    polite: tuple[str, ...]


def meaning(text: str, opt_out_type: str | None = None) -> Meaning:
    """What a shopper means. `opt_out_type` is what the provider made of it (Twilio's OptOutType) and holds where given.

    An end beats a beginning, and a text that merely holds a keyword is for a person to read.
    """
    told = _OPT_OUT_TYPES.get((opt_out_type or "").strip().upper())
    if told is not None:
        return told
    keywords = shipped_keywords()
    folded = fold(text)
    for said in (folded, _without(folded, keywords.polite)):
        if said in keywords.words:
            return keywords.words[said]
    if any(phrase in f" {folded} " for phrase in keywords.phrases):
        return Meaning.stop
    return Meaning.message


def fold(text: str) -> str:
    """A text as it is compared: without case, accents and punctuation, its words one blank apart.

    Apostrophes join ("don't" is "dont"), as in what people type in a hurry.
    """
    bare = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
    )
    return _NO_LETTERS.sub(" ", bare.replace("'", "").replace("\u2019", "")).strip()


def _without(folded: str, polite: Iterable[str]) -> str:
    said = f" {folded} "
    for word in polite:
        said = said.replace(f" {word} ", " ")
    return said.strip()


@lru_cache(maxsize=1)
def shipped_keywords() -> Keywords:
    """The keywords of `keywords.yaml`, read once."""
    languages = yaml.safe_load(FILE.read_text(encoding="utf-8")).values()
    words: dict[str, Meaning] = {}
    for wanted in (Meaning.help, Meaning.start, Meaning.stop):  # the last one wins
        for language in languages:
            words |= dict.fromkeys(map(fold, language.get(wanted.value, ())), wanted)
    return Keywords(
        words=words,
        phrases=tuple(f" {fold(phrase)} " for language in languages for phrase in language.get("phrases", ())),
        polite=tuple(fold(word) for language in languages for word in language.get("polite", ())),
    )
