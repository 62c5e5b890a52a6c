"""Asks SendGrid's Email Activity, a paid add-on, whether a mail was taken whose call was never answered.

The feed can be asked for our own attempt id, but it fills with a delay that nobody states. So that a mail is not in
it says something only when a later mail of the same account is: one question names both.

Source: twilio.com/docs/sendgrid/for-developers/sending-email/getting-started-email-activity-api.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from app.channels.answers import HTTP_FAULTS, fault, problem, retry_after
from app.channels.base import Answer, Finding, Question, one_line

ATTEMPT_ARG = "doorstep_attempt_id"
PAUSE = 10.0
"""Seconds between two questions: SendGrid answers six a minute."""
MOST = 20

_KINDS = {"processed": "accepted", "delivered": "delivered", "not_delivered": "bounced"}


@dataclass(frozen=True, slots=True)
class Activity:
    """The account's feed, and how to reach it."""

    http: httpx.AsyncClient
    url: str
    authorization: str
    now: Callable[[], datetime]


async def look_up(activity: Activity, question: Question) -> Finding:
    """Whether the feed holds this attempt. Total: found, surely absent, or unclear."""
    params = {"query": query(question), "limit": str(MOST)}
    try:
        answer = await activity.http.get(activity.url, params=params, headers={"authorization": activity.authorization})
    except HTTP_FAULTS as error:
        return Finding(Answer.unclear, f"SendGrid could not be asked: {fault(error)}")
    if answer.status_code != 200:
        wait = retry_after(answer.headers, activity.now())
        words = problem(f"SendGrid would not say: HTTP {answer.status_code}")
        return Finding(Answer.unclear, words, retry_after=wait)
    try:
        listed = json.loads(answer.content)["messages"]
    except (ValueError, KeyError, TypeError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        return Finding(Answer.unclear, "SendGrid answered with something that is no list of messages")
    return conclude(question, listed)


def query(question: Question) -> str:
    """The question in the feed's own language: this attempt, or those that would show the feed to be up to date."""
    attempts = (question.attempt_id, *(attempt for attempt, _ in question.witnesses))
    return " OR ".join(f"(unique_args['{ATTEMPT_ARG}']=\"{attempt}\")" for attempt in attempts)


def conclude(question: Question, listed: list[Mapping[str, Any]]) -> Finding:
    """What the feed says. A later mail is known by SendGrid's id of it: whatever is listed beside those is ours."""
    later = tuple(reference for _, reference in question.witnesses if reference)
    ours = [entry for entry in listed if not str(entry.get("msg_id") or "").startswith(later or ("\0",))]
    seen = len(ours) < len(listed)
    if ours:
        entry = ours[0]
        status = one_line(str(entry.get("status") or ""), 32)
        reference = one_line(str(entry.get("msg_id") or ""), 200) or None
        grounds = f"SendGrid's activity lists it as {status or 'taken'}"
        return Finding(Answer.found, grounds, reference, _KINDS.get(status, "accepted"))
    if seen:
        return Finding(Answer.absent, "SendGrid's activity lists a later mail, and not this one")
    return Finding(Answer.unclear, "SendGrid's activity does not list it, which may be too early to count")
