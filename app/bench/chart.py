"""A chart with logarithmic axes as a PNG, drawn by hand: one picture is not worth a plotting library."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from pathlib import Path

_WIDTH, _HEIGHT = 960, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 40, 60, 90
_INK, _GRID, _PAPER = (40, 44, 52), (222, 226, 232), (255, 255, 255)

# Five columns by seven rows, a row a character of base 32.
_LETTERS = {
    "0": "EHJLPHE", "1": "4C4444E", "2": "EH1248V", "3": "V2421HE", "4": "26AIV22", "5": "VGU11HE", "6": "68GUHHE",
    "7": "V124888", "8": "EHHEHHE", "9": "EHHF12C", ".": "00000CC", ",": "00000C8", " ": "0000000", "A": "EHHVHHH",
    "B": "UHHUHHU", "C": "EHGGGHE", "D": "SIHHHIS", "E": "VGGUGGV", "F": "VGGUGGG", "G": "EHGNHHF", "H": "HHHVHHH",
    "I": "E44444E", "K": "HIKOKIH", "L": "GGGGGGV", "M": "HRLLHHH", "N": "HHPLJHH", "O": "EHHHHHE", "P": "UHHUGGG",
    "Q": "EHHHLID", "R": "UHHUKIH", "S": "FGGE11U", "T": "V444444", "U": "HHHHHHE", "V": "HHHHHA4", "W": "HHHLLLA",
    "X": "HHA4AHH", "Y": "HHHA444", "Z": "V1248GV", "-": "000E000",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name, its colour, and its points as (x, y), all above zero."""

    name: str
    colour: tuple[int, int, int]
    points: Sequence[tuple[float, float]]


def save_chart(path: Path, title: str, across: str, lines: Sequence[Line]) -> None:
    """Draw the lines, with ticks at 1, 2 and 5 times each power of ten, and write the PNG. Letters become capitals.
    Raises OSError where it cannot be written."""
    canvas = _Canvas()
    xs, ys = [x for line in lines for x, _ in line.points], [y for line in lines for _, y in line.points]
    horizontal, vertical = _Axis(xs, _LEFT, _WIDTH - _RIGHT), _Axis(ys, _HEIGHT - _BOTTOM, _TOP)
    for tick in horizontal.ticks():
        x = horizontal.at(tick)
        canvas.line((x, _TOP), (x, _HEIGHT - _BOTTOM), _GRID, 0.6)
        canvas.text(x - 6 * len(f"{tick:g}"), _HEIGHT - _BOTTOM + 12, f"{tick:g}")
    for tick in vertical.ticks():
        y = vertical.at(tick)
        canvas.line((_LEFT, y), (_WIDTH - _RIGHT, y), _GRID, 0.6)
        canvas.text(_LEFT - 12 - 12 * len(f"{tick:g}"), y - 7, f"{tick:g}")
    canvas.text(_LEFT, 20, title)
    canvas.text((_LEFT + _WIDTH - _RIGHT) / 2 - 6 * len(across), _HEIGHT - 40, across)
    for row, line in enumerate(lines):
        places = [(horizontal.at(x), vertical.at(y)) for x, y in line.points]
        for start, end in pairwise(places):
            canvas.line(start, end, line.colour, 1.6)
        for x, y in places:
            canvas.line((x, y), (x, y), line.colour, 5.0)
        canvas.line((_WIDTH - 350, _TOP + 24 + 28 * row), (_WIDTH - 310, _TOP + 24 + 28 * row), line.colour, 1.6)
        canvas.text(_WIDTH - 300, _TOP + 17 + 28 * row, line.name)
    path.write_bytes(canvas.png())


class _Axis:
    """Where a value lies between two edges of the picture, by its logarithm."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = log10(min(values) * 0.8), log10(max(values) * 1.25)
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = (log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        powers = range(int(self._low) - 1, int(self._high) + 2)
        return [s * 10.0**p for p in powers for s in (1, 2, 5) if self._low <= log10(s * 10.0**p) <= self._high]


class _Canvas:
    """Pixels, red, green and blue."""

    def __init__(self) -> None:
        self._rows = [bytearray(bytes(_PAPER) * _WIDTH) for _ in range(_HEIGHT)]

    def line(
        self, start: tuple[float, float], end: tuple[float, float], colour: tuple[int, int, int], half: float
    ) -> None:
        """A line `2 * half` pixels wide with round ends and soft edges; a dot where both ends are one."""
        (x0, y0), (x1, y1) = start, end
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        for y in range(max(0, int(min(y0, y1) - half - 1)), min(_HEIGHT, int(max(y0, y1) + half + 2))):
            for x in range(max(0, int(min(x0, x1) - half - 1)), min(_WIDTH, int(max(x0, x1) + half + 2))):
                along = max(0.0, min(1.0, ((x - x0) * dx + (y - y0) * dy) / length)) if length else 0.0
                away = ((x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2) ** 0.5
                self._blend(x, y, colour, min(1.0, half + 0.5 - away))

    def text(self, x: float, y: float, words: str) -> None:
        """Letters of two pixels a dot, their upper left corner at (x, y)."""
        for place, letter in enumerate(words.upper()):
            for row, dots in enumerate(_LETTERS[letter]):
                for column in range(5):
                    if int(dots, 32) >> (4 - column) & 1:
                        self._dot(int(x) + place * 12 + column * 2, int(y) + row * 2)

    def _dot(self, x: int, y: int) -> None:
        for dx, dy in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if 0 <= x + dx < _WIDTH and 0 <= y + dy < _HEIGHT:
                self._blend(x + dx, y + dy, _INK, 1.0)

    def _blend(self, x: int, y: int, colour: tuple[int, int, int], share: float) -> None:
        if share > 0:
            row = self._rows[y]
            for part in range(3):
                row[3 * x + part] = round(row[3 * x + part] * (1 - share) + colour[part] * share)

    def png(self) -> bytes:
        """The picture by https://www.w3.org/TR/png/: eight bits a colour, no filter."""
        header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
        rows = zlib.compress(b"".join(b"\x00" + bytes(row) for row in self._rows), 9)
        return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
