"""A small OpenID provider on a port of this machine: real HTTP, real keys, and every lie that a test asks for."""

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "doorstep", "a-client-secret"


@dataclass
class OpenId:
    """Who signs in there, and what its tokens claim besides or instead (`claims`; None leaves one out)."""

    url: str
    redirect: str
    email: str = "ida@shop.example"
    subject: str = "u-1"
    claims: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    forge: str = ""
    asked: list[dict] = field(default_factory=list)
    issued: dict[str, dict] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

    def sign_in(self, location: str) -> str:
        """What a browser would do with our redirect: the address by which it comes back, with a code."""
        parts = urlsplit(location)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.url}/authorize"
        assert asked["client_id"] == CLIENT
        assert asked["redirect_uri"] == self.redirect
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.issued[code] = asked
        return f"{urlsplit(self.redirect).path}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"

    def tokens(self, form: dict[str, str], client: tuple[str, str]) -> tuple[int, dict]:
        """What the token endpoint answers: it checks code, verifier, client and redirect, each once."""
        self.asked.append(form)
        asked = self.issued.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        good = asked is not None and challenge.rstrip(b"=").decode() == asked["code_challenge"]
        if not good or client != (CLIENT, SECRET) or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": self.subject, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "email": self.email, "email_verified": True, "name": "Ida Holm",
        }  # fmt: skip
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self._signed(claims)}

    def _signed(self, claims: dict) -> str:
        if self.forge == "none":
            head, body = ({"alg": "none"}, claims)
            return ".".join(_b64(json.dumps(part).encode()) for part in (head, body)) + "."
        if self.forge == "hmac":
            import hmac

            public = self.key.as_pem(private=False)
            text = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "one"}, claims))
            return f"{text}.{_b64(hmac.new(public, text.encode(), hashlib.sha256).digest())}"
        key = RSAKey.generate_key(2048, {"kid": "one"}) if self.forge == "other key" else self.key
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, key)
        if self.forge == "changed":
            head, _, mark = signed.split(".")
            return f"{head}.{_b64(json.dumps({**claims, 'email': 'owner@shop.example'}).encode())}.{mark}"
        return signed

    def discovery(self) -> dict:
        """The discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def provider(redirect: str):
    """The provider, served until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            pages = {
                "/.well-known/openid-configuration": served.discovery,
                "/keys": lambda: {"keys": [served.key.as_dict(private=False)]},
            }
            self._answer(*((200, pages[self.path]()) if self.path in pages else (404, {})))

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            basic = base64.b64decode(self.headers.get("authorization", "Basic ")[6:]).decode().partition(":")
            self._answer(*served.tokens(form, (basic[0], basic[2])))

        def _answer(self, status, content):
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = OpenId(f"http://127.0.0.1:{server.server_address[1]}", redirect)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
