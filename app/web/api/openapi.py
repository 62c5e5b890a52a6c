"""What the API says of itself: the bodies that it reads, with examples, and the document at /openapi.json."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.intake.schema import IncomingOrder, IncomingParcel, IncomingScan

_REF = "#/components/schemas/{model}"

SCAN_EXAMPLE: dict[str, Any] = {
    "milestone": "out_for_delivery",
    "occurred_at": "2026-11-24T07:42:00+01:00",
    "description": "Loaded for delivery",
    "place": "Malmö",
}
PARCEL_EXAMPLE: dict[str, Any] = {
    "reference": "1",
    "carrier": "dhl",
    "tracking_number": "00340434161094042557",
    "items": [{"sku": "TENT-2", "name": "Two-person tent", "quantity": 1}],
}
ORDER_EXAMPLE: dict[str, Any] = {
    "number": "1042",
    "placed_at": "2026-11-21T18:30:00+01:00",
    "shopper": {"name": "Alma Berg", "email": "alma@example.test", "phone": "+46701740605", "country": "SE"},
    "currency": "SEK",
    "total_minor": 129900,
    "promised_on": "2026-11-26",
    "items": [{"sku": "TENT-2", "name": "Two-person tent", "quantity": 1, "price_minor": 129900}],
    "parcels": [PARCEL_EXAMPLE],
}


def _body(
    model: type[BaseModel], name: str, example: dict[str, Any], limit: int, options: dict[str, Any]
) -> dict[str, Any]:
    """A request body that is one `model`, or up to `limit` of them as `{name: […]}`."""
    reference = {"$ref": _REF.format(model=model.__name__)}
    several = {
        "type": "object",
        "title": f"Several {name}",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: {"type": "array", "items": reference, "minItems": 1, "maxItems": limit}, **options},
    }
    examples = {
        "one": {"summary": "One alone", "value": example},
        "several": {"summary": "Several at once", "value": {name: [example]}},
    }
    content = {"application/json": {"schema": {"anyOf": [reference, several]}, "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


_HISTORY = {
    "history": {
        "type": "boolean",
        "default": False,
        "description": "Whatever has happened to these orders so far is nobody's news.",
    }
}
ORDERS_BODY = _body(IncomingOrder, "orders", ORDER_EXAMPLE, 1000, _HISTORY)
PARCELS_BODY = _body(IncomingParcel, "parcels", PARCEL_EXAMPLE, 100, {})
SCANS_BODY = _body(IncomingScan, "scans", SCAN_EXAMPLE, 500, {})

TAGS = [
    {"name": "orders", "description": "Orders with their parcels. Scopes: `orders:write`, `orders:read`."},
    {"name": "shipments", "description": "Single parcels: how they stand, their story, what happened to them."},
    {"name": "messages", "description": "Single messages: sending one once more. Scope: `orders:write`."},
    {
        "name": "rules",
        "description": "Which milestone reaches which shopper: reading, checking, trying on the past, publishing."
        " Scopes: `rules:read`, `rules:write`.",
    },
    {
        "name": "templates",
        "description": "What messages say and look like: drafting, checking, trying out, publishing, taking back."
        " Scopes: `templates:read`, `templates:write`.",
    },
    {
        "name": "reports",
        "description": "How carriers behave, and what alarms were worth. Scope: `orders:read`.",
    },
    {
        "name": "pauses",
        "description": "Stopping messages before they leave, and letting them go. Scope: `pauses:write`.",
    },
    {
        "name": "carriers",
        "description": "What carriers' codes mean, and saying it. Scopes: `orders:read`, `carriers:write`.",
    },
    {"name": "people", "description": "A person's rights. Scopes: `people:export`, `people:erase`."},
    {"name": "hooks", "description": "Where providers report and carriers call. Verified by signatures, not by keys."},
    {"name": "health", "description": "For load balancers and those who watch over them."},
]

DESCRIPTION = """\
Tell Doorstep a shop's orders and parcels; it watches the carriers and tells the shoppers.

Every request under `/v1` carries a key, `Authorization: Bearer dsk_…`, that belongs to one brand; nothing of another
brand can be seen with it. Every refusal is a problem document (RFC 9457, `application/problem+json`): what happened,
where, and what to do. Instants are ISO 8601 with an offset and come back in UTC; money is in minor units.
"""


def describe(app: FastAPI) -> None:
    """Make `app` describe itself with the bodies that it reads by hand."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way of replacing it


def _document(app: FastAPI) -> dict[str, Any]:
    described = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
    )
    models = [(model, "validation") for model in (IncomingOrder, IncomingParcel, IncomingScan)]
    _, incoming = models_json_schema(models, ref_template=_REF)  # type: ignore[arg-type]
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(incoming.get("$defs", {}))
    return described
