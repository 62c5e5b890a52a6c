"""Reads Twilio's list of messages to find out whether a text was taken whose call was never answered.

Twilio stores no id of ours, and its list can be filtered by recipient and by the day on which a message was sent,
which one that still waits in a queue does not have. So both lists are read, with and without the day, and compared
here: by the exact text, the parcel's own link in it, and the time at which Twilio says that it was created.

Source: twilio.com/docs/messaging/api/message-resource, "Read multiple Message resources".
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from app.channels.answers import HTTP_FAULTS, fault, problem, retry_after
from app.channels.base import Answer, Finding, OutgoingWhatsApp, Question, one_line

PAGE = 200
MOST_PAGES = 5
"""No shopper gets a thousand texts; where one did, nothing is concluded from what was not read."""
SKEW = timedelta(seconds=30)
"""How far Twilio's clock and the database's may stand apart. Twilio writes whole seconds."""
NEARBY = timedelta(minutes=30)
"""The same text this close to the call, but outside its window, leaves a doubt."""

KINDS = {
    "queued": "accepted",
    "accepted": "accepted",
    "scheduled": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "opened",
    "undelivered": "bounced",
    "failed": "bounced",
    "canceled": "bounced",
}
"""What each of Twilio's statuses reports."""


@dataclass(frozen=True, slots=True)
class Records:
    """The account's list of messages, and how to reach it."""

    http: httpx.AsyncClient
    url: str
    auth: httpx.BasicAuth
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Listed:
    """One message as Twilio lists it. `created_at` is None where it cannot be read."""

    sid: str
    body: str
    status: str
    error_code: str
    created_at: datetime | None


class _Unanswered(Exception):
    """The list could not be read; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.grounds)
        self.finding = finding


Conclude = Callable[[Iterable[Listed], bool], Finding]
"""What the listed messages say; the second: whether they were read back beyond the call's time."""


async def look_up(records: Records, question: Question, to: str, conclusion: Conclude) -> Finding:
    """Whether a message is among the account's messages `to` an address. Total: found, surely absent, or unclear."""
    day = f"{(question.begun_at - SKEW).astimezone(UTC):%Y-%m-%d}T00:00:00Z"  # as the vendor's own library writes it
    listed: dict[str, Listed] = {}
    whole = True
    try:
        for dates in ({}, {"DateSent>": day}):
            found, complete = await _read(records, {"To": to, **dates}, question.begun_at - NEARBY)
            listed |= found
            whole = whole and complete
    except _Unanswered as silent:
        return silent.finding
    return conclusion(listed.values(), whole)


async def _read(records: Records, filters: dict[str, str], since: datetime) -> tuple[dict[str, Listed], bool]:
    """The messages of one list, newest first, and whether it was read far enough back to count on."""
    url: str | None = str(httpx.URL(records.url, params={**filters, "PageSize": str(PAGE)}))
    found: dict[str, Listed] = {}
    for _ in range(MOST_PAGES):
        page = await _page(records, str(url))
        for entry in page["messages"]:
            message = _listed(entry)
            if message is not None:
                found[message.sid] = message
        url = _next(records.url, page.get("next_page_uri"))
        if url is None or _reaches(found.values(), since):
            return found, True
    return found, False


def _reaches(listed: Iterable[Listed], since: datetime) -> bool:
    """Whether what was read goes back beyond `since`."""
    return any(message.created_at is not None and message.created_at < since for message in listed)


def _next(base: str, uri: object) -> str | None:
    """The next page's address: never on another host, whatever the answer says, for it gets the credentials."""
    if not isinstance(uri, str) or not uri:
        return None
    parts = urlsplit(uri)
    return urljoin(base, f"{parts.path}?{parts.query}")


async def _page(records: Records, url: str) -> dict[str, Any]:
    try:
        answer = await records.http.get(url, auth=records.auth)
    except HTTP_FAULTS as error:
        raise _Unanswered(Finding(Answer.unclear, f"Twilio could not be asked: {fault(error)}")) from error
    if answer.status_code != 200:
        wait = retry_after(answer.headers, records.now())
        said = problem(f"Twilio would not say: HTTP {answer.status_code}")
        raise _Unanswered(Finding(Answer.unclear, said, retry_after=wait))
    try:
        page = json.loads(answer.content)
    except ValueError:
        page = None
    if not isinstance(page, dict) or not isinstance(page.get("messages"), list):
        raise _Unanswered(Finding(Answer.unclear, "Twilio answered with something that is no list of messages"))
    return page


def _listed(entry: object) -> Listed | None:
    """One entry, if it is a message that went out; what a shopper wrote to us stands in the same list."""
    if not isinstance(entry, dict) or not str(entry.get("direction") or "outbound").startswith("outbound"):
        return None
    sid = entry.get("sid")
    if not isinstance(sid, str) or not sid:
        return None
    return Listed(
        sid=one_line(sid, 64),
        body=str(entry.get("body") or ""),
        status=str(entry.get("status") or ""),
        error_code=one_line(str(entry.get("error_code") or ""), 16),
        created_at=_instant(entry.get("date_created")),
    )


def _instant(written: object) -> datetime | None:
    try:
        instant = parsedate_to_datetime(str(written))
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def conclude(question: Question, text: str, listed: Iterable[Listed], *, whole: bool) -> Finding:
    """What the list says about one call. `whole`: it was read back beyond the call's time.

    Texts that are alike are told apart by their time and by whose ids are known already. Where fewer were taken than
    calls could have been, nobody can say which call it was, and nothing is guessed.
    """
    others = [message for message in listed if message.sid not in question.known]
    within = [message for message in others if _within(question, message)]
    exact = sorted((m for m in within if m.body == text), key=lambda m: (m.created_at or question.begun_at, m.sid))
    marked = question.mark in text
    if exact and not marked:
        return Finding(Answer.unclear, "Twilio lists this text, but nothing in it says that it is about this parcel")
    rivals = question.rivals or (question.attempt_id,)
    if len(exact) >= len(rivals):
        return _found(exact[rivals.index(question.attempt_id)])
    if exact:
        return Finding(Answer.unclear, f"Twilio took {len(exact)} of {len(rivals)} calls with this very text")
    if any(not marked or question.mark in message.body for message in within):
        return Finding(Answer.unclear, "Twilio lists a text of that time to that number which may be this one, changed")
    if any(message.body == text and _near(question, message) for message in others):
        return Finding(Answer.unclear, "Twilio lists this text, but at a time at which no call of ours was open")
    if not whole:
        return Finding(Answer.unclear, "Twilio's list to that number is longer than what is read of it")
    return Finding(Answer.absent, "Twilio's list of messages to that number does not hold it")


def conclude_content(
    question: Question, message: OutgoingWhatsApp, listed: Iterable[Listed], *, whole: bool
) -> Finding:
    """What the list says about one WhatsApp message. `whole`: it was read back beyond the call's time.

    The text was made by Twilio from a template that is not ours to read, so it cannot be compared word by word. A
    message of that time is this one where it holds the parcel's own link and all else that was put into it; it is
    not there only where no message of that time could be it.
    """
    others = [entry for entry in listed if entry.sid not in question.known]
    within = sorted(
        (e for e in others if _within(question, e)), key=lambda e: (e.created_at or question.begun_at, e.sid)
    )
    if not any(question.mark in filling for filling in message.variables.values()):
        if within or not whole:
            return Finding(Answer.unclear, "the parcel's link is in no variable, so nothing tells this message apart")
        return Finding(Answer.absent, "Twilio lists no message of that time to that number")
    fitting = [e for e in within if all(_holds(e.body, filling) for filling in message.variables.values())]
    rivals = question.rivals or (question.attempt_id,)
    if len(fitting) >= len(rivals):
        return _found(fitting[rivals.index(question.attempt_id)])
    if fitting:
        return Finding(Answer.unclear, f"Twilio took {len(fitting)} of {len(rivals)} calls that were filled alike")
    if within:
        return Finding(Answer.unclear, "Twilio lists a message of that time to that number which may be this one")
    if not whole:
        return Finding(Answer.unclear, "Twilio's list to that number is longer than what is read of it")
    return Finding(Answer.absent, "Twilio lists no message of that time to that number")


def _holds(body: str, filling: str) -> bool:
    """Whether a text holds a filling, whatever was done to its blanks."""
    return " ".join(filling.split()) in " ".join(body.split())


def _within(question: Question, message: Listed) -> bool:
    at = message.created_at
    return at is None or question.begun_at - SKEW <= at <= question.deadline_at + SKEW


def _near(question: Question, message: Listed) -> bool:
    at = message.created_at
    return at is None or question.begun_at - NEARBY <= at <= question.deadline_at + NEARBY


def _found(message: Listed) -> Finding:
    kind = KINDS.get(message.status, "accepted")
    code = f" ({message.error_code})" if message.error_code else ""
    grounds = f"Twilio lists it as {one_line(message.status, 32) or 'taken'}{code}"
    return Finding(Answer.found, grounds, message.sid, kind)
