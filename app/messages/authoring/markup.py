"""How Markdown and plain lines become HTML and letter text while the Jinja tags in them stay exactly as written."""

import re
from collections.abc import Mapping
from html import escape

from jinja2 import Environment, TemplateSyntaxError
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.messages.authoring.walling import address_fault

MAX_BODY = 20_000

_STAND_IN = "xjinja{}x"
_COLON = re.compile(r"\{[{%].*?[%}]\}|(?<=[^\s\u202f]):(?=\s)", re.DOTALL)
_FIND = re.compile(r"xjinja(\d+)x")
_FIND_ALL = re.compile(r"xjinja\d+x")
_LONE = re.compile(r"<p[^>]*>\s*((?:xjinja\d+x\s*)+)</p>\n?")
# Only delimiters are looked for here; nothing is ever rendered in this environment.
_LEXER = Environment(autoescape=True)


_TEXTS = r"'[^'{}%\\\n]*+'|\"[^\"{}%\\\n]*+\""
_WORDS = rf"[\w\s.,:|=<>]++|!=|{_TEXTS}"
_INSIDE = rf"(?:{_WORDS}|\((?:{_WORDS})*+\)|\[(?:{_WORDS})*+\])*+"
_USUAL = re.compile(rf"\{{\{{{_INSIDE}\}}\}}|\{{%{_INSIDE}%\}}")
"""Tags whose ends are plain to see; finding them takes a tenth of the time that a lexer takes."""
_UNUSUAL = re.compile(r"\{[{%][-+{%]|\{#|\r|[-+][}%]\}|\{%\s*raw\b")


class Tags:
    """Jinja tags taken out of a text, and put back once other tools are done with what is around them.

    A stand-in is plain letters and digits, so neither Markdown nor MJML has anything to say about it.
    """

    def __init__(self) -> None:
        self._tags: list[tuple[str, bool]] = []

    def hide(self, source: str) -> str:
        """`source` with a stand-in for each tag; comments are dropped. Raises ValueError when tags do not close."""
        if "xjinja" in source:
            raise ValueError("the letters 'xjinja' are used by the compiler; write something else")
        if not _UNUSUAL.search(source):
            kept = len(self._tags)
            shown = _USUAL.sub(lambda tag: self._keep(tag[0], tag[0][1] == "%"), source)
            if len(self._tags) - kept == source.count("{{") + source.count("{%"):
                return shown.removesuffix("\n")
            del self._tags[kept:]
        return self._hide_any(source)

    def _hide_any(self, source: str) -> str:
        found: list[str] = []
        tag = ""
        try:
            for line, kind, text in _LEXER.lex(source):
                if kind == "data":
                    found.append(text)
                elif kind.startswith("raw"):
                    raise ValueError(f"line {line}: raw blocks are not available in templates")
                elif kind.startswith(("comment", "linecomment")):
                    continue
                else:
                    tag += text
                    if kind in ("variable_end", "block_end"):
                        found.append(self._keep(tag, kind == "block_end"))
                        tag = ""
        except TemplateSyntaxError as error:
            raise ValueError(f"line {error.lineno}: {error.message}") from error
        if tag:
            raise ValueError(f"a tag is not closed: {tag[:40]!r}")
        return "".join(found)

    def _keep(self, tag: str, control: bool) -> str:
        self._tags.append((tag, control))
        return _STAND_IN.format(len(self._tags) - 1)

    def show(self, text: str) -> str:
        """`text` with every stand-in replaced by its tag again."""
        return _FIND.sub(lambda found: self._tags[int(found[1])][0], text)

    def is_control(self, stand_in: str) -> bool:
        """Whether a stand-in is for a `{% … %}`."""
        found = _FIND.fullmatch(stand_in)
        return bool(found and self._tags[int(found[1])][1])

    def guard_address(self, href: str) -> str:
        """A link's target; one that begins with a value is held to web and mail addresses.

        Raises ValueError where it could come out as something that is run.
        """
        fault = address_fault(_FIND.sub(lambda found: self._guarded(found[0]), href))
        if fault:
            raise ValueError(fault)
        found = _FIND.match(href)
        if not found:
            return href
        tag, control = self._tags[int(found[1])]
        if control:
            return href
        guarded = f"{{{{ ({tag[2:-2].strip('-+ ')}) | url }}}}"
        return self._keep(guarded, False) + href[found.end() :]

    def _guarded(self, stand_in: str) -> str:
        return "{% %}" if self.is_control(stand_in) else "{{ value | url }}"

    def set_apart(self, hidden: str) -> str:
        """Control tags that stand alone on a line as paragraphs of their own, so that they wrap blocks, not words."""
        lines = []
        for line in hidden.split("\n"):
            parts = line.split()
            alone = bool(parts) and all(self.is_control(part) for part in parts)
            lines += ["", line.strip(), ""] if alone else [line]
        return "\n".join(lines)


def line_html(source: str) -> str:
    """One authored line as an HTML source: its own letters escaped, its tags untouched."""
    tags = Tags()
    return tags.show(escape(tags.hide(source), quote=False))


def line_text(source: str) -> str:
    """One authored line as a text source. A tag at its end is kept from eating the line's end, as block tags do."""
    return source + '{{ "" }}' if source.rstrip().endswith("%}") else source


def french_colons(source: str) -> str:
    """A French text source with a narrow no-break space before each colon that has none; tags keep theirs."""
    return _COLON.sub(lambda found: "\u202f:" if found[0] == ":" else found[0], source)


def check_body(source: str) -> None:
    """Refuse Markdown that would take long to read. Raises ValueError."""
    if len(source) > MAX_BODY:
        raise ValueError(f"the text is longer than {MAX_BODY:,} characters, shorten it")


def body_html(source: str, styles: Mapping[str, str]) -> str:
    """Markdown as an HTML source. `styles` gives each element (`p`, `a`, `ul` …) its inline style."""
    check_body(source)
    tags = Tags()
    reader = _markdown()
    tokens = reader.parse(tags.set_apart(tags.hide(source)))
    _dress(tokens, styles, tags)
    html = reader.renderer.render(tokens, reader.options, {})
    return tags.show(_LONE.sub(lambda found: _unwrapped(found, tags), html))


def _unwrapped(paragraph: re.Match[str], tags: Tags) -> str:
    alone = all(tags.is_control(part) for part in _FIND_ALL.findall(paragraph[1]))
    return f"{paragraph[1].strip()}\n" if alone else paragraph[0]


def body_text(source: str) -> str:
    """Markdown as a letter's text source: no marks, links as `words: address`, lists with dashes."""
    tags = Tags()
    tokens = _markdown().parse(tags.set_apart(tags.hide(source)))
    lines = _letter(tokens, tags).strip().split("\n")
    return "\n".join(_shown_line(line, tags) for line in lines)


def _shown_line(line: str, tags: Tags) -> str:
    lone = all(tags.is_control(part) for part in line.split())
    return tags.show(line) if lone else line_text(tags.show(line))


def _markdown() -> MarkdownIt:
    # Raw HTML stays off: a marketer's text is text, and the layout alone decides on markup.
    return MarkdownIt("commonmark", {"html": False, "xhtmlOut": True, "breaks": False}).disable(["image", "code"])


def _dress(tokens: list[Token], styles: Mapping[str, str], tags: Tags) -> None:
    for token in tokens:
        if token.nesting == 1 and token.tag in styles:
            token.attrSet("class", f"md-{token.tag}")
            token.attrSet("style", styles[token.tag])
        if token.type == "link_open":
            token.attrSet("href", tags.guard_address(str(token.attrs["href"])))
        _dress(token.children or [], styles, tags)


def _letter(tokens: list[Token], tags: Tags) -> str:
    lines: list[str] = []
    mark = ""
    for token in tokens:
        if token.type == "list_item_open":
            mark = "- "
        elif token.type == "inline":
            text = _words(token.children or [])
            lone = all(tags.is_control(part) for part in text.split())
            lines.append(text + "\n" if lone else f"{mark}{text}\n{'' if mark else chr(10)}")
            mark = ""
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lines.append("\n")
    return "".join(lines)


def _words(tokens: list[Token]) -> str:
    words: list[str] = []
    target = ""
    for token in tokens:
        if token.type in ("text", "code_inline"):
            words.append(token.content)
        elif token.type == "softbreak":
            words.append(" ")
        elif token.type == "hardbreak":
            words.append("\n")
        elif token.type == "link_open":
            target = str(token.attrs["href"])
        elif token.type == "link_close":
            words.append(f": {target.removeprefix('mailto:')}")
    return "".join(words)
