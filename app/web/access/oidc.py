"""The shop's own sign-in: OpenID Connect, code flow with PKCE. Who came back from it, and that it was really them.

OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9207 (the issuer in the answer).
"""

import asyncio
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from app.channels.pool import Pool
from app.clock import stopwatch, wall_seconds
from app.settings.sign_in import OidcSettings

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Signatures with a public key only: never `none`, and never HMAC with a secret that the token's own bytes may name."""

DEADLINE = 10.0
KEPT_SECONDS = 600.0
LEEWAY = 60
TRIP_SECONDS = 600
"""How long somebody may take at the provider."""

_LARGEST = 200_000


class Refused(Exception):
    """Somebody did not come through; the message is for them, `why` for the log."""

    def __init__(self, sentence: str, why: str) -> None:
        super().__init__(sentence)
        self.why = why


@dataclass(frozen=True, slots=True)
class Trip:
    """What one sign-in must bring back: kept sealed in the browser's own cookie meanwhile."""

    state: str
    nonce: str
    verifier: str
    onward: str

    def packed(self) -> bytes:
        """As bytes, to be sealed."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, content: bytes) -> "Trip":
        """The trip that was packed."""
        return cls(**json.loads(content))


@dataclass(frozen=True, slots=True)
class Person:
    """Who came through: `subject` is unique with its issuer; `email` is lower case and verified by the provider."""

    subject: str
    email: str
    name: str


class Provider:
    """One provider, as its discovery document describes it; that and its keys are kept for ten minutes."""

    def __init__(self, told: OidcSettings, http: Pool) -> None:
        self._told, self._http = told, http
        self._known: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def leave(self, redirect: str, onward: str) -> tuple[str, Trip]:
        """Where to send somebody, and what they must bring back. Raises Refused."""
        known = await self._metadata()
        trip = Trip(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), onward)
        url = prepare_grant_uri(
            str(known["authorization_endpoint"]),
            self._told.client_id,
            "code",
            redirect_uri=redirect,
            scope="openid email profile",
            state=trip.state,
            nonce=trip.nonce,
            code_challenge=create_s256_code_challenge(trip.verifier),
            code_challenge_method="S256",
        )
        return url, trip

    async def arrive(self, redirect: str, trip: Trip, brought: Mapping[str, str]) -> Person:
        """Who came back with `brought` (the query). Raises Refused."""
        if not hmac.compare_digest(brought.get("state", "").encode(), trip.state.encode()):
            raise Refused("This sign-in was not begun in this browser. Begin it anew.", "state differs")
        if "error" in brought:
            raise Refused(
                "The sign-in was not finished there. Begin it anew.", f"the provider says {brought['error'][:60]}"
            )
        known = await self._metadata()
        if brought.get("iss", known["issuer"]) != known["issuer"]:
            raise Refused("Somebody else answered. Begin it anew.", "iss of the answer differs")
        if not brought.get("code"):
            raise Refused(_UNFINISHED, "no code")
        tokens = await self._exchange(known, redirect, trip, brought["code"])
        claims = await self._checked(known, trip, tokens)
        if "email" not in claims and known.get("userinfo_endpoint") and tokens.get("access_token"):
            claims = {**await self._userinfo(known, tokens, str(claims["sub"])), **claims}
        return self._person(claims)

    async def _exchange(self, known: Mapping[str, Any], redirect: str, trip: Trip, code: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": trip.verifier,
        }
        given: dict[str, Any] = {"headers": {"Accept": "application/json"}}
        secret = self._told.client_secret.get_secret_value()
        ways = known.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" in ways:
            given["auth"] = httpx.BasicAuth(self._told.client_id, secret)
        else:
            form |= {"client_id": self._told.client_id} | ({"client_secret": secret} if secret else {})
        return await self._json("POST", str(known["token_endpoint"]), data=form, **given)

    async def _checked(self, known: Mapping[str, Any], trip: Trip, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """The claims of an ID token whose signature, issuer, audience, times and nonce are right."""
        written = tokens.get("id_token")
        if not isinstance(written, str):
            raise Refused(_UNSURE, "no ID token")
        try:
            token = await self._opened(known, written)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": known["issuer"]},
                    "aud": {"essential": True, "value": self._told.client_id},
                    "exp": {"essential": True},
                    "sub": {"essential": True},
                },
                params={
                    "nonce": trip.nonce,
                    "client_id": self._told.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(int(wall_seconds()), LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Refused(_UNSURE, f"{type(error).__name__}: {error}"[:200]) from error
        return dict(claims)

    async def _opened(self, known: Mapping[str, Any], written: str) -> jwt.Token:
        """The token, if a key of the provider signed it; its keys are read anew once where none fits."""
        for anew in (False, True):
            try:
                return jwt.decode(written, await self._key_set(known, anew), algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                if anew:
                    raise
        raise AssertionError

    async def _userinfo(self, known: Mapping[str, Any], tokens: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/json"}
        found = await self._json("GET", str(known["userinfo_endpoint"]), headers=headers)
        if found.get("sub") != subject:
            raise Refused(_UNSURE, "userinfo is another's")
        return {name: found[name] for name in ("email", "email_verified", "name") if name in found}

    def _person(self, claims: Mapping[str, Any]) -> Person:
        email = str(claims.get("email") or "").strip().lower()
        if not email or claims.get("email_verified") is not True:
            raise Refused("Your address is not verified there. Let it be verified, then come again.", "not verified")
        return Person(f"{claims['iss']} {claims['sub']}", email[:320], str(claims.get("name") or "")[:80])

    async def _metadata(self) -> Mapping[str, Any]:
        if self._known is not None and stopwatch() < self._known[0]:
            return self._known[1]
        address = str(get_well_known_url(self._told.issuer, external=True))
        found: Mapping[str, Any] = OpenIDProviderMetadata(await self._json("GET", address))
        if str(found.get("issuer", "")).rstrip("/") != self._told.issuer.rstrip("/"):
            raise Refused(_AWAY, "the discovery document names another issuer")
        optional = ("userinfo_endpoint",) if found.get("userinfo_endpoint") else ()
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", *optional):
            address = str(found.get(name, ""))
            if not address.startswith(
                ("https://", "http://" if self._told.issuer.startswith("http://") else "https://")
            ):
                raise Refused(_AWAY, f"the discovery document has no safe {name}")
        self._known = (stopwatch() + KEPT_SECONDS, found)
        return found

    async def _key_set(self, known: Mapping[str, Any], anew: bool) -> KeySet:
        if anew or self._keys is None or stopwatch() >= self._keys[0]:
            found = await self._json("GET", str(known["jwks_uri"]))
            self._keys = (stopwatch() + KEPT_SECONDS, KeySet.import_key_set(cast(KeySetSerialization, found)))
        return self._keys[1]

    async def _json(self, method: str, url: str, **given: Any) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(DEADLINE):
                answer = await self._http.request(method, url, follow_redirects=False, **given)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise Refused(_AWAY, f"{type(error).__name__} at {url}") from error
        if answer.status_code != 200 or len(answer.content) > _LARGEST:
            raise Refused(_AWAY, f"HTTP {answer.status_code} with {len(answer.content)} bytes from {url}")
        try:
            found = answer.json()
        except ValueError as error:
            raise Refused(_AWAY, f"no JSON from {url}") from error
        if not isinstance(found, dict):
            raise Refused(_AWAY, f"no object from {url}")
        return found


_UNFINISHED = "The sign-in was not finished there. Begin it anew."
_AWAY = "The sign-in there cannot be reached as it should. Try again soon, or sign in with a password."
_UNSURE = "What came back could not be believed. Begin it anew; if it happens again, ask whoever runs Doorstep."
