"""Back-tests over HTTP: what a draft of the key's brand's rules would have changed, at one go or with its progress."""

import json
from collections import deque
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import OperationalError
from starlette.responses import Response, StreamingResponse

from app.clock import stopwatch
from app.errors import InvalidInput, in_words
from app.log import logger, mask
from app.models import Brand
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.publishing import known_names
from app.pipeline.house import House
from app.rehearsal.backtest import Backtest, Passed, Step, steps
from app.rehearsal.differences import Difference
from app.rehearsal.script import parse_span
from app.rules.document import parse_rules
from app.web.access.keys import Holder, Scope, needs
from app.web.problems import RESPONSES, FieldFault, Problem, field_path, invalid, shown

log = logger(__name__)

router = APIRouter(prefix="/v1/rules", tags=["rules"], responses=RESPONSES)

Reader = Annotated[Holder, Depends(needs(Scope.rules_read))]

NDJSON = "application/x-ndjson"

AT_ONE_GO_SECONDS = 60.0
"""How long an answer without progress may be worked on; callers and what stands between give up soon after."""
STREAMED_SECONDS = 1800.0


class WantedBacktest(BaseModel):
    """A draft, as YAML in a text or as the same in JSON, and how far to look back."""

    model_config = ConfigDict(extra="forbid")

    draft: str | dict[str, Any] = Field(examples=["version: 1\nrules:\n  - name: delivered\n    …"])
    since: str = Field("30d", max_length=10, examples=["30d"])


async def _wanted(request: Request, since: Annotated[str, Query(max_length=10)] = "30d") -> WantedBacktest:
    """The body as JSON, or the draft alone as YAML with `since` in the address."""
    body = await request.body()
    if "yaml" in request.headers.get("content-type", ""):
        try:
            return WantedBacktest(draft=body.decode(), since=since)
        except UnicodeDecodeError as error:
            raise Problem(400, "not-text", "The body is not UTF-8", "Send the draft as UTF-8 text.") from error
    try:
        return WantedBacktest.model_validate(json.loads(body))
    except ValidationError as error:
        faults = [
            FieldFault(
                field=field_path(one["loc"]), problem=in_words(one["msg"]), remedy="/docs shows the body's form."
            )
            for one in error.errors(include_input=False)
        ]
        raise invalid("Mend the fields that are listed and send it again.", faults) from error
    except (ValueError, RecursionError) as error:
        remedy = "Send JSON, or YAML with Content-Type: application/yaml."
        raise Problem(400, "not-json", "The body is not JSON", remedy) from error


@router.post(
    "/backtest",
    summary="Back-test a draft",
    response_model=Backtest,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": WantedBacktest.model_json_schema()},
                "application/yaml": {"schema": {"type": "string"}},
            },
        }
    },
    responses={409: {"description": "A back-test of this brand is under way here."}},
)
def backtest_draft(request: Request, holder: Reader, wanted: Annotated[WantedBacktest, Depends(_wanted)]) -> Response:
    """Replays what was decided for the brand within `since` (at most 90 days) against a draft: who would have gained,
    lost or otherwise got which message, and whether the live rules come to what was decided. Nothing is written.

    With `Accept: application/x-ndjson` the answer is lines of JSON: each message that differs as `{"gained": …}`,
    `{"lost": …}` or `{"changed": …}`, `{"progress": {"done": 300, "total": 1200}}` now and then, and at last
    `{"result": …}` or `{"problem": …}`. Hanging up ends it."""
    house: House = request.app.state.house
    waiting = _steps(house, holder, wanted)
    streamed = NDJSON in request.headers.get("accept", "")
    deadline = stopwatch() + (STREAMED_SECONDS if streamed else AT_ONE_GO_SECONDS)
    found = _until(waiting, deadline)
    if streamed:
        return StreamingResponse(_lines(house, holder, found), media_type=NDJSON)
    with house.alone.at(_name(holder)) as free:
        if not free:
            raise _busy()
        try:
            last = deque(found, maxlen=1).pop()
        except OperationalError as error:
            raise _given_up(error) from error
    assert isinstance(last, Backtest)
    return Response(last.model_dump_json(), media_type="application/json")


def _steps(house: House, holder: Holder, wanted: WantedBacktest) -> Iterator[Step]:
    """The back-test that is wanted, not begun yet."""
    content = wanted.draft if isinstance(wanted.draft, str) else json.dumps(wanted.draft, ensure_ascii=False)
    try:
        with house.sessions() as session:
            brand = session.get_one(Brand, holder.brand_id).key
            known = known_names(as_of_now(session, house), brand)
        draft = parse_rules(content, known)
        return steps(house, holder.brand_id, draft, parse_span(wanted.since, "since"))
    except InvalidInput as error:
        raise invalid("The back-test cannot be made. Mend what is listed.", shown(error.faults)) from error


def _until(found: Iterator[Step], deadline: float) -> Iterator[Step]:
    """The same, given up at a deadline by the stopwatch."""
    for step in found:
        if stopwatch() > deadline:
            raise _too_much()
        yield step


def _lines(house: House, holder: Holder, found: Iterator[Step]) -> Iterator[str]:
    with house.alone.at(_name(holder)) as free:
        if not free:
            yield _line("problem", _busy().document.model_dump())
            return
        try:
            for step in found:
                if isinstance(step, Passed):
                    yield _line("progress", {"done": step.done, "total": step.total})
                elif isinstance(step, Difference):
                    yield _line(step.kind, step.message.model_dump(mode="json"))
                else:
                    yield _line("result", step.model_dump(mode="json"))
        except Problem as problem:
            yield _line("problem", problem.document.model_dump())
        except OperationalError as error:
            yield _line("problem", _given_up(error).document.model_dump())


def _line(kind: str, value: Any) -> str:
    return json.dumps({kind: value}, ensure_ascii=False) + "\n"


def _name(holder: Holder) -> str:
    return f"backtest {holder.brand_id}"


def _busy() -> Problem:
    return Problem(409, "under-way", "A back-test is under way", "Wait until it has ended, or hang up on it.")


def _too_much() -> Problem:
    remedy = "Look back less far, or ask with Accept: application/x-ndjson, which may take longer."
    return Problem(503, "too-long", "The back-test took too long", remedy)


def _given_up(error: OperationalError) -> Problem:
    log.warning("back-test given up", error=mask(str(error.orig).splitlines()[0]) if error.orig else "")
    remedy = "The database gave up or is away. Look back less far, or send it again in a minute."
    return Problem(503, "database-away", "The database did not answer in time", remedy)
