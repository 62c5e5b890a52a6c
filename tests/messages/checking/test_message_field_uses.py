"""A file knows which fields it needs, a field who needs it, and a change whom it would break."""

from app.messages.catalog import Catalog
from app.messages.checking.field_uses import broken_by, how_many_use, needed, new_needs, who_uses
from app.messages.rendering.fields import FIELDS, Field

SMS = "messages/en/delivered.sms.txt"
MAIL = "messages/en/ready_for_pickup.email.md"


def test_a_file_knows_what_it_needs() -> None:
    """Each field once, where it is read first; a group or list only where nothing inside it is read."""
    text = "{{ brand.name }}: {% if pickup.known %}{{ pickup.name }}{% endif %}\n{{ pickup.name }} {{ wen.day }}"
    assert [(one.field.path, one.line, one.column) for one in needed(SMS, text)] == [
        ("brand.name", 1, 4), ("pickup.known", 1, 25), ("pickup.name", 1, 43),
    ]  # fmt: skip
    loop = "{% for item in items %}{{ item.name }}{% endfor %}{% if items %}x{% endif %}{% if tags %}{% endif %}"
    assert [one.field.path for one in needed(SMS, loop)] == ["items[].name"]
    assert needed(SMS, "{{ broken") == []


def test_a_change_knows_what_it_needs_beyond_what_was() -> None:
    """Only what is new."""
    before, after = "{{ carrier }} {{ what }}", "{{ what }}{% if place %} {{ place }}{% endif %}"
    assert [one.field.path for one in new_needs(SMS, before, after)] == ["place"]
    assert new_needs(SMS, after, after) == []


def test_a_field_knows_who_reads_it(catalog: Catalog) -> None:
    """Messages by name with their place, then blocks; a group stands for all inside it, and counts agree."""
    shelf = catalog.shelf("fjallhem")
    readers = who_uses(shelf, "pickup.name")
    assert ("ready_for_pickup", "sms", "sv") in {one.message for one in readers}
    assert {one.path for one in readers if one.message is None} == {
        "layouts/blocks/pickup.mjml", "layouts/blocks/pickup.txt",
    }  # fmt: skip
    assert [one.message is None for one in readers] == sorted(one.message is None for one in readers)
    assert all(shelf.file(one.path).text.splitlines()[one.line - 1][one.column - 1 :] for one in readers)
    assert {one.path for one in readers} <= {one.path for one in who_uses(shelf, "pickup")}
    counted = how_many_use(shelf)
    assert counted["pickup.name"] == len(readers) and counted["order.currency"] == 0
    assert who_uses(shelf, "order.currency") == []


def test_who_breaks_when_fields_change_is_told_by_file(catalog: Catalog) -> None:
    """A field that goes, or becomes another kind, names the files that read it; a new one breaks nobody."""
    shelf = catalog.shelf("fjallhem")
    assert broken_by(shelf, FIELDS) == {}
    older = {**FIELDS, "was_documented": Field("was_documented", "text", "")}
    own = catalog.over("fjallhem", {SMS: b"{{ brand.name }}: {{ was_documented }}"}).shelf("fjallhem")
    broken = broken_by(own, older)
    assert set(broken) == {SMS} and broken[SMS][0].path == "was_documented" and broken[SMS][0].line == 1
    kind = {**FIELDS, "pickup.name": Field("pickup.name", "group", "")}
    assert MAIL in broken_by(shelf, kind)
    assert broken_by(shelf, {path: field for path, field in FIELDS.items() if path != "pickup.name"}) == {}
