"""The studio's pages by plain forms: what a browser without script sends and gets."""

import html
import re

import pytest

from app.messages.authoring.editing import opened
from app.models import Brand, TemplateDraft

PATH = "messages/en/delivered.email.md"
SMS = "messages/en/delivered.sms.txt"


@pytest.fixture
def marketer(visit):
    """Somebody who may write templates."""
    return visit("marketer")


def filled(page: str) -> dict[str, str]:
    """The desk's form as a browser would send it."""
    form = page[page.index('<form id="desk"') : page.index("</form>", page.index('<form id="desk"'))]
    values = {}
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL):
        values[name] = html.unescape(text).replace("\n", "\r\n")
    for name, options in re.findall(r'<select name="(f\.[^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        values[name] = html.unescape((chosen or first)[1])
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag and name[1] != "csrf":
            values[name[1]] = html.unescape(value[1]) if value else ""
    return values


def desk(browser, path=PATH):
    answer = browser.get(f"/b/fjallhem/templates/edit/{path}")
    assert answer.status_code == 200, answer.text
    return filled(answer.text)


def test_all_pages_open(marketer):
    """The list, the desk of each kind of file, the brand, publishing, history, what waits, comparing."""
    for path in ("", "/brand", "/publish", "/history", "/history/0", "/waiting", f"/compare/{PATH}",
                 f"/edit/{PATH}", f"/edit/{SMS}", "/edit/layouts/parcel.mjml", "/edit/messages/sv/words.yaml",
                 "?q=Not+there&language=sv", f"/frame/{PATH}", f"/frame/{SMS}", "/frame/brand.yaml?key=delayed&dark=1"):  # fmt: skip
        answer = marketer.get(f"/b/fjallhem/templates{path}")
        assert answer.status_code == 200, (path, answer.text)


def test_open_and_save_changes_no_byte(marketer, site, sessions):
    """Every file that ships, opened as a form and sent back as a browser sends it, is no draft."""
    shelf = site.house.catalog.shelf("fjallhem")
    paths = [path for path in shelf.paths() if path.startswith("messages/en/")]
    for path in paths:
        answer = marketer.post(f"/b/fjallhem/templates/save/{path}", desk(marketer, path))
        assert answer.status_code == 303, answer.text
    with sessions() as session:
        assert session.query(TemplateDraft).count() == 0
    assert len(paths) > 40 and opened(PATH, shelf.file(PATH).text).values
