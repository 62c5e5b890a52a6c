"""Every page of this room under one router."""

from fastapi import APIRouter

from app.web.operations import (
    pauses,
    rules,
    rules_backtests,
    rules_draft,
    rules_history,
    rules_publishing,
    rules_trying,
    today,
    unknown_codes,
)

router = APIRouter(include_in_schema=False)

_PAGES = (
    today,
    unknown_codes,
    rules,
    rules_draft,
    rules_publishing,
    rules_trying,
    rules_backtests,
    rules_history,
    pauses,
)

for part in _PAGES:
    router.include_router(part.router)
