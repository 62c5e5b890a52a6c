"""Reading what carriers send: JSON and XML that may be neither, and the answers that are no news of any parcel."""

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from app.tracking.adapter.base import MAX_ANSWER_BYTES, AnswerKind, CarrierReply, RawAnswer, clean

JsonObject = Mapping[str, Any]

MOST_LISTED = 4_000
"""No answer lists as many parcels, and no parcel has as many events; more would only cost our time."""

_LONGEST_WAIT = 86_400.0
"""No wait that a carrier asks for is longer than a day: daily allowances come back at midnight."""

_NO_REASON = "no reason that can be read"


def without_news(title: str, number: str, answer: RawAnswer) -> CarrierReply | None:
    """The reply to an answer that is about no parcel at all, by its status alone: none came, the carrier wants fewer
    questions, it refuses the credentials, or it is ill. None for any other, which is for the adapter to read."""
    status = answer.status
    if status is None:
        detail = answer.fault or f"{title} gave no answer"
        return CarrierReply(AnswerKind.unavailable, number, detail=clean(detail, 300))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(answer.headers)
        return CarrierReply(AnswerKind.throttled, number, detail=f"{title} asks for fewer questions", retry_after=wait)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return CarrierReply(AnswerKind.denied, number, detail=f"{title} refused the credentials (HTTP {status})")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = retry_after(answer.headers)
        detail = f"{title} is not able to answer just now (HTTP {status})"
        return CarrierReply(AnswerKind.unavailable, number, detail=detail, retry_after=wait)
    return None


def malformed(number: str, status: int | None, detail: str) -> CarrierReply:
    """The reply to an answer that nobody can use, with its status where that is not 200."""
    detail = detail if status == HTTPStatus.OK else f"HTTP {status}: {detail}"
    return CarrierReply(AnswerKind.malformed, number, detail=clean(detail, 300) or _NO_REASON)


def not_found(number: str, detail: str) -> CarrierReply:
    """The reply of a carrier that does not know the number."""
    return CarrierReply(AnswerKind.not_found, number, detail=clean(detail, 300) or _NO_REASON)


def json_document(body: bytes) -> tuple[Any, str | None]:
    """Any JSON in a body, or a plain sentence on why there is none."""
    if len(body) > MAX_ANSWER_BYTES:
        return None, f"the answer is longer than {MAX_ANSWER_BYTES // 1_000_000} MB"
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return None, "the answer is empty"
    if start.startswith(b"<"):
        return None, "the answer is a web page, not JSON" if b"<html" in start or b"<!doc" in start else "XML, not JSON"
    try:
        return json.loads(body), None
    except (ValueError, RecursionError) as error:
        if start.startswith(b"{") and not body.rstrip().endswith(b"}"):
            return None, "the answer breaks off in the middle"
        return None, f"the answer is not JSON ({clean(str(error), 80)})"


def json_object(body: bytes) -> tuple[JsonObject | None, str | None]:
    """The JSON object in a body, or a plain sentence on why there is none."""
    document, fault = json_document(body)
    if fault is None and not isinstance(document, dict):
        return None, "the answer is JSON, but not an object"
    return document, fault


def xml_root(body: bytes) -> tuple[etree._Element | None, str | None]:
    """The root of the XML in a body, or a plain sentence on why there is none. Entities, document types and the
    network are left alone; a tree too deep or too large is refused."""
    if len(body) > MAX_ANSWER_BYTES:
        return None, f"the answer is longer than {MAX_ANSWER_BYTES // 1_000_000} MB"
    body = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not body:
        return None, "the answer is empty"
    if b"<!DOCTYPE" in body[:1000].upper() or b"<HTML" in body[:1000].upper():
        return None, "the answer is a web page, not XML"
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(body, parser), None
    except (etree.XMLSyntaxError, ValueError) as error:
        return None, f"the answer is not XML ({clean(str(error), 80)})"


def xml_text(parent: etree._Element | None, *path: str) -> str:
    """The text of the first element under `path` of local names, whatever their namespaces, or empty."""
    found = next(xml_all(parent, *path), None)
    return (found.text or "").strip() if found is not None else ""


def xml_all(parent: etree._Element | None, *path: str) -> Iterator[etree._Element]:
    """Every element under `path` of local names, whatever their namespaces, of one parent at most `MOST_LISTED`."""
    if parent is None:
        return
    if not path:
        yield parent
        return
    named = (child for child in parent if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == path[0])
    for child in islice(named, MOST_LISTED):
        yield from xml_all(child, *path[1:])


def problem_of(document: JsonObject | None) -> str | None:
    """What a problem document (RFC 9457) or an OAuth error (RFC 6749) says, in its own words."""
    if document is None:
        return None
    said = ("detail", "title", "error_description", "message", "error")
    return next((clean(found, 300) for name in said if (found := text(document.get(name)))), None)


def refused(title: str, number: str, kind: AnswerKind, said: str, answer: RawAnswer) -> CarrierReply:
    """The reply to an error that an adapter has understood, in the carrier's own words; how long it asks to wait where
    it may be asked again soon."""
    if kind is AnswerKind.malformed:
        return malformed(number, answer.status, said)
    waits = kind in (AnswerKind.throttled, AnswerKind.unavailable)
    wait = retry_after(answer.headers) if waits else None
    return CarrierReply(kind, number, detail=clean(f"{title}: {said or kind.value}", 300), retry_after=wait)


def kind_of_status(status: int | None) -> AnswerKind:
    """What an HTTP status says by itself where it stands inside an answer; `malformed` where it says nothing."""
    if status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AnswerKind.unavailable
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AnswerKind.denied
    return AnswerKind.throttled if status == HTTPStatus.TOO_MANY_REQUESTS else AnswerKind.malformed


def status_in(value: Any) -> int | None:
    """An HTTP status that stands inside an answer, as a number or as text."""
    digits = text(value).strip()
    return int(digits) if len(digits) == 3 and digits.isascii() and digits.isdigit() else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `Retry-After`; a date is measured against the answer's own `Date`. None when unreadable."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    written = lower.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", written):
        return min(float(written), _LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(written) - parsedate_to_datetime(lower.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait.total_seconds(), 0.0), _LONGEST_WAIT)


def text(value: Any) -> str:
    """A field as text. Carriers send numbers where they mean text; anything structured is no text."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def objects(value: Any) -> list[JsonObject]:
    """The JSON objects in what should be a list of them; anything else in it, or instead of it, is left out, and so is
    what lies beyond `MOST_LISTED`."""
    told = (one for one in value if one and isinstance(one, dict)) if isinstance(value, list) else ()
    return list(islice(told, MOST_LISTED))


def inner(value: Any, *path: str) -> Any:
    """What stands at a path of names in nested JSON objects, or None."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def same_number(given: Any, asked: str) -> bool:
    """Whether a carrier's id is the number asked for; an id sent as a number has lost its leading zeros."""
    asked = re.sub(r"\s", "", asked).upper()
    if isinstance(given, bool) or not isinstance(given, str | int):
        return False
    if isinstance(given, int):
        return str(given) == asked.lstrip("0")
    return re.sub(r"\s", "", given).upper() == asked


def same_label(given: Any, asked: str) -> bool:
    """As `same_number`, where either may begin with the "00" that marks a GS1 number of 18 digits on its label."""
    return same_number(given, asked) or _unmarked(text(given)) == _unmarked(asked) != ""


def _unmarked(number: str) -> str:
    number = re.sub(r"\s", "", number).upper()
    return number[2:] if re.fullmatch(r"00[0-9]{18}", number) else number


def country_code(value: Any) -> str | None:
    """An ISO 3166 country of two letters, or None for anything else."""
    written = text(value).strip().upper()
    return written if re.fullmatch(r"[A-Z]{2}", written) else None


def https_link(value: Any) -> str | None:
    """A web address that may be shown to a shopper: https, with a host, without credentials; else None."""
    written = text(value).strip()
    if len(written) > 500 or not written.isprintable():
        return None
    try:
        parts = urlsplit(written)
        hostname = parts.hostname
    except ValueError:
        return None
    return written if parts.scheme == "https" and hostname and "@" not in parts.netloc else None


_GRAMS = {"g": 1.0, "kg": 1000.0, "lb": 453.59237, "lbs": 453.59237, "oz": 28.349523125}


def grams(value: Any, unit: Any) -> int | None:
    """A weight in whole grams; None where number or unit (g, kg, lb, oz) cannot be read, or no parcel weighs that."""
    factor = _GRAMS.get(text(unit).strip().lower())
    try:
        weight = float(text(value).replace(",", ".")) * (factor or 0.0)
    except ValueError:
        return None
    return round(weight) if 0 < weight < 100_000_000 else None
