"""The files that browsers keep: named by what is in them, so that a new version is a new address."""

import hashlib
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from app.web.problems import not_found

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "static"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@lru_cache(maxsize=1)
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _KINDS}


@lru_cache(maxsize=1)
def _version() -> str:
    """Of all files together: a module that another one imports changes with it."""
    digest = hashlib.sha256()
    for name, content in _files().items():
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def static(name: str) -> str:
    """The address of a file in `app/web/static/`. Raises KeyError for one that is not there."""
    _files()[name]
    return f"/static/{_version()}/{name}"


@router.get("/static/{version}/{name}")
def file(version: str, name: str) -> Response:
    """One of the files; of another version the one that is there now, which is not to be kept."""
    content = _files().get(name)
    if content is None:
        raise not_found("file of that name")
    kept = "public, max-age=31536000, immutable" if version == _version() else "no-store"
    return Response(content, media_type=_KINDS[Path(name).suffix], headers={"Cache-Control": kept})


@router.get("/favicon.ico")
def icon() -> Response:
    """What browsers ask for where a page names no sign of its own."""
    return Response(_files()["mark.svg"], media_type=_KINDS[".svg"], headers={"Cache-Control": "public, max-age=86400"})
