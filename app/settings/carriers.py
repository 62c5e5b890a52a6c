"""What an installation may be told of each carrier: where and as whom it is asked, how much, and how often."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from app.settings.addresses import WebAddress
from app.settings.group import Group

_SPAN = re.compile(r"([0-9]{1,4})\s*([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _span(least: str, most: str) -> Callable[[object], object]:
    """Reads a span of time as operations write it (`15m`, `2h`, `30d`), within these two."""
    low, high = (int(span[:-1]) * _UNITS[span[-1]] for span in (least, most))

    def read(written: object) -> object:
        if written is None:
            return None
        found = _SPAN.fullmatch(written.strip()) if isinstance(written, str) else None
        span = int(found[1]) * _UNITS[found[2]] if found else written
        if not isinstance(span, timedelta) or not low <= span <= high:
            raise ValueError(f"no span from {least} to {most}. Write a number and m, h or d, e.g. 15m or 2h or 30d")
        return span

    return read


def _per_day(written: object) -> object:
    number = int(written) if isinstance(written, str) and written.strip().isdigit() else written
    if number is None or number == "none" or (isinstance(number, int) and number > 0):
        return number
    raise ValueError("neither a number above 0 nor `none`. Write e.g. 1000")


_Interval = Annotated[timedelta | None, BeforeValidator(_span("1m", "7d"))]
_Later = Annotated[timedelta | None, BeforeValidator(_span("0d", "60d"))]
_Patience = Annotated[timedelta | None, BeforeValidator(_span("3d", "365d"))]


class CadenceSettings(Group):
    """How often a carrier is asked, where that is not left to Doorstep; see `docs/asking.md`.

    A milestone's span is its interval; an end's is after how long a parcel is looked at once more (`0d`: never).
    `night` is the least time before a question at night, `give_up` how long a parcel may be silent.
    """

    registered: _Interval = None
    dispatched: _Interval = None
    in_transit: _Interval = None
    out_for_delivery: _Interval = None
    ready_for_pickup: _Interval = None
    attempt_failed: _Interval = None
    exception: _Interval = None
    returning: _Interval = None
    delivered: _Later = None
    returned: _Later = None
    cancelled: _Later = None
    expired: _Later = None
    night: _Interval = None
    give_up: _Patience = None
    give_up_registered: _Patience = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, told: object) -> object:
        unknown = sorted(set(told) - set(cls.model_fields)) if isinstance(told, dict) else []
        if unknown:
            raise ValueError(f"{unknown[0].upper()} is not known. One of: {', '.join(cls.model_fields).upper()}")
        return told


class CarrierSettings(Group):
    """One carrier's address, credentials and allowance. An empty `base_url` means the carrier's own.

    `api_secret` and `account` stand beside the key where a carrier wants more than one; `docs/carriers.md` says what
    each is called there. `push_secret` is what proves that a call is the carrier's. `via` names the aggregator that
    is asked about this carrier's parcels instead; `for_others` makes an aggregator the one that is asked about every
    carrier that cannot be asked itself. `requests_per_day` is `none` where the carrier counts none.
    """

    base_url: WebAddress = ""
    api_key: SecretStr = SecretStr("")
    api_secret: SecretStr = SecretStr("")
    account: str = ""
    push_secret: SecretStr = SecretStr("")
    via: str = ""
    for_others: bool = False
    requests_per_second: float | None = Field(None, gt=0)
    requests_per_day: Annotated[int | str | None, BeforeValidator(_per_day)] = None
    cadence: CadenceSettings = CadenceSettings()
    concurrency: int = Field(20, ge=1, le=500)
    timeout_seconds: float = Field(15.0, gt=0, le=120)
