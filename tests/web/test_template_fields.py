"""GET /v1/templates/fields: what a template may name, with samples of the key's own brand."""

from app.messages.rendering.fields import FIELDS
from app.models import Brand
from tests.web.conftest import Client


def test_every_field_is_listed_to_whoever_may_read_templates(anyone: Client, brand: Brand, new_key):
    """In order, with type and sample; a key without the scope is refused."""
    listed = anyone.holding(new_key(brand, "templates:read")).get("/v1/templates/fields").json()["fields"]
    assert [one["path"] for one in listed] == list(FIELDS)
    assert {one["path"]: one for one in listed}["carrier"]["sample"] == "DHL"
    assert anyone.holding(new_key(brand, "orders:read")).get("/v1/templates/fields").status_code == 403
