"""The syntax that a template may be written in: an allow-list over its syntax tree, with bounds on its size and work.

A source is measured before it is read, so that reading it takes milliseconds however it is made; and its work is
counted before it runs: every list has an end (`fields.py`), so the steps of the worst order are known at save.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial

from jinja2 import Environment, TemplateError, nodes

from app.messages.rendering.cutting import cut, has_tag
from app.messages.rendering.fields import FIELDS, INTERNAL, MOST_LISTED

MAX_SOURCE = 200_000
MAX_TAGS = 2_000
MAX_TAG = 2_000
"""Characters in one tag."""
MAX_NODES = 20_000
MAX_DEPTH = 80
MAX_IF_DEPTH = 12
MAX_VALUE_DEPTH = 24
MAX_LOOP_DEPTH = 2
MAX_STEPS = 100_000
"""Parts of the source that are gone through for the longest lists there can be."""
MAX_FIXED = 50
MAX_CONSTANT = 2_000

_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Call: "calls are not available in templates; print a field, or put a filter behind it",
    nodes.CallBlock: "calls are not available in templates; print a field, or put a filter behind it",
    nodes.Macro: "macros are not available in templates; write the text where it belongs",
    nodes.Import: "other files cannot be pulled in; write the text here",
    nodes.FromImport: "other files cannot be pulled in; write the text here",
    nodes.Include: "other files cannot be pulled in; write the text here",
    nodes.Extends: "other files cannot be pulled in; name a `layout` in the front matter",
    nodes.Block: "blocks are not available in templates; take the tag out",
    nodes.Assign: "a value cannot be given a name; write the field where it belongs",
    nodes.AssignBlock: "a block cannot be kept as a value; print it where it belongs",
    nodes.FilterBlock: "a filter goes behind one value",
    nodes.Concat: "texts are not joined with ~; print them one after the other",
    nodes.Pow: "powers are not available in templates; take it out",
    nodes.Mod: "formatting with % is not available in templates; print the fields one after the other",
    nodes.Mul: "multiplication is not available in templates; take it out",
    nodes.Dict: "mappings cannot be written in templates; use `if`",
    nodes.Tuple: "lists of values cannot be built in templates; use `if`",
    nodes.Slice: "slices are not available in templates; use the filter shorten",
    nodes.With: "a value cannot be given a name; write the field where it belongs",
    nodes.Scope: "escaping cannot be turned off; take the tag out",
    nodes.ScopedEvalContextModifier: "escaping cannot be turned off; take the tag out",
}
_ALLOWED: frozenset[type[nodes.Node]] = frozenset((
    nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.If, nodes.For,
    nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Filter, nodes.Test,
    nodes.Add, nodes.Sub, nodes.Div, nodes.FloorDiv, nodes.Neg, nodes.Pos, nodes.List, nodes.Keyword,
))  # fmt: skip
_NEVER = (nodes.Extends, nodes.Block, nodes.ImportedName)
_LEAVES = (nodes.TemplateData, nodes.Name, nodes.Const)
_FIXED = (nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Neg, nodes.List)


class Refused(Exception):
    """A template does what templates may not do; the text says what and on which line."""


def check_source(environment: Environment, source: str, loops: int = MAX_LOOP_DEPTH) -> None:
    """Refuse a source that does what templates may not, or too much of it. `loops` may stand inside each other.

    Raises Refused with the line, the reason and the remedy.
    """
    sections(environment, source, loops)


def parsed(environment: Environment, source: str, loops: int = MAX_LOOP_DEPTH) -> nodes.Template:
    """A source's syntax tree, once it has been found within the walls. Raises Refused as `check_source` does.

    It is shared with everybody who asks for the same source: read it, never change it.
    """
    return _parsed(_Syntax(environment), source, loops)


def sections(environment: Environment, source: str, loops: int = MAX_LOOP_DEPTH) -> tuple[str | nodes.Template, ...]:
    """The same in pieces that say together what the whole says: text that is printed as it stands, and the syntax trees
    of what is between. A piece that has been read for another source lately is not read again.

    Raises Refused as `parsed` does, of the whole.
    """
    pieces = cut(source) if environment.variable_start_string == "{{" else []
    if len(pieces) < 2:
        return (parsed(environment, source, loops),)
    _measure(environment, source)
    pieces[-1] = pieces[-1].removesuffix("\n") if not has_tag(pieces[-1]) else pieces[-1]
    syntax, last = _Syntax(environment), len(pieces) - 1
    found: list[str | nodes.Template] = []
    seen, steps = 1, 1
    try:
        for number, piece in enumerate(pieces):
            if has_tag(piece):  # of the line's end that a source ends with nothing is left
                tree, parts, times = _section(syntax, piece if number == last else f"{piece}\n", loops)
                found.append(tree)
                seen, steps = seen + parts, steps + times
            else:
                found.append(piece)
                seen, steps = seen + 2, steps + 2
    except Refused:
        return (parsed(environment, source, loops),)  # which names the line of the whole
    return tuple(found) if seen <= MAX_NODES and steps <= MAX_STEPS else (parsed(environment, source, loops),)


class _Syntax:
    """An environment, equal to every other that reads the same syntax with the filters and tests that can be written.

    A source is read when it is checked, when it is compiled and when it is first filled in, and reading is half the
    cost of each; so the tree is kept for a while, whichever of the environments asks for it.
    """

    __slots__ = ("_told", "environment")

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        names = (*environment.filters, *environment.tests)
        self._told = (environment.lexer, *(name for name in names if name.isidentifier()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Syntax) and self._told == other._told

    def __hash__(self) -> int:
        return hash(self._told)


@lru_cache(maxsize=24)
def _parsed(syntax: _Syntax, source: str, loops: int) -> nodes.Template:
    tree = _tree(syntax, source)
    _walk(syntax.environment, tree, loops)
    return tree


@lru_cache(maxsize=512)
def _section(syntax: _Syntax, source: str, loops: int) -> tuple[nodes.Template, int, int]:
    """A piece's tree, its parts, and the steps of the worst order."""
    tree = _piece(syntax, source)
    return tree, *_walk(syntax.environment, tree, loops)


@lru_cache(maxsize=512)
def _piece(syntax: _Syntax, source: str) -> nodes.Template:
    return _read(syntax, source)


@lru_cache(maxsize=24)
def _tree(syntax: _Syntax, source: str) -> nodes.Template:
    return _read(syntax, source)


def _read(syntax: _Syntax, source: str) -> nodes.Template:
    environment = syntax.environment
    _measure(environment, source)
    try:
        tree = environment.parse(source)
    except RecursionError as error:
        raise Refused("line 1: tags stand too deep in each other; take some out") from error
    except TemplateError as error:
        said = (error.message or "it cannot be read").rstrip(".")
        raise Refused(f"line {getattr(error, 'lineno', 1)}: {said}; mend the tag") from error
    except ValueError as error:  # a number of thousands of digits, a letter that cannot be
        raise Refused(f"a value in a tag cannot be read: {str(error)[:80]}; write it plainly") from error
    vars(tree).update(find_all=partial(_sought, tree))
    return tree


def _sought(tree: nodes.Template, kind: type[nodes.Node]) -> Iterator[nodes.Node]:
    """As `find_all`; for what stands in no tree within the walls, and the compiler asks for three times, at once."""
    return iter(()) if kind in _NEVER else nodes.Node.find_all(tree, kind)


def _measure(environment: Environment, source: str) -> None:
    if len(source) > MAX_SOURCE:
        raise Refused(f"the template is longer than {MAX_SOURCE:,} characters; shorten it")
    starts = (environment.block_start_string, environment.variable_start_string, environment.comment_start_string)
    if sum(map(source.count, starts)) > MAX_TAGS:
        raise Refused(f"the template has more than {MAX_TAGS:,} tags; split it")
    raw = re.search(rf"{re.escape(environment.block_start_string)}[-+]?\s*raw\b", source)
    if raw:
        raise Refused(f"line {_line(source, raw.start())}: raw blocks are not available in templates; take the tag out")
    for start, end in (
        (environment.variable_start_string, environment.variable_end_string),
        (environment.block_start_string, environment.block_end_string),
    ):
        at = source.find(start)
        while at >= 0:
            close = source.find(end, at)
            if close < 0:
                raise Refused(f"line {_line(source, at)}: a tag is not closed; write {end} where it ends")
            if close - at > MAX_TAG:
                said = f"a tag is longer than {MAX_TAG:,} characters; make several of it"
                raise Refused(f"line {_line(source, at)}: {said}")
            at = source.find(start, close)


def _line(source: str, offset: int) -> int:
    return source.count("\n", 0, offset) + 1


def _walk(environment: Environment, tree: nodes.Template, loops: int) -> tuple[int, int]:
    """Go through the tree without recursion, so that no depth can break the judge. How many parts it has, and the steps
    that they take at most."""
    seen, steps = 0, 0
    # Each node with its depth, the `if`s, loops and values around it, and how often it is come to at most.
    waiting: list[tuple[nodes.Node, int, int, int, int, int]] = [(tree, 0, 0, 0, 0, 1)]
    while waiting:
        node, depth, ifs, fors, values, times = waiting.pop()
        seen, steps = seen + 1, steps + times
        if seen > MAX_NODES:
            raise Refused(f"the template has more than {MAX_NODES:,} parts; split it")
        if node is not tree:
            _judge(environment, node)
        ifs += isinstance(node, nodes.If)
        fors += isinstance(node, nodes.For)
        values += isinstance(node, nodes.Expr)
        times *= _length(node) if isinstance(node, nodes.For) else 1
        if depth > MAX_DEPTH or ifs > MAX_IF_DEPTH or fors > loops or values > MAX_VALUE_DEPTH:
            raise Refused(_too_deep(node, depth, ifs, fors, loops))
        if steps > MAX_STEPS:
            raise Refused(f"line {node.lineno}: the loops would take more than {MAX_STEPS:,} steps; take one out")
        waiting += [(child, depth + 1, ifs, fors, values, times) for child in _inside(node)]
    return seen, steps


def _too_deep(node: nodes.Node, depth: int, ifs: int, fors: int, loops: int) -> str:
    what, most = next(
        (
            (what, most)
            for what, found, most in (
                ("tags", depth, MAX_DEPTH),
                ("ifs", ifs, MAX_IF_DEPTH),
                ("loops", fors, loops),
            )
            if found > most
        ),
        ("parts of a value", MAX_VALUE_DEPTH),
    )
    return f"line {node.lineno}: {what} may stand {most} deep, not more; take some out"


def _inside(node: nodes.Node) -> list[nodes.Node]:
    if type(node) in _LEAVES:
        return []
    children = list(node.iter_child_nodes())
    children.reverse()
    return children


def _length(loop: nodes.Node) -> int:
    """How often a loop goes round at most, told by the list's name; an unknown list is taken for the longest."""
    listed = loop.iter if isinstance(loop, nodes.For) else loop
    if isinstance(listed, nodes.Name):
        return FIELDS[listed.name].most if listed.name in FIELDS and FIELDS[listed.name].most else MOST_LISTED
    # `items` inside a loop are those of one parcel, or a group's own; the group's are bounded by the longest.
    return MOST_LISTED


def _judge(environment: Environment, node: nodes.Node) -> None:
    kind = type(node)
    if kind not in _ALLOWED:
        reason = _REFUSED.get(kind) or f"{kind.__name__} is not available in templates; take it out"
        line = node.lineno or next((child.lineno for child in node.iter_child_nodes()), 1)
        raise Refused(f"line {line}: {reason}")
    rule = _RULES.get(kind)
    fault = rule(environment, node) if rule else None
    if fault:
        raise Refused(f"line {node.lineno}: {fault}")


def _loop_fault(_: Environment, node: nodes.For) -> str | None:
    if node.recursive:
        return "a loop cannot be recursive; take the word out"
    if not isinstance(node.target, nodes.Name):
        return "a loop gives one name to each thing of a list; write `{% for item in items %}`"
    if not isinstance(node.iter, nodes.Name | nodes.Getattr | nodes.Getitem):
        return "a loop goes over a list of the fields, as it is; write `{% for item in items %}`"
    if node.target.name in FIELDS or node.target.name in ("loop", *INTERNAL):
        return f"{node.target.name!r} is a field's name; call the loop's by another"
    return None


def _name_fault(_: Environment, node: nodes.Name) -> str | None:
    if node.name in INTERNAL or node.name.startswith("_"):
        return f"there is no field called {node.name!r}"
    return None


def _list_fault(_: Environment, node: nodes.List) -> str | None:
    if len(node.items) > MAX_FIXED or not all(isinstance(item, nodes.Const) for item in node.items):
        return f"a list may hold only fixed values, at most {MAX_FIXED}"
    return None


def _item_fault(_: Environment, node: nodes.Getitem) -> str | None:
    if isinstance(node.arg, nodes.Slice):
        return _REFUSED[nodes.Slice]
    if not isinstance(node.arg, nodes.Const) or not isinstance(node.arg.value, str | int):
        return "what stands in square brackets is a fixed name or number"
    return None


def _filter_fault(environment: Environment, node: nodes.Filter) -> str | None:
    return _named_fault("filter", node, environment.filters)


def _test_fault(environment: Environment, node: nodes.Test) -> str | None:
    return _named_fault("test", node, environment.tests)


def _named_fault(word: str, node: nodes.Filter | nodes.Test, there: Mapping[str, object]) -> str | None:
    if node.node is None:
        return _REFUSED[nodes.FilterBlock]
    if node.name not in there:
        return f"there is no {word} called {node.name!r}; there are {', '.join(sorted(there))}"
    given = [*node.args, *(pair.value for pair in node.kwargs)]
    if node.dyn_args or node.dyn_kwargs or not all(isinstance(value, _FIXED) for value in given):
        return f"what the {word} {node.name!r} is given must be fixed, or a field"
    return None


def _constant_fault(_: Environment, node: nodes.Const) -> str | None:
    if isinstance(node.value, int | float) and abs(node.value) > 10**12:
        return "a number is past all use; write a smaller one"
    if isinstance(node.value, str) and len(node.value) > MAX_CONSTANT:
        return f"a text in a tag is longer than {MAX_CONSTANT:,} characters; write it outside"
    return None


_RULES: Mapping[type[nodes.Node], Callable[..., str | None]] = {
    nodes.For: _loop_fault,
    nodes.Name: _name_fault,
    nodes.List: _list_fault,
    nodes.Getitem: _item_fault,
    nodes.Filter: _filter_fault,
    nodes.Test: _test_fault,
    nodes.Const: _constant_fault,
}
