"""How a page is written: its template, and the policy it is served under."""

import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from starlette.responses import Response

_HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # what ships does not change under a running process
    )


def page(
    template: str, content: Mapping[str, Any], status: int = 200, cache: str = "no-store", *, forms: bool = False
) -> Response:
    """An HTML answer that may use its own style and pictures, and nothing else: no script, no frame, and a form only
    with `forms`, and only to us."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self' https:; "
        f"base-uri 'none'; form-action '{'self' if forms else 'none'}'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": cache, "X-Robots-Tag": "noindex, nofollow"}
    html = _environment().get_template(template).render(**content, nonce=nonce)
    return Response(html, status, headers, media_type="text/html; charset=utf-8")
