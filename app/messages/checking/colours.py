"""What colour a style means, however it is written, and what is seen where one lies over another."""

from functools import lru_cache

from tinycss2 import parse_component_value_list
from tinycss2.color4 import Color, parse_color

Colour = tuple[float, float, float, float]
"""Red, green and blue from 0 to 255, and how much of it covers what lies under it, from 0 to 1."""


@lru_cache(maxsize=1024)
def read_colour(value: str) -> Colour | None:
    """The first colour in a style's value, or None where there is none that can be told."""
    for part in parse_component_value_list(value):
        colour = parse_color(part)
        if isinstance(colour, Color) and colour.space in ("srgb", "hsl", "hwb"):
            red, green, blue = (255 * share for share in colour.to("srgb").coordinates)
            return (red, green, blue, colour.alpha)
    return None


def laid_over(colour: Colour, ground: Colour) -> Colour:
    """What is seen where a colour lies over a ground that covers everything."""
    red, green, blue = (
        over * colour[3] + under * (1 - colour[3]) for over, under in zip(colour[:3], ground[:3], strict=True)
    )
    return (red, green, blue, 1.0)


def as_hex(colour: Colour) -> str:
    """A colour as `#rrggbb`."""
    return "#" + "".join(f"{max(0, min(255, round(part))):02x}" for part in colour[:3])
