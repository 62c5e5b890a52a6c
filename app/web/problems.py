"""How every refusal is told: one problem document (RFC 9457) that says what happened, where, and what to do.

Nothing that was sent is repeated in it: a body may hold a shopper's address, a header a key.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.errors import Fault, NotFound, in_words
from app.log import logger, mask

log = logger(__name__)

MEDIA_TYPE = "application/problem+json"

_PERSONAL = frozenset({"email", "phone", "name", "city", "postal_code"})


class FieldFault(BaseModel):
    """One thing wrong with one field; `index` is the place in the list that it was sent in, from 0. Of a text that is
    sent as it is, `line` and `column` say where, from 1."""

    index: int | None = Field(None, examples=[3])
    line: int | None = Field(None, examples=[14])
    column: int | None = Field(None, examples=[9])
    field: str = Field(examples=["shipments[0].tracking_number"])
    problem: str = Field(examples=["is missing"])
    remedy: str = Field(examples=["Give the carrier's number, or leave out the carrier too."])


class ProblemDocument(BaseModel):
    """What went wrong, as RFC 9457 writes it."""

    type: str = Field("about:blank", examples=["urn:doorstep:problem:invalid"])
    title: str = Field(examples=["The request cannot be used as it is"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["Mend the fields that are listed and send it again."])
    faults: list[FieldFault] = Field(default_factory=list)


class Problem(Exception):
    """A refusal with its status, a short name for programs, a title that never varies and a detail that may."""

    def __init__(
        self,
        status: int,
        name: str,
        title: str,
        detail: str,
        faults: Sequence[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        self.document = ProblemDocument(
            type=f"urn:doorstep:problem:{name}", title=title, status=status, detail=detail, faults=list(faults)
        )

    def response(self) -> Response:
        """The answer to send."""
        body = self.document.model_dump(exclude_none=True)
        return JSONResponse(body, self.document.status, self.headers, media_type=MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """Nothing of that name belongs to this key's brand. Whether another brand has it is not said."""
    return Problem(404, "not-found", "There is no such thing", f"This key's brand has no {what}.")


def invalid(detail: str, faults: Sequence[FieldFault] = ()) -> Problem:
    """What was sent can be read but not used."""
    return Problem(422, "invalid", "The request cannot be used as it is", detail, faults)


def shown(faults: Iterable[Fault], index: int | None = None) -> list[FieldFault]:
    """Faults found by intake, as the API tells them."""
    return [
        FieldFault(
            index=index,
            line=fault.line if fault.at is not None else None,
            column=fault.at,
            field=fault.column,
            problem=_discreet(fault),
            remedy=fault.remedy,
        )
        for fault in faults
    ]


def _discreet(fault: Fault) -> str:
    """The problem, with what it quotes of a person cut to its first letter: answers end up in other people's logs."""
    personal = fault.column.rsplit(".", 1)[-1] in _PERSONAL
    return mask(re.sub(r"""(['"])(.).*\1""", r"\1\2…\1", fault.problem) if personal else fault.problem)


def field_path(steps: Iterable[Any]) -> str:
    """`("orders", 3, "email")` as `orders[3].email`."""
    written = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return written.lstrip(".") or "the whole body"


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument, "description": description, "content": {MEDIA_TYPE: {}}}
    for status, description in {
        401: "The key is missing, unknown or revoked.",
        403: "The key lacks the scope that this needs.",
        413: "The body is larger than is read.",
        422: "The request cannot be used as it is; `faults` names each field.",
    }.items()
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ProblemDocument, "description": "This key's brand has no such thing.", "content": {MEDIA_TYPE: {}}}
}


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _not_found(_request: Request, error: Exception) -> Response:
    return Problem(404, "not-found", "There is no such thing", str(error)).response()


async def _unusable(_request: Request, error: Exception) -> Response:
    """FastAPI's own findings, without the values that it found them in."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(fault["type"] == "json_invalid" for fault in found):
        return Problem(
            400, "not-json", "The body is not JSON", "Send UTF-8 JSON with Content-Type: application/json."
        ).response()
    faults = [
        FieldFault(field=field_path(fault["loc"][1:]), problem=_plain(fault["msg"]), remedy=_remedy(fault))
        for fault in found
    ]
    return invalid("Mend the fields that are listed and send it again.", faults).response()


def _plain(message: str) -> str:
    return mask(in_words(message).removeprefix("Input "))


def _remedy(fault: Mapping[str, Any]) -> str:
    place = {"query": "the address", "path": "the address", "header": "the headers"}.get(fault["loc"][0], "the body")
    return f"Add it to {place}." if fault["type"] == "missing" else f"Correct it in {place}; /docs shows its form."


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    details = {
        404: "There is nothing at this address. /docs lists what there is.",
        405: "This address does not take that method. /docs lists what it takes.",
        400: "The body could not be read. Send UTF-8 JSON with Content-Type: application/json.",
    }
    detail = details.get(error.status_code, "The request was refused.")
    name = title.lower().replace(" ", "-")
    return Problem(error.status_code, name, title, detail, headers=error.headers).response()


async def _unstorable(_request: Request, error: Exception) -> Response:
    """A NUL in a text, or a number beyond what the column holds: fields that are read by name say so themselves."""
    log.info("unstorable", error=type(error).__name__)
    return invalid(
        "Nothing was stored: a text holds a character that no text may (NUL), or a number is out of all bounds. "
        "Take it out, and send it again."
    ).response()


async def _database_away(_request: Request, error: Exception) -> Response:
    log.error("database away", error=mask(str(error).splitlines()[0]))
    return Problem(
        503,
        "database-away",
        "The database does not answer",
        "Nothing was stored. Send the request again in a few seconds.",
        headers={"Retry-After": "5"},
    ).response()


def broken() -> Response:
    """The answer to a fault of our own; what it was stands in the log under the request's id."""
    return Problem(
        500,
        "fault",
        "Something went wrong on our side",
        "Nothing was stored. The log has the fault under this answer's X-Request-Id.",
    ).response()


def tell_problems(app: FastAPI) -> None:
    """Make every refusal of `app` a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(sa.exc.DataError, _unstorable)
    app.add_exception_handler(sa.exc.OperationalError, _database_away)
    app.add_exception_handler(sa.exc.InterfaceError, _database_away)
    app.add_exception_handler(sa.exc.TimeoutError, _database_away)
