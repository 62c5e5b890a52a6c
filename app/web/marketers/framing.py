"""A rendered email, or the shopper's page, made ready for the studio's frame: one scheme, pictures that can be shown,
links that lead nowhere.

The words and the layout are as the renderer gave them. What a mail program or a browser decides for itself, day or
night, is decided here; what a sample order cannot have, a shop's pictures, is drawn.
"""

import base64
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import Response

import app.rehearsal.pictures

FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin"
)
"""No script, no form, no frame in it, and it may stand in our own pages only."""

_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
_SOURCE = re.compile(r'(<(?:img|source)\b[^>]*?\bsrc(?:set)?=")([^"]*)(")', re.IGNORECASE)
_NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
_SAMPLES = Path(app.rehearsal.pictures.__file__).parent / "samples"


def framed(html: str, public_url: str, *, dark: bool, real: bool, drafts: Mapping[str, str]) -> str:
    """The mail for the frame. `drafts` are addresses of pictures that are not published, by the first twelve digits of
    their digest; with `real` it is a real parcel's, whose pictures are fetched from the shop."""
    chosen = "dark" if dark else "light"
    html = _SCHEME.sub(lambda one: "(min-width: 0)" if one[1] == chosen else "(max-width: 0)", html)
    html = html.replace("color-scheme: light dark", f"color-scheme: {chosen}")
    html = html.replace('content="light dark"', f'content="{chosen}"')
    html = _SOURCE.sub(lambda one: one[1] + _shown(one[2], public_url, real, drafts) + one[3], html)
    return html.replace("<head>", '<head><base target="_blank">', 1)


def in_frame(html: str, status: int = 200) -> Response:
    """An answer that only a frame of our own shows, under the frame's own policy."""
    headers = {
        "Content-Security-Policy": FRAME_POLICY,
        "X-Frame-Options": "SAMEORIGIN",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return Response(html, status, headers, media_type="text/html; charset=utf-8")


def _shown(source: str, public_url: str, real: bool, drafts: Mapping[str, str]) -> str:
    parts = urlsplit(source)
    steps = parts.path.strip("/").split("/")
    if source.startswith(f"{public_url}/brand/"):
        return drafts.get(steps[2], parts.path) if len(steps) == 4 else parts.path
    if real:
        return source if parts.scheme in ("https", "data") else _NOTHING
    return _samples().get(steps[-1].partition(".")[0], _NOTHING) if parts.netloc == "pictures.example" else _NOTHING


@lru_cache(maxsize=1)
def _samples() -> dict[str, str]:
    """The drawings that stand for what a sample order holds, by name."""
    return {
        path.stem: f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
        for path in sorted(_SAMPLES.glob("*.svg"))
    }
