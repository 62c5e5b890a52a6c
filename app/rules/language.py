"""The language of conditions: each part of `Facts` is a variable with typed fields, and nothing else is.

The fields are derived from the model itself, so what is documented there is what a rule may ask. The environment is
CEL's (https://github.com/google/cel-spec), with messages described to it as protobuf's: those it checks.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from types import UnionType
from typing import Any, get_args, get_origin

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from pydantic import BaseModel

from app.models.facts import Facts

Reads = Mapping[str, Any]
"""What is read, by variable or field: None for all of it, else the same for what lies below."""

_PACKAGE = "doorstep"
_Proto = descriptor_pb2.FieldDescriptorProto
_SCALARS: dict[type, int] = {bool: _Proto.TYPE_BOOL, int: _Proto.TYPE_INT64, str: _Proto.TYPE_STRING}


def variables() -> dict[str, dict[str, str]]:
    """Every field that a condition may name: by variable, each with its type in words."""
    return {name: dict(_worded(annotation)) for name, annotation in groups()} | {"now": {"": "timestamp"}}


class Language:
    """The typed environment, and how facts become its values."""

    def __init__(self) -> None:
        pool = descriptor_pool.DescriptorPool()
        stamp = descriptor_pb2.FileDescriptorProto()
        timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
        pool.Add(stamp)
        described = descriptor_pb2.FileDescriptorProto(name="facts.proto", package=_PACKAGE, syntax="proto3")
        described.dependency.append("google/protobuf/timestamp.proto")
        self.models: dict[type[BaseModel], str] = {}
        for _, annotation in groups():
            self._describe(described, _model(annotation))
        pool.Add(described)
        found = {model: pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for model, name in self.models.items()}
        self.classes = {model: message_factory.GetMessageClass(one) for model, one in found.items()}
        typed = {name: self._type(annotation) for name, annotation in groups()}
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

    def values(self, facts: Facts, reads: Reads) -> dict[str, Any]:
        """The facts as the language's own values, by variable; only what is read is made."""
        return {name: self._value(getattr(facts, name), below) for name, below in reads.items()}

    def _value(self, value: Any, reads: Reads | None) -> Any:
        if isinstance(value, BaseModel):
            made = self.classes[type(value)]
            given = {name: getattr(value, name) for name in (reads or type(value).model_fields)}
            below = reads or {}
            return made(**{name: self._value(one, below.get(name)) for name, one in given.items() if one is not None})
        if isinstance(value, tuple | list):
            return [self._value(one, reads) for one in value]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        return value.value if isinstance(value, StrEnum) else value


@lru_cache(maxsize=1)
def language() -> Language:
    """The one language of this process; made when the first condition is read."""
    return Language()


def reads_of(paths: Iterable[str]) -> Reads:
    """Paths such as `parcel.items[].sku` as what is read below each variable; None is all of it."""
    found: dict[str, Any] = {}
    for path in sorted(paths):  # a whole comes before its parts, which then add nothing
        *way, last = path.replace("[]", "").split(".")
        here: dict[str, Any] | None = found
        for step in way:
            here = here.setdefault(step, {}) if here is not None else None
        if here is not None:
            here[last] = None
    found.pop("now", None)
    return found


def groups() -> list[tuple[str, Any]]:
    """Each variable's name, and the annotation of its values."""
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
