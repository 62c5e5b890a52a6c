"""The web process: API, hooks, shoppers' pages and health, on one house. It writes rows and wakes the workers."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from app.broker import build_celery
from app.errors import ConfigurationError
from app.log import configure_logging, logger
from app.pipeline.house import House
from app.rehearsal.pictures.kept import KeptBrowser
from app.settings import Settings, load_settings, strangers
from app.web import doorway, health, metrics, pictures
from app.web.access.keys import Keys
from app.web.access.marks import Marks
from app.web.access.sealing import can_seal
from app.web.agents import room as agents
from app.web.api import (
    acts,
    brakes,
    codes,
    orders,
    people,
    rehearsing,
    reports,
    rules,
    template_fields,
    template_trying,
    template_versions,
)
from app.web.api.openapi import DESCRIPTION, describe
from app.web.console import second_step, shop_sign_in, sign_in, static
from app.web.console.refusals import tell_refusals
from app.web.console.shared import Shared
from app.web.gate import Gate
from app.web.hooks import carriers, providers
from app.web.marketers import room as marketers
from app.web.operations import room as operations
from app.web.owners import room as owners
from app.web.problems import tell_problems
from app.web.shoppers import asking, parcel, preferences
from app.web.waking import Waker
from app.wiring import build_house, build_wake, settle_in

log = logger(__name__)


def create_app(settings: Settings | None = None, house: House | None = None) -> FastAPI:
    """The application, for `uvicorn --factory app.web.main:create_app`.

    Without `settings` the environment is read and logs are set up; without `house` one is built, and closed at the end.
    """
    if settings is None:
        settings = load_settings()
        configure_logging(settings.log_format)
        for said in strangers():
            log.warning(said)
    if settings.oidc.issuer and not can_seal(settings):
        raise ConfigurationError(
            "DOORSTEP_OIDC__ISSUER is set, but DOORSTEP_SECRET_KEY is not, or shorter than 16 characters. Set it to a"
            " long random word, the same for all processes."
        )
    waker = None
    if house is None:
        waker = Waker(build_wake(build_celery(settings)))
        house = build_house(settings, wake=waker, connections=12)  # threads that all read at once
    app = _application(settings, house, _lifespan(house, waker))
    own = (
        parcel,  # a route is looked for in this order, so what is asked for most comes first
        providers,
        carriers,
        orders,
        rules,
        template_fields,
        template_versions,
        rehearsing,
        template_trying,
        reports,
        brakes,
        codes,
        people,
        acts,
        asking,
        pictures,
        preferences,
        sign_in,
        second_step,
        shop_sign_in,
        static,
        operations,
        agents,
        marketers,
        owners,
        health,
        metrics,
        doorway,
    )
    for part in own:
        app.include_router(part.router)
    app.add_middleware(Gate)
    tell_problems(app)
    tell_refusals(app)
    describe(app)
    return app


def _lifespan(house: House, waker: Waker | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What is done around serving; with a `waker` the house was built here, and is closed here."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # Uvicorn's own log would show each link's secret; the gate's shows the route.
        logging.getLogger("uvicorn.access").disabled = True
        logging.getLogger("alembic").setLevel(logging.WARNING)  # says two lines at every look at the schema
        if waker is None:
            yield
            return
        waker.start()
        settle_in()
        yield
        await run_in_threadpool(waker.stop)
        await run_in_threadpool(_app.state.marks.write)
        await run_in_threadpool(_app.state.browser.close)
        await house.http.aclose()
        house.sessions.kw["bind"].dispose()

    return lifespan


def _application(
    settings: Settings, house: House, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]
) -> FastAPI:
    app = FastAPI(
        title="Doorstep",
        version=_version(),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.house = house
    app.state.browser = KeptBrowser()
    app.state.marks = Marks(house.sessions)
    app.state.keys = Keys(house.sessions, app.state.marks)
    app.state.shared = Shared()
    return app


def _version() -> str:
    try:
        return version("doorstep")
    except PackageNotFoundError:
        return "0 (not installed)"
