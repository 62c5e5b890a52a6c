"""What the providers report afterwards: signed as the vendors sign, late, twice, out of order or never, as told."""

import asyncio
import contextlib
import heapq
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urldefrag, urlencode

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

from app.clock import stopwatch, wall_seconds
from app.demo.providers.account import Account
from app.demo.providers.behaviour import CallbackManners, draw
from app.demo.providers.journal import Accepted, Entry
from app.log import logger

MOST_AT_ONCE = 20
MOST_EVENTS = 1000
"""One request of SendGrid's holds at most so many here; the real one stops at 768 KB."""
PATIENCE = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between SendGrid's tries of one batch. The real one goes on for 24 hours."""

log = logger(__name__)


@dataclass(order=True, slots=True)
class _Due:
    """One event of one message, at its instant on the stopwatch."""

    at: float
    n: int
    event: str = field(compare=False)
    entry: Entry = field(compare=False)
    extra: dict[str, str] = field(compare=False)
    told: bool = field(compare=False)
    """Whether the shop hears of it: a lost report still happened."""


class Callbacks:
    """Everything that is still to be reported. `manners` is asked anew each time, so it can change on the way."""

    def __init__(self, account: Account, manners: Callable[[], CallbackManners], seed: Callable[[], int]) -> None:
        self._account = account
        self._manners = manners
        self._seed = seed
        self._validator = RequestValidator(account.auth_token)
        self._due: list[_Due] = []
        self._number = 0
        self._wake = asyncio.Event()
        self._batch: list[_Due] = []
        self._batch_until = 0.0
        self._calls: set[asyncio.Task[None]] = set()
        self._limit = asyncio.Semaphore(MOST_AT_ONCE)

    def taken(self, entry: Entry, accepted: Accepted, chance: float, *, bounces: bool) -> None:
        """Plan the reports of a message that was just taken by a call with this `chance`."""
        manners = self._manners()
        if not manners.enabled:
            return
        if entry.provider == "sendgrid":
            events: tuple[str, ...] = ("processed", "bounce" if bounces else "delivered")
        else:
            events = ("sent", "undelivered" if bounces else "delivered")
            if entry.channel == "whatsapp" and not bounces:
                events = (*events, "read")
        low, high = manners.delay_ms
        at = stopwatch()
        for event in events:
            seeded = (self._seed(), event, entry.recipient, chance)
            at += (low + draw(*seeded, "delay") * max(high - low, 0)) / 1000
            late = (high * 3 + 100) / 1000 if draw(*seeded, "reorder") < manners.reorder else 0.0
            told = draw(*seeded, "lose") >= manners.lose or (manners.one_comes and event == events[-1])
            self._plan(at + late, event, entry, accepted.extra, told)
            if told and draw(*seeded, "duplicate") < manners.duplicate:
                self._plan(at + late + high / 1000, event, entry, accepted.extra, told)
        self._wake.set()

    def _plan(self, at: float, event: str, entry: Entry, extra: dict[str, str], told: bool) -> None:
        self._number += 1
        heapq.heappush(self._due, _Due(at, self._number, event, entry, extra, told))

    def forget(self) -> None:
        """Report nothing more of what was taken so far."""
        self._due.clear()
        self._batch.clear()
        for call in self._calls:
            call.cancel()

    async def run(self) -> None:
        """Report what falls due, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            try:
                while True:
                    now = stopwatch()
                    while self._due and self._due[0].at <= now:
                        self._happens(session, heapq.heappop(self._due), now)
                    if self._batch and (now >= self._batch_until or len(self._batch) >= MOST_EVENTS):
                        self._flush(session)
                    await self._sleep(now)
            finally:
                for call in self._calls:
                    call.cancel()
                await asyncio.gather(*self._calls, return_exceptions=True)

    async def _sleep(self, now: float) -> None:
        until = [due.at for due in self._due[:1]] + ([self._batch_until] if self._batch else [])
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(min(until) - now, 0.001) if until else None):
                await self._wake.wait()

    def _happens(self, session: aiohttp.ClientSession, due: _Due, now: float) -> None:
        if due.entry.status not in ("delivered", "bounced"):
            due.entry.status = {"bounce": "bounced", "undelivered": "bounced"}.get(due.event, due.event)
        elif due.event == "read":
            due.entry.status = "read"
        if not due.told:
            return
        if due.entry.provider == "twilio":
            if due.extra.get("status_callback"):
                self._start(self._tell_twilio(session, due))
        elif self._manners().base:
            if not self._batch:
                self._batch_until = now + self._manners().batch_ms / 1000
            self._batch.append(due)

    def _flush(self, session: aiohttp.ClientSession) -> None:
        batch, self._batch = self._batch, []
        body = json.dumps([sendgrid_event(due.event, due.entry, due.extra) for due in batch]).encode()
        self._start(self._tell_sendgrid(session, f"{self._manners().base.rstrip('/')}/hooks/sendgrid", body))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        call = asyncio.create_task(work)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _tell_sendgrid(self, session: aiohttp.ClientSession, url: str, body: bytes) -> None:
        timestamp = str(int(wall_seconds()))
        headers = {
            "content-type": "application/json",
            "user-agent": "SendGrid Event API",
            "x-twilio-email-event-webhook-signature": self._account.sign(timestamp, body),
            "x-twilio-email-event-webhook-timestamp": timestamp,
        }
        await self._tell(session, URL(url), body, headers, PATIENCE)

    async def _tell_twilio(self, session: aiohttp.ClientSession, due: _Due) -> None:
        url, fragment = urldefrag(due.extra["status_callback"])
        form = twilio_form(self._account, due.event, due.entry)
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "user-agent": "TwilioProxy/1.1",
            "x-twilio-signature": self._validator.compute_signature(url, form),
        }
        tries = int(parse_qs(fragment).get("rc", ["1"])[0])
        await self._tell(session, URL(url, encoded=True), urlencode(form).encode(), headers, PATIENCE[:tries])

    async def _tell(
        self, session: aiohttp.ClientSession, url: URL, body: bytes, headers: dict[str, str], waits: tuple[float, ...]
    ) -> None:
        """POST until it is taken (2xx) or the patience is used up."""
        for wait in (*waits, None):
            said = "no answer"
            async with self._limit:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                        said = str(answer.status)
                        if 200 <= answer.status < 300:
                            return
            if wait is None:
                log.warning("a report was never taken", path=url.path, said=said)
                return
            await asyncio.sleep(wait)


def sendgrid_event(event: str, entry: Entry, custom_args: dict[str, str]) -> dict[str, object]:
    """One object of the event webhook's array. The same event has the same id whenever it is told."""
    told: dict[str, object] = {
        **custom_args,
        "email": entry.recipient,
        "timestamp": int(wall_seconds()),
        "smtp-id": f"<{entry.ref}@geopod-ismtpd-0>",
        "event": event,
        "category": entry.category.split(","),
        "sg_event_id": f"{event}-{entry.n}-{entry.ref}",
        "sg_message_id": f"{entry.ref}.recvd-0-0-0.0",
    }
    if event == "bounce":
        told |= {"type": "bounce", "bounce_classification": "Invalid Address", "status": "5.1.1"}
        told["reason"] = "550 5.1.1 The email account that you tried to reach does not exist."
    if event == "delivered":
        told["response"] = "250 2.0.0 OK"
    return told


def twilio_form(account: Account, event: str, entry: Entry) -> dict[str, str]:
    """The fields of one status callback."""
    form = {
        "AccountSid": account.account_sid,
        "ApiVersion": "2010-04-01",
        "From": entry.sender,
        "MessageSid": entry.ref,
        "MessageStatus": event,
        "SmsSid": entry.ref,
        "SmsStatus": event,
        "To": entry.recipient,
    }
    code = "63024" if entry.channel == "whatsapp" else "30003"
    return form | ({"ErrorCode": code} if event == "undelivered" else {})
