"""DPD's SOAP: the envelopes of its questions, the token that it lends, and the faults that it answers with.

Manual: https://integrations.dpd.nl/dpd-shipper/dpd-shipper-webservices/ (LoginService 2.1, Authentication 2.0). What
its faults are called is known from answers and client code only.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from xml.sax.saxutils import escape

from lxml import etree

from app.tracking.adapter.base import Access, AnswerKind, Ask, Call, CarrierReply, RawAnswer, Token, clean
from app.tracking.adapter.reading import malformed, not_found, retry_after, without_news, xml_all, xml_root, xml_text

_TYPES = "http://dpd.com/common/service/types"
_LANGUAGE = "en_EN"
_DAY = 86_400.0
_UNTOLD = 12 * 3600.0
"""Seconds that a token is trusted when its answer does not say; DPD's are good for a day."""


def _envelope(service: str, header: str, body: str) -> bytes:
    namespaces = (
        f'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns="{_TYPES}/Authentication/2.0"'
        f' xmlns:ns1="{_TYPES}/{service}"'
    )
    envelope = (
        f"<soapenv:Envelope {namespaces}><soapenv:Header>{header}</soapenv:Header>"
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
    return envelope.encode("utf-8", "replace")


def _element(name: str, value: str) -> str:
    """One element around outside text; what XML cannot hold is left out."""
    held = "".join(letter for letter in value if letter.isprintable())
    return f"<{name}>{escape(held)}</{name}>"


def _headers(action: str) -> dict[str, str]:
    return {"Content-Type": "text/xml;charset=UTF-8", "SOAPAction": f"{_TYPES}/{action}", "Accept": "text/xml"}


def question(ask: Ask, number: str, access: Access) -> Call:
    """The question about one parcel's label number."""
    credentials = (("delisId", access.account), ("authToken", access.token), ("messageLanguage", _LANGUAGE))
    header = f"<ns:authentication>{''.join(_element(*pair) for pair in credentials)}</ns:authentication>"
    body = f"<ns1:getTrackingData>{_element('parcelLabelNumber', number)}</ns1:getTrackingData>"
    url = f"{access.base_url}/soap/services/ParcelLifeCycleService/V2_0"
    headers = _headers("ParcelLifeCycleService/2.0/getTrackingData")
    return Call("POST", url, headers, (ask,), _envelope("ParcelLifeCycleService/2.0", header, body))


class DpdLogin:
    """The exchange of a DELIS user and password for a token that is good for a day."""

    def call(self, access: Access) -> Call:
        """The request for a token."""
        fields = (("delisId", access.account), ("password", access.secret), ("messageLanguage", _LANGUAGE))
        body = f"<ns1:getAuth>{''.join(_element(*pair) for pair in fields)}</ns1:getAuth>"
        url = f"{access.base_url}/soap/services/LoginService/V2_1"
        return Call("POST", url, _headers("LoginService/2.1/getAuth"), (), _envelope("LoginService/2.1", "", body))

    def read(self, answer: RawAnswer) -> Token | CarrierReply:
        """The token, or why there is none. Never raises."""
        read = answer.status in (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR)
        root, fault = xml_root(answer.body) if read else (None, None)
        refusal = faulted("", root, answer) or without_news("DPD", "", answer)
        if refusal is not None:
            return refusal
        lent = next(xml_all(root, "Body", "getAuthResponse", "return"), None)
        token = xml_text(lent, "authToken")
        if not token or answer.status != HTTPStatus.OK:
            return malformed("", answer.status, fault or "DPD answered the question for a token with none")
        return Token(token, _seconds(xml_text(lent, "authTokenExpires"), answer))


def _seconds(expires: str, answer: RawAnswer) -> float:
    """How long a token is good: `authTokenExpires` is UTC, and is measured against the answer's own `Date`."""
    date = next((value for name, value in answer.headers.items() if name.lower() == "date"), "")
    try:
        left = datetime.fromisoformat(expires).replace(tzinfo=UTC) - parsedate_to_datetime(date).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return _UNTOLD
    return min(max(left.total_seconds(), 30.0), _DAY)


def faulted(number: str, root: etree._Element | None, answer: RawAnswer) -> CarrierReply | None:
    """The reply to a SOAP fault, which comes with HTTP 500 or 200; None where there is none.

    A fault of authentication refuses the credentials or the token; one about the data, or about the shape of the
    question, is about the number, which alone in it is not ours. Every other is DPD's own trouble.
    """
    fault = next(xml_all(root, "Body", "Fault"), None)
    if fault is None:
        return None
    detail = next((one for one in xml_all(fault, "detail") for one in one if isinstance(one.tag, str)), None)
    kind = etree.QName(detail).localname if detail is not None else ""
    said = xml_text(detail, "errorMessage") or xml_text(fault, "faultstring") or "no reason given"
    if kind == "authenticationFault":
        return CarrierReply(AnswerKind.denied, number, detail=clean(f"DPD refused the credentials: {said}", 300))
    if kind == "dataFault" or said.startswith("cvc-"):
        return not_found(number, said)
    detail_text = clean(f"DPD is not able to answer just now: {said}", 300)
    return CarrierReply(AnswerKind.unavailable, number, detail=detail_text, retry_after=retry_after(answer.headers))
