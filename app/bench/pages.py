"""`doorstep bench pages`: what each page asks of a database that holds a shop's quarter: statements and their time."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from app.bench.quarter import BRAND, MESSAGE, Quarter, quarter
from app.clock import stopwatch
from app.models import Account, Message, Order, public_id
from app.pipeline.house import House
from app.settings import Settings
from app.web.access.sessions import begin
from app.web.console.shared import Shared
from app.web.main import create_app

BUDGET_MS = 50.0
"""What all statements of one page may take together."""

_ROUNDS = 9

QUERIES = (
    "/b/{brand}/parcels?state=moving", "/b/{brand}/parcels?state=late", "/b/{brand}/parcels?state=silent",
    "/b/{brand}/parcels?state=unconfirmed", "/b/{brand}/parcels?state=failing", "/b/{brand}/parcels?state=pickup",
    "/b/{brand}/parcels?state=returning", "/b/{brand}/parcels?state=claim",
    "/b/{brand}/parcels?state=delivered_today", "/b/{brand}/parcels?sort=news",
    "/b/{brand}/parcels?state=late&sort=news", "/b/{brand}/parcels?carrier=dhl", "/b/{brand}/parcels?country=DE",
    "/b/{brand}/parcels?milestone=exception", "/b/{brand}/parcels?milestone=delivered&country=FI&carrier=ups",
    "/b/{brand}/parcels?carrier=nobody", "/b/{brand}/parcels?country=XX", "/b/{brand}/parcels?q={order}",
    "/b/{brand}/parcels?q=M0000", "/b/{brand}/parcels?q=MILL0000001", "/b/{brand}/parcels?q={email}",
    "/b/{brand}/parcels?q={phone}", "/b/{brand}/parcels?q=nothing-of-ours", "/b/{brand}/parcels?q=nobody@example.test",
    "/b/{brand}/parcels?q={end}", "/b/{brand}/parcels?q=…{tail}",
    "/b/{brand}/parcels?q={called}", "/b/{brand}/parcels?q={family}",
    "/b/{brand}/parcels?q=Nobody At All",
    "/b/{brand}/parcels?sort=order-up", "/b/{brand}/parcels?sort=news-up", "/b/{brand}/parcels?state=late&sort=news-up",
    "/b/{brand}/parcels?state=silent&sort=news-up", "/b/{brand}/parcels?since={then}&until={then}",
    "/b/{brand}/parcels?since={then}&until={then}&milestone=exception&carrier=ups",
    "/b/{brand}/parcels?since={then}&sort=order-up&country=FI", "/b/{brand}/parcels?until={then}&sort=news",
    "/b/{brand}/parcels?milestone=expired&sort=news-up", "/b/{brand}/parcels?milestone=cancelled",
    "/b/{brand}/parcels/{mass}", "/b/{brand}/parcels/{mass}/stop", "/b/{brand}/people?q={email}", "{page}",
    "{page_mass}", "/p/{token}",
)  # fmt: skip
"""Addresses beside the console's own routes: the list's filters, what is searched for, the shopper's pages. What stands
in braces is filled in by `_names`."""

_NOT_PAGES = ("/events", "/live", "/stream", ".csv", "/progress.json")
"""Ends of addresses that are no pages: they keep on answering, or give out everything as a file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One statement that a page made, and its milliseconds."""

    ms: float
    statement: str
    values: Any


@dataclass(frozen=True, slots=True)
class PageCost:
    """What one page took: the statements' milliseconds together, how many there were, the whole answer's milliseconds
    and size, and the statements, slowest first."""

    path: str
    status: int
    statements: int
    sql_ms: float
    wall_ms: float
    size: int
    asked: tuple[Asked, ...] = field(repr=False, default=())

    @property
    def within(self) -> bool:
        """Whether it keeps the budget."""
        return self.sql_ms <= BUDGET_MS


def bench_pages(
    parcels: int, explained: Path | None, told: Callable[[str], None] = lambda line: None
) -> list[PageCost]:
    """Open every page among so many parcels; with `explained` the plans of what is slow are kept in that file."""
    with quarter(parcels, told) as here:
        cookie, names = _sign_in(here.house), _names(here)
        told("pages are opened")
        app = create_app(Settings(public_url=here.house.public_url), here.house)
        app.state.shared = Shared(seconds=0)  # each page is counted for itself
        found = asyncio.run(_open_all(app, here.engine, _paths(app, names), cookie))
        if explained is not None:
            explained.write_text(_plans(here.engine, found, parcels))
        return found


def _names(here: Quarter) -> Mapping[str, str]:
    """What the addresses are filled in with: one of the real parcels, and the one in the middle of the mass."""
    nth = here.parcels // 2
    with here.house.sessions() as session:
        named = session.scalar(sa.select(Order.shopper_name).where(Order.number == f"M{nth:08}"))
        message = session.scalar(sa.select(Message.public_id).where(Message.channel == "email").limit(1))
        who = session.scalars(sa.select(Account.public_id)).one()
    return {
        "brand": BRAND,
        "shipment": here.told["id"],
        "message": message or "",
        "page": here.told["page"].removeprefix(here.house.public_url),
        "page_mass": f"/t/{here.token(nth)}",
        "mass": f"shp_m{here.first + nth - 1}",
        "order": f"M{nth:08}",
        "end": f"{nth:08}"[-6:],
        "tail": f"{here.first + nth - 1:09}"[-4:],
        "called": named or "",
        "family": named.split()[-1] if named else "",
        "then": f"{here.house.clock.now() - timedelta(days=45):%Y-%m-%d}",
        "number": "1",
        "path": MESSAGE,
        "who": who,
        "token": here.told["page"].rsplit("/", 1)[-1],
        "email": f"shopper{nth % 700000}@example.test",
        "phone": f"%2B4670{nth % 700000:07}",
    }


def _sign_in(house: House) -> str:
    """An owner's cookie."""
    with house.sessions.begin() as session:
        account = Account(public_id=public_id("usr"), email="owner@bench.example", name="Owner", role="owner")
        session.add(account)
        session.flush()
        return begin(session, account, "bench", "127.0.0.1")


def _paths(app: FastAPI, names: Mapping[str, str]) -> list[str]:
    """Every page: the console's own routes as far as their parts have a name, and QUERIES."""
    paths = [path for path in sorted(_console(app)) if not path.endswith(_NOT_PAGES)]
    filled = [_filled(path, names) for path in (*paths, *QUERIES)]
    return list(dict.fromkeys(path for path in filled if path is not None))


def _console(app: FastAPI) -> Iterator[str]:
    for route in _routes(app.routes):
        if "GET" in (getattr(route, "methods", None) or ()) and (
            route.path.startswith("/b/{brand}/") or route.path in ("/account", "/sign-in", "/metrics")
        ):
            yield route.path


def _routes(routes: Sequence[Any]) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        else:
            yield route


def _filled(path: str, names: Mapping[str, str]) -> str | None:
    try:
        return path.replace(":path}", "}").format_map(names)
    except (KeyError, IndexError, ValueError):
        return None


async def _open_all(app: FastAPI, engine: sa.Engine, paths: Sequence[str], cookie: str) -> list[PageCost]:
    transport = httpx.ASGITransport(app=app)
    cookies = {"doorstep": cookie}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies=cookies) as http:
        return [_undisturbed([await _open(http, engine, path) for _ in range(_ROUNDS)][1:]) for path in paths]


def _undisturbed(rounds: Sequence[PageCost]) -> PageCost:
    """One page by its rounds: of each statement its quickest time, which what else runs on the machine disturbs least.
    Where a round asked otherwise than the others, the quickest round."""
    quickest = min(rounds, key=lambda one: one.sql_ms)
    texts = [[one.statement for one in each.asked] for each in rounds]
    if any(text != texts[0] for text in texts):
        return quickest
    best = [min(asked, key=lambda one: one.ms) for asked in zip(*(each.asked for each in rounds), strict=True)]
    return replace(
        quickest,
        sql_ms=sum(one.ms for one in best),
        wall_ms=min(one.wall_ms for one in rounds),
        asked=tuple(sorted(best, key=lambda one: -one.ms)),
    )


async def _open(http: httpx.AsyncClient, engine: sa.Engine, path: str) -> PageCost:
    with _listening(engine) as asked:
        began = stopwatch()
        answer = await asyncio.wait_for(http.get(path, headers={"Accept": "text/html"}), 120)
        took = 1000 * (stopwatch() - began)
    total = sum(one.ms for one in asked)
    return PageCost(path, answer.status_code, len(asked), total, took, len(answer.content), tuple(asked))


@contextmanager
def _listening(engine: sa.Engine) -> Iterator[list[Asked]]:
    """Every statement that is made meanwhile, with its time from being sent until its answer was there."""
    asked: list[Asked] = []
    began: dict[int, float] = {}

    def before(_connection: Any, cursor: Any, *_: Any) -> None:
        began[id(cursor)] = stopwatch()

    def after(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append(Asked(1000 * (stopwatch() - began.pop(id(cursor))), statement, values))

    sa.event.listen(engine, "before_cursor_execute", before)
    sa.event.listen(engine, "after_cursor_execute", after)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)
        sa.event.remove(engine, "after_cursor_execute", after)


_WORTH_A_PLAN_MS = 5.0


def _plans(engine: sa.Engine, found: Sequence[PageCost], parcels: int) -> str:
    """The plans of the slow statements of each page that is over its budget or near it, the slowest page first."""
    lines = [f"Plans of statements above {_WORTH_A_PLAN_MS:.0f} ms, of pages above half of their budget, among"]
    lines[0] += f" {parcels:,} parcels."
    for page in sorted(found, key=lambda one: -one.sql_ms):
        if page.sql_ms < BUDGET_MS / 2:
            continue
        lines.append(f"\n== {page.path}: {page.sql_ms:.1f} ms in {page.statements} statements")
        for asked in page.asked:
            if asked.ms >= _WORTH_A_PLAN_MS:
                lines.append(f"\n{asked.ms:.1f} ms: {asked.statement.strip()}\n\n{_plan(engine, asked)}")
    return "\n".join(lines) + "\n"


def _plan(engine: sa.Engine, asked: Asked) -> str:
    """The statement's plan, measured by running it once more; what it changed is taken back."""
    with engine.connect() as connection:
        try:
            rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {asked.statement}", asked.values)
            return "\n".join(row[0] for row in rows)
        except sa.exc.DBAPIError as error:
            return f"no plan: {error.orig}"
        finally:
            connection.rollback()
