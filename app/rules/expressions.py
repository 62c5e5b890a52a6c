"""What a checked expression names: the fields it reads, and the words it compares them with, each with its place.

The checker hands its result over as a `cel.expr.CheckedExpr`
(https://github.com/google/cel-spec/blob/master/proto/cel/expr/checked.proto). Of that message only the parts that are
needed are described here; what is not described is skipped, as protobuf does with fields that it does not know.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

_Proto = descriptor_pb2.FieldDescriptorProto
_LAYOUT: dict[str, str] = {
    "CheckedExpr": "5:source_info:SourceInfo 4:expr:Expr",
    "SourceInfo": "3:line_offsets:int32* 4:positions:Position*",
    "Position": "1:key:int64 2:value:int32",
    "Expr": "2:id:int64 3:const_expr:Constant 4:ident_expr:Ident 5:select_expr:Select 6:call_expr:Call 7:list_expr:List"
    " 8:struct_expr:Struct 9:comprehension_expr:Comprehension",
    "Constant": "6:string_value:string",
    "Ident": "1:name:string",
    "Select": "1:operand:Expr 2:field:string 3:test_only:bool",
    "Call": "1:target:Expr 2:function:string 3:args:Expr*",
    "List": "1:elements:Expr*",
    "Struct": "2:entries:Entry*",
    "Entry": "3:map_key:Expr 4:value:Expr",
    "Comprehension": "1:iter_var:string 2:iter_range:Expr 3:accu_var:string 4:accu_init:Expr 5:loop_condition:Expr"
    " 6:loop_step:Expr 7:result:Expr",
}
"""Each message's fields as number:name:type, `*` for many; the numbers are the specification's."""

_TYPES = {
    "int64": _Proto.TYPE_INT64,
    "int32": _Proto.TYPE_INT32,
    "string": _Proto.TYPE_STRING,
    "bool": _Proto.TYPE_BOOL,
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text that an expression compares a field with, or hands to a function; `at` counts characters from 0."""

    of: str
    text: str
    at: int


@dataclass(slots=True)
class Named:
    """What one expression names. `reads` are paths such as `parcel.items[].sku`, `spoken` the texts beside them; a
    function's argument is `of` its name with brackets, `getHours()`. `asked` is what it asks with `has(…)` whether it
    is there, `turns` how often its loops turn at most."""

    reads: set[str] = field(default_factory=set)
    spoken: list[Spoken] = field(default_factory=list)
    turns: int = 0
    asked: set[str] = field(default_factory=set)


def names(serialized: bytes, longest: Callable[[str], int]) -> Named:
    """What a checked expression names. `serialized` is the checker's own form of it; `longest` says how many elements
    the list at a path, `other_parcels[].items`, may have."""
    wrapped = any_pb2.Any.FromString(serialized)
    checked = _checked_class().FromString(wrapped.value)
    named = Named()
    reader = _Reader(named, {one.key: one.value for one in checked.source_info.positions}, longest)
    reader.read(checked.expr, {})
    named.turns = reader.turns(checked.expr, {})
    return named


class _Reader:
    """One walk over an expression; `bound` says which list's elements each loop's name stands for."""

    def __init__(self, named: Named, positions: Mapping[int, int], longest: Callable[[str], int]) -> None:
        self._named, self._positions, self._longest = named, positions, longest

    def read(self, expr: Any, bound: Mapping[str, str | None]) -> str | None:
        """Note what is read in an expression; its path, where it is a field that is read as a whole."""
        path = self._path(expr, bound)
        if path:
            self._named.reads.add(path)
            if expr.select_expr.test_only:
                self._named.asked.add(path)
            return path
        for part, within in self._parts(expr, bound):
            self.read(part, within)
        return None

    def _path(self, expr: Any, bound: Mapping[str, str | None]) -> str | None:
        """The field that an expression is, by its way from a variable; None for anything else."""
        if expr.HasField("ident_expr"):
            name = expr.ident_expr.name
            return bound.get(name, name)
        if expr.HasField("select_expr"):
            below = self._path(expr.select_expr.operand, bound)
            return f"{below}.{expr.select_expr.field}" if below else None
        if expr.HasField("call_expr") and expr.call_expr.function == "_[_]":
            below = self._path(expr.call_expr.args[0], bound)
            if below:
                self.read(expr.call_expr.args[1], bound)
            return f"{below}[]" if below else None
        return None

    def turns(self, expr: Any, bound: Mapping[str, str | None]) -> int:
        """How often the loops of an expression turn at most, one within another, whatever stops them sooner."""
        if not expr.HasField("comprehension_expr"):
            return sum(self.turns(one, bound) for one in _below(expr))
        loop = expr.comprehension_expr
        over = self._path(loop.iter_range, bound)
        inside = {**bound, loop.iter_var: f"{over}[]" if over else self._filtered(loop.iter_range, bound)}
        each = sum(self.turns(one, inside) for one in (loop.loop_condition, loop.loop_step))
        return self.turns(loop.iter_range, bound) + self._length(loop.iter_range, bound) * (1 + each)

    def _length(self, expr: Any, bound: Mapping[str, str | None]) -> int:
        """How many elements a list may have."""
        path = self._path(expr, bound)
        if path:
            return self._longest(path)
        if expr.HasField("list_expr"):
            return len(expr.list_expr.elements)
        if expr.HasField("comprehension_expr"):  # a filter or a map has no more than its list
            return self._length(expr.comprehension_expr.iter_range, bound)
        return sum(self._length(one, bound) for one in _below(expr))

    def _parts(self, expr: Any, bound: Mapping[str, str | None]) -> Iterator[tuple[Any, Mapping[str, str | None]]]:
        if expr.HasField("call_expr"):
            self._speak(expr.call_expr, bound)
        if expr.HasField("comprehension_expr"):
            yield from self._loop(expr.comprehension_expr, bound)
        yield from ((one, bound) for one in _below(expr))

    def _loop(self, loop: Any, bound: Mapping[str, str | None]) -> Iterator[tuple[Any, Mapping[str, str | None]]]:
        """A loop reads its list only as far as it reads the elements; one over a loop's result reads that result's."""
        over = self._path(loop.iter_range, bound)
        if over is None:
            yield loop.iter_range, bound
        element = f"{over}[]" if over else self._filtered(loop.iter_range, bound)
        inside = {**bound, loop.iter_var: element, loop.accu_var: None}
        before = len(self._named.reads)
        yield from ((one, inside) for one in (loop.accu_init, loop.loop_condition, loop.loop_step))
        yield loop.result, {**bound, loop.accu_var: None}
        if over and not self._touched(over, before):
            self._named.reads.add(over)

    def _touched(self, over: str, before: int) -> bool:
        return len(self._named.reads) > before and any(one.startswith(f"{over}[]") for one in self._named.reads)

    def _filtered(self, expr: Any, bound: Mapping[str, str | None]) -> str | None:
        """The elements that a `filter` lets through are its list's own; what a `map` makes is nobody's."""
        loop = expr.comprehension_expr
        if not expr.HasField("comprehension_expr") or not _keeps_elements(loop):
            return None
        over = self._path(loop.iter_range, bound)
        return f"{over}[]" if over else self._filtered(loop.iter_range, bound)

    def _speak(self, call: Any, bound: Mapping[str, str | None]) -> None:
        """Note the texts that stand beside a field in a comparison, in a list that it is looked for in, or as an
        argument of a function."""
        texts = [one for arg in call.args for one in self._texts(arg)]
        beside = call.function in ("_==_", "_!=_", "@in")
        fields = [path for arg in call.args if (path := self._path(arg, bound))] if beside else [f"{call.function}()"]
        for path in fields:
            self._named.spoken += [Spoken(path, text, at) for text, at in texts]

    def _texts(self, expr: Any) -> Iterator[tuple[str, int]]:
        if expr.HasField("const_expr") and expr.const_expr.HasField("string_value"):
            yield expr.const_expr.string_value, self._positions.get(expr.id, 0)
        for one in expr.list_expr.elements if expr.HasField("list_expr") else ():
            yield from self._texts(one)


def _below(expr: Any) -> Iterator[Any]:
    """The expressions that one is made of, a loop's own parts aside."""
    if expr.HasField("select_expr"):
        yield expr.select_expr.operand
    if expr.HasField("call_expr"):
        if expr.call_expr.HasField("target"):
            yield expr.call_expr.target
        yield from expr.call_expr.args
    if expr.HasField("list_expr"):
        yield from expr.list_expr.elements
    for entry in expr.struct_expr.entries if expr.HasField("struct_expr") else ():
        yield from (entry.map_key, entry.value)


def _keeps_elements(loop: Any) -> bool:
    """Whether a loop's result holds its list's elements as they are: `… ? result + [element] : result`."""
    step = loop.loop_step.call_expr
    grown = step.args[1].call_expr if step.function == "_?_:_" else step
    kept: Any = grown.args[1].list_expr.elements if grown.function == "_+_" else ()
    return len(kept) == 1 and kept[0].HasField("ident_expr") and kept[0].ident_expr.name == loop.iter_var


@lru_cache(maxsize=1)
def _checked_class() -> Any:
    """The class of a checked expression, as far as `_LAYOUT` describes it."""
    described = descriptor_pb2.FileDescriptorProto(name="checked.proto", package="expression", syntax="proto2")
    for name, fields in _LAYOUT.items():
        message = described.message_type.add(name=name)
        for written in fields.split():
            number, field_name, kind = written.split(":")
            one = message.field.add(name=field_name, number=int(number))
            one.label = _Proto.LABEL_REPEATED if kind.endswith("*") else _Proto.LABEL_OPTIONAL
            bare = kind.rstrip("*")
            if bare in _TYPES:
                one.type = _TYPES[bare]
            else:
                one.type, one.type_name = _Proto.TYPE_MESSAGE, f".expression.{bare}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(described)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("expression.CheckedExpr"))
