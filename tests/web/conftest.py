"""The web application on a real database, a client that calls it in this process, and keys of two brands."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from app.clock import Clock
from app.db import Sessions
from app.models import Account, AccountSession, Brand, public_id
from app.pipeline.house import House
from app.settings import Settings
from app.web.access import passwords
from app.web.access.keys import Keys, issue_key
from app.web.access.marks import Marks
from app.web.access.sessions import begin
from app.web.console.shared import Shared
from app.web.main import create_app
from app.wiring import build_house

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PUBLIC_URL = "https://parcels.example"
TWILIO_TOKEN = "a-token-for-tests"
_SIGNER = ec.generate_private_key(ec.SECP256R1())


class Still(Clock):
    """Engine time that stands where a test puts it."""

    def __init__(self, at: datetime) -> None:
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "speed", 1.0)
        object.__setattr__(self, "start", at)
        object.__setattr__(self, "anchor", 0.0)

    def now(self) -> datetime:
        return self.at

    def put(self, at: datetime) -> None:
        object.__setattr__(self, "at", at)


@dataclass
class Client:
    """Calls the application and waits for its answer; `key` is sent with every request unless told otherwise."""

    loop: asyncio.AbstractEventLoop
    http: httpx.AsyncClient
    key: str = ""

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        headers |= given.pop("headers", {})
        return self.loop.run_until_complete(self.http.request(method, path, headers=headers, **given))

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self("GET", path, **given)

    def post(self, path: str, json: Any = None, **given: Any) -> httpx.Response:
        return self("POST", path, json=json, **given) if json is not None else self("POST", path, **given)

    def holding(self, key: str) -> "Client":
        """The same application, with another key."""
        return replace(self, key=key)


@dataclass
class Site:
    """The house behind the application, its clock, and which work was woken."""

    app: FastAPI
    house: House
    clock: Still
    woken: list[tuple[str, str]] = field(default_factory=list)


def signing_key() -> str:
    """The public half of the key that these tests sign SendGrid's reports with, as SendGrid shows it."""
    public = _SIGNER.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(public).decode()


def signer() -> ec.EllipticCurvePrivateKey:
    """The private half."""
    return _SIGNER


QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_NOBODYS = QUICK.hash("nobody has this password")


@pytest.fixture(autouse=True)
def _passwords_kept_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """At full strength, which has a test of its own, a password takes a tenth of a second to keep and to try."""
    monkeypatch.setattr(passwords, "_HASHER", QUICK)
    monkeypatch.setattr(passwords, "_NOBODYS", _NOBODYS)


_shared: list[FastAPI] = []


def application_on(settings: Settings, house: House) -> FastAPI:
    """The application on this house. It takes FastAPI 150 ms to read the routes of one, and they are the same for all:
    there is one in a run, and what it knows of a house is changed for each test."""
    if not _shared:
        _shared.append(create_app(settings, house))
    (app,) = _shared
    app.state.marks = Marks(house.sessions, begin=lambda work: work())
    app.state.shared = Shared(seconds=0)  # a test that changes something sees it at once
    app.state.settings, app.state.house, app.state.keys = settings, house, Keys(house.sessions, app.state.marks)
    return app


@pytest.fixture
def site(engine: sa.Engine, brand: Brand) -> Iterator[Site]:
    """The application in live mode, with SendGrid and Twilio set up, on a clock that stands at NOW."""
    settings = Settings(
        send="live",
        carriers={"dhl": {"api_key": "k"}},
        public_url=PUBLIC_URL,
        sendgrid={"api_key": "SG.test", "webhook_public_key": signing_key(), "base_url": "http://127.0.0.1:9"},
        twilio={
            "account_sid": "AC1",
            "auth_token": TWILIO_TOKEN,
            "from": "+15550100",
            "base_url": "http://127.0.0.1:9",
        },
    )
    woken: list[tuple[str, str]] = []
    built = build_house(settings, engine=engine, wake=lambda kind, which: woken.append((kind, which)))
    clock = Still(NOW)
    house = replace(built, clock=clock)
    yield Site(application_on(settings, house), house, clock, woken)
    house.loop.run(house.http.aclose())
    house.loop.close()


@pytest.fixture
def anyone(site: Site) -> Iterator[Client]:
    """A client without a key."""
    loop = asyncio.new_event_loop()
    transport = httpx.ASGITransport(app=site.app, raise_app_exceptions=False)
    http = httpx.AsyncClient(transport=transport, base_url="http://inside:8080")
    yield Client(loop, http)
    loop.run_until_complete(http.aclose())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def new_key(sessions: Sessions) -> Callable[..., str]:
    """Issues keys."""

    def issue(brand: Brand, *scopes: str) -> str:
        with sessions.begin() as session:
            return issue_key(session, brand.id, "tests", scopes or ("orders:write", "orders:read"))

    return issue


@pytest.fixture
def client(anyone: Client, brand: Brand, new_key: Callable[..., str]) -> Client:
    """A client with Fjällhem's key for everything."""
    return anyone.holding(new_key(brand))


@dataclass
class Browser:
    """Somebody who is signed in at the console: sends their cookie, and with every form what its page would."""

    client: Client
    cookie: str
    csrf: str
    account_id: int

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.client("GET", path, headers=self._headers(given), **given)

    def post(self, path: str, form: dict[str, Any] | None = None, **given: Any) -> httpx.Response:
        """Send a form, with the page's secret; JSON or files where `given`."""
        headers = self._headers(given)
        if "json" in given:
            headers["X-CSRF-Token"] = self.csrf
            return self.client("POST", path, headers=headers, **given)
        return self.client("POST", path, headers=headers, data={"csrf": self.csrf, **(form or {})}, **given)

    def _headers(self, given: dict[str, Any]) -> dict[str, str]:
        return {"Cookie": f"__Host-doorstep={self.cookie}", "Accept": "text/html", **given.pop("headers", {})}


@pytest.fixture
def visit(anyone: Client, sessions: Sessions, brand: Brand) -> Callable[..., Browser]:
    """Lets somebody of a role sign in; `brands` are the ids of those that they may work for (None: all)."""

    def enter(role: str = "owner", brands: list[int] | None = None, email: str = "") -> Browser:
        with sessions.begin() as session:
            account = Account(
                public_id=public_id("usr"),
                email=email or f"{role}@shop.example",
                name=role.capitalize(),
                role=role,
                brand_ids=brands,
            )
            session.add(account)
            session.flush()
            cookie = begin(session, account, "a browser", "192.0.2.1")
            session.flush()
            csrf = session.scalars(sa.select(AccountSession.csrf).where(AccountSession.account_id == account.id)).one()
        return Browser(anyone, cookie, csrf, account.id)

    return enter


@pytest.fixture
def stranger(anyone: Client, sessions: Sessions, new_key: Callable[..., str]) -> Client:
    """A client with another brand's key for everything."""
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
    return anyone.holding(new_key(other))


def order(number: str = "1042", **given: Any) -> dict[str, Any]:
    """An order as a shop tells it."""
    return {
        "number": number,
        "placed_at": "2026-11-21T18:30:00+01:00",
        "shopper": {"name": "Alma Berg", "email": "alma.berg@example.test", "phone": "+46701740605", "country": "SE"},
        "currency": "SEK",
        "total_minor": 129900,
        "promised_on": "2026-11-26",
        "items": [{"sku": "TENT-2", "name": "Two-person tent", "quantity": 1, "price_minor": 129900}],
        "parcels": [{"reference": "1", "carrier": "dhl", "tracking_number": f"JJD{number}"}],
        **given,
    }


def scan(milestone: str, at: str = "2026-11-24T08:10:00+01:00", **given: Any) -> dict[str, Any]:
    """A scan as a shop tells it."""
    return {"milestone": milestone, "occurred_at": at, "place": "Malmö", **given}
