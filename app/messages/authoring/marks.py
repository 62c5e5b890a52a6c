"""Letters that nobody sees and that change what is read: marks of direction, of nothing, and hidden tags.

Where a script or an emoji needs one, it passes: joiners between emoji, Arabic or Indic letters, and marks of direction
beside letters that run from right to left.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5

from babel import Locale

_WRITTEN = re.compile(
    r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})|\\N\{([A-Za-z0-9 -]+)\}"
    r"|&#(\d{1,7});?|&#[xX]([0-9a-fA-F]{1,6});?|&([A-Za-z]{2,31};)|([\s\S])"
)
_MAYBE = re.compile(r"\\[uUxN]|&[#A-Za-z]|[^\x00-\xac\xae-\u02ff]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_JOINING = re.compile("[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
_TURNS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)))
_ISOLATES = "\u2066\u2067\u2068"
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\uffa0")
"""Not marks by their kind, and nothing is seen of them."""
_BREAKS = frozenset("\u00ad\u034f\u200b\u200c\u2060\ufeff")


@dataclass(frozen=True, slots=True)
class Mark:
    """One such letter: where it stands in the text, and what is wrong with it."""

    start: int
    letter: str

    @property
    def name(self) -> str:
        """`U+202E (right-to-left override)`."""
        return f"U+{ord(self.letter):04X} ({unicodedata.name(self.letter, 'a mark without a name').lower()})"

    @property
    def breaks(self) -> bool:
        """Whether it is one by which a long text breaks, or a preheader is filled up; fine where there is room."""
        return self.letter in _BREAKS

    @property
    def said(self) -> str:
        """What is wrong with it, as a sentence without its stop."""
        why = "turns the letters around it, so that another text is read" if self.letter in _TURNS else "is not seen"
        return f"{self.name} {why}, and filters take it for fraud"


def marks(text: str, locale: str = "") -> Iterator[Mark]:
    """The letters that have no place in a text of that locale, written as they are, by number (`\\u202e`, `&#8238;`)
    or by name."""
    if not _MAYBE.search(text):
        return
    read = [(_letter(found), found.start()) for found in _WRITTEN.finditer(text)]
    plain = "".join(letter for letter, _ in read)
    right_to_left = bool(locale) and Locale.parse(locale, sep="-").text_direction == "rtl"
    for at, (letter, start) in enumerate(read):
        if _unseen(letter) and not _needed(plain, at, right_to_left=right_to_left):
            yield Mark(start, letter)


def _letter(found: re.Match[str]) -> str:
    short, long, byte, name, number, hexadecimal, entity, plain = found.groups()
    if plain is not None:
        return plain
    if name or entity:
        told = html5.get(entity) if entity else _called(name)
        return told if told is not None and len(told) == 1 else "?"
    code = int(number) if number else int(short or long or byte or hexadecimal, 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "?"


def _called(name: str) -> str | None:
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return None


def _unseen(letter: str) -> bool:
    return letter > "\xa0" and (letter in _BLANK or unicodedata.category(letter) in ("Cf", "Co", "Cs"))


def _needed(text: str, at: int, *, right_to_left: bool) -> bool:
    letter, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if letter == "\u200d" and _pictured(text[:at]) and _pictured(after):
        return True
    if letter in "\u200c\u200d":
        return bool(_JOINING.match(before) and (letter == "\u200d" or _JOINING.match(after)))
    line = text[text.rfind("\n", 0, at) + 1 :].split("\n", 1)[0]
    if letter in "\u200e\u200f\u061c\u2066\u2067\u2068\u2069":
        turned = right_to_left or _RIGHT_TO_LEFT.search(line) is not None
        return turned and (letter not in f"{_ISOLATES}\u2069" or _paired(line))
    return "\U000e0020" <= letter <= "\U000e007f" and _flagged(text, at)


def _pictured(text: str) -> bool:
    """Whether a text ends in an emoji, whatever colour it has."""
    bare = text.rstrip("\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
    return bool(bare) and unicodedata.category(bare[-1]) in ("So", "Sk")


def _paired(line: str) -> bool:
    depth = 0
    for letter in line:
        depth += (letter in _ISOLATES) - (letter == "\u2069")
        if depth < 0:
            return False
    return depth == 0


def _flagged(text: str, at: int) -> bool:
    """Whether hidden tags spell the name of a flag: a black flag, a few of them, and their end."""
    return any(
        found.start() <= at < found.end()
        for found in re.finditer("\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f", text)
    )
