"""Hands the sample shop's orders in as their time comes: one brand over the API, the other as CSV files."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import httpx

from app.demo.shop import SampleOrder, as_api, as_csv
from app.demo.stage import Stage
from app.errors import DoorstepError
from app.intake.importing import import_file
from app.models import Brand
from app.models.vocabulary import Source
from app.pipeline import wake_senders
from app.pipeline.deciding.concluding import hear
from app.pipeline.house import House
from app.pipeline.listening.hearing import Tally
from app.pipeline.listening.incoming import heard_from_incoming
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.web.access.keys import issue_key

BY_API = "fjallhem"


class Till:
    """Knows which orders have been placed and not yet handed in."""

    def __init__(self, stage: Stage, house: House, brands: dict[str, int], orders: Sequence[SampleOrder]) -> None:
        self._stage = stage
        self._house = house
        self._waiting = deque(orders)
        self._brands = brands
        with house.sessions.begin() as session:
            self.api_key = issue_key(session, brands[BY_API], "demo", ["orders:read", "orders:write"])
        self._http = httpx.Client(
            base_url=stage.web_url, headers={"Authorization": f"Bearer {self.api_key}"}, timeout=30
        )

    @property
    def empty(self) -> bool:
        """Whether every order has been handed in."""
        return not self._waiting

    def hand_in(self) -> int:
        """Hand in the orders that have been placed by now; how many."""
        now, placed = self._house.clock.now(), []
        while self._waiting and self._waiting[0].placed_at <= now:
            placed.append(self._waiting.popleft())
        self._post([order for order in placed if order.brand == BY_API])
        for brand in sorted({order.brand for order in placed} - {BY_API}):
            self._import(brand, [order for order in placed if order.brand == brand])
        return len(placed)

    def _post(self, orders: Sequence[SampleOrder]) -> None:
        if not orders:
            return
        answer = self._http.post("/v1/orders", json={"orders": as_api(orders)})
        if answer.status_code >= 300 or answer.json().get("faults"):
            raise DoorstepError(f"The API refused the sample orders ({answer.status_code}): {answer.text[:500]}")

    def _import(self, brand: str, orders: Sequence[SampleOrder]) -> None:
        file = self._stage.home / f"orders-{brand}.csv"
        file.write_text(as_csv(orders), encoding="utf-8", newline="")
        self._import_file(file, brand)

    def _import_file(self, file: Path, brand: str) -> None:
        now, tally = self._house.clock.now(), Tally()
        with self._house.sessions() as session:
            row = session.get_one(Brand, self._brands[brand])
        report = import_file(
            file,
            None,
            row,
            self._house.sessions,
            lambda at, parcels: tally.add(hear(at, self._house, heard_from_incoming(parcels, Source.file), now)),
            now=now,
            live=True,
            known_carriers=accepted_carriers(self._house),
            routes=lambda at: routes_for(self._house, at, row.id),
        )
        if report.faults:
            raise DoorstepError(f"The import refused sample rows: {report.faults[0]}")
        wake_senders(self._house, tally)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()
