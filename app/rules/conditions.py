"""Conditions: the `if` of a rule, one typed and bounded expression over the facts, refused when the rule is saved.

The language is CEL (https://github.com/google/cel-spec). Each part of `Facts` is a variable with typed fields: they are
derived from the model itself, so what is documented there is what a rule may ask, and nothing else. An instant is a
timestamp, a day is text (`"2026-11-27"`), money is minor units; what may be missing is asked for with `has(…)`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from app.errors import nearest
from app.models.facts import Facts
from app.models.vocabulary import Cause, Channel, Milestone
from app.rules.expressions import Spoken, names
from app.rules.known import no_country
from app.rules.language import Reads, groups, language, variables
from app.zones import zone_names

LONGEST = 1000
"""Characters of an expression. Together with the library's own bound of 10,000 steps it keeps every answer short."""

MOST_TURNS = 10_000
"""How often the loops of an expression may turn, of the largest order: the library gives up after as many."""


class Unfit(Exception):
    """An expression cannot be a condition: the text says why, `column` (from 1) where, `remedy` what to write."""

    def __init__(self, problem: str, remedy: str, column: int = 1, line: int = 1) -> None:
        super().__init__(problem)
        self.problem, self.remedy, self.column, self.line = problem, remedy, column, line


@dataclass(frozen=True)
class Condition:
    """A checked expression, its source text, and the fields that it reads, as `parcel.items[].sku`."""

    source: str
    _program: Any = field(compare=False, repr=False)
    reads: frozenset[str] = field(compare=False, repr=False)

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
    """One picture of the facts as conditions see it, made once for all that look at it; with `reads` only what these
    read is in it."""

    def __init__(self, facts: Facts, now: datetime, reads: Reads | None = None) -> None:
        seen = {name: None for name, _ in groups()} if reads is None else reads
        self.activation = language().env.Activation({**language().values(facts, seen), "now": now})


def check(source: str) -> Condition:
    """Check an expression. Raises Unfit with the place and the remedy: not an expression, an unknown field, a wrong
    type, too long, or too costly for the largest order."""
    if len(source) > LONGEST:
        raise Unfit(f"{len(source)} characters long", f"Write at most {LONGEST}, or make two rules of it.")
    try:
        program = language().env.compile(source)
    except (RuntimeError, ValueError) as error:
        raise _unfit(str(error)) from error
    if program.return_type() != cel.Type.BOOL:
        kind = program.return_type().name().lower()
        raise Unfit(f"it is {_article(kind)}, not true or false", 'Compare it with something: `… > 0`, `… == "x"`.')
    named = names(program.serialize(), _longest)
    _check_words(source, named.spoken)
    if named.turns > MOST_TURNS:
        raise Unfit("too costly for an order of many items", "Do not nest `exists` and its like.")
    _check_presence(source, named.reads - named.asked)
    condition = Condition(source, program, frozenset(one.removesuffix("[]") for one in named.reads))
    try:
        condition.holds(_largest())
    except ConditionFailed as error:
        if "iteration" in str(error) or "budget" in str(error):
            raise Unfit("too costly for an order of many items", "Do not nest `exists` and its like.") from error
        if "timezone" in str(error):  # put together by the expression itself
            raise Unfit("it names a time zone that is not known", 'Write one such as "Europe/Stockholm".') from error
    return condition


def _check_presence(source: str, taken_for_granted: Iterable[str]) -> None:
    """A time that is missing would be 1970, a day that is missing before all others, a sum that is missing nothing at
    all, and a condition true by mistake. Raises Unfit where one is read and nothing asks whether it is there."""
    for path in sorted(taken_for_granted):
        if path.replace("[]", "") in _measures():
            last = path.rsplit(".", 1)[-1]
            at = max(source.find(f".{last}"), 0) + 1
            line, column = source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)
            field_of_it = f"….{last}" if "[]" in path else path
            remedy = f"Ask for it first: `has({field_of_it}) && …`."
            raise Unfit(f"{last!r} may be missing", remedy, column, line)


@lru_cache(maxsize=1)
def _measures() -> frozenset[str]:
    """The paths of the times, days and numbers that may be missing: what is compared by size, where what stands for
    a missing one would be a size too. A missing text is an empty one, which is no other's."""
    return frozenset(
        f"{name}.{one}".replace("[]", "")
        for name, fields in variables().items()
        for one, kind in fields.items()
        if kind in ("timestamp, may be missing", "day (text), may be missing", "whole number, may be missing")
    )


_WORDS: dict[str, tuple[str, ...]] = {
    "milestone": tuple(Milestone),
    "cause": tuple(Cause),
    "channel": tuple(Channel),
    "direction": ("outbound", "return"),
}
_WRITTEN = {
    "duration()": (
        "span of time",
        'duration({}) == duration("0s")',
        'Write it in hours or less: "72h", "90m", "1h30m".',
    ),
    "timestamp()": ("time", "timestamp({}) == now", 'Write one such as "2026-11-27T08:00:00Z".'),
    "matches()": (
        "pattern",
        '"".matches({})',
        "Close its brackets; a sign that stands for itself has two `\\\\` before.",
    ),
}
"""What a text must be that one of these functions reads: in words, a trial of it, and the remedy."""
_OFFSET = re.compile(r"[+-]?\d{2}:\d{2}")


def _check_words(source: str, spoken: Iterable[Spoken]) -> None:
    """A word that is spelt wrong would simply never be met. Raises Unfit with the nearest right one."""
    for one in spoken:
        kind, remedy = _misspelt(one)
        if remedy:
            line = source.count("\n", 0, one.at) + 1
            column = one.at - source.rfind("\n", 0, one.at)
            raise Unfit(f"{one.text[:60]!r} is no {kind}", remedy, column, line)


def _misspelt(one: Spoken) -> tuple[str, str | None]:
    """What a text should be, by the field or the function that it stands beside, and the remedy if it is none."""
    of, text = one.of.rsplit(".", 1)[-1].removesuffix("[]"), one.text[:80]
    if of in _WRITTEN:
        kind, trial, remedy = _WRITTEN[of]
        return kind, None if _has_value(trial.format(json.dumps(one.text, ensure_ascii=False))) else remedy
    if of in ("zone", "zones") or (of.startswith("get") and of.endswith("()")):
        known = text in zone_names() or (of.endswith("()") and _OFFSET.fullmatch(text))
        return "time zone", None if known else nearest(text, zone_names(), 'Write one such as "Europe/Stockholm".')
    if of == "country":
        return of, no_country(text)
    if of in _WORDS and text not in _WORDS[of]:
        return of, nearest(text, _WORDS[of])
    return of, None


def _has_value(expression: str) -> bool:
    try:
        answer = language().env.compile(expression).eval(activation=_largest().activation)
    except (RuntimeError, ValueError):
        return False
    return bool(answer.type() == cel.Type.BOOL)


def _longest(path: str) -> int:
    """How many elements the list at a path has in the largest order."""
    found: Any = _largest_facts()
    for name in path.replace("[]", ".0").split("."):
        found = found[0] if name == "0" and found else getattr(found, name, ())
    return max(len(found) if isinstance(found, tuple) else 1, 10)


@lru_cache(maxsize=1)
def _largest() -> View:
    """The largest order as conditions see it."""
    facts = _largest_facts()
    return View(facts, facts.order.placed_at + timedelta(days=1))


@lru_cache(maxsize=1)
def _largest_facts() -> Facts:
    """The largest order that a condition may meet, against which its cost is tried when it is saved."""
    at = datetime(2026, 1, 1).astimezone()
    items = [{"sku": f"S{n}", "name": "x" * 60, "quantity": 1} for n in range(200)]
    told = [{"milestone": "dispatched", "channel": "email", "planned_at": at}] * 200
    others = [{"id": f"shp_{n}", "milestone": "in_transit", "items": items[:10]} for n in range(50)]
    return Facts.model_validate(
        {
            "brand": {"key": "b", "name": "B"},
            "order": {
                "number": "1",
                "placed_at": at,
                "items": items,
                "not_shipped": items,
                "tags": [f"tag {n}" for n in range(50)],
            },
            "parcel": {"id": "shp_1", "link": "/t/1", "milestone": "in_transit", "items": items},
            "other_parcels": others,
            "merged": others,
            "shopper": {"has_email": True, "has_phone": True, "locale": "en"},
            "news": {"milestone": "in_transit", "occurred_at": at},
            "history": told,
            "order_history": told * 2,
        }
    )


_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_FIELD = re.compile(r"undefined field '(\w+)' not found in struct '\w+\.(\w+)'")
_NAME = re.compile(r"undeclared reference to '([\w.]+)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '\((.*)\)'")


def _unfit(said: str) -> Unfit:
    """The checker's complaint, in our words and with the nearest right name."""
    found = _PLACE.search(said)
    line, column, what = (int(found[1]), int(found[2]), found[3]) if found else (1, 1, _reworded(said))
    if wrong := _FIELD.search(what):
        fields = next(m.model_fields for m, name in language().models.items() if name == wrong[2])
        return Unfit(f"{wrong[1]!r} is no field of {wrong[2]}", nearest(wrong[1], fields), column, line)
    if wrong := _NAME.search(what):
        variables, name = [*(name for name, _ in groups()), "now"], wrong[1].partition(".")[0]
        return Unfit(f"{name!r} is not known", nearest(name, variables), column, line)
    if wrong := _OVERLOAD.search(what):
        sign, kinds = wrong[1].strip("_"), wrong[2].replace("doorstep.", "")
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
