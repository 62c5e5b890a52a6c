"""Turns what a validator found into faults a person can mend: the field, the problem, the remedy."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from app.errors import Fault, in_words
from app.intake.fields import shown

Where = tuple[str | int, ...]

_KINDS: dict[str, tuple[str, str]] = {
    "missing": ("is missing", "Give it."),
    "string_type": ("must be a text, not {input}", "Write it in quotes."),
    "string_unicode": ("holds characters that are no text", "Write it as UTF-8."),
    "string_too_short": ("is empty", "Give it."),
    "int_type": ("must be a whole number, not {input}", "Write digits alone."),
    "bool_type": ("must be true or false, not {input}", "Write true or false."),
    "greater_than_equal": ("{input} is below {ge}", "Give {ge} or more."),
    "less_than_equal": ("{input} is above {le}", "Give {le} or less."),
    "enum": ("{input} is no milestone", "Use one of {expected}."),
    "too_long": ("has {actual_length} entries", "Give at most {max_length}."),
    "tuple_type": ("must be a list, not {input}", "Write [ … ]."),
    "model_type": ("must be an object, not {input}", "Write {{ … }}."),
    "model_attributes_type": ("must be an object, not {input}", "Write {{ … }}."),
    "date_type": ("must be a date, not {input}", "Write the day alone, as 2026-03-01."),
    "datetime_type": (
        "must be a date and time, not {input}",
        "Write it as 2026-03-01T14:05:00+01:00 (ISO 8601 with offset).",
    ),
}


def faults_of(error: ValidationError, model: type[BaseModel]) -> list[tuple[Where, Fault]]:
    """One fault per refused field of `model`, with the path to the field; lines are the caller's to add."""
    return [(details["loc"], _fault(details, model)) for details in error.errors(include_url=False)]


def _fault(details: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    column = ".".join(str(part) for part in details["loc"]) or "order"
    kind, context = details["type"], details.get("ctx", {})
    if kind == "refused":
        return Fault(None, column, context["problem"], context["remedy"])
    if kind == "extra_forbidden":
        return Fault(None, column, "is not a field here", _did_you_mean(details["loc"], model))
    problem, remedy = _KINDS.get(
        kind, (in_words(str(details["msg"])).replace("{", "{{").replace("}", "}}"), "Correct it.")
    )
    values = {**context, "input": shown(details["input"])}
    return Fault(None, column, problem.format(**values), remedy.format(**values))


def _did_you_mean(where: Where, model: type[BaseModel]) -> str:
    known = list(_model_at(where[:-1], model).model_fields)
    close = get_close_matches(str(where[-1]), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Leave it out; known are {', '.join(known)}."


def _model_at(where: Where, model: type[BaseModel]) -> type[BaseModel]:
    """The model that a path leads to; positions in lists stay on their model."""
    for part in where:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_within(model.model_fields[part].annotation) or model
    return model


def _model_within(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_within(inner))), None)
