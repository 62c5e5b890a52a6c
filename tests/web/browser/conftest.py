"""A real Chromium on the real pages: the application is served over HTTP, and people sign in to it.

`DOORSTEP_SLOW_BROWSER=6` makes the pages' scripts run six times as slowly: what waits for nothing shows itself then.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.db import Sessions
from app.models import Account, Brand, public_id
from app.rehearsal.pictures.browser import NoBrowser, find_browser
from app.web.access.keys import Keys
from app.web.access.sessions import begin
from tests.serving import KEPT_SECONDS, Prompt, running
from tests.web.browser.looking import DESKTOP, PHONE
from tests.web.conftest import Site

PATIENCE = 60_000
"""Milliseconds for which a page is waited for: a machine may be busy for seconds, and what holds is not waited for."""


@pytest.fixture(scope="session")
def _running() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """One browser a run, and the event loop by which it is spoken to."""
    try:
        program = find_browser()
    except NoBrowser as error:
        if os.environ.get("DOORSTEP_REQUIRE_BROWSER") == "1":
            raise
        pytest.skip(str(error))
    switches = ["--disable-gpu", "--disable-extensions", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=switches, timeout=120_000)
        loop = asyncio.get_running_loop()
        yield browser, loop
        asyncio.events._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def chromium(_running: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """The browser. Between two files of its tests its event loop is put aside, for it would be in the way of others'
    loops: this thread counts as running it, though it only waits for its next turn."""
    browser, loop = _running
    asyncio.events._set_running_loop(loop)
    expect.set_options(timeout=PATIENCE)
    yield browser
    asyncio.events._set_running_loop(None)


@dataclass
class Served:
    """The application at an address."""

    url: str
    site: Site


class Server:
    """The application over HTTP, on a port of this machine, while one file's tests run."""

    def __init__(self, server: Prompt) -> None:
        self._server, self._state = server, server.server_state
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    def finish(self) -> None:
        """Wait until all have hung up, and what they asked for is answered: it must not meet the next test's house.
        Who only lies idle, as the engine's own client does after it has tried a hook, is hung up on."""
        self._server.hang_up()
        deadline = time.monotonic() + 60
        while self._state.connections or self._state.tasks:
            assert time.monotonic() < deadline, "A request has not been answered within a minute."
            time.sleep(0.01)


@pytest.fixture(scope="module")
def _server_of() -> Iterator[Callable[[FastAPI], Server]]:
    """Gives the file's server, which its first test starts."""
    with ExitStack() as stack:

        @cache
        def start(app: FastAPI) -> Server:
            config = uvicorn.Config(
                app,
                port=0,
                log_level="error",
                lifespan="off",
                timeout_keep_alive=KEPT_SECONDS,
                timeout_graceful_shutdown=60,
            )
            return Server(stack.enter_context(running(config)))

        yield start


@pytest.fixture
def served(site: Site, _server_of: Callable[[FastAPI], Server]) -> Iterator[Served]:
    """The application over HTTP, with links that lead to it."""
    server = _server_of(site.app)
    house = replace(site.house, public_url=server.url)
    site.app.state.house, site.app.state.keys = house, Keys(house.sessions)
    yield Served(server.url, replace(site, house=house))
    server.finish()
    site.app.state.browser.close()  # else it would stay for a minute, beside tests of processes and threads


@pytest.fixture
def enter(chromium: Browser, served: Served, sessions: Sessions, brand: Brand) -> Iterator[Callable[..., Page]]:
    """Opens a page for somebody of a role (None: nobody is signed in), `phone` or desktop, `dark` or light."""
    contexts: list[BrowserContext] = []
    failed: list[str] = []

    def open_page(role: str | None = "owner", *, phone: bool = False, dark: bool = False, script: bool = True) -> Page:
        context = chromium.new_context(
            base_url=served.url,
            viewport=PHONE if phone else DESKTOP,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if role is not None:
            cookie = {"name": "doorstep", "value": _session(sessions, role), "url": served.url}
            context.add_cookies([cookie])
        page = context.new_page()
        _slow_down(page)
        page.on("pageerror", lambda error: failed.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failed == [], "a page's script failed"


def _slow_down(page: Page) -> None:
    rate = float(os.environ.get("DOORSTEP_SLOW_BROWSER", "1"))
    if rate > 1:
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})


def _session(sessions: Sessions, role: str) -> str:
    with sessions.begin() as session:
        address = f"{role}@shop.example"
        account = session.scalars(sa.select(Account).where(Account.email == address)).one_or_none()
        if account is None:
            account = Account(public_id=public_id("usr"), email=address, name=role.capitalize(), role=role)
            session.add(account)
            session.flush()
        return begin(session, account, "a browser", "127.0.0.1")


@pytest.fixture
def shop(served: Served, brand: Brand, new_key: Callable[..., str]) -> Iterator[httpx.Client]:
    """The shop's own program, which calls the API with a key for everything."""
    headers = {"Authorization": f"Bearer {new_key(brand)}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client
