"""How outside text (a carrier's words, a name, a product) is made fit to stand in a sentence."""

import re
import unicodedata
from typing import Any

from app.messages.rendering.sandbox import shorten

_ADDRESSES = re.compile(r"(?i)\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.)\S+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_FORMATTING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_KEPT = frozenset("\u200c\u200d")
"""Joiners, without which Persian words and family emoji fall apart; every other invisible mark goes."""


def tidy(text: str, limit: int = 200) -> str:
    """One line of visible text: no controls, no direction overrides, single spaces, at most `limit` letters."""
    plain = text.isascii() and text.isprintable()
    if plain and len(text) <= limit and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    if not plain:
        text = "".join(
            " " if letter.isspace() else letter
            for letter in text
            if letter.isspace() or letter in _KEPT or unicodedata.category(letter) not in _FORMATTING
        )
    return shorten(" ".join(text.split()), limit)


def quoted(text: str | None, limit: int = 160) -> str:
    """A stranger's remark, tidied and without web addresses, which mail programs and phones would make into links."""
    return tidy(_ADDRESSES.sub("…", text), limit) if text else ""


def place_name(text: str | None) -> str:
    """A carrier's name of a place, tidied; one that it shouts (`HAMBURG - DE`) is said in a normal voice."""
    name = quoted(text, 80)
    if not name.isupper():
        return name
    return " ".join(word.title() if len(word) > 3 else word for word in name.split(" "))


def isolated(text: str) -> str:
    """`text` kept from turning the line around it, when it holds letters written from right to left."""
    return f"\u2068{text}\u2069" if _RIGHT_TO_LEFT.search(text) else text


def initial(text: str) -> str:
    """The letter that stands for a thing without a picture, or a dot."""
    return next((letter.upper()[:1] for letter in text if letter.isalnum()), "•")


def tidy_all(value: Any) -> Any:
    """`tidy` through nested lists and mappings."""
    if isinstance(value, str):
        return tidy(value, 300)
    if isinstance(value, dict):
        return {key: tidy_all(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [tidy_all(inner) for inner in value]
    return value


def safe_picture(address: str | None) -> str:
    """A picture's address, or nothing when a mail program should not fetch it."""
    if not address or len(address) > 2000 or not address.lower().startswith(("https://", "http://")):
        return ""
    return "" if any(letter.isspace() or letter in "\"'<>\\" for letter in address) else address
