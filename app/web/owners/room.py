"""Every page of this room under one router."""

from fastapi import APIRouter

from app.web.owners import (
    account,
    accounts,
    audit_log,
    rights,
    second_step,
    settings_alerts,
    settings_carriers,
    settings_hooks,
    settings_keys,
    settings_retention,
    settings_sending,
    suppressions,
)

router = APIRouter(include_in_schema=False)

_ACCOUNT = (account, second_step)
_PEOPLE = (suppressions, rights, accounts)
_SETTINGS = (
    settings_sending,
    settings_carriers,
    settings_hooks,
    settings_alerts,
    settings_keys,
    settings_retention,
    audit_log,
)

for part in (*_ACCOUNT, *_PEOPLE, *_SETTINGS):
    router.include_router(part.router)
