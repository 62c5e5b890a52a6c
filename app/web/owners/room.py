"""Every page of this room under one router."""

from fastapi import APIRouter

from app.web.owners import account, accounts, audit_log, rights, second_step, suppressions

router = APIRouter(include_in_schema=False)

for part in (account, second_step, suppressions, rights, accounts, audit_log):
    router.include_router(part.router)
