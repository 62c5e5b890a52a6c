"""The documented fields are exactly those that templates get, of the kinds that they are said to be."""

from typing import Any

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, WORST, facts_for
from app.messages.checking.field_samples import page, samples, values_of, walked
from app.messages.rendering.fields import FIELDS, INTERNAL, Field, known, nearest
from app.messages.rendering.using import breaking, needs, unknown, uses
from app.messages.rendering.view import fields
from app.messages.rendering.walls import Refused
from tests.messages.message_corpus import ROOT, TEMPLATES

PAGE = ROOT.parent / "docs/fields.md"
KINDS: dict[str, Any] = {
    "text": str,
    "number": int,
    "yes/no": bool,
    "list": list,
    "group": dict,
    "day": str,
    "instant": str,
}


@pytest.fixture(scope="module")
def given(catalog: Catalog) -> dict[str, list[Any]]:
    """Every path that some template got for some order, with all that stood there."""
    found: dict[str, list[Any]] = {}
    for name in TEMPLATES:
        template = catalog.resolve("fjallhem", "en", name, "email")
        for case in (None, *WORST):
            for path, value in walked(values_of(template, case)):
                found.setdefault(path, []).append(value)
    return found


def _internal(path: str) -> bool:
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in INTERNAL)


def _element(path: str) -> bool:
    return path.endswith("[]") and path[:-2] in FIELDS


def test_all_that_is_given_is_documented_and_all_that_is_documented_is_given(given: dict[str, list[Any]]) -> None:
    """Both ways, over every template and every order of the corpus; what is internal is in neither."""
    open_to_all = {path for path in given if not _internal(path) and not (_element(path) and path not in FIELDS)}
    assert open_to_all == set(FIELDS)


def test_each_is_of_its_kind_and_blank_only_where_it_says_so(given: dict[str, list[Any]]) -> None:
    """Types, blanks and the lengths of lists, value by value."""
    for path, field in FIELDS.items():
        for value in given[path]:
            if value is None or value == "":
                assert field.blank, f"{path} is blank"
                continue
            assert type(value) is KINDS[field.kind], f"{path} is {value!r}"
            if field.kind == "list":
                assert len(value) <= field.most, path


def test_days_and_instants_can_be_told(given: dict[str, list[Any]]) -> None:
    """A day has ten letters, an instant an hour."""
    for path, field in FIELDS.items():
        for value in filter(None, given[path] if field.kind in ("day", "instant") else ()):
            assert (len(value) == 10) is (field.kind == "day"), path


def test_the_page_of_fields_is_up_to_date(catalog: Catalog) -> None:
    """docs/fields.md is what the command writes, and every field but a group has a sample."""
    found = samples(catalog, "fjallhem")
    assert {path for path, field in FIELDS.items() if field.kind != "group"} - found.keys() == set()
    assert PAGE.read_text(encoding="utf-8") == page(found)


def test_a_loops_name_stands_for_each_of_its_list() -> None:
    """`item.name` is told as the list's, in each loop by its own list; `loop` is nobody's field."""
    source = (
        "{% for one in parcels %}{{ loop.index }}{{ one.at }}{% for item in one['items'] %}{{ item.name }}"
        "{% if not loop.last %}, {% endif %}{% endfor %}{% endfor %}{% for item in others %}{{ item.what }}{% endfor %}"
    )
    assert [use.path for use in uses(source)] == [
        "parcels", "parcels[].at", "parcels[].items", "parcels[].items[].name", "others", "others[].what",
    ]  # fmt: skip
    assert not unknown(source)


def test_every_reading_has_its_place() -> None:
    """Line and column of each, the second of a kind too, and never of a text in quotes."""
    source = "Order {{ order.number }}\n{% if place %}{{ 'place' | sentence }} {{ place or carrier }}{% endif %}"
    assert [(use.path, use.line, use.column) for use in uses(source)] == [
        ("order.number", 1, 10), ("place", 2, 7), ("place", 2, 43), ("carrier", 2, 52),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ order.nummber }}", "Write order.number"),
        ("{{ ordr.number }}", "Write order.number"),
        ("{{ carier | sentence }}", "Write carrier"),
        ("{% if wen.known %}x{% endif %}", "Write when.known"),
        ("{% for item in items %}{{ item.nmae }}{% endfor %}", "Write items[].name"),
        ("{{ parcel.pickup.name }}", "Write pickup.name"),
        ("{{ zzzz }}", "lists them all"),
        ("{{ items[0].qantity }}", "Write items[].quantity"),
    ],
)
def test_what_is_not_documented_is_told_with_what_was_meant(source: str, said: str) -> None:
    """Typing mistakes in roots, in what follows a dot, in conditions and in loops."""
    (found,) = unknown(source)
    assert said in found.said() and found.column > 1


def test_what_is_internal_cannot_be_named() -> None:
    """The way to speak belongs to the filters, and nothing internal counts as known."""
    with pytest.raises(Refused, match="no field called 'speech'"):
        uses("{{ speech.zone }}")
    assert not any(known(path) for path in INTERNAL)


def test_who_would_break_is_told_before(catalog: Catalog) -> None:
    """A field that goes, or becomes another kind, names the sources that read it and no others."""
    texts = {
        name: catalog.resolve("fjallhem", "en", name, "sms").parts["text"] for name in ("ready_for_pickup", "delivered")
    }
    later = {path: field for path, field in FIELDS.items() if path != "pickup.name"}
    broken = breaking(texts, FIELDS, later)
    assert set(broken) == {"ready_for_pickup"} and broken["ready_for_pickup"][0].path == "pickup.name"
    assert not breaking(texts, FIELDS, FIELDS)
    changed = {**FIELDS, "links.short": Field("links.short", "group", "")}
    assert set(breaking(texts, FIELDS, changed)) == set(texts)


@pytest.mark.sweep
def test_shipped_templates_need_only_what_is_documented(catalog: Catalog) -> None:
    """Every source of every shipped template, of every brand and language; what a shopper is told, in each run too."""
    for _, template in catalog.all_templates():
        for name in ("subject", "html", "text"):
            text = template.parts.get(name, "")
            assert not unknown(text) and needs([text]) is not None


def test_the_shops_own_team_is_told_of_documented_fields(catalog: Catalog) -> None:
    """Its messages too read nothing else; those of shoppers are asked in test_message_languages.py."""
    teams = sorted({name for name, _ in catalog.keys("fjallhem") if name.endswith("_team")})
    assert teams
    for name in teams:
        template = catalog.resolve("fjallhem", "en", name, "email")
        assert not any(unknown(template.parts[part]) for part in ("subject", "html", "text"))
        assert needs([template.parts["html"]])


def test_the_nearest_is_none_where_nothing_is_near() -> None:
    """Nonsense is no field, and nothing is guessed; a slip is set right, and a last word leads to what ends in it."""
    assert nearest("qqqqqqqq") is None and nearest("nope") is None
    assert (nearest("carier"), nearest("shoper.name")) == ("carrier", "person.name")


def test_fields_are_plain_values(catalog: Catalog) -> None:
    """Nothing but text, numbers, lists and mappings is ever given to a template."""
    template = catalog.resolve("fjallhem", "en", "delivered", "email")
    for _, value in walked(fields(template, facts_for("delivered"), PERSON, LINKS, NOW)):
        assert value is None or type(value) in (str, int, bool, list, dict)
