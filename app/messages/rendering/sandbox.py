"""What a template may do: print, choose and repeat over plain values, within fixed bounds, and nothing else.

Jinja's own sandbox blocks dunders and mutation but lets a template call any public method and multiply text
without end (CVE-2024-56326 and CVE-2025-27516 were of the first kind). So here nothing can be called, a name
after a dot is only ever a key of a mapping, only listed filters exist, and every way to grow a value is bounded.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.messages.rendering.moments import day_filter, money_filter, time_filter
from app.messages.rendering.walls import Refused as Refused
from app.messages.rendering.walls import check_source as check_source
from app.messages.rendering.walls import parsed as parsed
from app.messages.rendering.walls import sections as sections

MAX_TEXT = 10_000
MAX_NUMBER = 10**12

_ALLOWED_TESTS = frozenset({"defined", "undefined", "none", "string", "number", "odd", "even", "divisibleby", "in"})
_LOOP_NAMES = frozenset({"index", "index0", "first", "last", "length", "revindex"})
_PRINTABLE = (str, int, float, Undefined)


def plain(value: Any) -> Any:
    """What may be printed: text and numbers. A list or an empty value printed is a mistake, and is refused."""
    if value is None:
        raise SecurityError("an empty value cannot be printed; give it a default or ask `if` first")
    if isinstance(value, _PRINTABLE):
        return value
    raise SecurityError("only text and numbers can be printed, not a list or a group of fields")


def _joined(values: Iterable[Any], separator: Any = ", ") -> str:
    parts, between = [str(plain(value)) for value in values], str(plain(separator))
    if sum(map(len, parts)) + len(parts) * len(between) > MAX_TEXT:
        raise SecurityError(f"joined text is longer than {MAX_TEXT:,} characters")
    return between.join(parts)


def _shortened(text: Any, limit: int = 60) -> str:
    return shorten(str(plain(text)), max(2, min(int(limit), 500)))


def shorten(text: str, limit: int) -> str:
    """`text` cut to at most `limit` characters, at a word if there is one, with an ellipsis where it was cut."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > limit // 2 else cut).rstrip(" ,.;:-") + "…"


def _sentence(value: Any) -> str:
    text = str(plain(value))
    return text[:1].upper() + text[1:]


def _web_address(value: Any) -> str:
    text = str(plain(value))
    return text if text.lower().startswith(("https://", "http://", "mailto:", "tel:")) else ""


def _rounded(value: Any, places: int = 0) -> float:
    """A number to at most six places; Jinja's own would work out ten to the power of what it is given."""
    return round(float(plain(value)), max(0, min(int(places), 6)))


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "day": day_filter,
    "join": _joined,
    "money": money_filter,
    "round": _rounded,
    "sentence": _sentence,
    "shorten": _shortened,
    "time": time_filter,
    "url": _web_address,
}
_BUILT_IN = ("default", "d", "upper", "lower", "capitalize", "length", "count", "first", "last", "int", "e",
             "escape", "trim", "urlencode")  # fmt: skip


class Missing(StrictUndefined):
    """A field that is not there: any use of it is an error that names it."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return f"there is no field called {self._undefined_name!r}"


class Filling(Protocol):
    """A source made ready to be filled in."""

    def generate(self, known: Mapping[str, Any], /) -> Iterator[str]:
        """What comes out for these fields, bit by bit."""
        ...


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment that every template is read in."""

    intercepted_binops = frozenset({"+", "-", "/", "//"})

    def __init__(self, autoescape: bool) -> None:
        # `optimized=False`: constant folding would run a template's arithmetic while it is being read.
        super().__init__(
            autoescape=autoescape,
            optimized=False,
            undefined=Missing,
            finalize=plain,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in _BUILT_IN} | dict(_FILTERS)
        self.tests = {name: test for name, test in self.tests.items() if name in _ALLOWED_TESTS}

    def ready(self, source: str) -> Filling:
        """A source that is within the walls, made ready to be filled in. Raises Refused."""
        return self.from_string(parsed(self, source))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a mapping (so `parcel.items` is the items, never the method), or what a loop tells of itself."""
        if isinstance(obj, dict):
            if attribute in obj:
                return obj[attribute]
        elif isinstance(obj, Missing):
            raise UndefinedError(obj._undefined_message)
        elif isinstance(obj, LoopContext) and attribute in _LOOP_NAMES:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An entry of a mapping by its name, or of a list by its number."""
        try:
            if isinstance(obj, dict) or (isinstance(obj, list | tuple) and isinstance(argument, int)):
                return obj[argument]
        except (LookupError, TypeError):
            pass
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Sums of bounded numbers and bounded texts only."""
        both = (left, right)
        if all(isinstance(side, int | float) for side in both):
            result = super().call_binop(context, operator, left, right)
            if abs(result) > MAX_NUMBER:
                raise SecurityError("a number grew past all use")
            return result
        if operator == "+" and all(isinstance(side, str) for side in both) and len(left) + len(right) <= MAX_TEXT:
            return left + right
        raise SecurityError(f"{operator!r} works on numbers, and + on short texts")


HTML = Sandbox(autoescape=True)
TEXT = Sandbox(autoescape=False)
