"""Whether this process is up, and whether it can do its work."""

from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.db import check_reachable
from app.errors import Unreachable
from app.insight.watch import how_watched
from app.pipeline.house import House
from app.schema import current_revision, newest_revision
from app.web.problems import MEDIA_TYPE, FieldFault, Problem, ProblemDocument

router = APIRouter(tags=["health"])


class Ready(BaseModel):
    """Ready to work. `revision` is the schema's. `watched_at` is when the workers last looked for what is wrong, on the
    database's clock: when it is minutes old, beat or the workers of the queue `settle` are silent, and nobody but this
    page can say so."""

    status: str = Field("ready", examples=["ready"])
    revision: str
    watched_at: datetime | None


@router.get("/healthz", summary="The process is up")
def healthz() -> dict[str, str]:
    """Answers as long as the process serves at all; asks nobody else."""
    return {"status": "up"}


@router.get(
    "/readyz",
    summary="The process can work",
    response_model=Ready,
    responses={503: {"model": ProblemDocument, "description": "Why it cannot.", "content": {MEDIA_TYPE: {}}}},
)
def readyz(request: Request) -> Ready | Response:
    """Answers 503 with the reason when the database does not answer or its schema is not the one expected."""
    house: House = request.app.state.house
    engine = house.sessions.kw["bind"]
    expected = _expected()
    try:
        check_reachable(engine)
        stands = current_revision(engine)
        watched_at = _watched_at(house) if stands == expected else None
    except (Unreachable, sa.exc.SQLAlchemyError):
        return _not_ready("database", "does not answer", "Start PostgreSQL, or correct DOORSTEP_DATABASE_URL.")
    if stands != expected:
        problem = f"stands at revision {stands or 'none'}, this program needs {expected}"
        return _not_ready("schema", problem, "Run `doorstep migrate`.")
    return Ready(status="ready", revision=expected, watched_at=watched_at)


def _watched_at(house: House) -> datetime | None:
    with house.sessions() as session:
        return how_watched(session).at


@lru_cache(maxsize=1)
def _expected() -> str:
    return newest_revision()  # reads the migrations' files, which stand still while the process lives


def _not_ready(part: str, problem: str, remedy: str) -> Response:
    fault = FieldFault(field=part, problem=problem, remedy=remedy)
    return Problem(503, "not-ready", "Not ready to work", f"The {part} {problem}. {remedy}", [fault]).response()
