"""Client credentials for a bearer token (RFC 6749, section 4.4), as several carriers want it."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

from app.tracking.adapter.base import Access, AnswerKind, Call, CarrierReply, RawAnswer, Token
from app.tracking.adapter.reading import json_object, problem_of, text, without_news

_SHORTEST, _LONGEST = 30.0, 30 * 86_400.0
_UNTOLD = 1800.0


@dataclass(frozen=True, slots=True)
class OAuth:
    """How one carrier lends tokens. `client` says where the credentials stand: in a Basic header or in the body, which
    is a form or (`json`) a JSON object. `path` is appended to the carrier's base address."""

    title: str
    path: str
    client: Literal["basic", "form", "json"] = "basic"
    more: Mapping[str, str] = field(default_factory=dict)

    def call(self, access: Access) -> Call:
        """The request for a token."""
        headers = {"Accept": "application/json"}
        fields = {"grant_type": "client_credentials", **self.more}
        if self.client == "basic":
            pair = f"{access.key}:{access.secret}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        else:
            fields |= {"client_id": access.key, "client_secret": access.secret}
        as_json = self.client == "json"
        headers["Content-Type"] = "application/json" if as_json else "application/x-www-form-urlencoded"
        body = json.dumps(fields) if as_json else urlencode(fields)
        return Call("POST", access.base_url + self.path, headers, (), body.encode())

    def read(self, answer: RawAnswer) -> Token | CarrierReply:
        """The token, or why there is none. A 400 for credentials is as good as a 401 (RFC 6749, section 5.2)."""
        refusal = without_news(self.title, "", answer)
        if refusal is not None:
            return refusal
        document, fault = json_object(answer.body)
        if answer.status == HTTPStatus.BAD_REQUEST:
            detail = f"{self.title} lends no token: {problem_of(document) or fault or 'HTTP 400'}"
            return CarrierReply(AnswerKind.denied, "", detail=detail)
        value = text(document.get("access_token")) if document else ""
        if not value or answer.status is None or answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            detail = f"{self.title} answered the question for a token with HTTP {answer.status} and no token"
            return CarrierReply(AnswerKind.malformed, "", detail=detail)
        return Token(value, _seconds(text(document.get("expires_in")) if document else ""))


def _seconds(written: str) -> float:
    try:
        seconds = float(written)
    except ValueError:
        return _UNTOLD
    return min(max(seconds, _SHORTEST), _LONGEST) if seconds == seconds else _UNTOLD
