"""WhatsApp: an approved template for each brand, its variables filled in, and what may be wrong with the file."""

import shutil
from pathlib import Path

import pytest

from app.messages.base import NotRenderable, TemplateMissing
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, facts
from app.messages.rendering.render import Renderer
from app.messages.shelf import BadTemplate
from tests.messages.message_corpus import ROOT

SID, OTHER = "HX" + "0a" * 16, "HX" + "0b" * 16
FILE = "messages/en/dispatched.whatsapp.yaml"
GOOD = f"""
content: {SID}
variables:
  1: "{{{{ person.first_name or 'there' }}}}"
  2: "{{{{ what }}}}"
  link: "{{{{ links.parcel }}}}"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT, tmp_path / "templates")
    return tmp_path / "templates"


def written(root: Path, text: str, brand: str = "fjallhem"):
    (root / FILE).write_text(text, encoding="utf-8")
    return Catalog(root, PUBLIC_URL).resolve(brand, "en", "dispatched", "whatsapp")


def rendered(template, **changes):
    return Renderer().render_whatsapp(template, facts(**changes), PERSON, LINKS, NOW)


def test_each_variable_is_filled_in_from_the_facts(root: Path):
    """In the sandbox, by the names that the approved template has, each on one line."""
    message = rendered(written(root, GOOD))
    assert message.content_sid == SID and list(message.variables) == ["1", "2", "link"]
    assert message.variables["link"] == LINKS.parcel
    assert all(value and "\n" not in value for value in message.variables.values())


def test_a_brand_has_its_own_approval(root: Path):
    """By brand, one file says which template; a brand that it does not name has no such message."""
    by_brand = GOOD.replace(f"content: {SID}", f"content: {{fjallhem: {SID}, somebody: {OTHER}}}")
    assert written(root, by_brand).parts["content_sid"] == SID
    with pytest.raises(TemplateMissing, match=r"content: there is no ContentSid for 'atelier-ombre'\. Add"):
        written(root, by_brand, "atelier-ombre")
    for language in (root / "messages").iterdir():
        if language.name != "en":
            shutil.rmtree(language)
    listed = [(brand, one.channel) for brand, one in Catalog(root, PUBLIC_URL).all_templates()]
    assert [brand for brand, channel in listed if channel == "whatsapp"] == ["fjallhem"]


def test_another_sid_or_filling_is_another_version(root: Path):
    """What was decided stays decided: the digest covers the approved template and what fills it."""
    digests = {
        written(root, text).digest
        for text in (GOOD, GOOD.replace(SID, OTHER), GOOD.replace("'there'", "'you'"), GOOD.replace("link:", "3:"))
    }
    assert len(digests) == 4 and written(root, GOOD).digest == written(root, GOOD).digest


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("content: HX12\nvariables: {1: a}", "content"),
        (f"content: {SID}", "variables: Field required"),
        (f"content: {SID}\nvariables: {{'a b': x}}", "variables.a b"),
        (f"content: {SID}\nvariables: {{1: ''}}", "variables.1"),
        (f"content: {SID}\nvariables: {{1: x}}\nbody: hi", "body"),
        (f"content: {SID}\nvariables: {{1: '{{% include 1 %}}'}}", "dispatched.whatsapp.yaml"),
        (f"content: {SID}\nvariables: {{1: {{{{ what }}}}}}", "Quote texts with braces"),
        ("- just\n- a list", "file"),
        ("", "file"),
    ],
)
def test_a_wrong_file_is_named_with_what_to_do(root: Path, text: str, named: str):
    """The file and the field; nothing is sent with half of it."""
    with pytest.raises(BadTemplate) as caught:
        written(root, text)
    assert "dispatched.whatsapp.yaml" in str(caught.value) and named in str(caught.value)


@pytest.mark.parametrize(
    ("filling", "problem"),
    [
        ("{{ '' }}", "variable 2: it comes out empty"),
        ("{{ nonsense.field }}", "line 4, column 10: .*'nonsense"),
        ("{{ 'x' * 999 }}y", "variables.2, line 4: multiplication is not available"),
    ],
)
def test_what_cannot_be_filled_in_ends_with_the_variables_name(root: Path, filling: str, problem: str):
    """WhatsApp refuses an empty variable, so it is not tried."""
    with pytest.raises((NotRenderable, BadTemplate), match=problem):
        rendered(written(root, f'content: {SID}\nvariables:\n  1: "x"\n  2: "{filling}"\n'))


def test_a_template_for_sms_is_none_for_whatsapp(catalog: Catalog, renderer: Renderer):
    """The channel is part of the template."""
    template = catalog.resolve("fjallhem", "en", "dispatched", "sms")
    with pytest.raises(NotRenderable, match="is for sms, not for whatsapp"):
        renderer.render_whatsapp(template, facts(), PERSON, LINKS, NOW)
