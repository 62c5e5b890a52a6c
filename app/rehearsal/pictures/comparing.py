"""How two pictures differ: the share of pixels, where, and a third picture that shows it."""

from dataclasses import dataclass
from difflib import SequenceMatcher

from app.rehearsal.pictures.pixels import Image, opened, pillow, saved

TOLERANCE = 48
"""Out of 255: how far a colour may be off in any channel and still count as the same."""
_CELL = 16
"""Pixels: what differs is looked for in squares of this side, and neighbours are one place."""
_GAP = 16
_MARK = (217, 45, 32)
_GROUND = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`share` of the pixels differ (0 to 1); `places` are rectangles (left, top, right, bottom) in pixels of the
    larger picture, from the top down; `sizes` say (width, height) before and after."""

    share: float
    places: tuple[tuple[int, int, int, int], ...]
    sizes: tuple[tuple[int, int], tuple[int, int]]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.places and self.sizes[0] == self.sizes[1]


def compare(before: bytes, after: bytes, tolerance: int = TOLERANCE, soften: float = 0.0) -> Comparison:
    """Two PNGs compared, from their upper left corners. What only one of them reaches to counts as different.

    `soften` is a radius in pixels by which both are blurred first, so that another smoothing of the same letters
    counts as the same.
    """
    one, two = opened(before), opened(after)
    mask = _mask(one, two, tolerance, soften)
    return Comparison(_share(mask), _places(mask), (one.size, two.size))


def side_by_side(before: bytes, after: bytes, tolerance: int = TOLERANCE, soften: float = 0.0) -> bytes:
    """A PNG of before, after and difference, from left to right: what differs in red on the faded picture, framed.

    Where one is taller, what is the same in both stands on one height, with a gap where the other has more: else a line
    that was added at the top would make everything under it differ.
    """
    one, two = _aligned(opened(before), opened(after))
    mask = _mask(one, two, tolerance, soften)
    images, draw = pillow("Image"), pillow("ImageDraw")
    faded = images.blend(_padded(two, mask.size), images.new("RGB", mask.size, "white"), 0.75)
    faded.paste(_MARK, (0, 0), mask)
    pen = draw.Draw(faded)
    for left, top, right, bottom in _places(mask):
        pen.rectangle((left, top, right - 1, bottom - 1), outline=_MARK, width=2)
    width, height = mask.size
    whole = images.new("RGB", (3 * width + 2 * _GAP, height), _GROUND)
    for place, picture in enumerate((one, two, faded)):
        whole.paste(picture, (place * (width + _GAP), 0))
    return saved(whole)


def _aligned(one: Image, two: Image) -> tuple[Image, Image]:
    if one.width != two.width or one.height == two.height:
        return one, two
    steps = [(a, b, c, d) for _, a, b, c, d in SequenceMatcher(None, _rows(one), _rows(two)).get_opcodes()]
    height = sum(max(b - a, d - c) for a, b, c, d in steps)
    sides = tuple(pillow("Image").new("RGB", (one.width, height), _GROUND) for _ in range(2))
    top = 0
    for a, b, c, d in steps:
        for side, image, start, end in zip(sides, (one, two), (a, c), (b, d), strict=True):
            if start < end:
                side.paste(image.crop((0, start, image.width, end)), (0, top))
        top += max(b - a, d - c)
    return sides[0], sides[1]


def _rows(image: Image) -> list[bytes]:
    pixels, stride = image.tobytes(), 3 * image.width
    return [pixels[start : start + stride] for start in range(0, len(pixels), stride)]


def _mask(one: Image, two: Image, tolerance: int, soften: float) -> Image:
    """White where the two differ."""
    chops, images = pillow("ImageChops"), pillow("Image")
    size = (max(one.width, two.width), max(one.height, two.height))
    common = (min(one.width, two.width), min(one.height, two.height))
    pair = [image.crop((0, 0, *common)) for image in (one, two)]
    if soften:
        blur = pillow("ImageFilter").GaussianBlur(soften)
        pair = [image.filter(blur) for image in pair]
    red, green, blue = chops.difference(*pair).split()
    worst = chops.lighter(chops.lighter(red, green), blue).point([255 * (far > tolerance) for far in range(256)])
    mask = images.new("L", size, 255)
    mask.paste(worst, (0, 0))
    return mask


def _padded(image: Image, size: tuple[int, int]) -> Image:
    whole = pillow("Image").new("RGB", size, "white")
    whole.paste(image, (0, 0))
    return whole


def _share(mask: Image) -> float:
    return float(mask.histogram()[255] / max(1, mask.width * mask.height))


def _places(mask: Image) -> tuple[tuple[int, int, int, int], ...]:
    """The rectangles around what is white: cells that touch, by side or corner, are one."""
    left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
    cells = {
        (column, row): box
        for row in range(top // _CELL, -(-bottom // _CELL))
        for column in range(left // _CELL, -(-right // _CELL))
        if (box := _white_in(mask, column, row)) is not None
    }
    found = []
    while cells:
        waiting = [next(iter(cells))]
        box = cells[waiting[0]]
        while waiting:
            column, row = waiting.pop()
            if (one := cells.pop((column, row), None)) is None:
                continue
            box = (min(box[0], one[0]), min(box[1], one[1]), max(box[2], one[2]), max(box[3], one[3]))
            waiting += [(column + x, row + y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (column + x, row + y) in cells]
        found.append(box)
    return tuple(sorted(found, key=lambda box: (box[1], box[0])))


def _white_in(mask: Image, column: int, row: int) -> tuple[int, int, int, int] | None:
    left, top = column * _CELL, row * _CELL
    cell = mask.crop((left, top, min(left + _CELL, mask.width), min(top + _CELL, mask.height))).getbbox()
    return (left + cell[0], top + cell[1], left + cell[2], top + cell[3]) if cell else None
