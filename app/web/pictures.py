"""A brand's pictures: under the name that counts now, and under their content for mails that were sent with them."""

import hashlib
import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.errors import NotFound
from app.messages.catalog import Catalog
from app.messages.versions.fitting import picture_size
from app.messages.versions.live import picture_of
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House

router = APIRouter(include_in_schema=False)

_A_WHILE = "public, max-age=300"
_FOR_EVER = "public, max-age=31536000, immutable"
_DIGEST = re.compile(r"[0-9a-f]{12}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}\.png")


@router.get("/brand/{key}/{file}")
def brand_picture(request: Request, key: str, file: str) -> Response:
    """A brand's logo as it is now. Only the files that the brand itself names are served, so no path can lead anywhere
    else."""
    house: House = request.app.state.house
    with house.sessions() as session:
        catalog = catalog_of(session, house)
    return _shown(request, _declared(catalog, key, file), _A_WHILE)


@router.get("/brand/{key}/{digest}/{file}")
def picture_as_sent(request: Request, key: str, digest: str, file: str) -> Response:
    """The picture whose SHA-256 begins with `digest`, whatever the brand's logo is by now. One that shipped with an
    older Doorstep is gone: the brand's own of that name stands in."""
    if not (_DIGEST.fullmatch(digest) and _NAME.fullmatch(file)):
        raise _no_picture()
    house: House = request.app.state.house
    with house.sessions() as session:
        catalog = catalog_of(session, house)
        if key not in catalog.brands():
            raise _no_picture()
        there = catalog.shelf(key).layers(file)
        found = next((one.content for one in reversed(there) if _named(one.content).startswith(digest)), None)
        if found is None:
            found = picture_of(session, key, digest)
    if found is None or picture_size(found) is None:
        return _shown(request, _declared(catalog, key, file), _A_WHILE)
    return _shown(request, found, _FOR_EVER)


def _declared(catalog: Catalog, key: str, file: str) -> bytes:
    look = catalog.brands().get(key)
    there = catalog.shelf(key).file(file) if look and file in (look.logo.light, look.logo.dark) else None
    if there is None:
        raise _no_picture()
    return there.content


def _shown(request: Request, content: bytes, cache: str) -> Response:
    etag = f'"{_named(content)[:32]}"'
    # They stand in mails, which web mail programs show on sites of their own.
    headers = {"Cache-Control": cache, "ETag": etag, "Cross-Origin-Resource-Policy": "cross-origin"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="image/png")


def _named(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _no_picture() -> NotFound:
    return NotFound("There is no such picture.")
