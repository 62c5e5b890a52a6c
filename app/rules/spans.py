"""A span of time in words, for whoever reads of a rule or of what it answered."""

from datetime import timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def span_words(length: timedelta) -> str:
    """A span in the largest unit that says it whole: "8 hours", "90 minutes", "3 days"; 48 hours stay hours."""
    seconds = int(length.total_seconds())
    for unit, size in _UNITS:
        if seconds % size == 0 and (seconds >= size * (3 if unit == "day" else 1) or size == 1):
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    return f"{seconds} seconds"
