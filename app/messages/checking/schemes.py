"""What is asked of the colours in a layout's style sheet: text that can be read, by day and by night."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.messages.authoring.brands import MIN_CONTRAST, Colours, contrast
from app.messages.checking.findings import Finding
from app.messages.checking.writing import at
from app.messages.shelf import File

_SHEET = re.compile(r"<(mj-style|style)\b[^>]*>(.*?)</\1>", re.S)
_BRANDS = re.compile(r"\[\[\s*(light|dark)\.([a-z_]+)\s*\]\]")
_OTHER = re.compile(r"\[[\[%#].*?[\]%#]\]|/\*.*?\*/", re.S)
_NIGHT = re.compile(r"@media[^{]*prefers-color-scheme\s*:\s*dark[^{]*\{")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_INK = re.compile(r"(?<![\w-])color\s*:\s*(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})(?![0-9a-fA-F])")
_GROUND = re.compile(r"(?<![\w-])background(?:-color)?\s*:\s*(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})(?![0-9a-fA-F])")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of a style sheet. `ink` and `ground` are colours (`#rrggbb`, "" where it sets none); `start` is where
    the ink stands in the file."""

    selectors: tuple[str, ...]
    night: bool
    ink: str
    ground: str
    start: int


def of_schemes(file: File, colours: Colours) -> Iterator[Finding]:
    """Text in a style sheet that does not stand out from the ground that the sheet gives it, or else from the brand's
    paper in the same scheme."""
    for sheet in _SHEET.finditer(_coloured(file.text, colours)):
        rules = list(_rules(sheet[2], sheet.start(2)))
        grounds = {(rule.night, one): rule.ground for rule in rules if rule.ground for one in rule.selectors}
        for rule in rules:
            paper = (colours.dark if rule.night else colours.light).paper
            own = (grounds[rule.night, one] for one in rule.selectors if (rule.night, one) in grounds)
            ground = rule.ground or next(own, paper)
            if rule.ink and (ratio := contrast(rule.ink, ground)) < MIN_CONTRAST:
                scheme = "dark" if rule.night else "light"
                message = f"text in {rule.ink} on {ground} has a contrast of {ratio:.2f} in the {scheme} scheme"
                remedy = f"Move one of them until it is {MIN_CONTRAST}."
                about = f"{scheme} {rule.ink} {ground}"
                yield at(file, file.text, rule.start, "error", "contrast", message, remedy, about)


def _coloured(text: str, colours: Colours) -> str:
    """The text at the same offsets with the brand's colours put in, and without comments and other tags."""
    palettes = {"light": colours.light.model_dump(), "dark": colours.dark.model_dump()}
    text = _BRANDS.sub(lambda found: str(palettes[found[1]].get(found[2], "")).ljust(len(found[0])), text)
    return _OTHER.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _rules(sheet: str, offset: int) -> Iterator[_Rule]:
    nights = [(found.end(), _end(sheet, found.end())) for found in _NIGHT.finditer(sheet)]
    for found in _RULE.finditer(sheet):
        selectors = tuple(one.strip() for one in found[1].split(","))
        night = "data-ogs" in found[1] or any(start <= found.start(2) < end for start, end in nights)
        ink, ground = _INK.search(found[2]), _GROUND.search(found[2])
        start = offset + found.start(2) + (ink.start() if ink else 0)
        yield _Rule(selectors, night, _full(ink), _full(ground), start)


def _end(sheet: str, start: int) -> int:
    """Where the block ends that is open at `start`."""
    depth = 1
    for found in re.finditer(r"[{}]", sheet[start:]):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return start + found.start()
    return len(sheet)


def _full(found: re.Match[str] | None) -> str:
    colour = found[1] if found else ""
    return "#" + "".join(digit * 2 for digit in colour[1:]) if len(colour) == 4 else colour
