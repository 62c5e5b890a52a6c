"""Which template is found for whom, and what makes two templates the same or another."""

import json
import shutil
from pathlib import Path

import pytest

from app.messages.authoring.bundle import locale_chain
from app.messages.base import Template, TemplateMissing
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, facts
from app.messages.rendering.render import Renderer
from app.messages.shelf import BadTemplate
from app.models.decisions import digest_of
from tests.messages.message_corpus import BRANDS, CHANNELS, LANGUAGES, MILESTONES, ROOT, TEMPLATES


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the templates folder that a test may change, with English alone in it."""
    shutil.copytree(ROOT, tmp_path / "templates")
    for folder in (tmp_path / "templates/messages").iterdir():
        if folder.name != "en":
            shutil.rmtree(folder)
    return tmp_path / "templates"


def _resolve(root: Path, locale: str = "sv-SE", key: str = "dispatched", brand: str = "fjallhem") -> Template:
    return Catalog(root, PUBLIC_URL).resolve(brand, locale, key, "email")


def _write(root: Path, place: str, subject: str = "Hej") -> None:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (root / "messages/en/dispatched.email.md").read_text(encoding="utf-8")
    lines = [f'subject: "{subject}"' if line.startswith("subject:") else line for line in text.splitlines()]
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("asked", "brand", "chain"),
    [
        ("sv-SE", "sv-SE", ("sv-SE", "sv", "en")),
        ("pt_br", "fr-FR", ("pt-BR", "pt", "fr-FR", "fr", "en")),
        ("en-GB", "sv", ("en-GB", "en", "sv")),
        ("zh-Hant-TW", "en", ("zh-Hant-TW", "zh-Hant", "zh", "en")),
        ("", "sv", ("sv", "en")),
        ("../../etc", "sv", ("sv", "en")),
    ],
)
def test_languages_are_tried_from_near_to_far(asked: str, brand: str, chain: tuple[str, ...]) -> None:
    """The region, its language, the brand's own, and English last; nonsense is passed over."""
    assert locale_chain(asked, brand) == chain


def test_the_nearest_language_wins(root: Path) -> None:
    """Swedish for Swedes once it is there, English for them until then, and the locale found is the one recorded."""
    assert _resolve(root).locale == "en"
    _write(root, "messages/sv/dispatched.email.md", "Till dig")
    shutil.copy(root / "messages/en/words.yaml", root / "messages/sv/words.yaml")
    found = _resolve(root)
    assert (found.locale, found.parts["subject"]) == ("sv", "Till dig")
    assert _resolve(root, "de-DE").locale == "sv", "a brand's own language comes before English"
    assert _resolve(root, "de-DE", brand="atelier-ombre").locale == "en"
    assert _resolve(root, "en-US").locale == "en"


def test_a_brand_may_say_it_in_its_own_way(root: Path) -> None:
    """A brand's own file stands before the shared one, for that brand only."""
    _write(root, "brands/fjallhem/messages/en/dispatched.email.md", "Our way")
    assert _resolve(root).parts["subject"] == "Our way"
    assert _resolve(root, brand="atelier-ombre").parts["subject"] != "Our way"


@pytest.mark.parametrize(
    ("brand", "key", "channel"),
    [
        ("nobody", "dispatched", "email"),
        ("fjallhem", "no_such_news", "email"),
        ("fjallhem", "../../brands/fjallhem/brand", "email"),
        ("fjallhem", "dispatched", "pigeon"),
    ],
)
def test_what_is_missing_is_said(catalog: Catalog, brand: str, key: str, channel: str) -> None:
    """A brand, name or channel that is not there is a TemplateMissing that names it; no path leads out."""
    with pytest.raises(TemplateMissing) as caught:
        catalog.resolve(brand, "en", key, channel)
    assert (brand if brand == "nobody" else key if channel == "email" else channel) in str(caught.value)


def test_everything_shipped_is_listed(catalog: Catalog) -> None:
    """Every message on two channels, and what the team is told, for two brands, each listed once, in every language;
    that each file of each language is there and compiles is asked where languages are compared, and by the check."""
    assert set(MILESTONES) < set(TEMPLATES)
    told = {(template, channel) for template in TEMPLATES for channel in CHANNELS}
    assert catalog.keys() == told | {("exception_team", "email")}
    assert all(catalog.locales(brand) == sorted(LANGUAGES) for brand in BRANDS)
    listed = [(brand, one.key, one.channel) for brand, one in catalog.all_templates(locale="en")]
    assert len(listed) == len(set(listed)) == len(BRANDS) * (len(told) + 1)
    asked = catalog.all_templates(brand="fjallhem", key="delivered", channel="sms")
    assert sorted(template.locale for _, template in asked) == sorted(LANGUAGES)


def test_a_template_is_compiled_once(catalog: Catalog) -> None:
    """Two shoppers whose languages lead to one file share one template."""
    assert catalog.resolve("fjallhem", "en-US", "dispatched", "email") is catalog.resolve(
        "fjallhem", "en-GB", "dispatched", "email"
    )


def test_the_digest_names_the_content() -> None:
    """The same files give the same 32 bytes in another process's catalog, and survive a trip through JSON."""
    one, other = (Catalog(ROOT, PUBLIC_URL).resolve("fjallhem", "en", "delayed", "email") for _ in range(2))
    assert one.digest == other.digest and len(one.digest) == 32
    stored = json.loads(json.dumps(dict(reversed(one.parts.items()))))
    assert digest_of(stored) == one.digest


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("messages/en/dispatched.email.md", "We write again", "We will write again"),
        ("layouts/parcel.mjml", 'font-size="18px"', 'font-size="19px"'),
        ("layouts/parcel.txt", "{{ brand.tagline }}", "{{ brand.site }}"),
        ("brands/fjallhem/brand.yaml", "#1B2620", "#1B2621"),
        ("messages/en/words.yaml", "carried_by: Carried by", "carried_by: With"),
    ],
)
def test_content_layout_words_and_brand_are_one_version(root: Path, file: str, before: str, after: str) -> None:
    """A change to the text, the layout, the words or the brand is another version."""
    first = _resolve(root).digest
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    assert _resolve(root).digest != first


def test_another_messages_text_changes_nothing(root: Path) -> None:
    """Editing one message, or the other brand, leaves this one's version alone."""
    first = _resolve(root).digest
    for file in ("messages/en/delayed.email.md", "brands/atelier-ombre/brand.yaml"):
        path = root / file
        path.write_text(path.read_text(encoding="utf-8").replace("a", "a") + "\n", encoding="utf-8")
    delayed = root / "messages/en/delayed.email.md"
    delayed.write_text(delayed.read_text(encoding="utf-8").replace("What you can do", "What now"), encoding="utf-8")
    assert _resolve(root).digest == first
    assert "What now" in _resolve(root, key="delayed").parts["text"]


def test_a_stored_version_renders_without_its_files(catalog: Catalog, renderer: Renderer) -> None:
    """A template read back from JSON renders byte for byte what the compiled one does."""
    template = catalog.resolve("atelier-ombre", "fr-FR", "delayed", "email")
    stored = Template(
        template.key, template.channel, template.locale, b"x" * 32, json.loads(json.dumps(template.parts))
    )
    told = facts("delayed")
    assert renderer.render_email(stored, told, PERSON, LINKS, NOW) == renderer.render_email(
        template, told, PERSON, LINKS, NOW
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", "line 1: there is no front matter"),
        ("---\nsubject: hi\n---\n", "preheader: Field required"),
        ("---\nsubject: {{ what }}\n---\n", "Quote texts with braces"),
    ],
)
def test_a_broken_message_is_named(root: Path, text: str, said: str) -> None:
    """A message without its front matter, or with a broken one, is refused with file, field and remedy."""
    path = root / "messages/en/dispatched.email.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadTemplate) as caught:
        _resolve(root)
    assert str(path) in str(caught.value) and said in str(caught.value)


def test_a_language_without_its_words_is_refused(root: Path) -> None:
    """A message in a new language is not mixed with English days; the missing words are listed with their file."""
    _write(root, "messages/sv/dispatched.email.md", "Till dig")
    (root / "messages/sv/words.yaml").write_text("today: i dag\n", encoding="utf-8")
    with pytest.raises(BadTemplate, match=r"sv/words\.yaml lacks tomorrow, yesterday, .*journey\.delivered"):
        _resolve(root)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("We write again", "{% if x %} We write again", "Unexpected end of template"),
        ("We write again", "{{ brand.name", "a tag is not closed"),
        ("We write again", "{{ cycler('a') }}", "calls are not available"),
        ("We write again", "{% raw %}x{% endraw %}", "raw blocks are not available"),
        ("We write again", "xjinja3x", "'xjinja'"),
        ('button: "Follow', 'layout: gone\nbutton: "Follow', "there is no"),
    ],
)
def test_a_forbidden_or_open_tag_is_named(root: Path, before: str, after: str, said: str) -> None:
    """A tag that does not close or does what templates may not is refused when the file is compiled."""
    path = root / "messages/en/dispatched.email.md"
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(BadTemplate, match="(?i)" + said) as caught:
        _resolve(root)
    assert "dispatched.email.md" in str(caught.value)
