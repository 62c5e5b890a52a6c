"""Settings: the keys with which programs call the API. A key is shown once, when it is made."""

from collections.abc import Sequence
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.responses import Response

from app.errors import InvalidInput
from app.models import ApiKey
from app.pipeline.house import House
from app.web.access.doors import may
from app.web.access.keys import Scope, issue_key
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import back, console_page
from app.web.owners.settings_tabs import settings_tabs

router = APIRouter(include_in_schema=False)

Owner = Annotated[Visitor, Depends(may(Right.keys))]

SCOPES = {
    Scope.orders_write: "tell orders, parcels and scans",
    Scope.orders_read: "read orders, parcels and their stories",
    Scope.rules_read: "read rules, back-test them",
    Scope.rules_write: "publish rules",
    Scope.templates_read: "read and preview templates",
    Scope.templates_write: "publish templates, send tests",
    Scope.pauses_write: "pause and resume",
    Scope.carriers_write: "say what carriers' codes mean",
    Scope.people_export: "export everything about a person",
    Scope.people_erase: "erase a person",
    Scope.metrics_read: "read what is measured",
}
"""Each scope in a few words, for whoever gives it."""

_LONGEST = 80


@router.get("/b/{brand}/settings/keys")
def keys_page(request: Request, visitor: Owner) -> Response:
    """The brand's keys, those that are good first."""
    return _page(request, visitor)


@router.post("/b/{brand}/settings/keys")
def make_key(
    request: Request,
    visitor: Owner,
    label: Annotated[str, Form()] = "",
    scopes: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a key, and show it this once."""
    house: House = request.app.state.house
    name, chosen = " ".join(label.split())[:_LONGEST], scopes or []
    if not name or not name.isprintable():
        return _page(request, visitor, label, chosen, "Say what the key is for: by that you will know it.")
    try:
        with house.sessions.begin() as session:
            secret = issue_key(session, visitor.brand_id, name, chosen)
            note(session, visitor, "keys.add", name, after={"scopes": sorted(set(chosen))})
    except InvalidInput as error:
        fault = error.faults[0]
        return _page(request, visitor, label, chosen, fault.beside)
    content = {"tabs": settings_tabs(visitor), "secret": secret, "label": name, "url": house.public_url.rstrip("/")}
    return console_page(request, visitor, "owners/new_key.html", content, title="A new key", place="settings")


@router.post("/b/{brand}/settings/keys/{number}/revoke")
def revoke(request: Request, visitor: Owner, number: Annotated[int, Path(ge=1, le=2**62)]) -> Response:
    """Revoke one of the brand's keys; within seconds it is good for nothing."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        gone = session.execute(
            sa.update(ApiKey)
            .where(ApiKey.id == number, ApiKey.brand_id == visitor.brand_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=sa.func.now())
            .returning(ApiKey.label, ApiKey.prefix)
        ).one_or_none()
        if gone is not None:
            note(session, visitor, "keys.revoke", gone.label, before={"prefix": gone.prefix})
    done = f"{gone.label} ({gone.prefix}…) is revoked." if gone else "That key was revoked already, or is none."
    return back(request, visitor, f"/b/{visitor.brand_key}/settings/keys", done)


def _page(request: Request, visitor: Visitor, label: str = "", chosen: Sequence[str] = (), wrong: str = "") -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        query = sa.select(ApiKey).where(ApiKey.brand_id == visitor.brand_id)
        keys = session.scalars(query.order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc()).limit(200)).all()
    content = {
        "tabs": settings_tabs(visitor),
        "keys": keys,
        "scopes": [(scope.value, words) for scope, words in SCOPES.items()],
        "label": label,
        "chosen": chosen,
        "wrong": wrong,
    }
    template, status = "owners/keys.html", 422 if wrong else 200
    return console_page(request, visitor, template, content, title="API keys", place="settings", status=status)
