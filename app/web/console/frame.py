"""The frame around every page of the console: rail, search, sending mode, pauses, and the policy it is served under."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import sqlalchemy as sa
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from app.clock import wall_now
from app.models import AccountSession
from app.pipeline.brakes.in_sight import pauses_in_sight
from app.pipeline.house import House
from app.settings import SendMode
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.naming import carrier_name, channel_name, language_name, provider_name
from app.web.console.static import static

_TEMPLATES = Path(__file__).parents[1] / "templates"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MODES = {
    SendMode.live: ("Live", "Messages leave."),
    SendMode.shadow: ("Shadow", "Everything is decided, nothing leaves."),
    SendMode.allowlist: ("Allow-list", "Messages leave to listed test addresses only."),
}
PLACES = (
    ("today", "Today", "today", Right.see),
    ("parcels", "Parcels", "parcel", Right.see),
    ("rules", "Rules", "rules", Right.see),
    ("templates", "Templates", "letter", Right.see),
    ("people", "People", "people", Right.suppress),
    ("settings", "Settings", "settings", Right.settings),
)
"""The rail: place, word, icon, and what one must be allowed to find anything there."""


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """The templates of the console, with what all of them may call."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"static": static, "Right": Right}
    made.filters |= {"thousands": thousands, "ago": ago, "clock": clock, "day": day}
    made.filters |= {
        "carrier_name": carrier_name,
        "provider_name": provider_name,
        "channel_name": channel_name,
        "language_name": language_name,
    }
    return made


def console_page(
    request: Request,
    visitor: Visitor,
    template: str,
    content: Mapping[str, Any],
    *,
    title: str,
    place: str,
    status: int = 200,
) -> Response:
    """A page inside the frame. `place` is the word of the rail that it belongs to ("" for none)."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        paused = pauses_in_sight(session, visitor.brand_id) if visitor.brand_id else []
        if visitor.notice is not None:
            session.execute(
                sa.update(AccountSession).where(AccountSession.id == visitor.session_id).values(notice=None)
            )
    mode, meaning = MODES[house.send_mode]
    brand = next((one for one in visitor.brands if one.id == visitor.brand_id), None)
    frame = {
        "title": title,
        "place": place,
        "visitor": visitor,
        "brand": brand,
        "zone": brand.zone if brand else "UTC",
        "places": [one for one in PLACES if visitor.has(one[3])],
        "mode": mode,
        "mode_meaning": meaning,
        "paused": paused,
        "notice": visitor.notice,
        "now": house.clock.now(),
        "real_now": wall_now(),
        "another_clock": not house.clock.real,
    }
    return html(template, {**frame, **content}, status)


def html(template: str, content: Mapping[str, Any], status: int = 200) -> Response:
    """A page under the console's policy, with or without the frame."""
    written = environment().get_template(template).render(**content)
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
        "Referrer-Policy": "same-origin",  # with "no-referrer" a browser calls the origin of our own forms "null"
    }
    return Response(written, status, headers, media_type="text/html; charset=utf-8")


def back(request: Request, visitor: Visitor, url: str, sentence: str = "") -> Response:
    """To a page of ours after a change was made, where `sentence` is shown once. What was counted before it serves
    nobody any more."""
    house: House = request.app.state.house
    request.app.state.shared.forget(visitor.brand_id)
    if sentence:
        with house.sessions.begin() as session:
            session.execute(
                sa.update(AccountSession).where(AccountSession.id == visitor.session_id).values(notice=sentence)
            )
    return RedirectResponse(url, 303)


def thousands(number: float, digits: int = 0) -> str:
    """1234567 as "1,234,567", with so many digits behind the point."""
    return f"{number:,.{digits}f}"


def clock(instant: datetime, zone: str) -> str:
    """An instant as the brand's clocks show it: "14:05"."""
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def day(instant: datetime, zone: str) -> str:
    """An instant's day and time in the brand's zone: "Fri 27 Nov 2026, 14:05"."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def ago(instant: datetime, now: datetime) -> str:
    """How long before or after `now` an instant lies, in the largest unit that says it: "3 min ago", "in 2 h"."""
    seconds = (now - instant).total_seconds()
    size = abs(seconds)
    for least, unit in ((86400 * 2, "d"), (3600, "h"), (60, "min")):
        if size >= least:
            amount = f"{size // (86400 if unit == 'd' else least):.0f} {unit}"
            break
    else:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{amount} ago" if seconds > 0 else f"in {amount}"
