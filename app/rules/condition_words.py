"""A condition in plain words, where it is made of simple comparisons; what is not stays code."""

import re
from collections.abc import Callable, Iterator, Sequence

from app.models.vocabulary import Cause, Milestone
from app.rules.parts import CODE, MILESTONES, Part, Sentence, code, country_name, listed, strong

_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')|(?P<number>-?\d+\b)|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!()\[\],]))"
)
_SIGNS = {"==": "is", "!=": "is not", ">": "is more than", ">=": "is at least", "<": "is less than", "<=": "is at most"}
_TIMES = {"==": "is", "!=": "is not", ">": "is after", ">=": "is not before", "<": "is before", "<=": "is not after"}

Token = tuple[str, str]

_FIELDS = {
    "brand.key": "the brand",
    "order.number": "the order's number",
    "order.total_minor": "the order's total (in minor units)",
    "order.currency": "the currency",
    "order.parcel_count": "the number of parcels in the order",
    "order.placed_at": "the time of the order",
    "parcel.carrier": "the carrier",
    "parcel.service": "the service",
    "parcel.direction": "the direction",
    "parcel.milestone": "where it stands",
    "shopper.country": "the country",
    "shopper.locale": "the shopper's language",
    "shopper.zone": "the shopper's time zone",
    "news.milestone": "the news",
    "news.occurrence": "the number of times it has come to that",
    "news.cause": "the cause",
    "news.place": "the place",
    "news.description": "the carrier's description",
    "news.occurred_at": "the time of the news",
    "promise.on": "the promised day",
    "promise.ends_at": "the end of the promised day",
    "eta.day": "the expected day",
    "eta.starts_at": "the start of the expected window",
    "eta.ends_at": "the end of the expected window",
    "now": "the present time",
}
_TRUE = {
    "shopper.has_email": ("the order has an email address", "the order has no email address"),
    "shopper.has_phone": ("the order has a phone number", "the order has no phone number"),
    "parcel.delivery_doubted": ("the delivery is doubted", "the delivery is not doubted"),
}
_KNOWN = {
    "promise.on": ("a day was promised", "no day was promised"),
    "promise.ends_at": ("a day was promised", "no day was promised"),
    "eta.day": ("the carrier names a day", "the carrier names no day"),
    "parcel.pickup": ("the pickup point is known", "the pickup point is not known"),
}
_CAUSES = {
    Cause.scan.value: "a scan",
    Cause.promise_passed.value: "the promised day has passed",
    Cause.silence.value: "nobody has scanned it for too long",
    Cause.carrier_says.value: "the carrier says so",
    Cause.eta_beyond_promise.value: "the carrier expects it later than promised",
    Cause.eta.value: "the carrier's estimate",
    Cause.pickup_ends.value: "its time at the pickup point ends",
    Cause.order.value: "the order as a whole",
}
_HISTORIES = {"history": "", "order_history": ", of any parcel of the order,"}


class _Unsaid(Exception):
    """There are no words for it."""


def condition_words(source: str) -> Sentence:
    """A condition as part of a sentence: `shopper.country == "SE"` becomes "the country is *Sweden*". Never raises."""
    try:
        return tuple(_any_of(_tokens(source)))
    except (_Unsaid, RecursionError):
        return (code(" ".join(source.split())),)


def _tokens(source: str) -> list[Token]:
    found: list[Token] = []
    at, end = 0, len(source.rstrip())
    while at < end:
        match = _TOKEN.match(source, at)
        if match is None or match.lastgroup is None:
            found.append(("other", source[at]))
            at += 1
            continue
        start = match.start(match.lastgroup)
        if match.lastgroup == "name" and found and found[-1][0] == "other" and start == match.start():
            found[-1] = ("other", found[-1][1] + match[match.lastgroup])
        else:
            found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _split(tokens: Sequence[Token], sign: str) -> list[Sequence[Token]]:
    """What stands between a sign, outside brackets."""
    parts: list[Sequence[Token]] = []
    depth = start = 0
    for at, (kind, written) in enumerate(tokens):
        if kind != "sign":
            continue
        depth += (written in "([") - (written in ")]")
        if depth < 0:
            raise _Unsaid
        if depth == 0 and written == sign:
            parts.append(tokens[start:at])
            start = at + 1
    if depth:
        raise _Unsaid
    return [*parts, tokens[start:]]


def _any_of(tokens: Sequence[Token]) -> Iterator[Part]:
    ways = _split(tokens, "||")
    if len(ways) == 1:
        yield from _all_of(ways[0])
        return
    if any(len(_terms(way)) > 1 for way in ways):
        raise _Unsaid  # "a and b or c" says two things
    yield Part("either ")
    yield from _joined([list(_all_of(way)) for way in ways], " or ")


def _all_of(tokens: Sequence[Token]) -> Iterator[Part]:
    yield from _joined([list(_said(part)) for part in _terms(tokens)], " and ")


def _terms(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """What has to hold together. That something is known goes without saying where it is compared."""
    parts = _split(tokens, "&&")
    compared = {part[0] for part in parts if len(part) > 1 and part[1][1] in _SIGNS}
    return [part for part in parts if not (len(part) == 4 and part[0] == ("name", "has") and part[2] in compared)]


def _joined(said: Sequence[Sequence[Part]], word: str) -> Iterator[Part]:
    for at, parts in enumerate(said):
        if at:
            yield Part(word)
        yield from parts


def _said(tokens: Sequence[Token]) -> Iterator[Part]:
    """One comparison in words; as code where there are none for it, so that the others still have theirs."""
    tokens = _bare(tokens)
    if not tokens:
        raise _Unsaid
    for way in _WAYS:
        found = way(tokens)
        if found is not None:
            yield from found
            return
    if len(_split(tokens, "||")) > 1:
        yield from _any_of(tokens)
    elif len(_split(tokens, "&&")) > 1:
        yield from _all_of(tokens)
    elif all(kind in ("name", "text", "number", "sign") for kind, _ in tokens):
        yield Part(_written(tokens), CODE)
    else:
        raise _Unsaid


def _bare(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without brackets around the whole."""
    while len(tokens) > 2 and tokens[0] == ("sign", "(") and tokens[-1] == ("sign", ")"):
        depth = 0
        for at, (kind, written) in enumerate(tokens):
            depth += (kind == "sign" and written == "(") - (kind == "sign" and written == ")")
            if depth == 0 and at < len(tokens) - 1:
                return tokens
        tokens = tokens[1:-1]
    return tokens


def _written(tokens: Sequence[Token]) -> str:
    text = ""
    for _, written in tokens:
        close = written in (")", "]", ",", "(", "[") or not text or text[-1] in "([!"
        text += written if close else f" {written}"
    return text.replace("( ", "(")


def _comparison(tokens: Sequence[Token]) -> list[Part] | None:
    if len(tokens) != 3 or tokens[0][0] != "name" or tokens[1][1] not in _SIGNS:
        return None
    (_, path), (_, sign), (kind, written) = tokens
    if kind not in ("text", "number", "name"):
        return None
    if kind == "name" and written in ("true", "false"):
        return _truth(path, (written == "true") == (sign == "==")) if sign in ("==", "!=") else None
    if path == "news.cause" and sign in ("==", "!=") and kind == "text":
        cause = _CAUSES.get(_text(written))
        return [Part("the cause is " if sign == "==" else "the cause is not "), strong(cause)] if cause else None
    words = _TIMES if path in ("now",) or path.endswith(("_at", ".on", ".day", "_on", ".until")) else _SIGNS
    field = _field(path)
    value = _field(written) if kind == "name" else _value(path, written)
    return [Part(f"{field} {words[sign]} "), strong(value)] if field and value else None


def _membership(tokens: Sequence[Token]) -> list[Part] | None:
    """`shopper.country in ["SE", "NO"]`, `"vip" in order.tags`, and `!(…)` of either."""
    negated = tokens[0] == ("sign", "!")
    inner = _bare(tokens[1:]) if negated else tokens
    if len(inner) == 3 and inner[0][0] == "text" and inner[1][1] == "in" and inner[2] == ("name", "order.tags"):
        return [Part(f"the order is {'not ' if negated else ''}tagged "), strong(_text(inner[0][1]))]
    if len(inner) < 5 or inner[0][0] != "name" or inner[1] != ("name", "in"):
        return None
    listed_words = [written for kind, written in inner[3:-1] if kind == "text"]
    shape = [("sign", "[")] + [("sign", ",")] * (len(listed_words) - 1) + [("sign", "]")]
    if (
        not listed_words
        or [one for one in inner[2:] if one[0] == "sign"] != shape
        or len(inner) != len(shape) + len(listed_words) + 2
    ):
        return None
    path = inner[0][1]
    field = _field(path)
    words = listed([_value(path, one) for one in listed_words], "or")
    return [Part(f"{field} {'is not' if negated else 'is'} "), strong(words)] if field else None


def _flag(tokens: Sequence[Token]) -> list[Part] | None:
    """`parcel.delivery_doubted`, `!shopper.has_phone`."""
    names = [written for kind, written in tokens if kind == "name"]
    if len(names) != 1 or len(tokens) > 2 or (len(tokens) == 2 and tokens[0] != ("sign", "!")):
        return None
    return _truth(names[0], len(tokens) == 1)


def _truth(path: str, true: bool) -> list[Part] | None:
    if path not in _TRUE:
        return None
    return [strong(_TRUE[path][0 if true else 1])]


def _presence(tokens: Sequence[Token]) -> list[Part] | None:
    """`has(promise.on)`, `!has(eta.day)`."""
    negated = tokens[0] == ("sign", "!")
    inner = tokens[1:] if negated else tokens
    if len(inner) != 4 or [inner[0], inner[1], inner[3]] != [("name", "has"), ("sign", "("), ("sign", ")")]:
        return None
    path = inner[2][1]
    if path in _KNOWN:
        return [strong(_KNOWN[path][1 if negated else 0])]
    field = _field(path)
    return [Part(f"{field} is "), strong("not known" if negated else "known")] if field else None


def _told(tokens: Sequence[Token]) -> list[Part] | None:
    """`!history.exists(told, told.milestone == "dispatched")`: whether the shopper was told of something."""
    negated = tokens[0] == ("sign", "!")
    inner = tokens[1:] if negated else tokens
    if len(inner) != 8 or inner[0][0] != "name" or [inner[at][1] for at in (1, 3, 7)] != ["(", ",", ")"]:
        return None
    history, _, call = inner[0][1].partition(".")
    each = inner[2][1]
    if call != "exists" or history not in _HISTORIES or inner[4:6] != [("name", f"{each}.milestone"), ("sign", "==")]:
        return None
    told = _text(inner[6][1])
    if inner[6][0] != "text" or told not in set(Milestone):
        return None
    whom = "the shopper was not told" if negated else "the shopper was told"
    return [Part(f"{whom}{_HISTORIES[history]} that it "), strong(MILESTONES[Milestone(told)])]


_WAYS: tuple[Callable[[Sequence[Token]], list[Part] | None], ...] = (
    _comparison, _membership, _presence, _flag, _told,
)  # fmt: skip


def _field(path: str) -> str:
    """What a path is called; nothing for what is no field of one parcel's facts."""
    if path in _FIELDS:
        return _FIELDS[path]
    group, _, name = path.partition(".")
    if group not in ("order", "parcel", "shopper", "news", "promise", "eta", "brand") or not name or "." in name:
        return ""
    return f"the {group}'s {name.replace('_', ' ')}"


def _value(path: str, written: str) -> str:
    value = _text(written) if written[:1] in "\"'" else written
    if path == "shopper.country":
        return country_name(value)
    if path.endswith("milestone"):
        return value.replace("_", " ")
    if path == "parcel.carrier":
        return carrier_name(value)
    if written[:1] not in "\"'" and value.lstrip("-").isdigit():
        return f"{int(value):,}"
    return value if value and value == value.strip() else f"“{value}”"


def carrier_name(key: str) -> str:
    """A carrier as people write it: DHL for `dhl`, PostNord for `postnord`."""
    short = key.replace("_", " ")
    return _CARRIERS.get(key) or (short.upper() if len(short) <= 3 else short[:1].upper() + short[1:])


_CARRIERS = {"postnord": "PostNord", "usps": "USPS", "fedex": "FedEx", "inpost": "InPost", "postnl": "PostNL"}


def _text(written: str) -> str:
    return re.sub(r"\\(.)", r"\1", written[1:-1])
