"""How a JSON body is read: strictly, and each entry of a list on its own, so that a bad one spoils no other."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NoReturn, TypeVar

from fastapi import Depends, Request

from app.errors import InvalidInput
from app.web.problems import FieldFault, Problem, invalid, shown

T = TypeVar("T")


async def _json(request: Request) -> Any:
    body = await request.body()
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Problem(
            400, "not-json", "The body is not JSON", "Send UTF-8 JSON with Content-Type: application/json."
        ) from error


def _no_number(written: str) -> NoReturn:
    raise ValueError(f"{written} is no JSON")


Json = Annotated[Any, Depends(_json)]


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """The good entries with their places, the faults of the others, and how many entries there were."""

    good: list[tuple[int, T]]
    faults: list[FieldFault]
    count: int


def entries(body: Any, name: str, limit: int, options: frozenset[str] = frozenset()) -> list[Any]:
    """The entries that a body holds: those of `{name: […]}`, or the body itself as the only one.

    Beside `name` only `options` may stand. Raises a Problem for an empty, too long or malformed list.
    """
    if not isinstance(body, Mapping):
        raise invalid(
            "Send a JSON object.", [FieldFault(field="the whole body", problem="is no object", remedy=_form(name))]
        )
    if name not in body:
        return [body]
    listed = body[name]
    if not isinstance(listed, list) or not listed:
        raise invalid(
            "Nothing was sent.", [FieldFault(field=name, problem="must be a list with entries", remedy=_form(name))]
        )
    if len(listed) > limit:
        problem = f"has {len(listed):,} entries"
        raise invalid(
            f"Send at most {limit:,} at a time.", [FieldFault(field=name, problem=problem, remedy="Split it.")]
        )
    extra = sorted(str(key) for key in set(body) - {name} - options)
    if extra:
        known = ", ".join(sorted({name} | options))
        faults = [
            FieldFault(field=key[:60], problem="is not a field here", remedy=f"Known are {known}.") for key in extra
        ]
        raise invalid("Mend the fields that are listed and send it again.", faults)
    return listed


def _form(name: str) -> str:
    return f'Send one alone, or several as {{"{name}": [ … ]}}.'


def read_each(listed: list[Any], parse: Callable[[Any], T]) -> Listed[T]:
    """Parse every entry. Raises a Problem with all faults when not one is good."""
    good: list[tuple[int, T]] = []
    faults: list[FieldFault] = []
    for index, entry in enumerate(listed):
        try:
            good.append((index, parse(entry)))
        except InvalidInput as error:
            faults += shown(error.faults, index)
    if not good:
        raise invalid("Nothing was stored. Mend the fields that are listed and send it again.", faults)
    return Listed(good, faults, len(listed))


def read_all(listed: list[Any], parse: Callable[[Any], T]) -> list[T]:
    """Parse every entry. Raises a Problem when any is bad: for lists that only make sense as a whole."""
    read = read_each(listed, parse)
    if read.faults:
        raise invalid("Nothing was stored. Mend the fields that are listed and send it again.", read.faults)
    return [entry for _, entry in read.good]
