"""Turns of phrase that a parcel's story is told in: names, reasons and times as people write them."""

from datetime import datetime
from zoneinfo import ZoneInfo


def words(name: str | None) -> str:
    """A name of the vocabulary as people write it."""
    return (name or "unknown").replace("_", " ")


def at(instant: datetime | None, here: ZoneInfo) -> str:
    return instant.astimezone(here).strftime("%a %d %b %H:%M") if instant else "never"


def on(instant: datetime | None, here: ZoneInfo) -> str:
    """Like `at`, with the year, for what stands alone."""
    return instant.astimezone(here).strftime("%a %d %b %Y %H:%M") if instant else "never"


def why(sentence: str, detail: str | None) -> str:
    """A sentence, with what is beside it to be said."""
    return f"{sentence.rstrip('.')}: {detail.rstrip('.')}." if detail else sentence
