"""Whether a file may stand under its path at all, before anybody reads what it says: place, kind, size, encoding."""

import struct

import yaml

from app.errors import Fault, InvalidInput
from app.messages.authoring.bundle import misnamed
from app.messages.authoring.plain_yaml import read_yaml
from app.messages.shelf import known_path

LARGEST_PICTURE = 200_000
"""Bytes: a mail fetches it on a phone."""

LARGEST_TEXT = 200_000
"""Bytes: several times what a whole mail may weigh."""

WIDEST = 1200
"""Pixels of a picture's longer side: twice the 600 that a mail is wide."""

_MOST_OPEN = 50
_TAGS = (("{{", "}}"), ("{%", "%}"), ("{#", "#}"), ("[[", "]]"), ("[%", "%]"), ("[#", "#]"), ("<!--", "-->"))
"""Whoever looks for a tag reads from each opening to the end: of so many that stay open the first is told here."""

_PNG = b"\x89PNG\r\n\x1a\n"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_PLACES = (
    "brand.yaml, NAME.png, layouts/NAME.mjml, layouts/NAME.txt, layouts/blocks/NAME.mjml, messages/LOCALE/words.yaml, "
    "messages/LOCALE/page.yaml, messages/LOCALE/MESSAGE.email.md, .email.mjml, .sms.txt or .whatsapp.yaml"
)


def require_place(path: str) -> None:
    """Raises InvalidInput for a path that no brand has a place for."""
    if not known_path(path):
        raise InvalidInput([_no_place(path)])


def faults_of(path: str, content: bytes, brand_key: str) -> list[Fault]:
    """What keeps `content` from standing under `path` of that brand; empty where nothing does."""
    if not known_path(path):
        return [_no_place(path)]
    if path.endswith(".png"):
        return _picture_faults(path, content)
    faults = _language_faults(path) or _text_faults(path, content)
    return faults or (_brand_faults(path, content, brand_key) if path == "brand.yaml" else [])


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG (its IHDR, PNG specification 11.2.2); None for what is none."""
    if len(content) < 33 or not content.startswith(_PNG) or content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", content[16:24])
    return int(width), int(height)


def _no_place(path: str) -> Fault:
    return Fault(None, path[:200] or "path", "there is no such place for a brand's file", f"The places are {_PLACES}.")


def _language_faults(path: str) -> list[Fault]:
    wrong = misnamed(path.split("/")[1]) if path.startswith("messages/") else None
    return [Fault(None, path, *wrong)] if wrong else []


def _picture_faults(path: str, content: bytes) -> list[Fault]:
    size = picture_size(content)
    if size is None:
        return [Fault(None, path, "is no PNG picture", "Save the picture as PNG; renaming another kind is not enough.")]
    faults = []
    if len(content) > LARGEST_PICTURE:
        problem = f"is {len(content) // 1000} kB, and {LARGEST_PICTURE // 1000} kB are the most"
        faults.append(Fault(None, path, problem, "Make it smaller, or save it with fewer colours."))
    if not 0 < min(size) <= max(size) <= WIDEST:
        problem = f"is {size[0]} by {size[1]} pixels"
        faults.append(Fault(None, path, problem, f"Make its longer side {WIDEST} pixels at most."))
    return faults


def _text_faults(path: str, content: bytes) -> list[Fault]:
    if content.startswith(_MARKS):
        remedy = "Save it as UTF-8 without a byte order mark."
        return [Fault(1, path, "begins with a byte order mark", remedy, at=1)]
    if len(content) > LARGEST_TEXT:
        problem = f"is {len(content) // 1000} kB, and {LARGEST_TEXT // 1000} kB are the most"
        return [Fault(None, path, problem, "Say less, or link to a page that says it.")]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, at = _place(content[: error.start].decode("utf-8"))
        return [Fault(line, path, "is not UTF-8 text", "Save it as UTF-8.", at=at)]
    if "\0" in text:
        line, at = _place(text[: text.index("\0")])
        return [Fault(line, path, "holds a NUL character", "Remove it.", at=at)]
    for opening, closing in _TAGS:
        last = text.rfind(closing) + 1
        if text.count(opening, last) > _MOST_OPEN:
            line, at = _place(text[: text.index(opening, last)])
            return [Fault(line, path, f"opens {opening} again and again, and never closes it", "Close it.", at=at)]
    return []


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _brand_faults(path: str, content: bytes, brand_key: str) -> list[Fault]:
    try:
        fields = read_yaml(content.decode("utf-8", "replace"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, at = (mark.line + 1, mark.column + 1) if mark else (None, None)
        return [Fault(line, path, f"is not YAML: {error.problem}", "Mend it there.", at=at)]
    except yaml.YAMLError as error:
        return [Fault(None, path, f"is not YAML: {error}", "Mend it there.")]
    key = fields.get("key") if isinstance(fields, dict) else None
    if key == brand_key:
        return []
    return [Fault(None, f"{path}, key", f"{key!r} is not this brand's", f"Write `key: {brand_key}`.")]
