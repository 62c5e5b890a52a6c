"""PNGs as pixels, by Pillow where the extra `pictures` is installed: opened, and saved small."""

from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import Any

from app.errors import ConfigurationError

Image = Any
"""A `PIL.Image.Image`; a server is installed without Pillow, so its types are not named."""


def pillow(module: str) -> Any:
    """One of Pillow's modules. Raises ConfigurationError where it is not installed."""
    if find_spec("PIL") is None:
        raise ConfigurationError("Comparing pictures needs Pillow. Install it with: pip install 'doorstep[pictures]'.")
    return import_module(f"PIL.{module}")


def opened(png: bytes) -> Image:
    """A PNG's pixels, RGB."""
    return pillow("Image").open(BytesIO(png)).convert("RGB")


def saved(image: Image) -> bytes:
    """An image as PNG, for somebody who waits: a tenth of the work, and a few bytes in a hundred more."""
    return _png(image, optimize=False)


def small(png: bytes, colours: int = 256, rare: bool = False) -> bytes:
    """The same picture from a palette of that many colours: a third of the bytes, and hardly to be told apart.

    Large areas keep their colours exactly; with `rare`, small ones stay in the palette at the large ones' cost.
    """
    methods = pillow("Image").Quantize
    method = methods.MAXCOVERAGE if rare else methods.MEDIANCUT
    return _png(opened(png).quantize(colours, method=method, dither=0))


def _png(image: Image, *, optimize: bool = True) -> bytes:
    written = BytesIO()
    image.save(written, "PNG", optimize=optimize)
    return written.getvalue()
