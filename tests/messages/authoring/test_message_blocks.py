"""A text says where ready blocks stand; what it does not name keeps its usual place."""

import re

import pytest

from app.errors import ConfigurationError
from app.messages.base import RenderedEmail, Template
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, facts_for
from app.messages.rendering.render import Renderer

MAIL = "messages/en/out_for_delivery.email.md"
BRANDS = ("fjallhem", "atelier-ombre")


def written(catalog: Catalog, body: str, front: str = "", key: str = "out_for_delivery") -> Template:
    """The email of that name with another text, and lines more in its front matter."""
    shipped = catalog.shelf("fjallhem").file(f"messages/en/{key}.email.md").text  # type: ignore[union-attr]
    head = shipped.split("---\n", 2)[1]
    text = f"---\n{head}{front}---\n{body}"
    over = catalog.over("fjallhem", {f"messages/en/{key}.email.md": text.encode()})
    return over.resolve("fjallhem", "en", key, "email")


def sent(renderer: Renderer, template: Template, key: str = "out_for_delivery") -> RenderedEmail:
    return renderer.render_email(template, facts_for(key), PERSON, LINKS, NOW)


def order(html: str) -> list[str]:
    """Marks of blocks in the order they stand in."""
    marks = {"journey": 'class="step-word', "button": ">See where", "items": 'class="tile',
             "details": "Tracking number", "first": "FIRST", "second": "SECOND"}  # fmt: skip
    places = {name: html.find(mark) for name, mark in marks.items()}
    return [name for name in sorted(places, key=lambda name: places[name]) if places[name] >= 0]


def test_a_text_that_names_no_block_has_the_usual_order(catalog: Catalog, renderer: Renderer) -> None:
    """Journey, button, text, items and details, as the layout says."""
    html = sent(renderer, written(catalog, "FIRST")).html
    assert order(html) == ["journey", "button", "first", "items", "details"]


def test_a_text_decides_the_order_of_what_it_names(catalog: Catalog, renderer: Renderer) -> None:
    """Named blocks stand once, in the text; the others stay where they were, in both parts."""
    email = sent(renderer, written(catalog, "FIRST\n\n::: items\n\nSECOND\n::: button\n"))
    assert order(email.html) == ["journey", "first", "items", "second", "button", "details"]
    assert email.html.count(">See where") == 1 and email.html.count("Also in your order") <= 1
    text = email.text
    assert text.index("FIRST") < text.index("In this parcel") < text.index("SECOND") < text.index("See where it is: ")
    assert text.count("In this parcel") == text.count(LINKS.parcel) == 1


@pytest.mark.parametrize("brand", BRANDS)
def test_every_block_can_be_named(catalog: Catalog, renderer: Renderer, brand: str) -> None:
    """Each ready block stands in a text in either brand, in both parts, and nothing is left unfilled."""
    names = ("journey", "button", "window", "pickup", "items", "parcels", "unsent", "details", "support")
    body = "\n\n".join(f"::: {name}" for name in names)
    shipped = catalog.shelf(brand).file(MAIL).text  # type: ignore[union-attr]
    text = f"---\n{shipped.split('---', 2)[1]}---\n{body}\n"
    template = catalog.over(brand, {MAIL: text.encode()}).resolve(brand, "en", "out_for_delivery", "email")
    for case in ("out_for_delivery", "ready_for_pickup", "all_delivered", "delayed"):
        email = sent(renderer, template, case)
        assert ":::" not in email.html + email.text and "xjinja" not in email.html + email.text
        assert email.html.count('class="step-word') == 5 and "> OUT FOR DELIVERY >" in sent(renderer, template).text


def test_a_block_stands_in_an_if(catalog: Catalog, renderer: Renderer) -> None:
    """Tags on lines of their own go around blocks, also with `else` and in each other."""
    body = (
        "FIRST\n{% if many %}\n::: button\n{% endif %}\n"
        "{% if carrier %}\n{% if parcel.direction == 'return' %}\n::: items\n{% else %}\nSECOND {{ carrier }}\n"
        "::: button\n{% endif %}\n{% else %}\n::: journey\n{% endif %}\nLast"
    )
    email = sent(renderer, written(catalog, body))
    assert order(email.html) == ["first", "second", "button", "details"]
    assert "In this parcel" not in email.text and "SECOND DHL" in email.text and "Last" in email.text
    assert email.html.count("<table") == email.html.count("</table>")
    assert len(re.findall("<tr", email.html)) == len(re.findall("</tr>", email.html))


def test_blocks_are_left_out_by_name(catalog: Catalog, renderer: Renderer) -> None:
    """`leave_out` in the front matter takes blocks from their usual place."""
    email = sent(renderer, written(catalog, "FIRST", "leave_out: [items, journey]\n"))
    assert order(email.html) == ["button", "first", "details"] and "In this parcel" not in email.text


@pytest.mark.parametrize(
    ("body", "front", "said"),
    [
        ("Hello\n\n::: jurney\n", "", r"email\.md, line \d+: there is no block 'jurney'\. Did you mean journey\?"),
        ("::: \n", "", r"three colons name no block"),
        ("{% for item in items %}\n::: items\n{% endfor %}", "", r"line \d+: the block items stands in a loop"),
        ("{% if many %}\n::: items\n\nx {% endif %}", "", r"stands in an `if` that shares a line"),
        ("::: {{ carrier }}\n", "", r"there is no block '\{\{ carrier \}\}'"),
        ("::: head\n", "", r"there is no block 'head'"),
        ("Hello", "leave_out: [itms]\n", r"leave_out: there is no block 'itms'\. Did you mean items\?"),
        ("::: journey\n", "layout: team\n", r"the layout team has no place for blocks"),
        ("::: items\n\n::: items\n", "", r"line \d+: the block items stands twice"),
    ],
)
def test_what_cannot_be_set_is_refused_with_its_line(catalog: Catalog, body: str, front: str, said: str) -> None:
    """Unknown blocks, blocks in loops and in half an `if`, and layouts without a place for them."""
    with pytest.raises(ConfigurationError, match=said):
        written(catalog, body, front)


def test_the_line_told_is_the_files(catalog: Catalog) -> None:
    """A fault's line counts from the file's top, front matter included."""
    with pytest.raises(ConfigurationError, match="line 11: there is no block"):
        written(catalog, "one\n::: nothing\n")


def test_the_brand_says_goodbye_once_and_not_in_bad_news(catalog: Catalog, renderer: Renderer) -> None:
    """The closing line stands at the text's end, in both parts; a late parcel has none."""
    email = sent(renderer, written(catalog, "FIRST"))
    assert email.html.count("Warm regards") == email.text.count("Warm regards") == 1
    assert email.text.index("FIRST") < email.text.index("Warm regards") < email.text.index("See where")
    late = renderer.render_email(
        catalog.resolve("fjallhem", "en", "delayed", "email"), facts_for("delayed"), PERSON, LINKS, NOW
    )
    assert "Warm regards" not in late.html + late.text
