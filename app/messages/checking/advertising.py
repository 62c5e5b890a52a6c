"""Whether a message advertises before it has told the order's facts: by where the words stand, in six languages."""

import re
from collections.abc import Iterator, Mapping

from app.messages.checking.findings import Finding, place_of
from app.messages.shelf import File

_WORDS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "sales?", "discounts?", "% off", "offers?", "deals?", "vouchers?", "coupons?", "promo code", "save up",
        "buy now", "shop now",
    ),
    "sv": (
        "rea", "rean", "rabatt(?:en|er|kod|koden)?", "erbjudande(?:t|n)?", "kupong(?:en|er)?", "köp nu", "handla nu",
        "fynd", "kampanj(?:en|er|kod)?",
    ),
    "de": (
        "rabatt(?:e|code|aktion)?", "(?:sonder)?angebote?", "gutschein(?:e|code)?", "jetzt kaufen", "jetzt shoppen",
        "schnäppchen", "aktion(?:en|scode)?",
    ),
    "fr": (
        "soldes?", "remises?", "réductions?", "offres?", "promos?", "promotions?", "bons? d[’']achat", "achetez",
        "profitez",
    ),
    "es": (
        "rebajas?", "descuentos?", "ofertas?", "cupón", "cupones", "promoción", "promociones", "compra ahora", "ahorra",
    ),
    "nl": (
        "korting(?:en|scode)?", "aanbieding(?:en)?", "uitverkoop", "koop nu", "shop nu", "acties?", "actiecode",
    ),
}  # fmt: skip
"""Patterns of a language's words of an advertisement, of which each is a whole word."""
_SOUGHT = {
    language: re.compile(rf"(?:(?<!\w)|(?=%))(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)
    for language, words in _WORDS.items()
}

_LINE = re.compile(r"(?m)^(subject|preheader|eyebrow|headline|lead|button):.*$")
_FRONT = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*$", re.DOTALL | re.MULTILINE)
_TAG = re.compile(r"\{\{[-+]?[\s(]*([a-z_]\w*)?.*?\}\}|\{%.*?%\}|\[%.*?%\]|\{#.*?#\}|\[#.*?#\]", re.DOTALL)
_BLOCK = re.compile(r"(?m)^ {0,3}:::[ \t]*([a-z]\w*)|\[\[\s*blocks\.([a-z]\w*)")
_ELEMENT = re.compile(r"<(?:mj-style|mj-head)\b.*?</(?:mj-style|mj-head)>|<[^<>]*>", re.DOTALL)
_NO_FACTS = frozenset({"brand", "person", "links", "speech"})
_NO_FACT_BLOCKS = frozenset({"head", "text", "button", "support"})


def of_advertising(file: File, channel: str, language: str) -> Iterator[Finding]:
    """Words of an advertisement in what is read before the facts: in each line above an email's text, in the text or
    the document itself, and in an SMS, up to the first field or block that tells of the order.

    Such a word is an error there. After the facts it is a warning in those lines and in an SMS, which are short, and
    in the text it is fine.
    """
    text = file.text
    sought = _SOUGHT.get(language, _SOUGHT["en"])
    if channel != "email":
        yield from _of_part(file, text, 0, len(text), sought, brief=True)
        return
    front = _FRONT.match(text)
    body = front.end() if front else 0
    for line in _LINE.finditer(text, 0, body):
        yield from _of_part(file, text, line.start(), line.end(), sought, brief=True)
    yield from _of_part(file, text, body, len(text), sought, brief=False)


def _of_part(file: File, text: str, start: int, end: int, sought: re.Pattern[str], *, brief: bool) -> Iterator[Finding]:
    facts = _first_fact(text, start, end)
    shown = _shown(text[start : end if brief else facts])
    for found in sought.finditer(shown):
        place, word = start + found.start(), found[0]
        line, column = place_of(text, place)
        before = place < facts
        told = "before the order's facts are told" if before else "where only the order's facts belong"
        yield Finding(
            "error" if before else "warning", "promotional", file.path, file.label, line, column,
            f"{word!r} advertises {told}",
            "Tell the facts first, with a field ({{ when.text }}) or a block, or take the word out."
            if before else "Take it out; after the facts, in an email's text, it may stand.",
            word.lower(),
        )  # fmt: skip


def _first_fact(text: str, start: int, end: int) -> int:
    """Where the first printed field or block stands that tells of the order; the end where none does."""
    fields = (tag for tag in _TAG.finditer(text, start, end) if tag[1] and tag[1] not in _NO_FACTS)
    blocks = (one for one in _BLOCK.finditer(text, start, end) if (one[1] or one[2]) not in _NO_FACT_BLOCKS)
    return min((found.start() for some in (fields, blocks) for found in some), default=end)


def _shown(part: str) -> str:
    """The part at the same offsets, without tags, elements and addresses."""
    for hidden in (_TAG, _ELEMENT, re.compile(r"https?://[^\s)\"'<>]+")):
        part = hidden.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), part)
    return part
