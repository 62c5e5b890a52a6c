"""The inbox: what every shopper would have received, as pages for people. Nothing here is part of a vendor's API."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from app.clock import wall_now
from app.demo.providers.journal import Entry, Journal

PAGE = 30
_TEMPLATES = Path(__file__).parent.parent / "templates"
_MAIL_POLICY = "sandbox; default-src 'none'; img-src data: http: https:; style-src 'unsafe-inline'; form-action 'none'"
_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)


class Inbox:
    """The pages over one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._pages.filters["ago"] = ago
        self._pages.filters["clock"] = lambda iso: f"{datetime.fromisoformat(iso):%H:%M:%S}"

    def routes(self) -> list[web.RouteDef]:
        """Where the pages are."""
        return [
            web.get("/", self._home),
            web.get("/inbox", self._list),
            web.get("/inbox/{n:\\d+}", self._message),
            web.get("/inbox/{n:\\d+}/html", self._html),
        ]

    async def _home(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/inbox")

    async def _list(self, request: web.Request) -> web.StreamResponse:
        query = request.query.get("q", "").strip()
        channel = request.query.get("channel", "")
        wanted = [
            entry
            for entry in reversed(self._journal.entries)
            if channel in ("", entry.channel) and (not query or entry.matches(query.lower()))
        ]
        pages = max((len(wanted) + PAGE - 1) // PAGE, 1)
        page = min(max(_whole(request.query.get("page", "1")), 1), pages)
        return self._page(
            "inbox.html",
            entries=wanted[(page - 1) * PAGE : page * PAGE],
            found=len(wanted),
            total=len(self._journal.entries),
            query=query,
            channel=channel,
            page=page,
            pages=pages,
            address=_address,
        )

    async def _message(self, request: web.Request) -> web.StreamResponse:
        entry = self._entry(request)
        kept = self._journal.full(entry)
        last = len(self._journal.entries)
        return self._page(
            "message.html", entry=entry, kept=kept, older=entry.n - 1, newer=entry.n + 1 if entry.n < last else 0
        )

    async def _html(self, request: web.Request) -> web.StreamResponse:
        """An email's own HTML, in a sandbox even when it is opened by itself."""
        html = str(self._journal.full(self._entry(request))["html"])
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": _MAIL_POLICY})

    def _entry(self, request: web.Request) -> Entry:
        entry = self._journal.number(int(request.match_info["n"][:12]))
        if entry is None:
            raise web.HTTPNotFound(text="There is no such message. The journal may have been emptied: open /inbox.")
        return entry

    def _page(self, template: str, **values: Any) -> web.Response:
        text = self._pages.get_template(template).render(now=wall_now(), **values)
        headers = {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/html", headers=headers)


def ago(iso: str, now: datetime) -> str:
    """How long ago an instant was, in the fewest words."""
    seconds = max((now - datetime.fromisoformat(iso)).total_seconds(), 0)
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word} ago"
    return "just now" if seconds < 10 else f"{int(seconds)} s ago"


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _address(query: str, channel: str, page: int = 1) -> str:
    """The address of a view, so that it can be sent to a colleague."""
    parts: Mapping[str, object] = {"q": query, "channel": channel, "page": page if page > 1 else ""}
    told = urlencode({name: value for name, value in parts.items() if value})
    return f"/inbox?{told}" if told else "/inbox"
