"""What is asked of a file as it is written, before anything is filled in: words, links, marks, tags."""

import re
import unicodedata
from collections.abc import Iterator

from app.messages.authoring.elements import MJML_TAGS, nearest_tag
from app.messages.authoring.marks import marks
from app.messages.checking.advertising import of_advertising
from app.messages.checking.findings import Finding, Severity, place_of
from app.messages.rendering.gsm import fits_gsm, to_gsm
from app.messages.rendering.sandbox import TEXT, Refused, check_source
from app.messages.shelf import File

SHORTENERS = ("bit.ly", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "is.gd", "buff.ly", "rebrand.ly")
BAD_NEWS = ("delayed", "exception", "attempt_failed", "returning", "returned", "expired", "pickup_expiring")

_NO_REPLY = re.compile(
    r"(?i)do not reply|don.t reply|no-?reply|svara inte|nicht antworten|ne (?:pas )?répond|no responda"
    r"|niet (?:te )?beantwoorden"
)
_PLACEHOLDER = re.compile(r"(?i:\blorem ipsum\b)|\bTODO\b|\bTBD\b|\bXXX+\b")
_HTML = re.compile(r"</?(script|iframe|form|style|object|embed|div|span|table|img|a|b|p|br|font)\b[^>]*>?", re.I)
_UNSAFE = re.compile(r"(?i)<\s*(script|iframe|form|object|embed)\b|\son[a-z]+\s*=|javascript:")
_OUTLOOK = re.compile(
    r"(?i)display\s*:\s*(?:inline-)?(?:flex|grid)|position\s*:\s*(?:absolute|fixed|sticky)|\d\s*rem\b|background-image\s*:"
)
_COMMENT = re.compile(r"\[#.*?#\]", re.S)
_OTHERWISE = re.compile(r"\[%-?\s*(?:else|elif)\b(?:(?!\[%-?\s*(?:if|endif)\b).)*", re.S)
_TAG = re.compile(r"<\s*/?\s*(mj[a-z0-9-]*)")
_BRIEF = re.compile(r"(?ms)^(?:subject|preheader)[ \t]*:.*?(?=^[a-z_]+[ \t]*:|^---|\Z)")
_TABLE = re.compile(r"(?m)^ {0,3}\|?[ \t]*:?-{3,}:?[ \t]*\|[-:| \t]*$")
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$", re.S | re.M)
_FIELD = re.compile(r"(?m)^([a-z_]+)[ \t]*:")
_PICTURE = re.compile(r"!\[[^\]\n]*\]\(")
_IMAGE = re.compile(r"<(?:img|mj-image)\b[^>]*>", re.S)


def of_message(file: File, key: str, channel: str, language: str) -> Iterator[Finding]:
    """What is wrong with one message's file as it is written."""
    text = file.text
    yield from of_syntax(file, text)
    yield from _everywhere(file, text)
    for found in _HTML.finditer(text):
        message = f"HTML is shown to shoppers as it stands: {found[0]!r}"
        remedy = "Write Markdown, or change the layout." if channel == "email" else "Write plain text."
        yield at(file, text, found.start(), "error", "html", message, remedy, found[0])
    for found in _PICTURE.finditer(text) if channel == "email" else ():
        message = "no picture is drawn here: shoppers would read an exclamation mark and a link"
        remedy = "Take the ! off, or put the picture into a layout."
        yield at(file, text, found.start(), "error", "picture", message, remedy, found[0][:60])
    for found in _TABLE.finditer(text) if channel == "email" else ():
        message = "no table is drawn here: shoppers would read its lines and bars"
        yield at(file, text, found.start(), "error", "table", message, "Write a list, or change the layout.", "table")
    yield from _twice(file)
    yield from of_advertising(file, channel, language)
    yield from of_marks(file, brief=channel != "email")
    if key.removeprefix("return_") in BAD_NEWS:
        yield from _exclaimed(file, text)
    if channel == "sms":
        yield from _letters(file, text)


def _twice(file: File) -> Iterator[Finding]:
    """A field of the front matter that stands twice, of which the first would not be read."""
    front = _FRONT.match(file.text)
    seen: set[str] = set()
    for found in _FIELD.finditer(file.text, front.start(1), front.end(1)) if front else ():
        if found[1] in seen:
            message = f"{found[1]} stands twice, and the first is not read"
            yield at(file, file.text, found.start(), "error", "twice", message, "Take one of them out.", found[1])
        seen.add(found[1])


def of_marks(file: File, *, brief: bool) -> Iterator[Finding]:
    """Letters that nobody sees and that change what is read; of an email, its subject and preheader are brief."""
    text = file.text
    locale = file.path.split("/")[1] if file.path.startswith("messages/") else ""
    briefs = [] if brief else [found.span() for found in _BRIEF.finditer(text)]
    for mark in marks(text, locale):
        strict = brief or any(start <= mark.start < end for start, end in briefs)
        if strict or not mark.breaks:
            yield at(file, text, mark.start, "error", "mark", mark.said, "Take it out.", mark.letter)


def of_document(file: File, key: str, language: str) -> Iterator[Finding]:
    """What is wrong with an email that is a whole MJML document, as it is written."""
    text = file.text
    yield from of_syntax(file, text)
    yield from of_layout(file)
    yield from of_advertising(file, "email", language)
    yield from of_marks(file, brief=False)
    if key.removeprefix("return_") in BAD_NEWS:
        yield from _exclaimed(file, re.sub(r"<[^<>]*>", lambda found: re.sub(r"[^\n]", " ", found[0]), text))


def first_read(text: str) -> str:
    """A layout's text at the same offsets without its comments and without all but the first of a choice."""
    for hidden in (_COMMENT, _OTHERWISE):
        text = hidden.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return text


def of_words(file: File) -> Iterator[Finding]:
    """What is wrong with a layout's letter, or a language's small words, as they are written."""
    yield from _everywhere(file, file.text)


def of_layout(file: File) -> Iterator[Finding]:
    """What is wrong with a layout as it is written."""
    text = file.text
    yield from _everywhere(file, text)
    if file.path.startswith("layouts/"):
        yield from of_marks(file, brief=False)
    for found in _UNSAFE.finditer(text):
        message = f"{found[0].strip()!r} has no place in a mail: programs drop it, or the whole mail"
        yield at(file, text, found.start(), "error", "unsafe", message, "Take it out.", found[0].strip().lower())
    for found in _TAG.finditer(text):
        if found[1] not in MJML_TAGS:
            near = nearest_tag(found[1])
            remedy = f"Did you mean {near}?" if near else "Use one of MJML's own."
            yield at(file, text, found.start(1), "error", "tag", f"MJML knows no tag {found[1]!r}", remedy, found[1])
    for found in _IMAGE.finditer(text):
        if not re.search(r"\balt\s*=", found[0]):
            remedy = 'Add alt="…", or alt="" for a picture that only decorates.'
            yield at(file, text, found.start(), "error", "alt", "a picture has no alt text", remedy, found[0][:60])
    for found in _OUTLOOK.finditer(text):
        message = f"{found[0]!r} does not hold in Outlook"
        yield at(file, text, found.start(), "warning", "outlook", message, "Use sections, columns and px.", found[0])


def at(
    file: File,
    text: str,
    offset: int,
    severity: Severity,
    code: str,
    message: str,
    remedy: str,
    about: str,
    seen: str = "",
) -> Finding:
    """A finding at a place in a file's text."""
    line, column = place_of(text, offset)
    return Finding(severity, code, file.path, file.label, line, column, message, remedy, about, seen)


def of_syntax(file: File, text: str) -> Iterator[Finding]:
    """A tag in a text that does what templates may not, or is not whole."""
    try:
        check_source(TEXT, text)
    except Refused as error:
        where, _, what = str(error).partition(": ")
        known = where.startswith("line ") and where[5:].isdigit()
        line = int(where[5:]) if known else None
        message = what if known else str(error)
        column = _tag_column(text, line)
        yield Finding("error", "syntax", file.path, file.label, line, column, message, "Mend the tag there.", message)


def _tag_column(text: str, line: int | None) -> int | None:
    lines = text.split("\n")
    written = lines[line - 1] if line is not None and 0 < line <= len(lines) else ""
    found = re.search(r"\{[{%]", written)
    return found.start() + 1 if found else None


def _everywhere(file: File, text: str) -> Iterator[Finding]:
    for found in re.finditer(r"http://(?!localhost|127\.0\.0\.1)[^\s\"')<>]*", text):
        if "www.w3.org" not in found[0]:
            remedy = "Write https://."
            yield at(file, text, found.start(), "error", "http", f"{found[0]} is not safe to open", remedy, found[0])
    for name in (name for name in SHORTENERS if f"{name}/" in text):
        for found in re.finditer(rf"(?<![\w.]){re.escape(name)}/", text):
            message = f"{name} hides where a link leads, and filters take it for fraud"
            yield at(file, text, found.start(), "error", "shortener", message, "Use the shop's own address.", name)
    for found in _NO_REPLY.finditer(text):
        message = f"{found[0]!r} turns away a shopper who asks"
        yield at(file, text, found.start(), "error", "no_reply", message, "Say whom to write to.", found[0].lower())
    for found in _PLACEHOLDER.finditer(text):
        message = f"{found[0]!r} is not meant for shoppers"
        yield at(file, text, found.start(), "error", "placeholder", message, "Write the text.", found[0].lower())


def _exclaimed(file: File, text: str) -> Iterator[Finding]:
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", lambda found: " " * len(found[0]), text, flags=re.S)
    for found in re.finditer(r"!(?!\[|=)", bare):
        remedy = "End the sentence with a full stop."
        yield at(file, text, found.start(), "warning", "exclamation", "an exclamation mark in bad news", remedy, "!")


def _letters(file: File, text: str) -> Iterator[Finding]:
    """Each letter that turns a whole SMS into one of 70 characters a segment instead of 160."""
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", lambda found: "\0" * len(found[0]), text, flags=re.S).replace("\0", "a")
    for offset, letter in enumerate(bare):
        if not letter.isspace() and not to_gsm(letter):
            message = f"{letter!r} ({_named(letter)}) is left out of the SMS: phones' own alphabet has nothing like it"
            yield at(file, text, offset, "warning", "letter", message, "Say it in words.", letter)
        elif letter not in "\n\t" and not fits_gsm(to_gsm(letter)):
            message = (
                f"{letter!r} ({_named(letter)}) is outside the GSM alphabet: the whole SMS then holds 70 letters a "
                "segment instead of 160, and costs more than twice as much"
            )
            yield at(file, text, offset, "warning", "letter", message, "Write it with another letter.", letter)


def _named(letter: str) -> str:
    return unicodedata.name(letter, "a letter without a name").lower()
