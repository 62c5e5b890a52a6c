"""Orders, files and table contents as the intake tests need them."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.intake.schema import IncomingOrder, parse_order

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CARRIERS = frozenset({"dhl", "postnord"})


def payload(number: str = "1001", **changes: Any) -> dict[str, Any]:
    """A sound order as JSON values; `changes` replace top-level fields."""
    sound: dict[str, Any] = {
        "number": number,
        "placed_at": "2026-03-09T10:15:00+01:00",
        "shopper": {
            "name": "Ann Ek",
            "email": "ann@example.test",
            "phone": "070-174 06 05",
            "locale": "sv",
            "country": "SE",
        },
        "currency": "SEK",
        "total_minor": 129900,
        "promised_on": "2026-03-12",
        "parcels": [{"carrier": "dhl", "tracking_number": f"T{number}", "items": [{"name": "Lantern", "quantity": 2}]}],
    }
    return sound | changes


def order(number: str = "1001", **changes: Any) -> IncomingOrder:
    """The same, parsed."""
    return parse_order(payload(number, **changes), CARRIERS)


def write_csv(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """A CSV file with one row per mapping; every cell quoted."""
    rows = list(rows)
    header = list(dict.fromkeys(name for row in rows for name in row))
    lines = [header, *([row.get(name, "") for name in header] for row in rows)]
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\r\n" for line in lines)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def table(session: Session, name: str, without: Iterable[str] = ()) -> list[str]:
    """A table's rows as comparable texts, without some columns, sorted."""
    rows = session.execute(sa.text(f"SELECT to_jsonb(t) FROM {name} t")).scalars()
    return sorted(json.dumps({k: v for k, v in row.items() if k not in set(without)}, sort_keys=True) for row in rows)
