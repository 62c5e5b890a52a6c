"""Every page of this room under one router."""

from fastapi import APIRouter

from app.web.agents import (
    correcting,
    messages,
    parcels,
    stopping,
    story,
)

router = APIRouter(include_in_schema=False)

_PAGES = (
    parcels,
    story,
    messages,
    correcting,
    stopping,
)

for part in _PAGES:
    router.include_router(part.router)
