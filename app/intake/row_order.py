"""Makes one row of a file into an order of one parcel, or into faults that name the row's own columns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from app.errors import Fault
from app.intake.fields import currency, instant, refused, shown
from app.intake.mapping import Cell, FileMapping
from app.intake.refusals import Where, faults_of
from app.intake.schema import CARRIERS, IncomingOrder
from app.zones import localise, zone

_SHOPPER = ("name", "email", "phone", "locale", "country", "city", "postal_code", "zone")
_PARCEL = {"carrier": "carrier", "tracking_number": "tracking_number", "parcel_reference": "reference"}
_FIELD_OF = {"number": "order_number", "total_minor": "total", "reference": "parcel_reference"}
_ITEM = re.compile(r"(\d{1,7})\s*[x×]\s+(.+)", re.DOTALL)
_AMOUNT = re.compile(r"(\d{1,13})(?:[.,](\d{1,4}))?")


@dataclass(slots=True)
class RowReading:
    """One row on its way to becoming an order. `faults` go with the row's line."""

    line: int
    row: Mapping[str, str]
    mapping: FileMapping
    known_carriers: frozenset[str]
    faults: list[Fault] = field(default_factory=list)

    def order(self) -> IncomingOrder | None:
        """The order, or None when `faults` says why not."""
        payload = self._payload()
        try:
            order = IncomingOrder.model_validate(payload, context={CARRIERS: self.known_carriers})
        except ValidationError as error:
            told = {fault.column for fault in self.faults}
            for where, fault in faults_of(error, IncomingOrder):
                column = self._column(where)
                if column not in told:
                    self.fault(column, fault.problem, fault.remedy)
            return None
        return None if self.faults else order

    def fault(self, column: str, problem: str, remedy: str) -> None:
        """Note one thing that keeps the row from being an order."""
        self.faults.append(Fault(self.line, column, problem, remedy))

    def _payload(self) -> dict[str, Any]:
        texts = {name: text for name, cell in self.mapping.cells.items() if (text := cell.read(self.row))}
        payload: dict[str, Any] = {"source": self.mapping.source}
        payload["shopper"] = {name: texts[name] for name in _SHOPPER if name in texts}
        payload |= {name: texts[name] for name in ("currency", "promised_on") if name in texts}
        if "order_number" in texts:
            payload["number"] = texts["order_number"]
        if "placed_at" in texts:
            payload["placed_at"] = self._time(texts["placed_at"], self.mapping.cells["placed_at"], texts.get("zone"))
        if "promised_on" in texts:
            payload["promised_on"] = self._day(texts["promised_on"])
        if "total" in texts:
            payload["total_minor"] = self._total(texts["total"], texts.get("currency"))
        if "tags" in texts:
            payload["tags"] = [tag for tag in texts["tags"].split("|") if tag.strip()]
        payload["parcels"] = [self._parcel(texts)]
        return {name: value for name, value in payload.items() if value is not None}

    def _parcel(self, texts: Mapping[str, str]) -> dict[str, Any]:
        parcel: dict[str, Any] = {ours: texts[name] for name, ours in _PARCEL.items() if name in texts}
        if "items" in texts:
            parcel["items"] = [_item(text.strip()) for text in texts["items"].split("|") if text.strip()]
        scans = []
        for column in self.mapping.scans:
            if text := column.at.read(self.row):
                at = self._time(text, column.at, texts.get("zone"))
                scan: dict[str, Any] = {"milestone": column.milestone, "occurred_at": at}
                scan |= {
                    name: cell.read(self.row)
                    for name, cell in (("description", column.description), ("place", column.place))
                    if cell
                }
                scans += [scan] if at else []
        return parcel | ({"scans": scans} if scans else {})

    def _time(self, text: str, cell: Cell, shopper_zone: str | None) -> datetime | None:
        """A time as an instant, or None and a fault."""
        try:
            return self._instant(text, cell.format, shopper_zone)
        except PydanticCustomError as error:
            self._refused(" + ".join(cell.columns) or "time", error)
            return None

    def _instant(self, text: str, written_as: str | None, shopper_zone: str | None) -> datetime:
        """A time without offset is read where `times_in`, else the row's own zone says; never guessed."""
        written = _parsed(text, written_as)
        if written is None:
            how = f"the mapping's format {written_as}" if written_as else "2026-03-01T14:05:00+01:00"
            raise refused(f"{shown(text)} is no date and time", f"Write it as {how}.")
        if written.tzinfo is not None:
            return instant(written)
        zone_name = self.mapping.times_in or shopper_zone
        if zone_name is None:
            raise refused(
                f"{shown(text)} has no UTC offset",
                "Write one behind it (+01:00), fill the zone column, or name times_in or zone in a mapping.",
            )
        in_utc = instant(written.replace(tzinfo=UTC))
        # A zone that does not exist is its own fault; the row is lost anyway, so the time need not be right.
        return localise(written, zone_name) if _known(zone_name) else in_utc

    def _day(self, text: str) -> date | str | None:
        """A calendar day as written; a time behind it (`2026-03-01 00:00:00`) does not move it."""
        cell = self.mapping.cells["promised_on"]
        written = _parsed(text, cell.format)
        if written is None and cell.format:
            remedy = f"Write it as the mapping's format {cell.format}."
            self.fault(self.mapping.written_as("promised_on"), f"{shown(text)} is no date", remedy)
            return None
        return written.date() if written else text

    def _total(self, text: str, currency_text: str | None) -> int | None:
        """An amount in major units as minor units; `1.234` is refused, since it could be either."""
        column = self.mapping.written_as("total")
        try:
            if currency_text is None:
                raise refused("needs a currency", "Fill the currency column, or give it in a mapping.")
            places = get_currency_precision(currency(currency_text))
        except PydanticCustomError as error:
            if currency_text is None:
                self._refused(column, error)
            return None
        found = _AMOUNT.fullmatch(text)
        minor = Decimal(f"{found[1]}.{found[2] or 0}").scaleb(places) if found else None
        if found is None or minor is None or len(found[2] or "") > max(2, places) or minor % 1:
            remedy = f"Write it in major units with at most {places} decimals and no thousands mark, e.g. 1234.50."
            self.fault(column, f"{shown(text)} is no amount of {currency_text}", remedy)
            return None
        return int(minor)

    def _refused(self, column: str, error: PydanticCustomError) -> None:
        context = error.context or {}
        self.fault(column, context["problem"], context["remedy"])

    def _column(self, where: Where) -> str:
        """The file's own name for the field that a path leads to."""
        names = [part for part in where if isinstance(part, str)]
        if not names or names == ["shopper"]:
            reached = {self.mapping.written_as(name) for name in ("email", "phone") if name in self.mapping.cells}
            return " or ".join(sorted(reached)) if names else "row"
        if "scans" in names:
            place = where.index("scans") + 1
            with_time = [scan for scan in self.mapping.scans if scan.at.read(self.row)]
            position = where[place] if len(where) > place else 0
            return " + ".join(with_time[int(position)].at.columns) if int(position) < len(with_time) else "scans"
        if "items" in names:
            return self.mapping.written_as("items")
        return self.mapping.written_as(_FIELD_OF.get(names[-1], names[-1]))


def _parsed(text: str, written_as: str | None) -> datetime | None:
    """A time as it stands, with or without offset; None when it cannot be read so."""
    try:
        return datetime.strptime(text, written_as) if written_as else datetime.fromisoformat(text)  # noqa: DTZ007
    except ValueError:
        return None


def _known(zone_name: str) -> bool:
    try:
        zone(zone_name)
    except ValueError:
        return False
    return True


def _item(text: str) -> dict[str, Any]:
    found = _ITEM.fullmatch(text)
    return {"quantity": int(found[1]), "name": found[2]} if found else {"name": text}
