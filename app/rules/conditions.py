"""Conditions: the `if` of a rule, one typed and bounded expression over the facts, refused when the rule is saved.

The language is CEL (https://github.com/google/cel-spec). Each part of `Facts` is a variable with typed fields: they are
derived from the model itself, so what is documented there is what a rule may ask, and nothing else. An instant is a
timestamp, a day is text (`"2026-11-27"`), money is minor units; what may be missing is asked for with `has(…)`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from types import UnionType
from typing import Any, get_args, get_origin

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from pydantic import BaseModel

from app.errors import nearest
from app.models.facts import Facts
from app.models.vocabulary import Cause, Channel, Milestone

LONGEST = 1000
"""Characters of an expression. Together with the library's own bound of 10,000 steps it keeps every answer short."""

_PACKAGE = "doorstep"
_Proto = descriptor_pb2.FieldDescriptorProto
_SCALARS: dict[type, int] = {bool: _Proto.TYPE_BOOL, int: _Proto.TYPE_INT64, str: _Proto.TYPE_STRING}


class Unfit(Exception):
    """An expression cannot be a condition: the text says why, `column` (from 1) where, `remedy` what to write."""

    def __init__(self, problem: str, remedy: str, column: int = 1, line: int = 1) -> None:
        super().__init__(problem)
        self.problem, self.remedy, self.column, self.line = problem, remedy, column, line


@dataclass(frozen=True)
class Condition:
    """A checked expression and its source text."""

    source: str
    _program: Any = field(compare=False, repr=False)

    def holds(self, view: "View") -> bool:
        """Whether it is true of these facts. Raises ConditionFailed when there is no answer."""
        try:
            answer = self._program.eval(activation=view.activation)
        except (RuntimeError, ValueError) as error:
            raise ConditionFailed(_reworded(str(error))) from error
        # An error comes back as a value of its own type, whose text would count as true.
        if answer.type() != cel.Type.BOOL:
            raise ConditionFailed(_reworded(str(answer.value())))
        return answer.value() is True


class ConditionFailed(Exception):
    """A condition has no answer for these facts; the text says why."""


class View:
    """One picture of the facts as conditions see it; made once for all the rules that look at it."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        self.activation = _language().env.Activation({**_language().values(facts), "now": now})


def check(source: str) -> Condition:
    """Check an expression. Raises Unfit with the place and the remedy: not an expression, an unknown field, a wrong
    type, too long, or too costly for the largest order."""
    if len(source) > LONGEST:
        raise Unfit(f"{len(source)} characters long", f"Write at most {LONGEST}, or make two rules of it.")
    try:
        program = _language().env.compile(source)
    except (RuntimeError, ValueError) as error:
        raise _unfit(str(error)) from error
    if program.return_type() != cel.Type.BOOL:
        kind = program.return_type().name().lower()
        raise Unfit(f"it is {_article(kind)}, not true or false", 'Compare it with something: `… > 0`, `… == "x"`.')
    _check_words(source)
    condition = Condition(source, program)
    try:
        condition.holds(_largest())
    except ConditionFailed as error:
        if "iteration" in str(error) or "budget" in str(error):
            raise Unfit("too costly for an order of many items", "Do not nest `exists` and its like.") from error
        if "timezone" in str(error):
            raise Unfit("it names a time zone that is not known", 'Write one such as "Europe/Stockholm".') from error
    return condition


_SPOKEN = re.compile(r"""\.(milestone|cause|channel|direction)\s*[!=]=\s*(["'])(.*?)\2""")
_VOCABULARY: dict[str, tuple[str, ...]] = {
    "milestone": tuple(Milestone),
    "cause": tuple(Cause),
    "channel": tuple(Channel),
    "direction": ("outbound", "return"),
}


def _check_words(source: str) -> None:
    """A milestone that is spelt wrong would simply never be met. Raises Unfit with the nearest right word."""
    for found in _SPOKEN.finditer(source):
        if found[3] not in _VOCABULARY[found[1]]:
            line = source.count("\n", 0, found.start(3)) + 1
            column = found.start(3) - source.rfind("\n", 0, found.start(3))
            raise Unfit(f"{found[3]!r} is no {found[1]}", nearest(found[3], _VOCABULARY[found[1]]), column, line)


def variables() -> dict[str, dict[str, str]]:
    """Every field that a condition may name: by variable, each with its type in words."""
    return {name: dict(_worded(annotation)) for name, annotation in _groups()} | {"now": {"": "timestamp"}}


class _Language:
    """The typed environment, and how facts become its values."""

    def __init__(self) -> None:
        pool = descriptor_pool.DescriptorPool()
        stamp = descriptor_pb2.FileDescriptorProto()
        timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
        pool.Add(stamp)
        described = descriptor_pb2.FileDescriptorProto(name="facts.proto", package=_PACKAGE, syntax="proto3")
        described.dependency.append("google/protobuf/timestamp.proto")
        self.models: dict[type[BaseModel], str] = {}
        for _, annotation in _groups():
            self._describe(described, _model(annotation))
        pool.Add(described)
        found = {model: pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for model, name in self.models.items()}
        self.classes = {model: message_factory.GetMessageClass(one) for model, one in found.items()}
        typed = {name: self._type(annotation) for name, annotation in _groups()}
        self.env = cel.NewEnv(descriptor_pool=pool, variables={**typed, "now": cel.Type.TIMESTAMP})

    def _describe(self, described: Any, model: type[BaseModel]) -> None:
        if model in self.models:
            return
        self.models[model] = model.__name__
        message = descriptor_pb2.DescriptorProto(name=model.__name__)
        for number, (name, given) in enumerate(model.model_fields.items(), 1):
            repeated, bare = _bare(given.annotation)
            one = message.field.add(name=name, number=number)
            one.label = _Proto.LABEL_REPEATED if repeated else _Proto.LABEL_OPTIONAL
            if isinstance(bare, type) and issubclass(bare, BaseModel):
                self._describe(described, bare)
                one.type, one.type_name = _Proto.TYPE_MESSAGE, f".{_PACKAGE}.{bare.__name__}"
            elif bare is datetime:
                one.type, one.type_name = _Proto.TYPE_MESSAGE, ".google.protobuf.Timestamp"
            else:
                one.type = _SCALARS.get(bare, _Proto.TYPE_STRING)
                if not repeated and _may_be_missing(given.annotation):  # presence, so that `has` can tell
                    one.proto3_optional, one.oneof_index = True, len(message.oneof_decl)
                    message.oneof_decl.add(name=f"_{name}")
        described.message_type.append(message)

    def _type(self, annotation: Any) -> cel.Type:
        one = cel.Type(f"{_PACKAGE}.{self.models[_model(annotation)]}")
        return cel.Type.List(one) if _bare(annotation)[0] else one

    def values(self, facts: Facts) -> dict[str, Any]:
        """The facts as the language's own values, by variable."""
        return {name: self._value(getattr(facts, name)) for name, _ in _groups()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, BaseModel):
            given = {name: getattr(value, name) for name in type(value).model_fields}
            return self.classes[type(value)](
                **{name: self._value(one) for name, one in given.items() if one is not None}
            )
        if isinstance(value, tuple | list):
            return [self._value(one) for one in value]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        return value.value if isinstance(value, StrEnum) else value


@lru_cache(maxsize=1)
def _language() -> _Language:
    return _Language()


def _groups() -> list[tuple[str, Any]]:
    return [(name, given.annotation) for name, given in Facts.model_fields.items()]


def _bare(annotation: Any) -> tuple[bool, Any]:
    """Whether a field holds many, and the type of one without its `None`."""
    if get_origin(annotation) is tuple:
        return True, _bare(get_args(annotation)[0])[1]
    if isinstance(annotation, UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not type(None)))
    return False, annotation


def _may_be_missing(annotation: Any) -> bool:
    return isinstance(annotation, UnionType) and type(None) in get_args(annotation)


def _model(annotation: Any) -> type[BaseModel]:
    model = _bare(annotation)[1]
    assert isinstance(model, type) and issubclass(model, BaseModel)
    return model


_WORDS = {bool: "true or false", int: "whole number", str: "text", datetime: "timestamp", date: "day (text)"}


def _worded(annotation: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, given in _model(annotation).model_fields.items():
        many, bare = _bare(given.annotation)
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            yield from _worded(given.annotation, f"{prefix}{name}{'[]' if many else ''}.")
        else:
            kind = _WORDS.get(bare, "text")
            missing = ", may be missing" if _may_be_missing(given.annotation) else ""
            yield f"{prefix}{name}", f"list of {kind}" if many else kind + missing


@lru_cache(maxsize=1)
def _largest() -> View:
    """The largest order that a condition may meet, against which its cost is tried when it is saved."""
    at = datetime(2026, 1, 1).astimezone()
    items = [{"sku": f"S{n}", "name": "x" * 60, "quantity": 1} for n in range(200)]
    told = [{"milestone": "dispatched", "channel": "email", "planned_at": at}] * 200
    others = [{"id": f"shp_{n}", "milestone": "in_transit", "items": items[:10]} for n in range(50)]
    facts = Facts.model_validate(
        {
            "brand": {"key": "b", "name": "B"},
            "order": {"number": "1", "placed_at": at},
            "parcel": {"id": "shp_1", "link": "/t/1", "milestone": "in_transit", "items": items},
            "other_parcels": others,
            "shopper": {"has_email": True, "has_phone": True, "locale": "en"},
            "news": {"milestone": "in_transit", "occurred_at": at},
            "history": told,
        }
    )
    return View(facts, at + timedelta(days=1))


_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_FIELD = re.compile(r"undefined field '(\w+)' not found in struct '\w+\.(\w+)'")
_NAME = re.compile(r"undeclared reference to '([\w.]+)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '\((.*)\)'")


def _unfit(said: str) -> Unfit:
    """The checker's complaint, in our words and with the nearest right name."""
    found = _PLACE.search(said)
    line, column, what = (int(found[1]), int(found[2]), found[3]) if found else (1, 1, _reworded(said))
    if wrong := _FIELD.search(what):
        fields = next(m.model_fields for m, name in _language().models.items() if name == wrong[2])
        return Unfit(f"{wrong[1]!r} is no field of {wrong[2]}", nearest(wrong[1], fields), column, line)
    if wrong := _NAME.search(what):
        names = [*(name for name, _ in _groups()), "now"]
        return Unfit(f"{wrong[1]!r} is not known", nearest(wrong[1], names), column, line)
    if wrong := _OVERLOAD.search(what):
        sign, kinds = wrong[1].strip("_"), wrong[2].replace(f"{_PACKAGE}.", "")
        return Unfit(f"{sign!r} does not go with {kinds}", "Compare things of one kind.", column, line)
    if "operand of a select" in what:
        return Unfit("text, numbers and times have no fields", "Name a field of the facts.", column, line)
    if "<EOF>" in what:
        return Unfit("it breaks off in the middle", "Write the expression to its end.", column, line)
    what = what.split(" expecting ")[0]
    return Unfit(f"not an expression: {_reworded(what)}", "See docs/rules.md for what can be written.", column, line)


def _reworded(said: str) -> str:
    return " ".join(re.sub(r"\[?\b[A-Z_]{6,}\b\]?:?|ERROR: ", " ", said.splitlines()[0]).split())[:200]


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"
