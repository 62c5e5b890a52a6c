"""Every page of this room under one router."""

from fastapi import APIRouter

from app.web.owners import account, second_step

router = APIRouter(include_in_schema=False)

for part in (account, second_step):
    router.include_router(part.router)
