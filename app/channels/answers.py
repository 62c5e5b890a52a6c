"""How surely a failed HTTP call was not taken: the one place that judges a client's exceptions and waiting wishes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import httpx

from app.channels.base import Verdict, one_line
from app.log import mask
from app.models.vocabulary import AttemptOutcome

HTTP_FAULTS = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)
"""All that a call may raise. `httpx-aiohttp` lets some of aiohttp's own errors through unmapped."""

LONGEST_WAIT = 3600.0
"""No provider's wish is followed for longer than this, in wall seconds: a broken header must not park a message."""

_BEFORE_HTTPX = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_BEFORE_AIOHTTP = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


def never_began(error: BaseException) -> bool:
    """Whether a call failed before any byte of the request could leave.

    `httpx-aiohttp` reports a connection that is lost *after* the request as `httpx.ConnectTimeout`, because
    aiohttp's ServerDisconnectedError and ClientOSError share a base with its connect errors. Taking that name at
    its word would send twice, so aiohttp's own error is asked wherever there is one.
    """
    told_by: BaseException | None = error
    while told_by is not None:
        if isinstance(told_by, aiohttp.ClientError):
            return isinstance(told_by, _BEFORE_AIOHTTP)
        told_by = told_by.__cause__
    return isinstance(error, _BEFORE_HTTPX)


def fault_verdict(error: BaseException) -> Verdict:
    """The verdict on a call that ended in an exception instead of an answer."""
    before = never_began(error)
    outcome = AttemptOutcome.not_sent if before else AttemptOutcome.unanswered
    # A full pool of our own says nothing about the provider.
    queued = isinstance(error, httpx.PoolTimeout)
    return Verdict(outcome, error=fault(error), unreachable=before and not queued, untried=queued)


def fault(error: BaseException) -> str:
    """A network's failure in one line."""
    named = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    return problem(f"{type(named).__name__}: {error}")


def problem(text: str) -> str:
    """A provider's or a network's words, made fit to be stored: one line, bounded, addresses masked."""
    return mask(one_line(text))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The provider's wish for a pause in wall seconds: `Retry-After` (seconds or a date, RFC 9110 section
    10.2.3), else `X-RateLimit-Reset` (seconds since 1970). None when there is none or it cannot be read.
    """
    wish = headers.get("retry-after")
    reset = headers.get("x-ratelimit-reset")
    seconds = _seconds(wish) if wish is not None else None
    if seconds is None and wish is not None:
        seconds = _until(wish, now)
    if seconds is None and reset is not None:
        instant = _seconds(reset)
        seconds = None if instant is None else instant - now.timestamp()
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT)


def allowance_spent(headers: Mapping[str, str], now: datetime) -> float | None:
    """Wall seconds until the provider takes more, where an answer says that this call was the last it takes for now
    (`X-RateLimit-Remaining: 0`); else None."""
    return retry_after(headers, now) if headers.get("x-ratelimit-remaining", "").strip() == "0" else None


def _seconds(text: str) -> float | None:
    """A plain decimal number; `float` alone would take `nan` and `inf`."""
    text = text.strip()
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 16 else None


def _until(date: str, now: datetime) -> float | None:
    try:
        instant = parsedate_to_datetime(date)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - now).total_seconds()
