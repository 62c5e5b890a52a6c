"""Where providers report what became of messages: verified, stored as they came, and digested afterwards."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.channels.base import Hears, IncomingSms, Report, Transport
from app.errors import Forged, Unreadable
from app.log import logger
from app.pipeline.house import House
from app.pipeline.people.replying import take_reply
from app.pipeline.settling.settling import keep_reports
from app.pipeline.settling.unpacking import LARGE, keep_batch
from app.web.problems import MEDIA_TYPE, Problem, ProblemDocument

log = logger(__name__)

T = TypeVar("T")

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument, "description": description, "content": {MEDIA_TYPE: {}}}
    for status, description in {
        400: "Signed, but not readable.",
        403: "The signature is missing or wrong; nothing was stored.",
        404: "No such provider is in use.",
        413: "The body is larger than is read.",
    }.items()
}

_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

router = APIRouter(prefix="/hooks", tags=["hooks"], responses=_REFUSALS)


async def _raw(request: Request) -> bytes:
    return await request.body()


Raw = Annotated[bytes, Depends(_raw)]


@router.post("/sendgrid", status_code=204, summary="SendGrid's event webhook")
def sendgrid(request: Request, body: Raw) -> Response:
    """Takes SendGrid's signed event batches (`X-Twilio-Email-Event-Webhook-Signature`)."""
    return _marked(request, lambda: _take(request, "sendgrid", body))


@router.post("/twilio/status", status_code=204, summary="Twilio's status callback")
def twilio_status(request: Request, body: Raw) -> Response:
    """Takes Twilio's signed status callbacks (`X-Twilio-Signature` over the public address)."""
    return _marked(request, lambda: _take(request, "twilio", body))


@router.post("/twilio/inbound", summary="Twilio's webhook for SMS that shoppers write")
def twilio_inbound(request: Request, body: Raw) -> Response:
    """Takes a shopper's signed SMS. STOP and START take effect before the answer; it holds no reply, because Twilio
    itself confirms both."""
    house: House = request.app.state.house
    transport = _transport(house, "twilio")
    if not isinstance(transport, Hears):
        raise _not_in_use()
    url = public_address(house.public_url, request)
    sms: IncomingSms = _marked(
        request, lambda: _believed("twilio", lambda: transport.inbound(url, dict(request.headers), body))
    )
    meant = take_reply(house, "twilio", sms, house.clock.now())
    log.info("shopper wrote", provider="twilio", meaning=meant or "told before")
    return Response(_NO_REPLY, media_type="text/xml")


def _marked(request: Request, work: Callable[[], T]) -> T:
    """Note that this hook was called, and whether the call was believed."""
    path = request.url.path.removeprefix("/hooks/")
    try:
        taken = work()
    except Problem as problem:
        if problem.document.status == 403:
            request.app.state.marks.hook(path, problem.document.title)
        elif problem.document.status == 400:  # signed, and in no known form
            request.app.state.marks.hook(path)
        raise
    request.app.state.marks.hook(path)
    return taken


def _take(request: Request, provider: str, body: bytes) -> Response:
    house: House = request.app.state.house
    transport = _transport(house, provider)
    url, headers = public_address(house.public_url, request), dict(request.headers)
    if len(body) > LARGE:
        _believed(provider, lambda: transport.verify(url, headers, body))
        new = keep_batch(house, provider, url, body)
    else:
        reports: list[Report] = _believed(provider, lambda: transport.reports(url, headers, body))
        with house.sessions.begin() as session:
            new = bool(keep_reports(session, provider, reports))
    if new:
        house.wake("digest_reports", "")
    return Response(status_code=204)


def _believed(provider: str, look: Callable[[], T]) -> T:
    """What a look into a request finds. Raises a Problem where it is forged or cannot be read."""
    try:
        return look()
    except Forged as error:
        log.warning("report refused", provider=provider, error=str(error))
        raise Problem(
            403,
            "forged",
            "The signature is missing or wrong",
            "Nothing was stored. Check the provider's signing key and DOORSTEP_PUBLIC_URL.",
        ) from error
    except Unreadable as error:
        log.warning("report unreadable", provider=provider, error=str(error))
        raise Problem(
            400, "unreadable", "The report cannot be read", "It is signed, but not in a known form."
        ) from error


def _transport(house: House, provider: str) -> Transport:
    for transports in house.transports.values():
        for transport in transports:
            if transport.name == provider:
                return transport
    raise _not_in_use()


def _not_in_use() -> Problem:
    return Problem(
        404,
        "no-provider",
        "No such provider is in use",
        "Name it in DOORSTEP_CHANNELS__EMAIL, DOORSTEP_CHANNELS__SMS or DOORSTEP_CHANNELS__WHATSAPP.",
    )


def public_address(public_url: str, request: Request) -> str:
    """The address that was called, and signed by who called, whatever stands between it and us."""
    query = request.scope["query_string"].decode("latin-1")
    return public_url.rstrip("/") + request.url.path + (f"?{query}" if query else "")
