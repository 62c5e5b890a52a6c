"""`doorstep bench pages`: what each page asks of a database that holds a shop's quarter: statements and their time."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from app.bench.million import write_million
from app.clock import stopwatch
from app.db import make_engine
from app.embedded import Embedded
from app.models import Account, Message, Shipment, public_id
from app.models.vocabulary import Channel
from app.pipeline import send_batch
from app.pipeline.house import House
from app.schema import migrate
from app.settings import Settings
from app.web.access.keys import issue_key
from app.web.access.sessions import begin
from app.web.main import create_app
from app.wiring import build_house, ensure_brands

BUDGET_MS = 50.0
"""What all statements of one page may take together."""

_ROUNDS = 9
_REAL = 8
_BRAND = "fjallhem"

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
    with _world() as (house, engine):
        cookie = _sign_in(house)
        names = _names(house, parcels // 2)
        brand_id = ensure_brands(house.sessions, house.catalog)[_BRAND]
        write_million(house, brand_id, parcels, told)
        told("pages are opened")
        app = create_app(Settings(public_url=house.public_url), house)
        found = asyncio.run(_open_all(app, engine, _paths(app, names), cookie))
        if explained is not None:
            explained.write_text(_plans(engine, found, parcels))
        return found


@contextmanager
def _world() -> Iterator[tuple[House, sa.Engine]]:
    """A database of its own and a house on it that sends nothing."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="doorstep-pages-")))
        endpoints = stack.enter_context(Embedded(home, durable=False))
        engine = make_engine(endpoints.database_url)
        stack.callback(engine.dispose)
        migrate(engine)
        carriers: Any = {name: {"api_key": "bench"} for name in ("dhl",)}
        settings = Settings(
            send="shadow", carriers=carriers, public_url="http://127.0.0.1", database_url=endpoints.database_url
        )
        house = build_house(settings, engine=engine, wake=lambda kind, which: None)
        yield house, engine
        house.loop.run(house.http.aclose())


def _names(house: House, nth: int) -> Mapping[str, str]:
    """Some parcels as a shop tells them, with all that the engine makes of it, and what the addresses are filled in
    with: one of them, and the nth of the mass."""
    brand_id = ensure_brands(house.sessions, house.catalog)[_BRAND]
    with house.sessions.begin() as session:
        key = issue_key(session, brand_id, "bench", ["orders:write", "orders:read"])
    app = create_app(Settings(public_url=house.public_url), house)
    first = asyncio.run(_tell(app, house, key))
    for channel in Channel:
        send_batch(house, channel)
    with house.sessions() as session:
        message = session.scalar(sa.select(Message.public_id).where(Message.channel == "email").limit(1))
        last = session.scalar(sa.select(sa.func.max(Shipment.id))) or 0
        who = session.scalars(sa.select(Account.public_id)).one()
    return {
        "brand": _BRAND,
        "shipment": first["id"],
        "message": message or "",
        "page": first["page"].removeprefix(house.public_url),
        "page_mass": f"/t/{last + nth:026}",
        "mass": f"shp_m{last + nth}",
        "order": f"M{nth:08}",
        "number": "1",
        "path": "messages/en/delivered.email.md",
        "who": who,
        "token": first["page"].rsplit("/", 1)[-1],
        "email": f"shopper{nth % 700000}@example.test",
        "phone": f"%2B4670{nth % 700000:07}",
    }


async def _tell(app: FastAPI, house: House, key: str) -> Mapping[str, str]:
    """Tell a few orders and what happened to their parcels; the first parcel, as the API shows it."""
    now = house.clock.now()
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url=house.public_url, headers=headers) as http:
        orders = [_order(number, (now - timedelta(days=2)).isoformat()) for number in range(_REAL)]
        (await http.post("/v1/orders", json={"orders": orders})).raise_for_status()
        parcels = []
        for number in range(_REAL):
            order = (await http.get(f"/v1/orders/R{number}")).raise_for_status().json()
            parcels.append(order["parcels"][0])
            steps = (("dispatched", 30), ("in_transit", 12), ("out_for_delivery", 3), ("delivered", 1))
            scans = [
                {"milestone": milestone, "occurred_at": (now - timedelta(hours=hours)).isoformat(), "place": "Malmö"}
                for milestone, hours in steps[: 2 + number % 3]
            ]
            path = f"/v1/shipments/{parcels[-1]['id']}/scans"
            for scan in scans:
                (await http.post(path, json=scan)).raise_for_status()
        return dict(parcels[2])


def _order(number: int, placed_at: str) -> dict[str, Any]:
    items = [{"sku": "FH-1", "name": "Wool blanket", "quantity": 2, "price_minor": 49900}]
    parcels = [
        {"reference": one, "carrier": "dhl", "tracking_number": f"REAL{number}{one}", "items": items}
        for one in ("1", "2")
    ]
    return {
        "number": f"R{number}",
        "placed_at": placed_at,
        "shopper": {"name": "Maja Lind", "email": "maja@example.test", "phone": "+46701740605", "country": "SE"},
        "items": items,
        "parcels": parcels,
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
