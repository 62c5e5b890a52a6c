"""The web process under test: Doorstep's own, with points at which it can be made to kill itself."""

from fastapi import FastAPI

from app.web.hooks import providers
from app.web.main import create_app as create
from tests.chaos.points import in_step

providers.keep_reports = in_step("keep_reports", providers.keep_reports, own_session=False)
providers.keep_batch = in_step("keep_reports", providers.keep_batch, own_session=True)


def create_app() -> FastAPI:
    """For `uvicorn --factory tests.chaos.web:create_app`. The commits pass by their points since `points` was read."""
    return create()
