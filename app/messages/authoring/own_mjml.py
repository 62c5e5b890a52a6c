"""One message as a whole MJML document of its own: its front matter, and the letter that its visible words make."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from pydantic import BaseModel, ConfigDict

from app.messages.authoring.bundle import Line, Source, checked, front_matter
from app.messages.authoring.markup import Tags, line_text
from app.messages.authoring.styling import put_for
from app.messages.shelf import BadTemplate, File

_UNSEEN = frozenset({"mj-head", "head", "style", "title"})
_LINES = frozenset({
    "mj-text", "mj-button", "mj-section", "mj-table", "mj-navbar-link", "mj-social-element", "mj-accordion-title",
    "mj-accordion-text", "p", "div", "h1", "h2", "h3", "h4", "tr", "table", "ul", "ol", "li", "mj-raw",
})  # fmt: skip
_APART = frozenset({"mj-text", "mj-button", "mj-section", "mj-table", "p", "h1", "h2", "h3", "table", "ul", "ol"})
_LINKS = frozenset({"a", "mj-button", "mj-navbar-link", "mj-social-element"})
_SHOWN_TO_OUTLOOK = {"<!--": "-->"}


class OwnFrontMatter(BaseModel):
    """What stands above the document. All are Jinja. `button` is needed where the ready block of that name is asked
    for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Line
    preheader: Line
    button: Line | None = None


def split_own(source: Source) -> tuple[OwnFrontMatter, File]:
    """The front matter, and the document as a file whose lines count as in the message's. Raises BadTemplate."""
    fields, document = front_matter(source)
    front = checked(OwnFrontMatter, fields, source)
    above = source.text.count("\n", 0, len(source.text) - len(document))
    if not re.search(r"<mjml\b", document):
        raise BadTemplate(
            f"{source.label}, line {above + 1}: there is no <mjml>. Write a whole document below the dashes."
        )
    return front, File(source.path, source.label, ("\n" * above + document).encode(), "shared")


def letter_of(mjml: str, blocks: Mapping[str, str], source: Source) -> str:
    """The plain-text part: what the document shows, a line for each of its lines, links as `words: address`.

    `blocks` are letter texts by the word that stands for each. Raises BadTemplate where a tag does not close.
    """
    tags = Tags()
    reader = _Reader()
    try:
        reader.feed(tags.hide(put_for(mjml, _SHOWN_TO_OUTLOOK, lambda comment: "")))
        reader.close()
    except ValueError as error:
        raise BadTemplate(f"{source.label}: {error}. Mend the tag there.") from error
    return "\n".join(blocks[line] if line in blocks else _line(line, tags) for line in reader.lines())


def _line(line: str, tags: Tags) -> str:
    alone = bool(line) and all(tags.is_control(word) for word in line.split())
    return tags.show(line) if alone else line_text(tags.show(line))


class _Reader(HTMLParser):
    """Gathers visible words; `_links` are the links that are open, each with its address and where its words began."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._told: list[str] = []
        self._unseen = 0
        self._links: list[tuple[str, int]] = []

    def lines(self) -> list[str]:
        """What was gathered, line by line, with at most one empty line between two."""
        lines: list[str] = []
        for line in re.sub(r"[ \t\xa0]+", " ", "".join(self._told)).split("\n"):
            line = line.strip()
            if line or (lines and lines[-1]):
                lines.append(line)
        return lines

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if self._unseen:
            return
        self._break(tag)
        if tag == "li":
            self._told.append("- ")
        elif tag == "td":
            self._told.append(" ")
        if tag in _LINKS:
            self._links.append((dict(attrs).get("href") or "", len(self._told)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._unseen and (tag == "br" or tag in _LINES):
            self._told.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            self._unseen -= tag in _UNSEEN
            return
        if tag in _LINKS and self._links:
            address, start = self._links.pop()
            words = "".join(self._told[start:]).strip()
            address = address.removeprefix("mailto:")
            if address and words and address != words:
                self._told[start:] = [f"{words}: {address}"]
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._told.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag == "br" or tag in _LINES:
            self._told.append("\n\n" if tag in _APART else "\n")
