"""The page on which operations say what a carrier's code means."""

import re

import pytest
import sqlalchemy as sa

from app.models import AuditEntry, CodeMapping, UnknownCode

PAGE = "/b/fjallhem/carriers/unknown"


@pytest.fixture
def met(sessions, brand):
    """Two codes that nobody knows."""
    with sessions.begin() as session:
        for code, count, example in (("ZZ.9", 12, "Im Verteilzentrum"), ("A/1 <b>", 3, "<script>alert(1)</script>")):
            session.add(UnknownCode(brand_id=brand.id, carrier="dhl", code=code, count=count, example=example))


def _say(browser, code="ZZ.9", meaning="in_transit", why="the carrier's support said so", carrier="dhl"):
    return browser.post(PAGE, {"carrier": carrier, "code": code, "meaning": meaning, "why": why})


def test_a_code_is_mapped_and_leaves_the_list(visit, met, site, sessions):
    """It is said once, audited, read again by the workers, and stands neither here nor on Today as unknown."""
    operations = visit("operations")
    assert "ZZ.9" in operations.get(PAGE).text
    answer = _say(operations)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert site.woken == [("refold", "")]
    page = operations.get(PAGE).text
    assert "dhl ZZ.9 means in transit now; it meant unknown." in page
    assert "ZZ.9" not in page.split("Nobody knows")[1].split("Said here")[0]
    assert "ZZ.9" not in operations.get("/b/fjallhem/today").text
    with sessions() as session:
        mapped = session.scalars(sa.select(CodeMapping)).one()
        entry = session.scalars(sa.select(AuditEntry)).one()
    assert (mapped.meaning, mapped.mapped_by) == ("in_transit", "operations@shop.example")
    assert (entry.action, entry.subject, entry.before) == ("codes.map", "dhl ZZ.9", {"meaning": "unknown"})
    assert entry.after == {"meaning": "in_transit", "why": "the carrier's support said so"}


def test_saying_it_twice_is_saying_it_once(visit, met, sessions):
    """A double click writes one mapping and one line in the audit log."""
    operations = visit("operations")
    _say(operations)
    _say(operations)
    assert "means in transit already" in operations.get(PAGE).text
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CodeMapping)) == 1
        assert session.scalar(sa.select(sa.func.count()).select_from(AuditEntry)) == 1


def test_a_mapping_is_taken_back(visit, met, sessions):
    """The code is unknown again; taking back what was not said changes nothing."""
    operations = visit("operations")
    form = {"carrier": "dhl", "code": "ZZ.9", "why": "it was wrong"}
    assert operations.post("/b/fjallhem/carriers/unmap", form).status_code == 422
    _say(operations)
    assert "Take it back" in operations.get(f"{PAGE}?carrier=dhl&code=ZZ.9").text
    assert operations.post("/b/fjallhem/carriers/unmap", form).status_code == 303
    page = operations.get(PAGE).text
    assert "ZZ.9" in page.split("Nobody knows")[1].split("Said here")[0]
    with sessions() as session:
        actions = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["codes.map", "codes.unmap"]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"meaning": ""}, "is none that a code can have"),
        ({"meaning": "deliverd"}, "Write delivered."),
        ({"why": "  "}, "is empty, or too long"),
        ({"why": "x" * 301}, "is empty, or too long"),
        ({"code": "x" * 150}, "longer than any code"),
    ],
)
def test_bad_input_keeps_what_was_written(visit, met, form, told, sessions):
    """The form comes back with its words and says what is wrong."""
    answer = _say(visit("operations"), **{"why": "because I know", **form})
    assert answer.status_code == 422
    assert told in answer.text
    assert form.get("why", "because I know") in answer.text
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CodeMapping)) == 0


def test_a_carrier_that_there_is_none_of(visit, met):
    """Neither the form nor the page gives way to it."""
    operations = visit("operations")
    assert operations.get(f"{PAGE}?carrier=dhll&code=ZZ.9").status_code == 404
    assert _say(operations, carrier="dhll").status_code == 404


def test_the_carriers_own_table_is_named_where_it_is_corrected(visit, site):
    """Whoever goes above a known code is told so before."""
    code, meaning = next(iter(site.house.carriers["dhl"].codes.items()))
    page = visit("operations").get(PAGE, params={"carrier": "dhl", "code": code}).text
    assert f"says that this code means {meaning.value.replace('_', ' ')}" in page


def test_what_carriers_write_stays_text(visit, met):
    """A code and an example with markup in them are shown as they were written, and lead to their own form."""
    operations = visit("operations")
    page = operations.get(PAGE).text
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    (link,) = re.findall(r'href="([^"]+code=A[^"]*)"', page)
    assert "A/1 &lt;b&gt;" in operations.get(link.replace("&amp;", "&")).text


@pytest.mark.parametrize("role", ["agent", "marketer", "reader"])
def test_others_look_only(visit, met, role):
    """Who may not set anything sees the codes without a form, and is refused one that was made by hand."""
    person = visit(role)
    page = person.get(f"{PAGE}?carrier=dhl&code=ZZ.9").text
    assert "ZZ.9" in page and "<form method" not in page.split("<main")[1]
    assert _say(person).status_code == 403


def test_another_brands_codes_are_not_seen(visit, met, stranger, sessions):
    """Neither its codes nor its mappings, and it maps nothing of ours."""
    _say(visit("operations"))
    other = visit("owner", email="other@shop.example")
    page = other.get("/b/atelier-ombre/carriers/unknown").text
    assert "A/1" not in page and "ZZ.9" not in page
    with sessions() as session:
        ours = session.scalars(sa.select(CodeMapping)).one()
    other.post("/b/atelier-ombre/carriers/unmap", {"carrier": "dhl", "code": "ZZ.9", "why": "mine"})
    with sessions() as session:
        assert session.get_one(CodeMapping, ours.id).ended_at is None
    only = visit("operations", brands=[], email="none@shop.example")
    assert only.get(PAGE).status_code == 404


def test_a_nul_is_no_fault(visit, met, sessions):
    """Neither in what is asked for nor in what is written; PostgreSQL takes none."""
    operations = visit("operations")
    assert operations.get(f"{PAGE}?carrier=dhl&code=Z%00").status_code in (200, 400, 404, 422)
    assert _say(operations, code="ZZ.9\x00", why="known\x00 well").status_code in (303, 400, 422)
    assert _say(operations, code="ZZ.9", carrier="dhl\x00").status_code in (303, 400, 404, 422)


def test_a_form_of_another_site_changes_nothing(visit, met, sessions):
    """Without the page's secret, or sent by another site's page."""
    operations = visit("operations")
    form = {"carrier": "dhl", "code": "ZZ.9", "meaning": "delivered", "why": "x"}
    assert operations.post(PAGE, {**form, "csrf": "guessed"}).status_code == 403
    assert operations.post(PAGE, form, headers={"Origin": "https://other.example"}).status_code == 403
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CodeMapping)) == 0
