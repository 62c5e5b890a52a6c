"""What is asked of the links that somebody writes into a mail's text: that they are links, and lead where they say."""

import re
import unicodedata
from collections.abc import Iterator

from app.messages.checking.findings import Finding
from app.messages.checking.writing import at
from app.messages.shelf import File

_LINK = re.compile(r"(?<!!)\[([^\[\]\n]*)\]\(\s*<?([^\s()<>]*(?:\{\{.*?\}\})?[^\s()<>]*)>?[^)\n]*\)")
_HREF = re.compile(r"\bhref\s*=\s*([\"'])(.*?)\1", re.S)
_USUAL = re.compile(r"(?:https?://|mailto:|tel:|\{\{|\{%|\[\[|#)", re.I)
_HOST = re.compile(r"^(?:https?:)?//([^/?#{}]*)", re.I)
_NAMED = re.compile(r"(?i)^\s*(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})(?:[/?#:]\S*)?\s*$")
_NUMBER = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]|\d+|0x[0-9a-f]+)$", re.I)


def of_links(file: File) -> Iterator[Finding]:
    """Links of a message's Markdown that no program follows, or that hide where they lead."""
    for found in _LINK.finditer(file.text):
        said, address = found[1], found[2]
        if not _USUAL.match(address):
            message = f"{address[:60]!r} is no address that a mail can lead to: shoppers would find it dead"
            remedy = "Write it with https:// first, or as mailto: or tel:."
            yield at(file, file.text, found.start(2), "error", "address", message, remedy, address[:60])
            continue
        yield from _deceiving(file, address, found.start(2))
        named, host = _NAMED.match(said), _host(address)
        if named and host and not _same(named[1].lower(), host):
            message = f"it says {named[1]} and leads to {host}, as fraud does"
            remedy = "Say what is found there, or the address itself."
            yield at(file, file.text, found.start(1), "error", "deceiving", message, remedy, f"{named[1]} {host}")


def of_addresses(file: File) -> Iterator[Finding]:
    """Links of a layout or a document that hide where they lead."""
    for found in _HREF.finditer(file.text):
        yield from _deceiving(file, found[2], found.start(2))


def _deceiving(file: File, address: str, place: int) -> Iterator[Finding]:
    authority = _HOST.match(address.strip())
    host = _host(address)
    said = ""
    if authority and "@" in authority[1]:
        said = f"what stands before the @ is a name and not where it leads, which is {host}"
    elif _NUMBER.match(host):
        said = f"{host} is the number of a machine, which tells nobody whose it is"
    elif mixed := _mixed(host):
        said = f"{host} is written with letters of {mixed}, so that it looks like another address"
    if said:
        yield at(file, file.text, place, "error", "deceiving", said, "Write the shop's own address.", host)


def _host(address: str) -> str:
    found = _HOST.match(address.strip())
    named = found[1].rpartition("@")[2].lower() if found else ""
    return named if named.startswith("[") else named.partition(":")[0]


def _same(named: str, host: str) -> bool:
    """Whether a name that is said is where a link leads, with `www.` or without, or a part of it."""
    named, host = named.removeprefix("www."), host.removeprefix("www.")
    return host == named or host.endswith(f".{named}")


def _mixed(host: str) -> str:
    """The scripts of a label's letters where there is more than one (Unicode Technical Standard 39, section 5)."""
    for label in host.split("."):
        if label.startswith("xn--"):
            try:
                label = label.encode("ascii").decode("idna")
            except UnicodeError:
                return "no alphabet"
        scripts = {unicodedata.name(one, "").partition(" ")[0] for one in label if one.isalpha()}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1:
            return " and ".join(sorted(one.title() for one in scripts))
    return ""
