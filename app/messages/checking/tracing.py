"""Where in the files of a message the style is written that hides what every mail owes its readers."""

import re
from collections.abc import Iterator

from app.messages.authoring.bundle import OWN_MJML
from app.messages.checking.seeing import Hidden, Owed
from app.messages.checking.sheets import Declared
from app.messages.shelf import File, Shelf

_LAYOUT = re.compile(r"(?m)^layout:[ \t]*[\"']?([a-z][a-z0-9_-]*)")
_GROUNDS = r"(?:container-|inner-)?background(?:-color)?|bgcolor"
_NAMES = {
    "background": _GROUNDS,
    "background-color": _GROUNDS,
    "-webkit-text-fill-color": r"(?:-webkit-text-fill-)?color",
}


def traced(hidden: Hidden, owed: Owed, file: File, shelf: Shelf) -> tuple[File, int]:
    """The file that hides it, and the place in its text: of the style, else of what is owed; else the message's own
    file at its beginning."""
    files = sorted(_files(file, shelf), key=lambda one: owed.field not in one.text)
    for pattern in _patterns(hidden.by):
        # A colour of the brand's is many styles': it is meant only where it stands beside what is owed.
        for one in files if "\\[\\[" not in pattern.pattern else files[:1]:
            found = [match.start("style") for match in pattern.finditer(one.text)]
            if found:
                place = one.text.rfind(owed.field)
                return one, min(found, key=lambda start: abs(start - place))
    holding = next((one for one in files if owed.field in one.text), file)
    return holding, max(0, holding.text.rfind(owed.field))


def _files(file: File, shelf: Shelf) -> Iterator[File]:
    """What the message is made of, what is written for it first."""
    if file.path.endswith(OWN_MJML):
        yield file
    else:
        named = _LAYOUT.search(file.text)
        layout = shelf.file(f"layouts/{named[1] if named else 'parcel'}.mjml")
        yield from (layout,) if layout else ()
    for path in shelf.paths():
        block = shelf.file(path) if path.startswith("layouts/blocks/") and path.endswith(".mjml") else None
        yield from (block,) if block else ()


def _patterns(by: Declared) -> Iterator[re.Pattern[str]]:
    """How the declaration may be written, the likeliest first; a colour of the brand's has another name there."""
    name = _NAMES.get(by.name, re.escape(by.name))
    if by.name in ("text", "comment", "element"):
        return
    if by.selector:
        selector = r"\s*".join(map(re.escape, re.findall(r"[\w-]+|\S", by.selector)))
        yield re.compile(rf"{selector}[^{{}}]*\{{[^{{}}]*?(?P<style>(?<![\w-])(?:{name})\s*:)", re.I)
        yield re.compile(rf"(?P<style>{selector})[^{{}}]*\{{", re.I)
    if by.name in ("hidden", "aria-hidden"):
        yield re.compile(rf"<[^<>]*?\s(?P<style>{name})\b", re.I)
    value = r"\s*".join(map(re.escape, by.value.split()))
    yield re.compile(rf"(?P<style>(?<![\w-])(?:{name})\s*[:=]\s*[\"']?\s*{value})", re.I)
    yield re.compile(rf"(?P<style>(?<![\w-])(?:{name})\s*[:=]\s*[\"']?\s*\[\[)", re.I)
