"""A picture as somebody uploads it: a PNG by what is in it, as large as it says, and nothing beside the picture.

Read by its chunks (PNG specification, section 5); what is compressed is only ever unpacked up to the size that the
header allows, so that a small file cannot become a large one. Texts, colour profiles and what else a program hid in
the file are left out.
"""

import struct
import zlib
from collections.abc import Iterator

from app.errors import Fault, InvalidInput
from app.messages.versions.fitting import LARGEST_PICTURE, faults_of

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"cHRM", b"sBIT", b"pHYs", b"bKGD", b"IDAT", b"IEND"})
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type."""
MOST_READ = 2 * LARGEST_PICTURE
"""Bytes of an upload that are looked at: what is left out may be large."""


def cleaned(path: str, content: bytes, brand_key: str) -> bytes:
    """The picture alone, as it may stand under that path. Raises InvalidInput with what to do instead."""
    if not content:
        raise InvalidInput([Fault(None, path, "no file was chosen", "Choose a PNG picture.")])
    if len(content) > MOST_READ:
        problem = f"is larger than {MOST_READ // 1000} kB"
        raise InvalidInput([Fault(None, path, problem, "Make it smaller, or save it with fewer colours.")])
    if not content.startswith(_SIGNATURE):
        kind = " but SVG" if b"<svg" in content[:1000] else ""
        raise InvalidInput(
            [Fault(None, path, f"is no PNG picture{kind}", "Export it as PNG; mail shows no other kind.")]
        )
    try:
        chunks = list(_chunks(content))
        _unpack(chunks)
    except (ValueError, struct.error, zlib.error) as error:
        raise InvalidInput([Fault(None, path, f"is a damaged PNG: {error}", "Export it once more.")]) from error
    kept = _SIGNATURE + b"".join(_written(kind, inside) for kind, inside in chunks if kind in _KEPT)
    faults = faults_of(path, kept, brand_key)
    if faults:
        raise InvalidInput(faults)
    return kept


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while True:
        if at + 12 > len(content):
            raise ValueError("it ends too early")
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        inside = content[at + 8 : at + 8 + length]
        if len(inside) != length or at + 12 + length > len(content):
            raise ValueError("it ends too early")
        if struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0] != zlib.crc32(kind + inside):
            raise ValueError("a part of it does not match its checksum")
        yield kind, inside
        if kind == b"IEND":
            return
        at += 12 + length


def _unpack(chunks: list[tuple[bytes, bytes]]) -> None:
    """Raise ValueError unless the picture's lines unpack to what its header says, and to no byte more."""
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("it does not begin with its size")
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if colour not in _SAMPLES or depth not in (1, 2, 4, 8, 16) or not 0 < width <= 10_000 or not 0 < height <= 10_000:
        raise ValueError(f"its header says {width} by {height} pixels")
    line = 1 + -(-width * depth * _SAMPLES[colour] // 8)
    most = line * height + (8 * (height + width) + 64 if interlace else 0)
    if most > 1200 * 1200 * 8 + 1200:
        raise ValueError(f"it unpacks to {width} by {height} pixels, and 1200 by 1200 are the most")
    packed = b"".join(inside for kind, inside in chunks if kind == b"IDAT")
    unpacker = zlib.decompressobj()
    got = len(unpacker.decompress(packed, most + 1))
    if got > most or unpacker.unconsumed_tail:
        raise ValueError("more is packed into it than its size says")
    if not interlace and got < most:
        raise ValueError("some of its lines are missing")


def _written(kind: bytes, inside: bytes) -> bytes:
    return struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))
