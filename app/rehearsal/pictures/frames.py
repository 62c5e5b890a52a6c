"""The frame that a message is looked at in: an email under its row of the inbox, an SMS as the bubble on a phone."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from lxml import html as markup

from app.messages.base import RenderedEmail, RenderedSms
from app.rehearsal.pictures.browser import View

PHONE = 390
"""CSS pixels across a phone."""
DESKTOP = 800
"""CSS pixels across the reading pane of a mail program."""

_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)


def page(name: str, **filling: Any) -> str:
    """One of the room's own pages, filled in and escaped."""
    return _PAGES.get_template(f"{name}.html").render(**filling)


def email_page(email: RenderedEmail, inbox: bool = True) -> str:
    """An email as a mail program shows it: above it, unless `inbox` is false, its row of the list.

    The email stands in a frame of its own that runs no script.
    """
    initial = email.from_name[:1].upper()
    return page("email", email=email, preheader=preheader_of(email), inbox=inbox, initial=initial)


def preheader_of(email: RenderedEmail) -> str:
    """What an inbox shows after the subject: the hidden first line of the body; empty where there is none."""
    for block in markup.document_fromstring(email.html).iter("div"):
        if "display:none" in (block.get("style") or ""):
            return " ".join("".join(str(piece) for piece in block.itertext()).split())
    return ""


def sms_page(sms: RenderedSms, account: str = "+46 70 174 06 05") -> str:
    """An SMS as a phone shows it, with what it costs under it. `account` sends for a brand without a sender."""
    return page("sms", sms=sms, sender=sms.sender or account, letters=len(sms.text))


def phone(dark: bool = False, scale: float = 2.0) -> View:
    """What a phone shows."""
    return View(PHONE, dark, scale)


def desktop(dark: bool = False, scale: float = 1.0) -> View:
    """What a mail program's reading pane shows."""
    return View(DESKTOP, dark, scale)
