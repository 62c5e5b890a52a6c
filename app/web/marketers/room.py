"""Every page of this room under one router."""

from fastapi import APIRouter

from app.web.marketers import (
    brand,
    comparing,
    editor,
    fielding,
    looking,
    publishing,
    studio,
    testing,
    waiting,
)

router = APIRouter(include_in_schema=False)

_PAGES = (
    studio,
    editor,
    looking,
    brand,
    fielding,
    comparing,
    publishing,
    waiting,
    testing,
)

for part in _PAGES:
    router.include_router(part.router)
