"""How a page is written: its template, its words in the reader's language, and the policy it is served under."""

import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from starlette.responses import Response

from app.messages.authoring.bundle import read_words
from app.messages.shelf import Shelf
from app.settings import shipped

_HERE = Path(__file__).parent

LANGUAGE = "en"
"""The language that every sentence of ours stands in; others are added beside it in `words/`."""


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


@lru_cache(maxsize=256)
def words_for(brand_key: str, locales: tuple[str, ...]) -> tuple[str, Mapping[str, Any]]:
    """The first of these languages that the pages are written in, and its words: those that the brand's mail is built
    from, so that mail and page say the same, with the page's own on top."""
    written = {path.stem for path in (_HERE / "words").glob("*.yaml")}
    language = next((locale for locale in locales if locale in written), LANGUAGE)
    shared = read_words(Shelf(shipped("templates"), brand_key), language)
    own: dict[str, Any] = yaml.safe_load((_HERE / "words" / f"{language}.yaml").read_text(encoding="utf-8"))
    return language, {**shared, **own, "journey": {**own["journey"], **shared["journey"]}}


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
