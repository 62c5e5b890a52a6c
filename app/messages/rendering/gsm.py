"""What an SMS costs: whether its letters fit the GSM 7-bit alphabet, how many segments it fills, and how to fit it.

The alphabet and the segment sizes are those of 3GPP TS 23.038, section 6.2.1, and TS 23.040, section 9.2.3.24.
"""

import unicodedata

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_DOUBLE = frozenset("^{}\\[~]|€\f")
_ALL = _BASIC | _DOUBLE

_LOOK_ALIKES = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "…": "...", "•": "-", "·": "-", "×": "x",
        "\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\u200b": "", "\u200d": "", "\ufeff": "",
        "\ufe0f": "", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "ı": "i",
        "\t": " ",
    }
)  # fmt: skip


def plain_marks(text: str) -> str:
    """`text` with typographic quotes, dashes and spaces put as the keyboard has them: same sense, fewer segments."""
    return text.translate(_LOOK_ALIKES)


def fits_gsm(text: str) -> bool:
    """Whether every letter is in the GSM 7-bit alphabet."""
    return _ALL.issuperset(text)


def to_gsm(text: str) -> str:
    """`text` in the GSM alphabet as near as it goes: accents outside it are dropped, and so are pictures.

    Letters of other scripts stay: a reader of Arabic or Polish is better served by two segments than by gaps.
    """
    text = plain_marks(text)
    if fits_gsm(text):
        return text
    return "".join(_nearest(letter) for letter in unicodedata.normalize("NFC", text))


def _nearest(letter: str) -> str:
    if letter in _BASIC or letter in _DOUBLE:
        return letter
    bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    if bare and fits_gsm(bare):
        return bare
    return "" if unicodedata.category(letter)[0] in "SCM" else letter


def room(text: str) -> int:
    """How much room `text` takes: in GSM letters, of which some count double, or else in UTF-16 units."""
    if fits_gsm(text):
        return len(text) + sum(map(text.count, _DOUBLE))
    return len(text.encode("utf-16-le")) // 2


def segments(text: str) -> int:
    """How many SMS segments `text` fills: 160 or 153 to a segment in GSM letters, else 70 or 67."""
    size = room(text)
    one, each = (160, 153) if fits_gsm(text) else (70, 67)
    return 1 if size <= one else -(-size // each)
