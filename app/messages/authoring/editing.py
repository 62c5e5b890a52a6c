"""A file as a form shows it, and the file again from what the form brings back: what nobody changed stays as it was.

Only the values that somebody changed are written anew; comments, order, quotes and line ends around them stay, so that
opening a file and saving it gives the same bytes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from app.messages.authoring.plain_yaml import refuse_growth

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?\n?", re.DOTALL | re.MULTILINE)
_PLAIN = re.compile(r"[^\W\d_][\w ,.’'()/@-]*\Z")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")

_LISTS = frozenset({"leave_out"})

Keys = tuple[str, ...]
"""The keys that lead to a value: `("colours", "light", "ink")`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file taken apart. `values` are the front matter's as text, by key; None where it has none that can be read,
    and the whole file is its `body`. Lines end with `\\n` in all of them."""

    values: Mapping[str, str] | None
    body: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands in a YAML text, and what it says. `column` is its key's."""

    start: int
    end: int
    text: str
    plain: bool
    column: int


@dataclass(slots=True)
class _Read:
    """The places of all values of a YAML mapping, and where each mapping inside it ends."""

    places: dict[Keys, _Place] = field(default_factory=dict)
    ends: dict[Keys, tuple[int, int]] = field(default_factory=dict)


def opened(path: str, text: str) -> Opened:
    """A message's file as fields and text; any other file as text alone."""
    found = _FRONT.match(text) if path.endswith((".email.md", ".email.mjml")) else None
    if found is None:
        return Opened(None, _lines(text))
    try:
        read = _read(found[1])
    except yaml.YAMLError:
        return Opened(None, _lines(text))
    if any(len(place) > 1 for place in read.ends):
        return Opened(None, _lines(text))
    values = {place[0]: one.text for place, one in read.places.items()}
    return Opened(values, _lines(text[found.end() :]))


def closed(path: str, before: str, values: Mapping[str, str], body: str) -> str:
    """The file again. `before` is the file as it was opened; what says the same as there is left as it is.

    A value that is empty takes its line out. Keys are those of the form: what `before` has beside them stays.
    """
    was = opened(path, before)
    found = _FRONT.match(before)
    if was.values is None or found is None:
        return before if _lines(body) == was.body else _ended(body, before)
    front = set_values(found[1], {(key,): _lines(value) for key, value in values.items()})
    text = before[found.end() :] if _lines(body) == was.body else _ended(body, before)
    return before[: found.start(1)] + front + before[found.end(1) : found.end()] + text


def values_of(source: str) -> dict[Keys, str]:
    """Every single value of a YAML mapping as text, by the keys that lead to it. Raises yaml.YAMLError."""
    return {path: place.text for path, place in _read(source).places.items()}


def set_values(source: str, wanted: Mapping[Keys, str]) -> str:
    """A YAML mapping with these values in it. Each that is there is written in its place, where it says something else;
    an empty one goes, with its line; a new one is added at the end of the mapping that it belongs to.

    Raises yaml.YAMLError for a text that is no YAML mapping, and for a text where it has a mapping, or the reverse.
    """
    read = _read(source)
    edits: list[tuple[int, int, str]] = []
    for keys, value in wanted.items():
        place = read.places.get(keys)
        if place is not None and _lines(place.text) != value:
            changed = (place.start, place.end, _written(source, place, value))
            edits.append(changed if value else _out(source, place))
    for start, stop, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[stop:]
    for keys, value in wanted.items():
        if keys not in read.places and value != "":
            if keys in read.ends or any(keys[:size] in read.places for size in range(1, len(keys))):
                raise yaml.YAMLError(f"{'.'.join(keys)} is written in another form in the file: change it there")
            at, text = _added(source, _read(source), keys, value)
            source = source[:at] + text + source[at:]
    return source


def scalar(value: str, *, plain: bool = False) -> str:
    """A text as YAML writes it on one line: as it stands where it was plain and may stay so, else in quotes."""
    if plain and _PLAIN.match(value) and not value.endswith(" ") and _read_plain(value) == value:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda one: f"\\u{ord(one[0]):04x}", quoted)


def _read_plain(value: str) -> object:
    try:
        return dict(yaml.safe_load(f"k: {value}")).get("k")
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        return None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _ended(body: str, before: str) -> str:
    """A text with the line ends that the file has."""
    return _lines(body).replace("\n", "\r\n") if before.count("\r\n") * 2 > before.count("\n") else _lines(body)


def _read(source: str) -> _Read:
    refuse_growth(source)
    # The pure loader: its marks count characters, and so they are places in the text.
    node = yaml.compose(source, Loader=yaml.SafeLoader)
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise yaml.YAMLError("it is no mapping")
    read = _Read()
    if node is None:
        read.ends[()] = (len(source), 0)
    else:
        _walk(source, node, (), read)
    return read


def _walk(source: str, node: yaml.MappingNode, at: Keys, read: _Read) -> None:
    last, column = node.start_mark.index, 0
    for key, value in node.value:
        path = (*at, str(key.value))
        column, last = key.start_mark.column, value.end_mark.index
        if isinstance(value, yaml.MappingNode):
            _walk(source, value, path, read)
        else:
            read.places[path] = _Place(
                value.start_mark.index, value.end_mark.index, _text(value), _is_plain(value), column
            )
    flow = node.flow_style
    read.ends[at] = (node.end_mark.index - 1, -1) if flow else (_line_end(source, last), column)


def _text(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return ", ".join(str(one.value) for one in node.value)
    return str(node.value)


def _is_plain(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None


def _line_end(source: str, at: int) -> int:
    if at > 0 and source[at - 1] == "\n":
        return at
    found = source.find("\n", at)
    return len(source) if found < 0 else found + 1


def _written(source: str, place: _Place, value: str) -> str:
    was = source[place.start : place.end]
    if was.startswith("["):
        return f"[{', '.join(_names(value))}]"
    if place.plain and isinstance(_read_plain(was), int) and isinstance(_read_plain(value), int):
        text = value
    else:
        text = scalar(value, plain=place.plain)
    return f"{text}\n" if was.endswith("\n") else text  # a block of lines reaches to its end


def _names(value: str) -> Iterator[str]:
    return (one for one in re.split(r"[,\s]+", value) if one)


def _out(source: str, place: _Place) -> tuple[int, int, str]:
    """The whole line, or lines, of a value; in `{a: 1}` the value becomes an empty one."""
    start = source.rfind("\n", 0, place.start) + 1
    head = source[start : place.start]
    if head[: place.column].strip() or "{" in head:
        return place.start, place.end, '""'
    return start, _line_end(source, place.end), ""


def _added(source: str, read: _Read, keys: Keys, value: str) -> tuple[int, str]:
    known = next(keys[:size] for size in range(len(keys) - 1, -1, -1) if keys[:size] in read.ends)
    at, column = read.ends[known]
    new = keys[len(known) :]
    written = f"[{', '.join(_names(value))}]" if new[-1] in _LISTS else scalar(value, plain=True)
    if column < 0:  # {a: 1}
        more = "" if source[:at].rstrip().endswith("{") else ", "
        return at, f"{more}{': {'.join(new)}: {written}{'}' * (len(new) - 1)}"
    end = "\r\n" if "\r\n" in source else "\n"
    lines = [f"{' ' * (column + 2 * deep)}{key}:" for deep, key in enumerate(new)]
    before = "" if at == 0 or source[at - 1] == "\n" else end
    return at, before + end.join(lines) + f" {written}{end}"
