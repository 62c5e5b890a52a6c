"""Where carriers call: verified, stored as it came, answered at once, and heard afterwards."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from app.errors import Forged
from app.log import logger
from app.pipeline.house import House
from app.pipeline.listening.pushes import keep_push
from app.tracking.adapter.base import Access, Push
from app.web.hooks.providers import Raw, public_address
from app.web.problems import MEDIA_TYPE, Problem, ProblemDocument

log = logger(__name__)

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument, "description": description, "content": {MEDIA_TYPE: {}}}
    for status, description in {
        403: "The signature is missing or wrong; nothing was stored.",
        404: "No such carrier calls, or no secret is set by which its calls could be known.",
        413: "The body is larger than is read.",
    }.items()
}

router = APIRouter(prefix="/hooks/carriers", tags=["hooks"], responses=_REFUSALS)

Named = Annotated[str, Path(description="The carrier's name, as `doorstep carriers` lists it.", examples=["aftership"])]


@router.post("/{carrier}", summary="A carrier's own calls")
def carrier_calls(request: Request, carrier: Named, body: Raw) -> Response:
    """Takes what a carrier pushes, in the carrier's own form and by its own signature, which `docs/push.md` lists.

    The answer says only that it is stored; the same call again is stored once.
    """
    house: House = request.app.state.house
    name = carrier.lower()
    push, access = _door(house, name)
    try:
        push.verify(public_address(house.public_url, request), dict(request.headers), body, access)
    except Forged as error:
        log.warning("push refused", carrier=name, error=str(error))
        request.app.state.marks.hook(f"carriers/{name}", str(error))
        raise Problem(
            403,
            "forged",
            "The signature is missing or wrong",
            f"Nothing was stored. Check DOORSTEP_CARRIERS__{name.upper()}__PUSH_SECRET against the carrier's settings.",
        ) from error
    request.app.state.marks.hook(f"carriers/{name}")
    if keep_push(house, name, body):
        house.wake("hear_pushes", "")
    return Response(status_code=200)


def _door(house: House, name: str) -> tuple[Push, Access]:
    """How a carrier's calls are known. Raises a Problem where they are not: nothing is ever taken unsigned."""
    carrier = house.carriers.get(name)
    if carrier is None or carrier.push is None:
        raise Problem(404, "no-carrier", "No such carrier calls", "docs/push.md lists the carriers that do.")
    access = house.access(carrier)
    if not access.push_secret:
        setting = f"DOORSTEP_CARRIERS__{name.upper()}__PUSH_SECRET"
        raise Problem(404, "no-secret", "This carrier's calls are not set up", f"Set {setting} as docs/push.md says.")
    return carrier.push, access
