"""The web process: API, hooks, shoppers' pages and health, on one house. It writes rows and wakes the workers."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from app.log import configure_logging
from app.pipeline.house import House
from app.settings import Settings, load_settings
from app.web import api, doorway, health, hooks, shoppers
from app.web.access import Keys
from app.web.gate import Gate
from app.web.openapi import DESCRIPTION, describe
from app.web.problems import tell_problems
from app.wiring import build_celery, build_house, build_wake


def create_app(settings: Settings | None = None, house: House | None = None) -> FastAPI:
    """The application, for `uvicorn --factory app.web.main:create_app`.

    Without `settings` the environment is read and logs are set up; without `house` one is built, and closed at the end.
    """
    if settings is None:
        settings = load_settings()
        configure_logging(settings.log_format)
    own = house is None
    here = house or build_house(settings, wake=build_wake(build_celery(settings)))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # Uvicorn's own log would show each link's secret; the gate's shows the route.
        logging.getLogger("uvicorn.access").disabled = True
        yield
        if own:
            await here.http.aclose()
            here.sessions.kw["bind"].dispose()

    app = FastAPI(
        title="Doorstep",
        version=_version(),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.house = here
    app.state.keys = Keys(here.sessions)
    for part in (api, hooks, shoppers, health, doorway):
        app.include_router(part.router)
    app.add_middleware(Gate)
    tell_problems(app)
    describe(app)
    return app


def _version() -> str:
    try:
        return version("doorstep")
    except PackageNotFoundError:
        return "0 (not installed)"
