"""A file taken apart for a form and put together again: not a byte changes that nobody changed."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.messages.authoring.editing import closed, opened, scalar, set_values, values_of
from app.messages.versions.differing import differences
from app.messages.versions.fitting import faults_of

TEMPLATES = Path(__file__).parents[3] / "templates"
FILES = sorted(path for path in TEMPLATES.rglob("*") if path.suffix in (".md", ".txt", ".mjml", ".yaml"))
ENDS = ("\n", "\r\n")


def test_every_file_that_ships_comes_back_as_it_was():
    """As a browser sends it, with its own line ends, and with those of another system; a thousand openings."""
    count = 0
    for path in FILES:
        shipped = path.read_bytes().decode()
        for text in (shipped, shipped.replace("\n", "\r\n"), shipped.rstrip("\n"), f"{shipped}\n\n"):
            form = opened(path.name, text)
            assert form.values is not None or not path.name.endswith(".email.md"), path
            for end in ENDS:
                values = {key: value.replace("\n", end) for key, value in (form.values or {}).items()}
                assert closed(path.name, text, values, form.body.replace("\n", end)) == text, path
                count += 1
    assert count > 1000


def test_every_brand_comes_back_as_it_was():
    """All values set to what they are."""
    for path in TEMPLATES.glob("brands/*/brand.yaml"):
        text = path.read_text("utf-8")
        assert set_values(text, values_of(text)) == text


FRONT = '---\n# ours\nsubject: "Here: {{ what }}"\neyebrow: Out\nleave_out: [items]\n---\nText.\n'


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"eyebrow": "On its way"}, FRONT.replace("Out", "On its way")),
        ({"eyebrow": "{{ what }}: yes"}, FRONT.replace("eyebrow: Out", 'eyebrow: "{{ what }}: yes"')),
        ({"eyebrow": "no"}, FRONT.replace("eyebrow: Out", 'eyebrow: "no"')),
        ({"subject": 'He said "hi" \\'}, FRONT.replace('"Here: {{ what }}"', '"He said \\"hi\\" \\\\"')),
        ({"leave_out": "items, unsent"}, FRONT.replace("[items]", "[items, unsent]")),
        ({"leave_out": ""}, FRONT.replace("leave_out: [items]\n", "")),
        ({"tone": "late"}, FRONT.replace("[items]\n", "[items]\ntone: late\n")),
        ({"tone": ""}, FRONT),
    ],
)
def test_one_change_is_one_line(values, said):
    """Comments and order stay."""
    form = opened("x.email.md", FRONT)
    assert closed("x.email.md", FRONT, {**form.values, **values}, form.body) == said


def test_a_changed_text_keeps_the_files_line_ends():
    """And its front matter."""
    text = FRONT.replace("\n", "\r\n")
    assert closed("x.email.md", text, opened("x.email.md", text).values, "One\nTwo\n").endswith("---\r\nOne\r\nTwo\r\n")


@pytest.mark.parametrize(
    "text", ["", "no front", "---\nsubject: [\n---\nx", "---\na: {b: {c: 1}}\n---\nx", "---\n- a\n---\n"]
)
def test_what_cannot_be_taken_apart_is_one_text(text):
    """It can be mended there."""
    assert opened("x.email.md", text).values is None and opened("x.email.md", text).body == text
    assert closed("x.email.md", text, {"subject": "x"}, "mended") == "mended"


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_read_back_as_it_was_written(value, plain):
    """Whatever stands in it, in one line of YAML."""
    value = value.encode("utf-8", "replace").decode()
    written = scalar(value, plain=plain)
    assert "\n" not in written and yaml.safe_load(f"k: {written}") == {"k": value}


@given(
    st.text(max_size=40), st.sampled_from(["voice.note", "voice.closing.en", "logo.width", "colours.light.ink", "name"])
)
def test_any_value_of_a_brand_is_read_back(value, name):
    """And every other value stays."""
    value = value.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    text = (TEMPLATES / "brands" / "fjallhem" / "brand.yaml").read_text("utf-8")
    keys = tuple(name.split("."))
    before, after = values_of(text), values_of(set_values(text, {keys: value}))
    assert after.get(keys, "") == value
    assert {key: one for key, one in after.items() if key != keys} == {
        key: one for key, one in before.items() if key != keys
    }


@pytest.mark.parametrize("keys", [("tagline",), ("name", "en")])
def test_another_form_is_refused(keys):
    """A text where the file has one for each language, and the reverse, would stand there twice."""
    text = "name: Shop\ntagline: {en: Here}\n"
    with pytest.raises(yaml.YAMLError, match="another form"):
        set_values(text, {keys: "x"})
    assert set_values(text, {keys: ""}) == text


@pytest.mark.parametrize(
    "grows",
    [
        "a0: &a {k: v}\n" + "".join(f"a{n + 1}: &a {{p: *a, q: *a}}\n" for n in range(60)),
        "a: &a {b: *a}\n",
        "a: " + "{a: " * 5000 + "1" + "}" * 5000 + "\n",
        "a: " + "[" * 5000 + "\n",
    ],
    ids=["doubles with each line", "holds itself", "too deep", "a list too deep"],
)
def test_a_text_that_grows_is_not_taken_apart(grows):
    """It is shown as a file, refused as a brand, and compared by its lines: all of it at once."""
    assert opened("a.email.md", f"---\n{grows}---\nHello\n").values is None
    with pytest.raises(yaml.YAMLError):
        values_of(grows)
    assert faults_of("brand.yaml", grows.encode(), "x")
    assert len(differences("brand.yaml", grows.encode(), b"key: x\n")) < 200
    assert set_values("a: 1\n", {("a",): "[" * 5000}).startswith("a: ")


@pytest.mark.parametrize("opening", ["{", "{%", "[[", "<!--"])
def test_what_is_opened_and_never_closed_is_refused_at_once(opening):
    """Each look for a tag would read from every opening to the end: minutes for a file that is small enough."""
    text = f"---\nlead: {{{{ a }}}}\n---\n{opening * 40_000}\n"
    (fault,) = faults_of("messages/en/delivered.email.md", text.encode(), "x")
    assert fault.line == 4 and "never closes it" in fault.problem
